"""Whom to call next: contacts on a journey, by the probability of the next stage times what that is worth."""

from datetime import UTC
from math import isfinite
from typing import Any

from sqlalchemy import tuple_
from sqlmodel import Session, and_, col, select

from survey_service.contacts.directory import email_hash
from survey_service.contacts.schemas import ContactQuery
from survey_service.contacts.views import belief_item, external_ids_of
from survey_service.errors import Invalid
from survey_service.store.tables.core import Belief, Contact
from survey_service.store.tables.figures import ContactReadiness
from survey_service.web.pagination import cursor, invalid_cursor, place_of

ORDER = col(ContactReadiness.priority), col(ContactReadiness.contact_id), col(ContactReadiness.journey)
FIELDS = (
    *("bank", "journey", "stage", "next_stage", "probability", "probability_low", "probability_high", "value", "currency"),
    *("priority", "priority_low", "priority_high", "is_ready"),
)


def priority_page(session: Session, query: ContactQuery) -> tuple[list[dict[str, Any]], str | None]:
    """Return up to `query.limit` contacts on a journey, the highest priority first, and the cursor of the next page.

    Contacts who are held out are left out. Raises Invalid without a bank: what journeys of two banks are worth cannot be compared.
    """
    if query.bank is None:
        raise Invalid(errors=[{"path": "bank", "message": "is needed with order=priority: name the bank whose journeys you mean"}])
    belief_of = and_(col(Belief.contact_id) == col(ContactReadiness.contact_id), col(Belief.bank) == col(ContactReadiness.bank))
    rows = (
        select(ContactReadiness, Contact, Belief)
        .join(Contact, col(Contact.id) == col(ContactReadiness.contact_id))
        .outerjoin(Belief, belief_of)
    )
    rows = rows.where(ContactReadiness.bank == query.bank, ~col(ContactReadiness.is_held_out))
    if query.email is not None:
        rows = rows.where(Contact.email_sha256 == email_hash(query.email))
    if query.persona is not None:
        rows = rows.where(Belief.top == query.persona)
    if query.min_confidence is not None:
        rows = rows.where(Belief.confidence >= query.min_confidence)
    if query.updated_since is not None:
        rows = rows.where(ContactReadiness.updated_at >= query.updated_since)
    if query.after is not None:
        rows = rows.where(tuple_(*ORDER) < tuple_(*_read_cursor(query.after)))
    found = session.exec(rows.order_by(*(column.desc() for column in ORDER)).limit(query.limit + 1)).all()
    page = found[: query.limit]
    names = external_ids_of(session, [contact for _, contact, _ in page])
    items = [{**belief_item(belief, contact, names[contact.id]), "priority": _view(row)} for row, contact, belief in page]
    return items, _cursor(page[-1][0]) if len(found) > query.limit else None


def _view(row: ContactReadiness) -> dict[str, Any]:
    return {**{name: getattr(row, name) for name in FIELDS}, "updated_at": row.updated_at.astimezone(UTC).isoformat()}


def _cursor(row: ContactReadiness) -> str:
    return cursor(repr(row.priority), row.contact_id, row.journey)


def _read_cursor(after: str) -> tuple[float, str, str]:
    priority, contact_id, journey = place_of(after, 3)
    try:
        number = float(priority)
    except ValueError:
        raise invalid_cursor() from None
    if not isfinite(number):
        raise invalid_cursor()
    return number, contact_id, journey
