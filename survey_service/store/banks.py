"""Published banks, compiled once per version and process: a version never changes, so the cache needs no invalidation.

Also the write transactions that use them, which never wait for a bank to be compiled.
"""

import json
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, func, select

from question_bank.compile import CompiledBank, compile_bank
from question_bank.files.load import load_stored
from survey_service.errors import NotFound, SurveyPaused
from survey_service.store.session import DEADLOCK, Store
from survey_service.store.tables.core import BankVersion, SurveyRow

Result = TypeVar("Result")
log = logging.getLogger("discern.store")

KEPT = 64
ATTEMPTS = 5
"""How often a transaction that PostgreSQL has rolled back runs in all."""
LOADED_ONLY = "loaded_banks_only"
"""In `Session.info`: this transaction must not wait for a bank to be compiled."""


class BankNotLoaded(Exception):
    """A transaction needs a bank version that this process has not compiled yet."""

    def __init__(self, bank: str, version: int) -> None:
        super().__init__(bank, version)
        self.bank, self.version = bank, version


class Banks:
    """Compiled bank versions by (bank, version)."""

    def __init__(self) -> None:
        self._compiled: OrderedDict[tuple[str, int], CompiledBank] = OrderedDict()

    def version(self, session: Session, bank: str, version: int) -> CompiledBank:
        """Return one immutable version. Raises NotFound, and BankNotLoaded where the session may only use what is loaded."""
        key = (bank, version)
        compiled = self._compiled.get(key)
        if compiled is None:
            if LOADED_ONLY in session.info:
                raise BankNotLoaded(bank, version)
            row = session.get(BankVersion, key)
            if row is None:
                raise NotFound(f'There is no version {version} of a bank "{bank}".')
            self._compiled[key] = compiled = compile_bank(load_stored(row.source))
            if len(self._compiled) > KEPT:
                self._compiled.popitem(last=False)
        return compiled

    def newest(self, session: Session, banks: Sequence[str] | None = None) -> list[tuple[CompiledBank, int]]:
        """Return the latest version of each of `banks`, or of all banks, by name."""
        latest = select(BankVersion.bank, func.max(BankVersion.version)).group_by(BankVersion.bank).order_by(BankVersion.bank)
        if banks is not None:
            latest = latest.where(col(BankVersion.bank).in_(banks))
        return [(self.version(session, bank, version), version) for bank, version in session.exec(latest)]

    def latest(self, session: Session, bank: str) -> tuple[CompiledBank, int]:
        """Return the latest version of one bank. Raises NotFound."""
        newest = self.newest(session, [bank])
        if not newest:
            raise NotFound(f'There is no bank "{bank}".')
        return newest[0]

    def current(self, session: Session, survey: str) -> tuple[CompiledBank, int]:
        """Return the bank and version that a survey id stands for now. Raises NotFound."""
        return self._version_of(session, session.get(SurveyRow, survey), survey)

    def starting(self, session: Session, survey: str, pinned: tuple[str, int] | None) -> tuple[CompiledBank, int]:
        """Return the bank and version in which a session of a survey begins: the pinned one, else the one that its id stands for now.

        Raises NotFound, and SurveyPaused.
        """
        row = require_running(session, survey)
        return self._version_of(session, row, survey) if pinned is None else (self.version(session, *pinned), pinned[1])

    def _version_of(self, session: Session, row: SurveyRow | None, survey: str) -> tuple[CompiledBank, int]:
        if row is None:
            raise NotFound(f'There is no survey "{survey}".')
        return self.version(session, row.bank, row.version), row.version


def require_running(session: Session, survey: str) -> SurveyRow | None:
    """Return a survey, None where its bank no longer has it: then it goes on for those who have a link. Raises SurveyPaused."""
    row = session.get(SurveyRow, survey)
    if row is not None and row.paused_at is not None:
        raise SurveyPaused
    return row


class Transactor:
    """Whoever has a database and compiled banks, and writes."""

    store: Store
    banks: Banks

    def transact(self, act: Callable[[Session], Result]) -> Result:
        """Run `act` in one write transaction and return its result.

        A bank version that this process has not compiled yet is compiled outside of the transaction, and `act` runs again: compiling takes
        longer than everything else, and on SQLite all writers would wait for it. After a deadlock, which PostgreSQL ends by rolling one of
        the transactions back, `act` runs again too.
        """
        for attempt in count(1):
            try:
                with self.store.writing() as session:
                    session.info[LOADED_ONLY] = True
                    return act(session)
            except BankNotLoaded as missing:
                with self.store.reading() as session:
                    self.banks.version(session, missing.bank, missing.version)
            except OperationalError as problem:
                if attempt == ATTEMPTS or getattr(problem.orig, "sqlstate", None) != DEADLOCK:
                    raise
                log.warning("a deadlock: the transaction runs again")
        raise AssertionError("unreachable")


@dataclass(frozen=True)
class Writer(Transactor):
    """The database and the compiled banks of a process without requests."""

    store: Store
    banks: Banks


def transact(store: Store, banks: Banks, act: Callable[[Session], Result]) -> Result:
    """Run `act` as `Transactor.transact` does."""
    return Writer(store, banks).transact(act)


def source_of(plain: object) -> str:
    """Return the canonical JSON text in which a version is stored."""
    return json.dumps(plain, ensure_ascii=False, sort_keys=False, separators=(",", ":"), allow_nan=False)
