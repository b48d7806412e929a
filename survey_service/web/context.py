"""The parts of one process, which the application hands to its routes."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

from flask import current_app, request
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from survey_service.clock import Clock, utc_now
from survey_service.crypto import Keyring
from survey_service.settings import Settings
from survey_service.store.banks import LOADED_ONLY, BankNotLoaded, Banks
from survey_service.store.session import DEADLOCK, Store
from survey_service.web.rate_limit import Limits

__all__ = ["Clock", "Parts", "bearer", "parts", "utc_now"]

Result = TypeVar("Result")
log = logging.getLogger("discern.web")

ATTEMPTS = 5


@dataclass(frozen=True)
class Parts:
    """Settings, database, compiled banks, keys, rate limits and clock of one process."""

    settings: Settings
    store: Store
    banks: Banks
    keys: Keyring
    limits: Limits
    now: Clock = utc_now

    def transact(self, act: Callable[[Session], Result]) -> Result:
        """Run `act` in one write transaction and return its result.

        A bank version that this process has not compiled yet is compiled outside of the transaction, and `act` runs again: compiling takes
        longer than everything else, and on SQLite all writers would wait for it. After a deadlock, which PostgreSQL ends by rolling one
        of the transactions back, `act` runs again too.
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


def parts() -> Parts:
    """Return the parts of the application that handles this request."""
    found: Parts = current_app.extensions["discern"]
    return found


def bearer() -> str | None:
    """Return the token of the Authorization header, or None."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
