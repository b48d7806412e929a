"""Messages that concern no contact: the health of an endpoint, sent to the other endpoints, and new versions of a bank."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from survey_service.outbox import events, messages
from survey_service.outbox.debounce import SendWindow
from survey_service.outbox.events import EndpointEvent
from survey_service.outbox.messages import message
from survey_service.store.tables.webhooks import Endpoint

if TYPE_CHECKING:
    from question_bank.definitions import Bank


def publish_endpoint_event(session: Session, endpoint: Endpoint, news: Iterable[EndpointEvent], now: datetime) -> None:
    """Publish what happened to `endpoint`, to the other endpoints: it cannot receive messages itself."""
    for event in news:
        facts = events.endpoint_facts(event.event_type, endpoint, event.reason, event.percent, now)
        others = [other for other in _subscribers(session, event.event_type) if other.id != endpoint.id]
        messages.enqueue(session, [message(other, event.event_type, facts, SendWindow(now), now) for other in others])


def publish_persona_set(session: Session, bank: "Bank", version: int, before: "Bank | None", now: datetime) -> None:
    """Publish a new version of a bank, and whether it has other personas or other names for them."""
    facts = events.published_facts(bank, version, _changed(bank, before), now)
    subscribers = _subscribers(session, events.PUBLISHED)
    messages.enqueue(session, [message(endpoint, events.PUBLISHED, facts, SendWindow(now), now) for endpoint in subscribers])


def _changed(bank: "Bank", before: "Bank | None") -> list[str]:
    if before is None:
        return ["personas", "names", "version"]
    now, then = ({persona.id: persona.name for persona in which.personas} for which in (bank, before))
    differs = {"personas": list(now) != list(then), "names": any(then.get(key, name) != name for key, name in now.items()), "version": True}
    return [name for name, is_so in differs.items() if is_so]


def _subscribers(session: Session, event_type: str) -> list[Endpoint]:
    active = select(Endpoint).where(Endpoint.state == "active", ~col(Endpoint.awaits_ping)).order_by(col(Endpoint.id))
    return [row for row in session.exec(active) if events.is_wanted(row, event_type)]
