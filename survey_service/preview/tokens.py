"""Links to a preview: signed, for one survey, for an hour."""

from datetime import timedelta

from itsdangerous import BadSignature

from survey_service.crypto import Keyring
from survey_service.errors import DiscernError

LIFETIME = timedelta(hours=1)
PURPOSE = "preview"


class PreviewClosed(DiscernError):
    """This preview link is not valid, or not any more: make a new one with "discern preview", or ask for one over the API."""

    status, code = 403, "preview_closed"


def preview_token(keys: Keyring, survey: str) -> str:
    return str(keys.signer(PURPOSE).dumps(survey))


def check_preview(keys: Keyring, survey: str, token: str) -> None:
    """Raises PreviewClosed for anything but a fresh link to this survey."""
    try:
        known = keys.signer(PURPOSE).loads(token, max_age=int(LIFETIME.total_seconds()))
    except BadSignature:
        raise PreviewClosed from None
    if known != survey:
        raise PreviewClosed


def preview_address(base_url: str, keys: Keyring, survey: str) -> str:
    """The whole address, to be opened in a browser."""
    return f"{base_url}/preview/{survey}?t={preview_token(keys, survey)}"
