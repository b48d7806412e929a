"""Deliveries: what was sent, how each attempt went, and sending it again by hand."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import literal_column
from sqlmodel import Session, col, func, or_, select

from survey_service.contacts import directory
from survey_service.errors import Conflict, NotFound
from survey_service.outbox import messages
from survey_service.store.contact_locks import lock_contacts
from survey_service.store.tables.core import Contact
from survey_service.store.tables.webhooks import Delivery, DeliveryAttempt, Endpoint
from survey_service.webhooks import endpoints
from survey_service.webhooks.endpoints import EndpointDisabled

STATES = ("pending", "delivered", "dead", "superseded", "dropped")
AT_ONCE = 500
IN_FLIGHT = "This delivery is being sent at this moment: look again in a minute."


class NotRetriable(Conflict):
    """Only what is dead, or waits for its next attempt, can be sent again."""

    code = "not_to_be_retried"


def page(
    session: Session, *, endpoint: str | None, state: str | None, contact: str | None, after: int | None, limit: int
) -> list[Delivery]:
    """Return up to `limit` deliveries, newest first, older than `after`. `contact` is the id that the CRM gives it."""
    rows = select(Delivery).order_by(col(Delivery.id).desc()).limit(limit)
    if endpoint is not None:
        rows = rows.where(Delivery.endpoint_id == endpoint)
    if state is not None:
        rows = rows.where(Delivery.state == state)
    if contact is not None:
        known = directory.find(session, contact)
        rows = rows.where(Delivery.contact_id == (known.id if known else ""))
    if after is not None:
        rows = rows.where(col(Delivery.id) < after)
    return list(session.exec(rows))


def failed(session: Session, limit: int) -> list[Delivery]:
    """Return up to `limit` deliveries that were given up, newest first."""
    dead = col(Delivery.state) == literal_column("'dead'")  # a parameter would not match the partial index
    return list(session.exec(select(Delivery).where(dead).order_by(col(Delivery.id).desc()).limit(limit)))


def views(session: Session, rows: Iterable[Delivery], *, with_excerpts: bool) -> list[dict[str, Any]]:
    """Return deliveries as the API shows them. What a receiver answered is shown to operators only: it may be anything."""
    rows = list(rows)
    made = select(DeliveryAttempt).where(col(DeliveryAttempt.delivery_id).in_([row.id for row in rows]))
    attempts: dict[int, list[DeliveryAttempt]] = {}
    for attempt in session.exec(made.order_by(col(DeliveryAttempt.number))):
        attempts.setdefault(attempt.delivery_id, []).append(attempt)
    return [_view(row, [_attempt(attempt, with_excerpts) for attempt in attempts.get(row.id or 0, [])]) for row in rows]


def retry(session: Session, delivery_id: int, now: datetime) -> Delivery:
    """Make a delivery due now: the same id and the same bytes, in one more attempt.

    A dead one takes its place behind the pending messages of the same contact. Raises NotFound, EndpointDisabled, NotRetriable.
    """
    contact = _lock_contact_of(session, delivery_id)  # before the delivery: places are counted under its lock
    # Not waited for: a worker that holds the row is settling it, and may be waiting for the contact.
    mine = select(Delivery).where(Delivery.id == delivery_id).with_for_update(skip_locked=True)
    row = session.exec(mine.execution_options(populate_existing=True)).first()
    if row is None:
        raise NotRetriable(IN_FLIGHT)
    if session.get_one(Endpoint, row.endpoint_id).state != "active":
        raise EndpointDisabled
    if row.state not in ("dead", "pending"):
        raise NotRetriable(f"This delivery is {row.state}: only what is dead, or waits for its next attempt, can be sent again.")
    if not messages.is_unclaimed_row(row, now):
        raise NotRetriable(IN_FLIGHT)
    _make_due(session, row, contact, now)
    session.flush()
    return row


def retry_many(
    session: Session, endpoint_id: str, event_type: str | None, start: datetime | None, end: datetime | None, now: datetime
) -> tuple[int, int]:
    """Make the dead messages of one endpoint due now, oldest first. Return how many, and how many more there are. Raises
    EndpointDisabled.

    `start` and `end` bound the time at which the messages were created, end excluded. They go in the bulk lane, each behind the pending
    messages of its contact.
    """
    endpoint = endpoints.find(session, endpoint_id)
    if endpoint.state != "active" or endpoint.awaits_ping:
        raise EndpointDisabled
    dead = [col(Delivery.endpoint_id) == endpoint_id, col(Delivery.state) == "dead", col(Delivery.facts) != {}]
    dead += [col(Delivery.event_type) == event_type] if event_type else []
    dead += [col(Delivery.created_at) >= start] if start else []
    dead += [col(Delivery.created_at) < end] if end else []
    chosen = select(Delivery.id, Delivery.contact_id).where(*dead).order_by(col(Delivery.id)).limit(AT_ONCE)
    wanted = list(session.exec(chosen))
    contacts = lock_contacts(session, [contact for _, contact in wanted])
    # Without those of a contact that was merged into another meanwhile: whose places these are counted among is not locked.
    about = or_(col(Delivery.contact_id).is_(None), col(Delivery.contact_id).in_(contacts))
    rows = select(Delivery).where(col(Delivery.id).in_([number for number, _ in wanted]), about, *dead).order_by(col(Delivery.id))
    again = session.exec(rows.with_for_update(skip_locked=True)).all()
    for row in again:
        _make_due(session, row, contacts.get(row.contact_id or ""), now)
        row.lane = messages.BULK
    session.flush()
    return len(again), session.exec(select(func.count()).select_from(Delivery).where(*dead)).one()


def _lock_contact_of(session: Session, delivery_id: int) -> Contact | None:
    """Lock the contact that a delivery is about and return it, None where it is about none. Raises NotFound."""
    about = select(Delivery.contact_id).where(Delivery.id == delivery_id)
    while True:
        found = session.exec(about).all()
        if not found:
            raise NotFound(f"There is no delivery {delivery_id}.")
        contacts = lock_contacts(session, found)
        if session.exec(about).all() == found:
            return contacts.get(found[0] or "")


def _make_due(session: Session, row: Delivery, contact: Contact | None, now: datetime) -> None:
    if row.state == "dead" and contact is not None:
        contact.sequence += 1
        row.place = contact.sequence
        session.add(contact)
    row.state, row.settled_at, row.lease_until, row.due, row.manual = "pending", None, None, now, True
    session.add(row)


def _view(row: Delivery, attempts: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": row.id,
        "event_id": row.event_id,
        "event_type": row.event_type,
        "endpoint": row.endpoint_id,
        "contact": row.contact_id,
        "sequence": row.sequence,
        "state": row.state,
        "lane": row.lane,
        "due": row.due.isoformat() if row.state == "pending" else None,
        "last_error": row.last_error,
        "created_at": row.created_at.isoformat(),
        "settled_at": _iso(row.settled_at),
        "attempts": attempts,
    }


def _attempt(delivery_attempt: DeliveryAttempt, with_excerpt: bool) -> dict[str, Any]:
    view = {
        "number": delivery_attempt.number,
        "started_at": delivery_attempt.started_at.isoformat(),
        "finished_at": _iso(delivery_attempt.finished_at),
        "outcome": delivery_attempt.outcome,
        "status": delivery_attempt.status,
        "error": delivery_attempt.error,
        "manual": delivery_attempt.manual,
    }
    return {**view, "excerpt": (delivery_attempt.excerpt or b"").decode(errors="replace")} if with_excerpt else view


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
