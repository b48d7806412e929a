"""Messages that concern no contact: how an endpoint fares, told to the others, since it may not hear it itself; and new personas."""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, select

from survey_service.store.records import Endpoint
from survey_service.webhooks import events, queue
from survey_service.webhooks.breaker import News
from survey_service.webhooks.timing import Moment


def tell_of_endpoint(session: Session, endpoint: Endpoint, news: Iterable[News], now: datetime) -> None:
    """Tell the others what has become of `endpoint`."""
    for one in news:
        facts = events.endpoint_facts(one.event_type, endpoint, one.reason, one.percent, now)
        for other in _listening(session, one.event_type):
            if other.id != endpoint.id:
                queue.enqueue(session, other, one.event_type, facts, Moment(now), now)


def _listening(session: Session, event_type: str) -> list[Endpoint]:
    active = select(Endpoint).where(Endpoint.state == "active", ~col(Endpoint.awaits_ping)).order_by(col(Endpoint.id))
    return [one for one in session.exec(active) if events.is_wanted(one, event_type)]
