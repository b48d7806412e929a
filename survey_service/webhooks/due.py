"""Which messages go next: by endpoint and lane, the oldest that are due and whose contact has nothing older waiting."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, and_, bindparam, case, distinct, exists, func, literal_column, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from survey_service.outbox import events
from survey_service.outbox.messages import LANES, is_unclaimed
from survey_service.store import bulk
from survey_service.store.tables.columns import UtcDateTime
from survey_service.store.tables.webhooks import Connection, Delivery, Endpoint
from survey_service.webhooks import circuit_breaker


def take(endpoint: Endpoint, now: datetime, wanted: int) -> int:
    """Take as many of the `wanted` tokens as there are: how many."""
    if endpoint.per_second is None:
        return wanted
    taken = 0
    while taken < wanted and (endpoint.open_at is None or endpoint.open_at <= now):
        _count(endpoint, now, timedelta(seconds=1 / endpoint.per_second))
        taken += 1
    return taken


def _count(endpoint: Endpoint, now: datetime, gap: timedelta) -> None:
    """The generic cell rate algorithm (ITU-T I.371), whose one number is a moment."""
    burst = max(timedelta(seconds=1), gap)
    full_until = now if endpoint.open_at is None else max(endpoint.open_at + burst - gap, now)
    endpoint.open_at = full_until + 2 * gap - burst


Moment = datetime | BindParameter[datetime]

NOW, DUE_BY = bindparam("at", type_=UtcDateTime()), bindparam("due_by", type_=UtcDateTime())

PENDING: ColumnElement[str] = literal_column("'pending'")
"""Not a parameter: the indexes are of those rows only, and a plan that is kept for any parameter could not use them."""

PLACES_PER_ENDPOINT = 4
"""How many workers' hands may be at one endpoint, each with one request at a time. A batch in hand holds one place."""

BULK_PLACES = PLACES_PER_ENDPOINT - 1
"""What concerns the whole base never holds every place: the answer of a respondent finds one."""

TAKEN = ("id", "attempt", "event_id", "event_type", "contact_id", "bank", "manual", "facts")
"""What of a message is read when it is taken; and whether it has a body, and was in the hands of one who has died."""


def next_line(
    session: Session, now: datetime, due_by: datetime, lanes: Sequence[str] = LANES, without: Collection[str] = ()
) -> tuple[str, str] | None:
    """The endpoint and the lane whose turn it is, but for endpoints that are not wanted. A look without a lock: on SQLite there is only one
    lock to write, and whoever idles must not take it from the respondents.
    """
    for lane in lanes:
        found = session.connection().execute(_first_of_each_endpoint(lane), {"at": now, "due_by": due_by}).all()
        waiting = [(due, endpoint) for endpoint, due in found if due is not None and endpoint not in without]
        if waiting:
            return min(waiting)[1], lane
    return None


def locked_with_room(session: Session, line: tuple[str, str], now: datetime) -> Endpoint | None:
    """The endpoint of a line, locked while its places are counted; None when all of them are taken, or it is to be left alone."""
    endpoint_id, lane = line
    if bulk.dialect_of(session) == "postgresql":
        session.connection().execute(_lock(), {"line": endpoint_id})
    return session.scalars(_with_room(lane), {"line": endpoint_id, "at": now}).first()


def next_due(session: Session, endpoint: Endpoint, lane: str, now: datetime, due_by: datetime, most: int) -> list[dict[str, Any]]:
    """The next messages of a line, each about another contact, locked; the endpoint must be locked.

    Nothing is taken twice because rows are locked while they are chosen (PostgreSQL), or because writers go one by one (SQLite).
    """
    given = {"line": endpoint.id, "at": now, "due_by": due_by, "most": most}
    return bulk.read(session, _first(bulk.dialect_of(session), lane, endpoint.awaits_ping), given)


def turns(endpoint: Endpoint, now: datetime, wanted: int) -> int:
    """How many of the `wanted` messages an endpoint with a rate, or with an open breaker, lets through; they then count as gone through.

    The endpoint must be locked and have room.
    """
    allowed = take(endpoint, now, wanted)
    if allowed:
        circuit_breaker.note_probe(endpoint, now)
    return allowed


def most_at_once(endpoint: Endpoint, most: int) -> int:
    """Who failed the last time is sent one message, to see."""
    return 1 if endpoint.failures or endpoint.tripped_at is not None else most


@cache  # to put a statement together takes longer than to run it
def _first_of_each_endpoint(lane: str) -> Select[str, datetime]:
    item = aliased(Delivery)
    first = _due(item, col(Endpoint.id), lane).where(or_(~col(Endpoint.awaits_ping), col(item.event_type) == events.PING)).limit(1)
    due = first.with_only_columns(col(item.due)).correlate(Endpoint).scalar_subquery()
    return select(col(Endpoint.id), due).where(_has_room(lane), ~_is_connection())


@cache
def _lock() -> Select[Any]:
    return select(col(Endpoint.id)).where(col(Endpoint.id) == bindparam("line")).with_for_update(key_share=True)


@cache
def _with_room(lane: str) -> Select[Endpoint]:
    here = select(Endpoint).where(col(Endpoint.id) == bindparam("line"), _has_room(lane))
    return here.execution_options(populate_existing=True)


@cache
def _first(dialect: str, lane: str, only_ping: bool) -> Select[str]:
    item = aliased(Delivery)
    more = (col(item.body).is_not(None).label("frozen"), col(item.lease_until).is_not(None).label("crashed"))
    chosen = _due(item, bindparam("line"), lane).limit(bindparam("most")).with_only_columns(*(getattr(item, name) for name in TAKEN), *more)
    chosen = chosen.where(col(item.event_type) == events.PING) if only_ping else chosen
    return bulk.together(dialect, chosen.with_for_update(skip_locked=True, of=item))


def _due(item: type[Delivery], endpoint: Any, lane: str) -> Select[Any]:
    """A line, in order: of each contact the only one in flight to that endpoint, and never before an older one."""
    mine = (col(item.endpoint_id) == endpoint, col(item.lane) == lane)
    return select(col(item.id)).where(*mine, is_next_in_line(item, NOW, DUE_BY)).order_by(col(item.due), col(item.id))


def is_next_in_line(item: type[Delivery], now: Moment, due_by: Moment) -> ColumnElement[bool]:
    """Due, in nobody's hands, and behind nothing that is to be told of the same contact."""
    older = aliased(Delivery)
    # Not a NOT EXISTS: PostgreSQL may make a join of it, for which it looks at every message that waits.
    same = and_(col(older.endpoint_id) == col(item.endpoint_id), col(older.contact_id) == col(item.contact_id))
    first = select(col(older.place)).where(same, col(older.state) == PENDING).order_by(col(older.place)).limit(1).scalar_subquery()
    is_first = func.coalesce(first, col(item.place)) >= col(item.place)
    return and_(col(item.state) == PENDING, col(item.due) <= due_by, is_unclaimed(item, now), is_first)


def _is_connection() -> ColumnElement[bool]:
    """To a CRM: its messages go in batches, and in another way."""
    return exists().where(col(Connection.endpoint_id) == col(Endpoint.id))


def _has_room(lane: str) -> ColumnElement[bool]:
    """Endpoints that take a batch at this moment. Batches are told apart by when their lease ends."""
    other = aliased(Delivery)
    batches = select(func.count(distinct(col(other.lease_until)))).correlate(Endpoint)
    batches = batches.where(col(other.endpoint_id) == col(Endpoint.id), col(other.lease_until) >= NOW)
    places = case((col(Endpoint.tripped_at).is_(None), PLACES_PER_ENDPOINT), else_=1)
    room = [col(Endpoint.state) == "active", batches.scalar_subquery() < places]
    if lane == "bulk":
        room.append(batches.where(col(other.lane) == "bulk").scalar_subquery() < BULK_PLACES)
    return and_(*room, *(or_(col(at).is_(None), col(at) <= NOW) for at in (Endpoint.paused_until, Endpoint.open_at, Endpoint.probe_at)))


def new_lease(now: datetime, length: timedelta, chance: float) -> datetime:
    """When a batch that is taken now belongs to nobody any more: at a microsecond of its own, by which it is told from the others."""
    return now + length + timedelta(microseconds=int(chance * 1_000_000))
