"""Messages about assignments that began or ended. CRMs get these crossings only, because a new model moves nearly every probability."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from survey_service.outbox import events, messages
from survey_service.outbox.debounce import SendWindow
from survey_service.outbox.events import Crossing
from survey_service.outbox.messages import BULK, message
from survey_service.outbox.publish import reachable_endpoints
from survey_service.outbox.subscribers import external_names
from survey_service.store.tables.attribution import Attribution, AttributionModelRow
from survey_service.store.tables.core import Contact
from survey_service.store.tables.webhooks import Delivery, Endpoint


def has_subscribers(session: Session) -> bool:
    """Whether any endpoint may want to hear of crossings."""
    endpoints = session.exec(select(Endpoint).where(Endpoint.state != "removed"))
    return any(events.is_wanted(endpoint, event_type) for endpoint in endpoints for event_type in events.CROSSINGS)


def publish_crossing(session: Session, contact: Contact, crossing: Crossing, now: datetime) -> None:
    """Publish that an assignment began or ended, in the place of such messages that were not sent yet. The contact must be locked."""
    event_type = events.UNASSIGNED if crossing.persona is None else events.ASSIGNED
    wanted = [endpoint for endpoint in reachable_endpoints(session, contact, BULK) if events.is_wanted(endpoint, event_type)]
    if not wanted:
        return
    sequence = messages.next_sequence(session, contact)
    facts = events.crossing_facts(event_type, contact, external_names(session, contact), crossing, sequence, now)
    for endpoint in wanted:
        for earlier in _unsent(session, endpoint, contact, crossing.bank, now):
            messages.settle(session, earlier, "superseded", now)
    messages.enqueue(session, [message(endpoint, event_type, facts, SendWindow(now), now, contact, lane=BULK) for endpoint in wanted])


def withdraw(session: Session, contact: Contact, reason: str, now: datetime) -> None:
    """Delete what attributes say about a contact, and publish the end of its assignments. The contact must be locked."""
    rows = select(Attribution, AttributionModelRow).join(AttributionModelRow).where(Attribution.contact_id == contact.id)
    for row, model in session.exec(rows).all():
        if row.assigned_to is not None:
            crossing = Crossing(row.bank, model.bank_version, row.run_id, None, row.assigned_to, {}, reason)
            publish_crossing(session, contact, crossing, now)
        session.delete(row)
    session.flush()


def publish_completed(session: Session, facts: Mapping[str, Any], now: datetime) -> None:
    """Publish that a run has scored every contact."""
    active = select(Endpoint).where(Endpoint.state == "active", ~col(Endpoint.awaits_ping)).order_by(col(Endpoint.id))
    wanted = [endpoint for endpoint in session.exec(active).all() if events.is_wanted(endpoint, events.ATTRIBUTION_COMPLETED)]
    completed = [message(endpoint, events.ATTRIBUTION_COMPLETED, facts, SendWindow(now), now, lane=BULK) for endpoint in wanted]
    messages.enqueue(session, completed)


def _unsent(session: Session, endpoint: events.Receiver, contact: Contact, bank: str, now: datetime) -> list[Delivery]:
    mine = select(Delivery).where(
        col(Delivery.endpoint_id) == endpoint.id,
        col(Delivery.contact_id) == contact.id,
        col(Delivery.state) == "pending",
        col(Delivery.event_type).in_(events.CROSSINGS),
        messages.is_unclaimed(Delivery, now),
    )
    found = session.exec(mine.order_by(col(Delivery.id)).with_for_update(skip_locked=True)).all()
    return [row for row in found if row.facts.get("persona_set", {}).get("id") == bank]
