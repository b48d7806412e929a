"""The signed tokens of the hosted page: the form of a first page, and the ticket in the address of a session."""

import secrets
from datetime import UTC, datetime
from urllib.parse import urlencode

from itsdangerous import BadSignature

from survey_service.crypto import Keyring

LIFETIME = 30 * 24 * 3600
"""Seconds for which the ticket of a session is valid."""

FORM_LIFETIME = 24 * 3600
"""Seconds for which a form is valid after it was rendered."""


def sign_form(keys: Keyring, subject: str, now: datetime) -> str:
    """Return a new form of the first page of `subject`, a survey or an email link: which it is and when it was rendered.

    The form is the secret of the session that it begins (`session_id_from`): sent twice, it is one session.
    """
    return str(keys.signer("form").dumps([subject, secrets.token_urlsafe(9), now.timestamp()]))


def form_shown_at(keys: Keyring, subject: str, form: str) -> datetime | None:
    """Return when a form was rendered, None where it is of another `subject` or too old."""
    try:
        signed_subject, _, timestamp = keys.signer("form").loads(form, max_age=FORM_LIFETIME)
    except (BadSignature, ValueError, TypeError):
        return None
    return datetime.fromtimestamp(timestamp, UTC) if signed_subject == subject else None


def page_token(keys: Keyring, survey: str, session_id: str) -> str:
    """Return the ticket of a session: the last part of its page's address."""
    return keys.signer("page").dumps([survey, session_id])


def read_page_token(keys: Keyring, survey: str, ticket: str) -> str | None:
    """Return the session id of a ticket, None where the ticket is of another survey or too old."""
    try:
        signed_survey, session_id = keys.signer("page").loads(ticket, max_age=LIFETIME)
    except (BadSignature, ValueError):
        return None
    return str(session_id) if signed_survey == survey else None


def session_path(survey: str, ticket: str, question: str | None, *, old: bool = False, language: str | None = None) -> str:
    """Return the path of the page of a question, or of the end where `question` is None.

    The ticket of a redirect is that of the request, so that a question keeps its address.
    With `old` the page says that an old form was not stored; with `language` it is shown in that language.
    """
    query = urlencode(({"old": "1"} if old else {}) | ({"lang": language} if language else {}))
    path = f"/s/{survey}/{ticket}" + (f"/q/{question}" if question else "")
    return f"{path}?{query}" if query else path
