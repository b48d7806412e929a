"""Signed links to the preview of one survey, valid for an hour."""

from datetime import timedelta

from itsdangerous import BadSignature

from survey_service.crypto import Keyring
from survey_service.errors import DiscernError
from survey_service.web.addresses import clean_token

LIFETIME = timedelta(hours=1)
PURPOSE = "preview"


class PreviewClosed(DiscernError):
    """This preview link is not valid, or has expired: make a new one with "discern preview" or over the API."""

    status, code = 403, "preview_closed"


def preview_token(keys: Keyring, survey: str) -> str:
    """Return the token of a preview link."""
    return str(keys.signer(PURPOSE).dumps(survey))


def check_preview(keys: Keyring, survey: str, token: str) -> None:
    """Check the token of a preview link. Raises PreviewClosed where it is invalid, expired, or of another survey."""
    try:
        signed_survey = keys.signer(PURPOSE).loads(clean_token(token), max_age=int(LIFETIME.total_seconds()))
    except BadSignature:
        raise PreviewClosed from None
    if signed_survey != survey:
        raise PreviewClosed


def preview_address(base_url: str, keys: Keyring, survey: str) -> str:
    """Return the address of a preview, to be opened in a browser."""
    return f"{base_url}/preview/{survey}?t={preview_token(keys, survey)}"
