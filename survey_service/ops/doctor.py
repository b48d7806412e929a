"""The checks of `discern doctor`: whether this installation can do its work, and what to do where it cannot."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.fernet import InvalidToken
from sqlalchemy import func, select, text
from sqlmodel import Session, col

from survey_service.crypto import Keyring
from survey_service.ops.heartbeat import is_stale, last_seen, oldest_due
from survey_service.settings import Settings, SettingsInvalid
from survey_service.store.session import DATABASE_AWAY, Store
from survey_service.store.sqlite import name_of
from survey_service.store.tables.core import ApiKey, SurveyRow
from survey_service.store.tables.inbound import Source
from survey_service.store.tables.webhooks import Delivery, Endpoint
from survey_service.store.versions import is_later, is_usable
from survey_service.web.api_keys import is_known

LATE = timedelta(minutes=5)
SOON = timedelta(days=14)
CLOCKS_APART = timedelta(seconds=30)
OLDEST_SQLITE = (3, 35)
READ_ONLY = {
    "sqlite": "give this user the right to write to the file and to its folder",
    "postgresql": "name the primary in DISCERN_DATABASE_URL, or end default_transaction_read_only",
}


@dataclass(frozen=True)
class Finding:
    """The result of one check. `todo` says what to do where it failed and is empty where it passed."""

    what: str
    found: str
    todo: str = ""

    @property
    def is_well(self) -> bool:
        return not self.todo

    def __str__(self) -> str:
        return f"{'ok  ' if self.is_well else 'LOOK'} {self.what}: {self.found}{f': {self.todo}' if self.todo else ''}"


def diagnose(environment: Mapping[str, str], clock: Callable[[], datetime]) -> Iterator[Finding]:
    """Check the settings, the database, the clock and the content of the database, as far as one depends on the other."""
    try:
        settings = Settings.from_env(environment)
    except SettingsInvalid as wrong:
        for problem in wrong.problems:
            name, _, why = problem.partition(": ")
            yield Finding(name, "is not right", why)
        return
    yield from _settings(settings)
    store = Store(settings.database_url)
    try:
        yield from _database(store, settings, clock)
    except DATABASE_AWAY as wrong:
        yield Finding(
            "database", f"{name_of(store.engine)} does not answer ({str(wrong.orig).strip()})", "start it, or correct DISCERN_DATABASE_URL"
        )
    finally:
        store.close()


def _settings(settings: Settings) -> Iterator[Finding]:
    yield Finding("settings", "are readable")
    local = settings.base_url.startswith(("http://127.", "http://localhost"))
    if not settings.base_url.startswith("https://") and not local:
        yield Finding("DISCERN_BASE_URL", settings.base_url, "links in emails and widgets need https://")
    if settings.base_url.startswith("https://") and not settings.trusted_proxies:
        todo = "set it to the number of proxies of yours in front, else all respondents share one address and its limit"
        yield Finding("DISCERN_TRUSTED_PROXIES", "0 behind https", todo)
    if settings.retention_days is None:
        yield Finding("DISCERN_RETENTION_DAYS", "is not set", "nothing is ever deleted: say for how many days you keep what people answer")


def _database(store: Store, settings: Settings, clock: Callable[[], datetime]) -> Iterator[Finding]:
    with store.reading() as session:
        session.connection().execute(text("SELECT 1"))
        kind = store.engine.dialect.name
    yield Finding("database", f"{name_of(store.engine)} answers")
    if kind == "sqlite" and sqlite3.sqlite_version_info < OLDEST_SQLITE:
        yield Finding("sqlite", sqlite3.sqlite_version, "RETURNING needs 3.35 or newer")
    if not is_usable(store.engine):
        yield Finding("tables", "are not those of this version", "run discern migrate")
        return
    if not store.takes_writes():
        yield Finding("database", f"{name_of(store.engine)} is read-only", READ_ONLY[kind])
    later = is_later(store.engine)
    yield Finding("tables", "are those of a later version, with which this one works" if later else "are those of this version")
    with store.reading() as session:
        yield from _clock(session, kind, clock())
        yield from _contents(session, Keyring(settings.secret_keys), clock())


def _clock(session: Session, kind: str, now: datetime) -> Iterator[Finding]:
    if kind == "postgresql":
        apart = abs(now - session.connection().execute(text("SELECT now()")).scalar_one())
        if apart > CLOCKS_APART:
            yield Finding("clock", f"is {apart.total_seconds():.0f} s away from the database's", "set both by NTP: signatures have a time")
            return
    yield Finding("clock", now.isoformat(timespec="seconds"))


def _contents(session: Session, keys: Keyring, now: datetime) -> Iterator[Finding]:
    surveys = session.scalar(select(func.count()).select_from(SurveyRow)) or 0
    yield Finding("surveys", f"{surveys} published", "" if surveys else "run discern publish BANK.yaml")
    is_valid = col(ApiKey.revoked_at).is_(None), col(ApiKey.expires_at).is_(None) | (col(ApiKey.expires_at) > now)
    yield from _api_keys(session.scalars(select(ApiKey).where(*is_valid).order_by(col(ApiKey.id))).all(), keys, now)
    for source in session.scalars(select(Source).where(col(Source.removed_at).is_(None)).order_by(col(Source.id))):
        yield Finding(f"source {source.id}", *_secrets(keys, source.secret))
    for endpoint in session.scalars(select(Endpoint).where(col(Endpoint.state) != "removed").order_by(col(Endpoint.id))):
        yield _endpoint(endpoint, keys)
    seen = last_seen(session)
    if is_stale(seen, now):
        found = "none has been seen" if seen is None else f"the last was seen {(now - seen) / timedelta(minutes=1):.0f} min ago"
        yield Finding("workers", found, "start discern worker: nothing is sent without one")
    else:
        yield Finding("workers", "at least one is alive")
    waited = oldest_due(session, now)
    late = waited > LATE
    found = f"the oldest message is {waited / timedelta(minutes=1):.0f} min late" if late else "nothing is late"
    yield Finding("outbox", found, "see /api/v1/deliveries?state=pending" if late else "")
    dead = session.scalar(select(func.count()).select_from(Delivery).where(col(Delivery.state) == "dead")) or 0
    if dead:
        yield Finding("dead messages", str(dead), "see /api/v1/deliveries?state=dead, mend the receiver, and send them again")


def _api_keys(valid: Sequence[ApiKey], keys: Keyring, now: datetime) -> Iterator[Finding]:
    """Check the keys that are neither revoked nor expired. One that another secret made opens nothing."""
    replaced = [key for key in valid if is_known(key, keys) is False]
    unknown = sum(is_known(key, keys) is None for key in valid)
    found = f"{len(valid) - len(replaced)} valid" + (f", {unknown} of them not used since an older version" if unknown else "")
    yield Finding("API keys", found, "" if len(valid) > len(replaced) else "run discern key create --scope admin")
    for key in replaced:
        todo = f"put that secret behind the new one into DISCERN_SECRET_KEYS until the key was used, or run discern key revoke {key.id}"
        yield Finding(f"API key {key.id}", "was made under a secret that is not in DISCERN_SECRET_KEYS, and opens nothing", todo)
    for key in valid:
        if key.expires_at is not None and key.expires_at <= now + SOON:
            todo = f"run discern key rotate {key.id}, and use the new one"
            yield Finding(f"API key {key.id}", f"ends on {key.expires_at:%Y-%m-%d}", todo)


def _endpoint(endpoint: Endpoint, keys: Keyring) -> Finding:
    what = f"endpoint {endpoint.id}"
    if endpoint.state == "disabled":
        return Finding(what, f"is disabled ({endpoint.disabled_because})", "mend it, and enable it with PATCH state active")
    return Finding(what, *_secrets(keys, *(secret["encrypted"] for secret in endpoint.secrets), *endpoint.headers.values()))


def _secrets(keys: Keyring, *encrypted: str) -> tuple[str, str]:
    """Return what is found of something with encrypted secrets, and what to do where none of the keys opens one of them."""
    try:
        for secret in encrypted:
            keys.decrypt(secret)
    except InvalidToken:
        return "has a secret that none of the keys opens", "put the key it was made with into DISCERN_SECRET_KEYS again"
    return "is active", ""
