"""Claiming and settling: the worker's two short transactions, between which it talks to the receiver."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel import Session, select

from survey_service.store.records import Acknowledged, Delivery, DeliveryAttempt, Endpoint
from survey_service.webhooks import events, queue
from survey_service.webhooks.delivery import Delivered, Outcome, Rejected, Retry
from survey_service.webhooks.endpoints import is_in_force
from survey_service.webhooks.schedule import LEASE, LONGEST_RETRY_AFTER, after_failure


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


def claim(session: Session, now: datetime, lease: timedelta = LEASE, due_by: datetime | None = None) -> Claimed | None:
    """Take the next message that is due, and write down that it is about to be sent. None when there is nothing to do."""
    row = session.scalars(queue.next_due(now, due_by or now, lease).returning(Delivery)).first()
    if row is None or row.id is None:
        return None
    endpoint = session.get_one(Endpoint, row.endpoint_id)
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
    in_force = [one for one in endpoint.secrets if is_in_force(one, now)]
    secrets = tuple(one["encrypted"] for one in in_force)
    return Claimed(row.id, row.attempt, row.event_id, row.event_type, endpoint.id, endpoint.url, secrets, row.body)


def settle(session: Session, claimed: Claimed, outcome: Outcome, now: datetime, jitter: float = 0.0) -> bool:
    """Write down how an attempt went. False when it came too late: another attempt has begun, or nobody wants the message any more."""
    attempt = _complete(session, claimed, outcome, now)
    endpoint = _locked_if_it_changes(session, claimed, outcome)
    mine = select(Delivery).where(Delivery.id == claimed.delivery_id, Delivery.attempt == claimed.attempt, Delivery.state == "pending")
    row = session.exec(mine.with_for_update()).first()
    if row is None:
        attempt.excerpt = None  # the contact may have been erased meanwhile
        return False
    if isinstance(outcome, Delivered):
        row.last_error = _told(outcome)
        queue.put_away(session, row, "delivered", now)
        _acknowledge(session, row)
        if row.event_type == events.ERASED:
            queue.forget(session, [row])  # the names in it were the last trace
        return True
    row.last_error = _told(outcome)
    wait = after_failure(claimed.attempt, outcome, jitter=jitter)
    if wait is None:
        queue.put_away(session, row, "dead", now)
    else:
        row.due, row.lease_until = now + wait, None
        session.add(row)
    if endpoint is not None:
        _leave_alone(session, endpoint, outcome, now)
    return True


def _frozen(session: Session, row: Delivery, endpoint: Endpoint) -> bytes:
    facts = row.facts if endpoint.include_pii else events.without_pii(row.facts)
    known = session.get(Acknowledged, (endpoint.id, row.contact_id, row.bank)) if row.contact_id and row.bank else None
    return events.body_of(row.event_type, row.event_id, facts, known.state if known else None)


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


def _locked_if_it_changes(session: Session, claimed: Claimed, outcome: Outcome) -> Endpoint | None:
    """The endpoint, when this outcome concerns all of its messages. Endpoint before delivery: everybody locks in this order."""
    if isinstance(outcome, Delivered) or not (isinstance(outcome, Rejected) or outcome.retry_after):
        return None
    endpoint = session.get_one(Endpoint, claimed.endpoint_id, with_for_update={"key_share": True})
    return endpoint if endpoint.url == claimed.url else None  # what the old address said is no word of the new one


def _leave_alone(session: Session, endpoint: Endpoint, outcome: Rejected | Retry, now: datetime) -> None:
    if isinstance(outcome, Rejected):
        endpoint.state, endpoint.disabled_because, endpoint.updated_at = "disabled", outcome.problem, now
        queue.drop_pending(session, endpoint, now)
    elif outcome.retry_after:
        endpoint.paused_until = now + min(outcome.retry_after, LONGEST_RETRY_AFTER)
    session.add(endpoint)


def _acknowledge(session: Session, row: Delivery) -> None:
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
