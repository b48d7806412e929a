"""Contacts whose changes an endpoint missed. Only the contact is stored, not the messages: a snapshot is sent later."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, delete, func, literal, or_, select, update
from sqlmodel import Session, col

from survey_service.outbox.events import Receiver
from survey_service.store.bulk import dialect_of, insert_into
from survey_service.store.tables.core import Belief, Contact
from survey_service.store.tables.webhooks import Delivery, Endpoint, MissedContact


def mark(session: Session, endpoints: Iterable[Receiver], contact_id: str) -> None:
    """Mark that each of these endpoints missed a change of a contact."""
    for endpoint in endpoints:
        _insert(session, select(literal(endpoint.id), literal(contact_id)))


def unmark(session: Session, endpoint_id: str, contact_id: str) -> bool:
    """Delete the mark of a contact. Return whether there was one."""
    mine = and_(col(MissedContact.endpoint_id) == endpoint_id, col(MissedContact.contact_id) == contact_id)
    return session.scalar(delete(MissedContact).where(mine).returning(col(MissedContact.contact_id))) is not None


def mark_undelivered(session: Session, endpoint: Endpoint) -> None:
    """Mark every contact whose message is about to be dropped, or was given up since the endpoint began to fail. The endpoint must be
    locked.
    """
    session.flush()
    lost = col(Delivery.state) == "pending"
    if endpoint.failing_since is not None:
        lost = or_(lost, and_(col(Delivery.state) == "dead", col(Delivery.settled_at) >= endpoint.failing_since))
    mine = select(literal(endpoint.id), col(Delivery.contact_id)).where(col(Delivery.endpoint_id) == endpoint.id)
    _insert(session, mine.where(lost, col(Delivery.contact_id).is_not(None)).distinct())


def mark_all(session: Session, endpoint: Endpoint, since: datetime | None) -> None:
    """Mark every contact with a belief, or with a belief that changed `since`."""
    known = select(literal(endpoint.id), col(Belief.contact_id)).distinct()
    _insert(session, known if since is None else known.where(col(Belief.updated_at) >= since))


def count_marked(session: Session, endpoint: Endpoint) -> int:
    """Return how many contacts the endpoint has missed."""
    return session.scalar(select(func.count()).where(col(MissedContact.endpoint_id) == endpoint.id)) or 0


def _insert(session: Session, rows: Select[*tuple[Any, ...]]) -> None:
    # SQLite would read the ON of "SELECT … ON CONFLICT" as that of a join, unless a WHERE stands before it.
    rows = rows.where(literal(True)) if rows.whereclause is None else rows
    session.execute(
        insert_into(dialect_of(session), MissedContact).from_select(["endpoint_id", "contact_id"], rows).on_conflict_do_nothing()
    )


SEQUENCE_JUMP = 1_000_000
"""More messages than any contact gets between a backup and its restore."""


def resume_after_restore(session: Session, now: datetime) -> int:
    """Raise the sequence of every contact beyond all that receivers have seen, and mark every contact for each endpoint.

    Messages that a worker had claimed when the backup was made are unclaimed now: they are sent again under their ids. Returns how many
    endpoints there are. Doing it twice does no harm.
    """
    session.execute(update(Contact).values(sequence=col(Contact.sequence) + SEQUENCE_JUMP))
    session.execute(update(Belief).values(sequence=col(Belief.sequence) + SEQUENCE_JUMP))
    session.execute(update(Delivery).where(col(Delivery.lease_until) > now).values(lease_until=now))
    endpoints = session.scalars(select(Endpoint).where(col(Endpoint.state) != "removed").with_for_update()).all()
    for endpoint in endpoints:
        mark_all(session, endpoint, None)
    return len(endpoints)
