"""What one process is made of, handed to the routes by the application and never found in a global."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import current_app

from survey_service.keyring import Keyring
from survey_service.limits.admission import Limits
from survey_service.settings import Settings
from survey_service.store.banks import Banks
from survey_service.store.session import Store

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Parts:
    settings: Settings
    store: Store
    banks: Banks
    keys: Keyring
    limits: Limits
    now: Clock = utc_now


def parts() -> Parts:
    """The parts of the application that handles this request."""
    found: Parts = current_app.extensions["discern"]
    return found
