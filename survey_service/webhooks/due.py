"""Which messages are sent next: of each endpoint and lane, the oldest due ones whose contact has no older message waiting."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, and_, bindparam, case, distinct, exists, func, literal_column, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from survey_service.outbox import events
from survey_service.outbox.messages import PRIORITIES, is_unclaimed
from survey_service.store import bulk
from survey_service.store.tables.columns import UtcDateTime
from survey_service.store.tables.webhooks import Connection, Delivery, Endpoint
from survey_service.webhooks import circuit_breaker


def take_tokens(endpoint: Endpoint, now: datetime, wanted: int) -> int:
    """Take up to `wanted` tokens of an endpoint's rate and return how many."""
    if endpoint.per_second is None:
        return wanted
    taken = 0
    while taken < wanted and (endpoint.open_at is None or endpoint.open_at <= now):
        _count(endpoint, now, timedelta(seconds=1 / endpoint.per_second))
        taken += 1
    return taken


def _count(endpoint: Endpoint, now: datetime, gap: timedelta) -> None:
    """The generic cell rate algorithm (ITU-T I.371), whose state is one time."""
    burst = max(timedelta(seconds=1), gap)
    full_until = now if endpoint.open_at is None else max(endpoint.open_at + burst - gap, now)
    endpoint.open_at = full_until + 2 * gap - burst


Moment = datetime | BindParameter[datetime]

NOW, DUE_BY = bindparam("at", type_=UtcDateTime()), bindparam("due_by", type_=UtcDateTime())

PENDING: ColumnElement[str] = literal_column("'pending'")
"""Not a parameter: the partial indexes hold only these rows, and a plan kept for any parameter could not use them."""

PLACES_PER_ENDPOINT = 4
"""How many batches may be under way to one endpoint, each with one request at a time."""

BULK_PLACES = PLACES_PER_ENDPOINT - 1
"""Bulk messages never take all of them, so that a respondent's message finds a place."""

TAKEN = ("id", "attempt", "event_id", "event_type", "contact_id", "bank", "manual", "facts")
"""The columns read at a claim; also whether the message has a body, and whether the worker that claimed it last has died."""


def next_line(
    session: Session, now: datetime, due_by: datetime, lanes: Sequence[str] = PRIORITIES, without: Collection[str] = ()
) -> tuple[str, str] | None:
    """Return the endpoint and lane whose turn it is, without the unwanted endpoints.

    It takes no lock: SQLite has only one for writers, and an idle worker must not take it from respondents.
    """
    for lane in lanes:
        found = session.connection().execute(_first_of_each_endpoint(lane), {"at": now, "due_by": due_by}).all()
        waiting = [(due, endpoint) for endpoint, due in found if due is not None and endpoint not in without]
        if waiting:
            return min(waiting)[1], lane
    return None


def lock_with_room(session: Session, line: tuple[str, str], now: datetime) -> Endpoint | None:
    """Return the endpoint of a line, locked, or None when all its places are taken or its circuit breaker is open."""
    endpoint_id, lane = line
    if bulk.dialect_of(session) == "postgresql":
        session.connection().execute(_lock(), {"line": endpoint_id})
    return session.scalars(_with_room(lane), {"line": endpoint_id, "at": now}).first()


def next_due(session: Session, endpoint: Endpoint, lane: str, now: datetime, due_by: datetime, most: int) -> list[dict[str, Any]]:
    """Return the next messages of a line, each about another contact, locked. The endpoint must be locked.

    Nothing is claimed twice because rows are locked while they are selected (PostgreSQL) or because writers run one by one (SQLite).
    """
    given = {"line": endpoint.id, "at": now, "due_by": due_by, "most": most}
    return bulk.read(session, _first(bulk.dialect_of(session), lane, endpoint.awaits_ping), given)


def count_allowed(endpoint: Endpoint, now: datetime, wanted: int) -> int:
    """Return how many of the `wanted` messages the rate and the circuit breaker let through, and count them.

    The endpoint must be locked and have room.
    """
    allowed = take_tokens(endpoint, now, wanted)
    if allowed:
        circuit_breaker.note_probe(endpoint, now)
    return allowed


def batch_size(endpoint: Endpoint, most: int) -> int:
    """Return 1 for an endpoint whose last attempt failed: it is tried with one message."""
    return 1 if endpoint.failures or endpoint.tripped_at is not None else most


@cache  # building the statement takes longer than running it
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
    return bulk.as_json_list(dialect, chosen.with_for_update(skip_locked=True, of=item))


def _due(item: type[Delivery], endpoint: Any, lane: str) -> Select[Any]:
    """Select a line in order: the oldest message of each contact, where none of the contact is in flight to that endpoint."""
    mine = (col(item.endpoint_id) == endpoint, col(item.lane) == lane)
    return select(col(item.id)).where(*mine, is_sendable(item, NOW, DUE_BY)).order_by(col(item.due), col(item.id))


def is_sendable(item: type[Delivery], now: Moment, due_by: Moment) -> ColumnElement[bool]:
    """The condition for a due, unclaimed message with no older message about the same contact."""
    older = aliased(Delivery)
    # Not a NOT EXISTS: PostgreSQL may turn it into a join that reads every pending message.
    same = and_(col(older.endpoint_id) == col(item.endpoint_id), col(older.contact_id) == col(item.contact_id))
    first = select(col(older.place)).where(same, col(older.state) == PENDING).order_by(col(older.place)).limit(1).scalar_subquery()
    is_first = func.coalesce(first, col(item.place)) >= col(item.place)
    return and_(col(item.state) == PENDING, col(item.due) <= due_by, is_unclaimed(item, now), is_first)


def _is_connection() -> ColumnElement[bool]:
    """The condition for messages to a CRM connection, which are sent in batches elsewhere."""
    return exists().where(col(Connection.endpoint_id) == col(Endpoint.id))


def _has_room(lane: str) -> ColumnElement[bool]:
    """The condition for endpoints that can take a batch now. Batches are told apart by the end of their leases."""
    other = aliased(Delivery)
    batches = select(func.count(distinct(col(other.lease_until)))).correlate(Endpoint)
    batches = batches.where(col(other.endpoint_id) == col(Endpoint.id), col(other.lease_until) >= NOW)
    places = case((col(Endpoint.tripped_at).is_(None), PLACES_PER_ENDPOINT), else_=1)
    room = [col(Endpoint.state) == "active", batches.scalar_subquery() < places]
    if lane == "bulk":
        room.append(batches.where(col(other.lane) == "bulk").scalar_subquery() < BULK_PLACES)
    return and_(*room, *(or_(col(at).is_(None), col(at) <= NOW) for at in (Endpoint.paused_until, Endpoint.open_at, Endpoint.probe_at)))


def new_lease(now: datetime, length: timedelta, chance: float) -> datetime:
    """Return when the lease of a new batch ends: at a microsecond of its own, which identifies the batch."""
    return now + length + timedelta(microseconds=int(chance * 1_000_000))
