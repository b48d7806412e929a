"""Endpoints: where messages go, and the secrets that sign them. A secret is shown once and stored encrypted."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, delete, func, select

from survey_service.crypto import Keyring
from survey_service.egress.addresses import AddressRefused, Policy, vet_url
from survey_service.egress.signing import is_in_force, new_secret
from survey_service.errors import Conflict, Invalid, NotFound
from survey_service.outbox import events, messages
from survey_service.outbox.debounce import SEND_WHEN, SendWindow
from survey_service.outbox.resync import count_marked, mark_all
from survey_service.settings import Settings
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.webhooks import BY_OWNER, Delivery, DeliveryAttempt, Endpoint, MissedContact
from survey_service.web.rate_limit import TooManyRequests
from survey_service.webhooks import circuit_breaker, endpoint_health

MOST_HEADERS = 20
LONGEST_VALUE = 4096
REFUSED = {"host", "connection", "transfer-encoding", "te", "trailer", "upgrade", "keep-alive", "accept-encoding", "user-agent", "expect"}
REFUSED_BEGINNINGS = ("content-", "proxy-", "webhook-")

NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}"
VALUE = r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?"


def header_problems(headers: Mapping[str, str]) -> list[dict[str, str]]:
    """Return why some of the custom headers cannot be sent: all reasons, by field. A value is never quoted."""
    found = [{"path": f"headers.{name[:100]}", "message": why} for name, value in headers.items() if (why := _problem(name, value))]
    if len({name.lower() for name in headers}) < len(headers):
        found.append({"path": "headers", "message": "two names differ only in upper and lower case: give one"})
    return found


def encrypted(headers: Mapping[str, str], keys: Keyring) -> dict[str, str]:
    """Return the custom headers as they are stored."""
    return {name: keys.encrypt(value) for name, value in headers.items()}


def _problem(name: str, value: str) -> str | None:
    if not re.fullmatch(NAME, name):
        return "this is no header name: letters, digits and hyphens"
    if name.lower() in REFUSED or name.lower().startswith(REFUSED_BEGINNINGS):
        return "this header belongs to the message itself: choose another name"
    if len(value) > LONGEST_VALUE or not re.fullmatch(VALUE, value):
        return f"a value is one line of 1 to {LONGEST_VALUE} plain ASCII characters, without spaces at its ends"
    return None


OVERLAP = timedelta(hours=24)
SHOWN_OF_A_SECRET = 10
WEBHOOK = "ep"
"""How the ids of endpoints begin; those of connections begin otherwise and are not listed here."""
PINGS_A_MINUTE = 6


class EndpointDisabled(Conflict):
    """This endpoint is disabled: nothing is sent to it. Set its state to active first."""

    code = "endpoint_disabled"


class BulkRefused(Conflict):
    """This endpoint takes nothing in bulk: read GET /api/v1/contacts instead, or set its "bulk" to true."""

    code = "bulk_refused"


def add(session: Session, settings: Settings, *, url: str, now: datetime, **more: Any) -> tuple[Endpoint, str]:
    """Create an endpoint. Return it with its secret in clear, for the only time. No `events` means all, future ones included.

    `more` is what `change` can change, without `state`.
    """
    given = {"url": url, **more}
    _check(given, settings)
    secret, entry = _secret(settings)
    endpoint = Endpoint(
        id=new_id(WEBHOOK), url=url, secrets=[entry], secret_prefix=secret[:SHOWN_OF_A_SECRET], created_at=now, updated_at=now
    )
    _apply(endpoint, settings, given)
    session.add(endpoint)
    session.flush()
    return endpoint, secret


def find(session: Session, endpoint_id: str, *, lock: bool = False) -> Endpoint:
    """Return an endpoint. Raises NotFound, for a removed one too."""
    # A lock that leaves the key alone: messages to this endpoint may still be written.
    found = session.get(Endpoint, endpoint_id, with_for_update={"key_share": True} if lock else None)
    if found is None or found.state == "removed" or not found.id.startswith(f"{WEBHOOK}_"):
        raise NotFound(f'There is no endpoint "{endpoint_id}".')
    return found


def page(session: Session, after: str | None, limit: int) -> list[Endpoint]:
    """Return up to `limit` endpoints, oldest first, after the one called `after`."""
    webhooks = col(Endpoint.id).startswith(f"{WEBHOOK}_", autoescape=True)
    rows = select(Endpoint).where(webhooks, Endpoint.state != "removed", col(Endpoint.id) > (after or ""))
    return list(session.exec(rows.order_by(col(Endpoint.id)).limit(limit)))


def change(session: Session, settings: Settings, endpoint_id: str, given: Mapping[str, Any], now: datetime) -> Endpoint:
    """Change the given fields. The next attempt uses them; messages that are no longer wanted are dropped.

    An endpoint that was disabled gets a ping first, and nothing else before that has arrived.
    """
    _check(given, settings)
    endpoint = find(session, endpoint_id, lock=True)
    is_back = given.get("state") == "active" and endpoint.state == "disabled"
    if "state" in given:
        endpoint.disabled_because = BY_OWNER if given["state"] == "disabled" else None
    if "url" in given or given.get("state") == "active":
        endpoint.paused_until = None
        circuit_breaker.reset(endpoint)
    _apply(endpoint, settings, given)
    endpoint.updated_at = now
    if endpoint.state == "disabled":
        endpoint_health.drop_and_mark(session, endpoint, now)
    elif endpoint.events:
        messages.drop_pending(session, endpoint, now, unless=lambda row: row.event_type in (*endpoint.events, events.PING))
    session.add(endpoint)
    if is_back:
        endpoint.awaits_ping = True
        _enqueue_ping(session, endpoint, now)
    return endpoint


def resync(session: Session, endpoint_id: str, since: datetime | None, only_untold: bool) -> int:
    """Send an endpoint the present state of every contact, of those that changed `since`, or of those that it missed.

    Returns how many contacts; the worker sends them, some at a time. Raises EndpointDisabled, BulkRefused.
    """
    endpoint = find(session, endpoint_id, lock=True)
    if endpoint.state != "active" or endpoint.awaits_ping:
        raise EndpointDisabled
    if not endpoint.bulk and not only_untold:
        raise BulkRefused
    if not only_untold:
        mark_all(session, endpoint, since)
    return count_marked(session, endpoint)


def remove(session: Session, endpoint_id: str, now: datetime) -> None:
    """Remove an endpoint with its URL and secrets. What was sent stays on record."""
    endpoint = find(session, endpoint_id, lock=True)
    messages.drop_pending(session, endpoint, now)
    endpoint.state, endpoint.url, endpoint.secrets, endpoint.secret_prefix = "removed", "", [], ""
    endpoint.headers = {}
    session.execute(delete(MissedContact).where(col(MissedContact.endpoint_id) == endpoint.id))
    endpoint.updated_at = now
    session.add(endpoint)


def ping(session: Session, endpoint_id: str, now: datetime) -> Delivery:
    """Send a test message. While one is pending another would show nothing more, so that one is sent now.

    Raises TooManyRequests, because the URL is somebody's server.
    """
    endpoint = find(session, endpoint_id, lock=True)
    if endpoint.state != "active":
        raise EndpointDisabled
    pings = select(Delivery).where(Delivery.endpoint_id == endpoint.id, Delivery.event_type == events.PING)
    attempts = select(func.count()).select_from(DeliveryAttempt).join(Delivery, col(Delivery.id) == col(DeliveryAttempt.delivery_id))
    mine = attempts.where(Delivery.endpoint_id == endpoint.id, Delivery.event_type == events.PING)
    if session.exec(mine.where(DeliveryAttempt.started_at > now - timedelta(minutes=1))).one() >= PINGS_A_MINUTE:
        raise TooManyRequests(headers={"Retry-After": "60"})
    pending = pings.where(Delivery.state == "pending").with_for_update()
    row = session.exec(pending).first()
    if row is None:
        _enqueue_ping(session, endpoint, now)
        return session.exec(pending).one()
    if messages.is_unclaimed_row(row, now):
        row.due = min(row.due, now)
        session.add(row)
    return row


def _enqueue_ping(session: Session, endpoint: Endpoint, now: datetime) -> None:
    ping_of_endpoint = messages.message(endpoint, events.PING, events.ping_facts(endpoint.id, now), SendWindow(now), now)
    messages.enqueue(session, [ping_of_endpoint])


def rotate(session: Session, settings: Settings, endpoint_id: str, now: datetime, overlap: timedelta = OVERLAP) -> tuple[Endpoint, str]:
    """Create a new secret and return it, for the only time. Until `overlap` is over messages carry both signatures, never three."""
    endpoint = find(session, endpoint_id, lock=True)
    secret, entry = _secret(settings)
    outgoing = [{**endpoint.secrets[0], "expires_at": (now + overlap).isoformat()}] if overlap else []
    endpoint.secrets = [entry, *outgoing]
    endpoint.secret_prefix, endpoint.updated_at = secret[:SHOWN_OF_A_SECRET], now
    session.add(endpoint)
    return endpoint, secret


def forget_expired_secrets(session: Session, now: datetime) -> None:
    """Delete secrets whose overlap is over."""
    for endpoint in session.exec(select(Endpoint).where(Endpoint.state != "removed").with_for_update(key_share=True)):
        kept = [secret for secret in endpoint.secrets if is_in_force(secret, now)]
        if len(kept) < len(endpoint.secrets):
            endpoint.secrets = kept
            session.add(endpoint)


def _apply(endpoint: Endpoint, settings: Settings, given: Mapping[str, Any]) -> None:
    """Replace all custom headers, because nobody can be shown the present ones."""
    for name, value in given.items():
        setattr(endpoint, name, encrypted(value, Keyring(settings.secret_keys)) if name == "headers" else value)
    if "per_second" in given:
        endpoint.open_at = None


def _secret(settings: Settings) -> tuple[str, dict[str, Any]]:
    secret = new_secret()
    return secret, {"encrypted": Keyring(settings.secret_keys).encrypt(secret), "expires_at": None}


def _check(given: Mapping[str, Any], settings: Settings) -> None:
    """Check the fields. Raises Invalid or AddressRefused with every field named."""
    problems = [
        {"path": f"events.{number}", "message": f'"{event}" is not an event: choose from {", ".join(events.EVENT_TYPES)}'}
        for number, event in enumerate(given.get("events", ()))
        if event not in events.EVENT_TYPES
    ]
    if given.get("when", SEND_WHEN[0]) not in SEND_WHEN:
        problems.append({"path": "when", "message": f"choose from {', '.join(SEND_WHEN)}"})
    problems += header_problems(given.get("headers", {}))
    refused: type[Invalid] | type[AddressRefused] = Invalid
    if "url" in given:
        try:
            vet_url(given["url"], Policy(settings.allow_private_targets))
        except AddressRefused as wrong:
            problems.append({"path": "url", "message": wrong.detail})
            refused = type(wrong) if len(problems) == 1 else Invalid
    if problems:
        raise refused(errors=problems)
