"""Idempotent starts: a client names its start by a `start_id`, and the same start again is the same session.

A client whose first reply was lost sends the call again, and a page that is opened again continues where it was. The session belongs to
the person it was started for: the same `start_id` with another identity or another link is another session.
"""

import secrets
from base64 import b32encode, urlsafe_b64encode
from hashlib import sha256
from typing import NamedTuple

SHORTEST = 20
"""A `start_id` is a secret of the client, so it must be too long to guess."""


class SessionKey(NamedTuple):
    """The id of a session and its token."""

    session_id: str | None
    token: str


def session_key(start_id: str | None, survey: str, person: str) -> SessionKey:
    """Return the id and the token that a start leads to. Without a `start_id` the id is None and the token is random.

    `person` names whom the session is for: a contact's id, or a link's id and option, or the empty string for nobody in particular.
    """
    if start_id is None:
        return SessionKey(None, secrets.token_urlsafe(32))
    token = sha256("\n".join(("token", survey, person, start_id)).encode()).digest()
    return SessionKey(session_id_from("\n".join((survey, person, start_id))), urlsafe_b64encode(token).decode().rstrip("="))


def session_id_from(secret: str) -> str:
    """Return the id of the session that a secret text stands for, in the form of every session id."""
    return f"ses_{b32encode(sha256(secret.encode()).digest()).decode().lower()[:26]}"
