"""Claiming and settling: the worker's two short transactions, between which it talks to the receiver."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel import Session, select

from survey_service.store.webhook_records import Acknowledged, Delivery, DeliveryAttempt, Endpoint
from survey_service.webhooks import claiming, events, queue, standing
from survey_service.webhooks.delivery import Delivered, Outcome, Rejected, Retry
from survey_service.webhooks.endpoints import is_in_force
from survey_service.webhooks.schedule import LEASE, after_failure


@dataclass(frozen=True)
class Claimed:
    """A message in the hands of one worker, with everything it takes to send it."""

    delivery_id: int
    attempt: int
    event_id: str
    event_type: str
    endpoint_id: str
    url: str = field(repr=False)  # may hold a token
    secrets: tuple[str, ...] = field(repr=False)  # encrypted, newest first
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)  # the owner's, encrypted
    is_probe: bool = False


def claim(
    session: Session, now: datetime, lease: timedelta = LEASE, due_by: datetime | None = None, line: tuple[str, str] | None = None
) -> Claimed | None:
    """Take the next message that is due, and write down that it is about to be sent. None when there is nothing to do.

    `line` is the endpoint and the lane, as `claiming.next_line` has found them a moment ago.
    """
    due_by = due_by or now
    line = line or claiming.next_line(session, now, due_by)
    if line is None:
        return None
    row = claiming.next_due(session, line, now, due_by, lease)
    if row is None or row.id is None:
        return None
    endpoint = session.get_one(Endpoint, row.endpoint_id)
    if not claiming.took_its_turn(session, endpoint, now):
        row.lease_until, row.attempt = None, row.attempt - 1
        session.add(row)
        return None
    if row.body is None:
        try:
            row.body = _frozen(session, row, endpoint)
        except ValueError as wrong:  # one message that cannot be written must not stop all the others
            row.last_error = f"unwritable: {wrong}"[:200]
            queue.put_away(session, row, "dead", now)
            return None
    session.add(DeliveryAttempt(delivery_id=row.id, number=row.attempt, started_at=now, manual=row.manual))
    row.manual = False
    session.add(row)
    return _in_hand(row, endpoint, now)


def settle(session: Session, claimed: Claimed, outcome: Outcome, now: datetime, jitter: float = 0.0) -> bool:
    """Write down how an attempt went. False when it came too late: another attempt has begun, or nobody wants the message any more."""
    attempt = _complete(session, claimed, outcome, now)
    endpoint = standing.locked_if_it_changes(session, claimed.endpoint_id, claimed.url, outcome)
    mine = select(Delivery).where(Delivery.id == claimed.delivery_id, Delivery.attempt == claimed.attempt, Delivery.state == "pending")
    row = session.exec(mine.with_for_update()).first()
    if row is None:
        attempt.excerpt = None  # the contact may have been erased meanwhile
        return False
    row.last_error = _told(outcome)
    if isinstance(outcome, Delivered):
        queue.put_away(session, row, "delivered", now)
        acknowledge(session, row)
        if row.event_type == events.ERASED:
            queue.forget(session, [row])  # the names in it were the last trace
    else:
        _put_off(session, claimed, row, outcome, now, jitter)
    if endpoint is not None:
        standing.judge(session, endpoint, row, outcome, now, is_probe=claimed.is_probe)
    return True


def _in_hand(row: Delivery, endpoint: Endpoint, now: datetime) -> Claimed:
    return Claimed(
        row.id or 0,
        row.attempt,
        row.event_id,
        row.event_type,
        endpoint.id,
        endpoint.url,
        tuple(one["encrypted"] for one in endpoint.secrets if is_in_force(one, now)),
        row.body or b"",
        dict(endpoint.headers),
        is_probe=endpoint.tripped_at is not None,
    )


def _put_off(session: Session, claimed: Claimed, row: Delivery, outcome: Retry | Rejected, now: datetime, jitter: float) -> None:
    if claimed.is_probe and isinstance(outcome, Retry):
        # Behind the others that are due: the next probe is another message, in case it is this one that is never taken.
        row.uncounted, row.due, row.lease_until = row.uncounted + 1, now, None
        session.add(row)
        return
    wait = after_failure(claimed.attempt - row.uncounted, outcome, jitter=jitter)
    if wait is None:
        queue.put_away(session, row, "dead", now)
    else:
        row.due, row.lease_until = now + wait, None
        session.add(row)


def _frozen(session: Session, row: Delivery, endpoint: Endpoint) -> bytes:
    facts = row.facts if endpoint.include_pii else events.without_pii(row.facts)
    known = session.get(Acknowledged, (endpoint.id, row.contact_id, row.bank)) if row.contact_id and row.bank else None
    return events.body_of(row.event_type, row.event_id, facts, known.state if known else None, endpoint.format)


def _complete(session: Session, claimed: Claimed, outcome: Outcome, now: datetime) -> DeliveryAttempt:
    begun = select(DeliveryAttempt).where(DeliveryAttempt.delivery_id == claimed.delivery_id, DeliveryAttempt.number == claimed.attempt)
    attempt = session.exec(begun).one()
    attempt.finished_at, attempt.status, attempt.excerpt = now, outcome.status, outcome.excerpt
    attempt.outcome = type(outcome).__name__.lower()
    attempt.error = _told(outcome)
    session.add(attempt)
    return attempt


def _told(outcome: Outcome) -> str | None:
    """The problem in words that any API key may read; the log of the operator has the exact one."""
    return None if isinstance(outcome, Delivered) else outcome.told if isinstance(outcome, Retry) else outcome.problem


def acknowledge(session: Session, row: Delivery) -> None:
    """Remember what the endpoint knows now. A message sent again by hand may be older than that: it takes nothing back."""
    if row.contact_id is None or row.bank is None or "assignment" not in row.facts:
        return
    state = events.acknowledged_state(row.facts)
    known = session.get(Acknowledged, (row.endpoint_id, row.contact_id, row.bank))
    if known is None:
        known = Acknowledged(endpoint_id=row.endpoint_id, contact_id=row.contact_id, bank=row.bank, sequence=0)
    if known.sequence < state["sequence"]:
        known.sequence, known.state = state["sequence"], state
        session.add(known)
