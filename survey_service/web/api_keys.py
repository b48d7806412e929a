"""API keys: created once, shown once, stored as a keyed digest, checked by one look-up."""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from flask import current_app, g
from sqlalchemy import update
from sqlalchemy.exc import InternalError, OperationalError
from sqlmodel import Session, col, select

from survey_service.crypto import Keyring
from survey_service.errors import ScopeMissing, Unauthorised
from survey_service.store.session import Store
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.core import ApiKey
from survey_service.web.context import Parts, bearer, parts

MARK = "dk_"
ACTIVE, EXPIRED, REVOKED = "active", "expired", "revoked"
SCOPES = ("read", "write", "admin")  # each scope includes the ones before it
NOTED_EVERY = timedelta(hours=1)
"""The last use of a key is stored to the hour, so that most uses write nothing."""
INTAKE = "intake"
"""The scope of keys that may only send events. They stand in web pages, where everybody can read them."""


def create_key(session: Session, keys: Keyring, scope: str, name: str, now: datetime, lifetime: timedelta | None = None) -> str:
    """Create a key and return it in clear, for the only time."""
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
            secret_fingerprint=keys.fingerprints()[0],
        )
    )
    return key


def revoke_key(session: Session, key_id: str, now: datetime) -> bool:
    """Revoke a key. Return False where there is no such key or it is revoked already."""
    found = session.get(ApiKey, key_id)
    if found is None or found.revoked_at is not None:
        return False
    found.revoked_at = now
    session.add(found)
    return True


def rotate_key(session: Session, keys: Keyring, key_id: str, now: datetime, overlap: timedelta, lifetime: timedelta | None) -> str | None:
    """Create a key that replaces another and return it in clear, for the only time. The old one ends after `overlap`, or at its own end.

    The new key lives as long as the old one was to live, unless a `lifetime` is given. Returns None where there is no such key or it has
    ended.
    """
    old = session.get(ApiKey, key_id)
    if old is None or state_of(old, now) != ACTIVE:
        return None
    if old.expires_at is not None:
        lifetime = lifetime or old.expires_at - old.created_at
    ends = now + overlap
    old.expires_at = ends if old.expires_at is None else min(old.expires_at, ends)
    session.add(old)
    return create_key(session, keys, old.scope, old.name, now, lifetime)


def state_of(key: ApiKey, now: datetime) -> str:
    """Return active, expired or revoked. Only an active key opens anything."""
    if key.revoked_at is not None:
        return REVOKED
    return ACTIVE if key.expires_at is None or key.expires_at > now else EXPIRED


def is_known(key: ApiKey, keys: Keyring) -> bool | None:
    """Whether one of the secrets made this key; None where it was last used before that was stored. Only such a key can open anything."""
    return None if key.secret_fingerprint is None else key.secret_fingerprint in keys.fingerprints()


def all_keys(session: Session) -> list[ApiKey]:
    """Return every key that was ever created, oldest first, none of them in clear."""
    return list(session.exec(select(ApiKey).order_by(col(ApiKey.id))))


def is_api_key(token: str | None) -> bool:
    """Whether a bearer token looks like an API key. Session tokens never do."""
    return bool(token) and str(token).startswith(MARK)


def check_key(session: Session, keys: Keyring, token: str | None, scope: str, now: datetime) -> ApiKey:
    """Return the key behind a token. Raises Unauthorised for an unknown, expired or revoked one, ScopeMissing for one whose scope is too
    small.

    The look-up by keyed digest needs no constant time: nobody can choose a digest without the service's secret.
    """
    if not token or not is_api_key(token):
        raise Unauthorised(headers={"WWW-Authenticate": "Bearer"})
    found = session.exec(select(ApiKey).where(col(ApiKey.digest).in_(keys.digests(token)))).first()
    if found is None or state_of(found, now) != ACTIVE:
        raise Unauthorised(headers={"WWW-Authenticate": "Bearer"})
    if scope not in _included(found.scope):
        raise ScopeMissing(f"This needs a key with the scope {scope}; this one has {found.scope}.")
    return found


def store_use(store: Store, keys: Keyring, key: ApiKey, token: str, now: datetime) -> None:
    """Store that a key is in use, at most once an hour, under the newest secret of the service."""
    made = {"digest": keys.digest(token), "secret_fingerprint": keys.fingerprints()[0]}
    is_current = all(getattr(key, name) == value for name, value in made.items())
    if key.last_used_at is not None and now - key.last_used_at < NOTED_EVERY and is_current:
        return
    with store.fast_connection() as connection:
        connection.execute(update(ApiKey).where(col(ApiKey.id) == key.id).values(last_used_at=now, **made))


def _included(scope: str) -> tuple[str, ...]:
    """Return the scopes that a key with `scope` includes. Every key that may write may also send events."""
    if scope == INTAKE:
        return (INTAKE,)
    held = SCOPES[: SCOPES.index(scope) + 1]
    return (*held, INTAKE) if "write" in held else held


def authorise(p: Parts, token: str | None, scope: str) -> ApiKey:
    """Return the key that has this scope, and store its use. Raises Unauthorised or ScopeMissing."""
    with p.store.reading() as session:
        key = check_key(session, p.keys, token, scope, p.now())
    try:
        store_use(p.store, p.keys, key, str(token), p.now())
    except (OperationalError, InternalError) as wrong:  # a read-only database still serves reads
        current_app.logger.warning("the use of a key could not be noted: %s", wrong.orig)
    return key


def requires(scope: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Restrict a route to API keys with this scope."""

    def guard(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            g.api_key = authorise(parts(), bearer(), scope).id
            return view(*args, **kwargs)

        guarded.scope = scope  # type: ignore[attr-defined]  # the authorisation table of the tests reads it
        return guarded

    return guard
