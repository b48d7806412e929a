"""The parts of one process, which the application hands to its routes."""

from dataclasses import dataclass
from typing import TypeVar

from flask import current_app, request

from survey_service.clock import Clock, utc_now
from survey_service.crypto import Keyring
from survey_service.settings import Settings
from survey_service.store.banks import Banks, Transactor
from survey_service.store.session import Store
from survey_service.web.rate_limit import Limits

__all__ = ["Clock", "Parts", "bearer", "parts", "utc_now"]

Result = TypeVar("Result")


@dataclass(frozen=True)
class Parts(Transactor):
    """Settings, database, compiled banks, keys, rate limits and clock of one process."""

    settings: Settings
    store: Store
    banks: Banks
    keys: Keyring
    limits: Limits
    now: Clock = utc_now


def parts() -> Parts:
    """Return the parts of the application that handles this request."""
    found: Parts = current_app.extensions["discern"]
    return found


def bearer() -> str | None:
    """Return the token of the Authorization header, or None."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
