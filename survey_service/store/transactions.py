"""Run an act in one write transaction, again where the database or a bank that is not compiled yet asks for it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from survey_service.store.banks import LOADED_ONLY, BankNotLoaded, Banks
from survey_service.store.session import DEADLOCK, Store

Result = TypeVar("Result")
log = logging.getLogger("discern.store")

ATTEMPTS = 5


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
