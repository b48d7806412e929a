"""The rows of the outbox: put in, found again, put away. What may be told, and to whom, is decided in `telling`."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Update, and_, exists, func, or_, select, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from question_bank.compiling import CompiledBank
from survey_service.store.columns import new_id
from survey_service.store.records import Belief, Contact, Delivery, DeliveryAttempt, Endpoint
from survey_service.webhooks import events
from survey_service.webhooks.timing import Moment

IN_FLIGHT_PER_ENDPOINT = 3
"""One less than the threads of a worker: an endpoint that hangs leaves one of them to the others."""


def enqueue(
    session: Session,
    endpoint: Endpoint,
    event_type: str,
    facts: Mapping[str, Any],
    moment: Moment,
    now: datetime,
    contact: Contact | None = None,
    bank: CompiledBank | None = None,
) -> Delivery:
    """Put a message in. About a contact only with its row locked: the place is its sequence."""
    row = Delivery(
        endpoint_id=endpoint.id,
        contact_id=contact.id if contact else None,
        event_id=new_id("evt"),
        event_type=event_type,
        bank=bank.bank.id if bank else None,
        sequence=facts.get("sequence"),
        place=facts.get("sequence", 0),
        coalescible=event_type == events.UPDATED,
        facts=dict(facts) if endpoint.include_pii else events.without_pii(facts),
        due=moment.at,
        due_at_latest=moment.at_latest,
        created_at=now,
    )
    session.add(row)
    return row


def put_away(session: Session, row: Delivery, state: str, now: datetime) -> None:
    row.state, row.settled_at, row.lease_until = state, now, None
    session.add(row)


def drop_pending(session: Session, endpoint: Endpoint, now: datetime, unless: Callable[[Delivery], bool] = lambda _: False) -> None:
    """Let go of what has not been delivered. What is in flight ends, but its result changes nothing any more.

    The endpoint's row must be locked.
    """
    pending = select(Delivery).where(col(Delivery.endpoint_id) == endpoint.id, col(Delivery.state) == "pending")
    for row in session.scalars(pending.with_for_update()):
        if not unless(row):
            put_away(session, row, "dropped", now)


def replaceable(session: Session, endpoint: Endpoint, contact: Contact, bank: str, now: datetime) -> list[Delivery]:
    """Updates that have not gone out, oldest first, locked; not what a person wants to see sent again.

    One that a worker has in its hands at this moment is left alone: the respondent never waits for the CRM.
    """
    found = _pending(endpoint, contact).where(
        col(Delivery.bank) == bank, col(Delivery.coalescible), ~col(Delivery.manual), _is_free(Delivery, now)
    )
    return list(session.scalars(found.with_for_update(skip_locked=True)))


def flush(session: Session, endpoint: Endpoint, contact: Contact, now: datetime) -> None:
    """What waits for more to come goes now: it must not hold up what cannot wait."""
    patient = _pending(endpoint, contact).where(col(Delivery.attempt) == 0, col(Delivery.due) > now)
    for row in session.scalars(patient.with_for_update(skip_locked=True)):
        row.due = now
        session.add(row)


def hand_over(session: Session, gone: Contact, kept: Contact, now: datetime) -> None:
    """What was, or is still to be, told about `gone` is about `kept` now; updates that have not gone out are not sent any more."""
    waiting = select(Delivery).where(col(Delivery.contact_id) == gone.id, col(Delivery.state) == "pending", col(Delivery.coalescible))
    for row in session.scalars(waiting.where(_is_free(Delivery, now)).with_for_update()):
        put_away(session, row, "superseded", now)
    session.flush()
    session.execute(update(Delivery).where(col(Delivery.contact_id) == gone.id).values(contact_id=kept.id))


def forget_all(session: Session, contact: Contact, now: datetime) -> None:
    """Send nothing of what waits about a contact, and keep nothing of what was sent."""
    rows = list(session.scalars(select(Delivery).where(col(Delivery.contact_id) == contact.id).with_for_update()))
    for row in rows:
        if row.state == "pending":
            put_away(session, row, "dropped", now)
    forget(session, rows)


def forget(session: Session, rows: Sequence[Delivery]) -> None:
    """Keep that there were such messages, and nothing of what they said or what was answered."""
    for row in rows:
        row.facts, row.body = {}, None
        session.add(row)
    attempts = col(DeliveryAttempt.delivery_id).in_([row.id for row in rows])
    session.execute(update(DeliveryAttempt).where(attempts).values(excerpt=None))


def has_been_told(session: Session, endpoint: Endpoint, belief: Belief) -> bool:
    """Whether the endpoint has, or is about to get, the belief as it is now."""
    told = _about(endpoint, belief.contact_id, belief.bank, events.UPDATED).where(col(Delivery.sequence) >= belief.sequence)
    return session.scalars(told.limit(1)).first() is not None


def last_decision(session: Session, endpoint: Endpoint, belief: Belief) -> str | None:
    """The persona in the last decision that the endpoint was told of, None if there was none."""
    told = _about(endpoint, belief.contact_id, belief.bank, events.DECIDED).order_by(col(Delivery.id).desc())
    last = session.scalars(told.limit(1)).first()
    return None if last is None else last.facts["assignment"]["persona"]


def is_any_due(session: Session, now: datetime, due_by: datetime) -> bool:
    """A look without a lock: on SQLite there is only one lock to write, and whoever idles must not take it from the respondents."""
    return session.scalars(_first_due(aliased(Delivery), now, due_by)).first() is not None


def next_due(now: datetime, due_by: datetime, lease: timedelta) -> Update:
    """One statement that takes the next message.

    It takes nothing twice because the row is locked while it is chosen (PostgreSQL), or because writers go one by one (SQLite).
    """
    one = aliased(Delivery)
    chosen = _first_due(one, now, due_by).with_for_update(skip_locked=True, of=one)
    taken = update(Delivery).where(col(Delivery.id) == chosen.scalar_subquery())
    return taken.values(lease_until=now + lease, attempt=col(Delivery.attempt) + 1).execution_options(synchronize_session=False)


def _first_due(one: type[Delivery], now: datetime, due_by: datetime) -> Select[Any]:
    """The message that goes next: the only one of its contact in flight to that endpoint, and never before an older one."""
    older, other = aliased(Delivery), aliased(Delivery)
    line = and_(col(older.endpoint_id) == col(one.endpoint_id), col(older.contact_id) == col(one.contact_id))
    in_flight = select(func.count()).where(col(other.endpoint_id) == col(one.endpoint_id), col(other.lease_until) >= now)
    return (
        select(col(one.id))
        .where(col(one.state) == "pending", col(one.due) <= due_by, _is_free(one, now))
        .where(~exists().where(line, col(older.state) == "pending", col(older.place) < col(one.place)))
        .where(exists().where(_is_open(now), col(Endpoint.id) == col(one.endpoint_id)))
        .where(in_flight.scalar_subquery() < IN_FLIGHT_PER_ENDPOINT)
        .order_by(col(one.due), col(one.id))
        .limit(1)
    )


def _is_free(row: Any, now: datetime) -> ColumnElement[bool]:
    return or_(col(row.lease_until).is_(None), col(row.lease_until) < now)


def _is_open(now: datetime) -> ColumnElement[bool]:
    rested = or_(col(Endpoint.paused_until).is_(None), col(Endpoint.paused_until) <= now)
    return and_(col(Endpoint.state) == "active", rested)


def _pending(endpoint: Endpoint, contact: Contact) -> Select[Delivery]:
    mine = and_(col(Delivery.endpoint_id) == endpoint.id, col(Delivery.contact_id) == contact.id)
    return select(Delivery).where(mine, col(Delivery.state) == "pending").order_by(col(Delivery.place))


def _about(endpoint: Endpoint, contact_id: str, bank: str, event_type: str) -> Select[Delivery]:
    line = and_(col(Delivery.endpoint_id) == endpoint.id, col(Delivery.contact_id) == contact_id)
    return select(Delivery).where(line, col(Delivery.bank) == bank, col(Delivery.event_type) == event_type)
