"""What one process is made of, handed to the routes by the application and never found in a global."""

from dataclasses import dataclass

from flask import current_app

from survey_service.clock import Clock, utc_now
from survey_service.crypto import Keyring
from survey_service.settings import Settings
from survey_service.store.banks import Banks
from survey_service.store.session import Store
from survey_service.web.rate_limit import Limits

__all__ = ["Clock", "Parts", "parts", "utc_now"]


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
