"""API keys: made once, shown once, stored as a keyed digest, checked by one look-up."""

import secrets
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from survey_service.errors import ScopeMissing, Unauthorised
from survey_service.keyring import Keyring
from survey_service.store.columns import new_id
from survey_service.store.records import ApiKey

MARK = "dk_"
SCOPES = ("read", "write", "admin")  # each includes the ones before it
INTAKE = "intake"
"""The scope of keys that may only say what contacts did: they stand in pages, where everybody can read them."""


def create_key(session: Session, keys: Keyring, scope: str, name: str, now: datetime, lifetime: timedelta | None = None) -> str:
    """A new key, in clear for the only time."""
    if scope not in (*SCOPES, INTAKE):
        raise ValueError(f"{scope!r} is not a scope: choose from {', '.join((*SCOPES, INTAKE))}")
    key = MARK + secrets.token_urlsafe(32)
    session.add(
        ApiKey(
            id=new_id("key"),
            name=name,
            prefix=key[:9],
            digest=keys.digest(key),
            scope=scope,
            created_at=now,
            expires_at=None if lifetime is None else now + lifetime,
        )
    )
    return key


def revoke_key(session: Session, key_id: str, now: datetime) -> bool:
    """From now on nobody gets in with this key. False when there is no such key, or it is revoked already."""
    found = session.get(ApiKey, key_id)
    if found is None or found.revoked_at is not None:
        return False
    found.revoked_at = now
    session.add(found)
    return True


def all_keys(session: Session) -> list[ApiKey]:
    """Every key there ever was, oldest first; none of them in clear."""
    return list(session.exec(select(ApiKey).order_by(col(ApiKey.id))))


def is_api_key(token: str | None) -> bool:
    """Whether a bearer token claims to be an API key; session tokens never do."""
    return bool(token) and str(token).startswith(MARK)


def check_key(session: Session, keys: Keyring, token: str | None, scope: str, now: datetime) -> ApiKey:
    """The key behind a token. Raises Unauthorised for an unknown, expired or revoked one, ScopeMissing for one that may too little."""
    if not token or not is_api_key(token):
        raise Unauthorised(headers={"WWW-Authenticate": "Bearer"})
    found = session.exec(select(ApiKey).where(col(ApiKey.digest).in_(keys.digests(token)))).first()
    if found is None or found.revoked_at is not None or (found.expires_at is not None and found.expires_at <= now):
        raise Unauthorised(headers={"WWW-Authenticate": "Bearer"})
    if scope not in _included(found.scope):
        raise ScopeMissing(f"This needs a key with the scope {scope}; this one has {found.scope}.")
    return found


def _included(scope: str) -> tuple[str, ...]:
    """The scopes that a key with `scope` has; to say what contacts did is open to whoever may write."""
    if scope == INTAKE:
        return (INTAKE,)
    held = SCOPES[: SCOPES.index(scope) + 1]
    return (*held, INTAKE) if "write" in held else held
