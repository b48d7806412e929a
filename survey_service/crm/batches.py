"""The two short transactions of a batch: messages of distinct contacts are taken for one connection, and each is settled on its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography.fernet import InvalidToken
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, delete, exists, func, select, update

from survey_service.crm.adapter import AUTHORISATION_WAIT, Accepted, Later, Pause, Refused, Verdict, Wiring
from survey_service.crm.kinds import ADAPTERS
from survey_service.crm.wiring import wiring_of
from survey_service.keyring import Keyring
from survey_service.store.connection_records import Connection
from survey_service.store.webhook_records import Delivery, DeliveryAttempt, Endpoint
from survey_service.webhooks import claiming, events, queue, settling
from survey_service.webhooks.delivery import Retry
from survey_service.webhooks.schedule import after_failure

LEASE = timedelta(minutes=5)
"""Longer than all requests of a batch together: ten single ones, or a hundred records halved until the bad one is found."""
UNREADABLE = "none of the service's keys reads the credentials: give them again"
OUTCOMES = {Accepted: "delivered", Later: "retry", Refused: "rejected"}


@dataclass(frozen=True)
class Taken:
    """One message in hand."""

    delivery_id: int
    attempt: int
    event_id: str
    facts: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Batch:
    """Messages of distinct contacts in the hands of one worker, and whom to bring them to."""

    connection_id: str
    kind: str
    wiring: Wiring = field(repr=False)
    token: str | None = field(repr=False)
    rows: tuple[Taken, ...]


@dataclass(frozen=True)
class Result:
    """How a batch went: a verdict by event id, none for what was held back; and what is to become of the connection."""

    verdicts: Mapping[str, Verdict]
    pause: Pause | None = None
    token: str | None = field(default=None, repr=False)


def is_any_due(session: Session, now: datetime, due_by: datetime) -> bool:
    """A look without a lock."""
    return session.exec(_waiting(now, due_by).limit(1)).first() is not None


def claim(session: Session, keys: Keyring, now: datetime, due_by: datetime) -> Batch | None:
    """Take the messages of one connection that are due, as many as its CRM takes at once. None when there is nothing to do."""
    endpoint = session.exec(_waiting(now, due_by).limit(1).with_for_update(skip_locked=True, key_share=True, of=Endpoint)).first()
    if endpoint is None or _in_flight(session, endpoint, now):  # look again under the lock: one batch at a time
        return None
    connection = session.get_one(Connection, endpoint.id)
    try:
        wiring = wiring_of(endpoint, connection, (), keys)
        token = connection.token and keys.decrypt(connection.token)
    except InvalidToken:
        _rest(endpoint, connection, Pause(UNREADABLE, AUTHORISATION_WAIT), now)
        session.add_all([endpoint, connection])
        return None
    _drop_other_banks(session, connection, now)
    one = aliased(Delivery)
    chosen = select(one).where(col(one.endpoint_id) == endpoint.id, claiming.is_next_in_line(one, now, due_by))
    rows = session.exec(
        chosen.order_by(col(one.due), col(one.id)).limit(ADAPTERS[connection.kind].MOST).with_for_update(skip_locked=True, of=one)
    ).all()
    taken = [_take(session, row, now) for row in rows]
    return Batch(endpoint.id, connection.kind, wiring, token, tuple(taken)) if taken else None


def settle(session: Session, keys: Keyring, batch: Batch, result: Result, now: datetime, jitter: float = 0.0) -> int:
    """Write down what became of every message. Returns how many of them were still ours to settle."""
    endpoint = session.get_one(Endpoint, batch.connection_id, with_for_update={"key_share": True})
    connection = session.get_one(Connection, batch.connection_id)
    if result.token != batch.token:
        connection.token = result.token and keys.encrypt(result.token)
    settled = sum(_settle(session, one, result.verdicts.get(one.event_id), now, jitter) for one in batch.rows)
    if result.pause is not None:
        _rest(endpoint, connection, result.pause, now)
    elif Accepted() in result.verdicts.values():
        connection.paused_because = None
    session.add_all([endpoint, connection])
    return settled


def _waiting(now: datetime, due_by: datetime) -> Any:
    one, other = aliased(Delivery), aliased(Delivery)
    due = exists().where(col(one.endpoint_id) == col(Endpoint.id), claiming.is_next_in_line(one, now, due_by))
    busy = exists().where(col(other.endpoint_id) == col(Endpoint.id), col(other.lease_until) >= now)
    return select(Endpoint).join(Connection).where(_is_open(now), due, ~busy).order_by(col(Endpoint.updated_at), col(Endpoint.id))


def _is_open(now: datetime) -> Any:
    rested = col(Endpoint.paused_until).is_(None) | (col(Endpoint.paused_until) <= now)
    return (col(Endpoint.state) == "active") & rested


def _in_flight(session: Session, endpoint: Endpoint, now: datetime) -> bool:
    leased = select(func.count()).select_from(Delivery).where(Delivery.endpoint_id == endpoint.id, col(Delivery.lease_until) >= now)
    return session.exec(leased).one() > 0


def _drop_other_banks(session: Session, connection: Connection, now: datetime) -> None:
    """A field can hold the persona of one bank only; what is believed under the others is not told here."""
    others = (
        (col(Delivery.endpoint_id) == connection.endpoint_id) & (col(Delivery.state) == "pending") & (col(Delivery.bank) != connection.bank)
    )
    session.execute(update(Delivery).where(others).values(state="dropped", settled_at=now, lease_until=None))


def _take(session: Session, row: Delivery, now: datetime) -> Taken:
    row.attempt, row.lease_until = row.attempt + 1, now + LEASE
    delivery_id = row.id or 0
    session.add_all([row, DeliveryAttempt(delivery_id=delivery_id, number=row.attempt, started_at=now, manual=row.manual)])
    row.manual = False
    return Taken(delivery_id, row.attempt, row.event_id, row.facts)


def _settle(session: Session, taken: Taken, verdict: Verdict | None, now: datetime, jitter: float) -> bool:
    mine = select(Delivery).where(Delivery.id == taken.delivery_id, Delivery.attempt == taken.attempt)
    row = session.exec(mine.with_for_update()).first()
    if row is None:
        return False
    if verdict is None and row.state == "pending":
        _give_back(session, row)
        return True
    problem = verdict.problem if isinstance(verdict, Later | Refused) else None
    _complete(session, row, verdict, problem, now)
    if row.state != "pending":
        return False
    row.last_error = problem
    if isinstance(verdict, Accepted):
        queue.put_away(session, row, "delivered", now)
        if row.contact_id and row.bank and "assignment" in row.facts:
            settling.acknowledge(session, {taken.delivery_id: events.acknowledged_state(row.facts)})
        if row.event_type == events.ERASED:
            queue.forget(session, [row])
        return True
    wait = (
        None
        if isinstance(verdict, Refused)
        else after_failure(row.attempt - row.uncounted, Retry("status", None, b"", timedelta(0)), jitter=jitter)
    )
    if wait is None:
        queue.put_away(session, row, "dead", now)
    else:
        row.due, row.lease_until = now + wait, None
        session.add(row)
    return True


def _give_back(session: Session, row: Delivery) -> None:
    """As if it had never been taken: who waits for others uses up none of its own attempts."""
    session.execute(delete(DeliveryAttempt).where(col(DeliveryAttempt.delivery_id) == row.id, col(DeliveryAttempt.number) == row.attempt))
    row.attempt, row.lease_until = row.attempt - 1, None
    session.add(row)


def _complete(session: Session, row: Delivery, verdict: Verdict | None, problem: str | None, now: datetime) -> None:
    begun = select(DeliveryAttempt).where(DeliveryAttempt.delivery_id == row.id, DeliveryAttempt.number == row.attempt)
    attempt = session.exec(begun).one()
    attempt.finished_at, attempt.error = now, problem
    attempt.outcome = OUTCOMES[type(verdict)] if verdict else None
    session.add(attempt)


def _rest(endpoint: Endpoint, connection: Connection, pause: Pause, now: datetime) -> None:
    endpoint.paused_until, connection.paused_because = now + pause.wait, pause.problem
