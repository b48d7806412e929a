"""Which message goes next: by endpoint and lane, the oldest that is due and whose contact has nothing older waiting."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, and_, bindparam, case, exists, func, or_, select, update
from sqlalchemy.orm import aliased
from sqlalchemy.sql.dml import ReturningUpdate
from sqlmodel import Session, col

from survey_service.store.columns import UtcDateTime
from survey_service.store.connection_records import Connection
from survey_service.store.webhook_records import Delivery, Endpoint
from survey_service.webhooks import breaker, events, pace
from survey_service.webhooks.queue import LANES, is_free

Moment = datetime | BindParameter[datetime]

NOW = bindparam("at", type_=UtcDateTime())

IN_FLIGHT_PER_ENDPOINT = 3
"""One less than the threads of a worker: an endpoint that hangs leaves one of them to the others."""

BULK_IN_FLIGHT = IN_FLIGHT_PER_ENDPOINT - 1
"""What concerns the whole base never holds every place: the answer of a respondent finds one."""


def next_line(session: Session, now: datetime, due_by: datetime, lanes: Sequence[str] = LANES) -> tuple[str, str] | None:
    """The endpoint and the lane whose turn it is. A look without a lock: on SQLite there is only one lock to write, and whoever idles
    must not take it from the respondents.
    """
    for lane in lanes:
        found = session.execute(_first_of_each_endpoint(lane), {"at": now, "due_by": due_by}).all()
        waiting = [(due, endpoint) for endpoint, due in found if due is not None]
        if waiting:
            return min(waiting)[1], lane
    return None


def next_due(session: Session, line: tuple[str, str], now: datetime, due_by: datetime, lease: timedelta) -> Delivery | None:
    """Take the next message of a line, in one statement.

    It takes nothing twice because the row is locked while it is chosen (PostgreSQL), or because writers go one by one (SQLite).
    """
    endpoint, lane = line
    given = {"line": endpoint, "at": now, "due_by": due_by, "until": now + lease}
    return session.scalars(_take_first(lane), given).first()


@cache  # to put a statement together takes longer than to run it
def _first_of_each_endpoint(lane: str) -> Select[str, datetime]:
    one = aliased(Delivery)
    first = _due(one, col(Endpoint.id), lane).with_only_columns(col(one.due)).correlate(Endpoint).scalar_subquery()
    return select(col(Endpoint.id), first).where(_has_room(lane), ~_is_connection())


@cache
def _take_first(lane: str) -> ReturningUpdate[Delivery]:
    one = aliased(Delivery)
    room = exists().where(col(Endpoint.id) == bindparam("line"), _has_room(lane), _may_go(one))
    chosen = _due(one, bindparam("line"), lane, room).with_for_update(skip_locked=True, of=one)
    taken = update(Delivery).where(col(Delivery.id) == chosen.scalar_subquery())
    taken = taken.values(lease_until=bindparam("until"), attempt=col(Delivery.attempt) + 1)
    return taken.returning(Delivery).execution_options(synchronize_session=False)


def took_its_turn(session: Session, endpoint: Endpoint, now: datetime) -> bool:
    """Whether an endpoint with a rate, or with an open breaker, lets one more through; it then counts as gone through.

    Who finds the row locked does not wait: somebody else is counting, and the message goes with the next look.
    """
    if endpoint.tripped_at is None and endpoint.per_second is None:
        return True
    mine = select(Endpoint).where(col(Endpoint.id) == endpoint.id).with_for_update(skip_locked=True, key_share=True)
    if session.scalars(mine.execution_options(populate_existing=True)).first() is None:
        return False
    if not (pace.is_open(endpoint, now) and breaker.is_open_to_probe(endpoint, now)):
        return False
    pace.count(endpoint, now)
    breaker.note_probe(endpoint, now)
    session.add(endpoint)
    return True


def _due(one: type[Delivery], endpoint: Any, lane: str, *more: ColumnElement[bool]) -> Select[Any]:
    """The first of a line: the only one of its contact in flight to that endpoint, and never before an older one."""
    return (
        select(col(one.id))
        .where(col(one.endpoint_id) == endpoint, col(one.lane) == lane, is_next_in_line(one, NOW, bindparam("due_by", type_=UtcDateTime())))
        .where(*(more or (_may_go(one),)))
        .order_by(col(one.due), col(one.id))
        .limit(1)
    )


def is_next_in_line(one: type[Delivery], now: Moment, due_by: Moment) -> ColumnElement[bool]:
    """Due, in nobody's hands, and behind nothing that is to be told of the same contact."""
    older = aliased(Delivery)
    line = and_(col(older.endpoint_id) == col(one.endpoint_id), col(older.contact_id) == col(one.contact_id))
    waits = exists().where(line, col(older.state) == "pending", col(older.place) < col(one.place))
    return and_(col(one.state) == "pending", col(one.due) <= due_by, is_free(one, now), ~waits)


def _is_connection() -> ColumnElement[bool]:
    """To a CRM: its messages go in batches, and in another way."""
    return exists().where(col(Connection.endpoint_id) == col(Endpoint.id))


def _has_room(lane: str) -> ColumnElement[bool]:
    """Endpoints that take a message at this moment."""

    other = aliased(Delivery)
    in_flight = select(func.count()).where(col(other.endpoint_id) == col(Endpoint.id), col(other.lease_until) >= NOW).correlate(Endpoint)
    places = case((col(Endpoint.tripped_at).is_(None), IN_FLIGHT_PER_ENDPOINT), else_=1)
    room = [col(Endpoint.state) == "active", in_flight.scalar_subquery() < places]
    if lane == "bulk":
        room.append(in_flight.where(col(other.lane) == "bulk").scalar_subquery() < BULK_IN_FLIGHT)
    return and_(*room, *(or_(col(at).is_(None), col(at) <= NOW) for at in (Endpoint.paused_until, Endpoint.open_at, Endpoint.probe_at)))


def _may_go(one: type[Delivery]) -> ColumnElement[bool]:
    return or_(~col(Endpoint.awaits_ping), col(one.event_type) == events.PING)
