"""The signed address of a session's page: whoever has it may answer, and nothing else has to be stored in a browser."""

from itsdangerous import BadSignature

from survey_service.crypto import Keyring

LIFETIME = 30 * 24 * 3600


def ticket_of(keys: Keyring, survey: str, session_id: str) -> str:
    """The last part of the page's address."""
    return keys.signer("page").dumps([survey, session_id])


def session_of(keys: Keyring, survey: str, ticket: str) -> str | None:
    """The session of a ticket, None where it is not one of this survey or is too old."""
    try:
        known, session_id = keys.signer("page").loads(ticket, max_age=LIFETIME)
    except (BadSignature, ValueError):
        return None
    return str(session_id) if known == survey else None
