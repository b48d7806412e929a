"""Claim messages of one endpoint in one short transaction. The worker sends them before `results` records the outcome in another."""

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    Executable,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    case,
    delete,
    false,
    insert,
    select,
    tuple_,
    update,
)
from sqlmodel import Session, col

from survey_service.egress.signing import is_in_force
from survey_service.outbox import events
from survey_service.outbox.messages import record_fault, settle
from survey_service.store import bulk
from survey_service.store.faults import contained
from survey_service.store.tables.columns import UtcDateTime
from survey_service.store.tables.webhooks import Acknowledged, Delivery, DeliveryAttempt, Endpoint
from survey_service.webhooks import due
from survey_service.webhooks.retry import LEASE


@dataclass(frozen=True)
class Claimed:
    """A message that one worker has claimed. `state` is what the endpoint knows of the contact once it has taken the message."""

    delivery_id: int
    attempt: int
    event_id: str
    event_type: str
    body: bytes = field(repr=False)
    state: Mapping[str, Any] | None = field(repr=False, default=None)
    manual: bool = False


@dataclass(frozen=True)
class Batch:
    """Messages about distinct contacts for one endpoint, with everything that sending them needs."""

    endpoint_id: str
    url: str = field(repr=False)  # may hold a token
    secrets: tuple[str, ...] = field(repr=False)  # encrypted, newest first
    headers: Mapping[str, str] = field(repr=False)  # the custom headers, encrypted
    is_probe: bool
    messages: tuple[Claimed, ...]


def claim(
    session: Session,
    now: datetime,
    line: tuple[str, str],
    *,
    most: int,
    due_by: datetime | None = None,
    lease: timedelta = LEASE,
    chance: Callable[[], float] = random.random,
) -> Batch | None:
    """Claim the next due messages of a line, and store an attempt for each. Return None when there is nothing to do.

    `line` is an endpoint and a lane, as `due.next_line` found them.
    """
    endpoint = due.lock_with_room(session, line, now)
    if endpoint is None:
        return None
    found = due.next_due(session, endpoint, line[1], now, due_by or now, due.batch_size(endpoint, most))
    found = found[: due.count_allowed(endpoint, now, len(found))]
    messages = _with_bodies(session, endpoint, found, now)
    if not messages:
        return None
    crashed = {row["id"] for row in found if row["crashed"]}
    _note(session, messages, crashed, due.new_lease(now, lease, chance()), now)
    return _batch(endpoint, messages, now)


def release(session: Session, messages: Sequence[Claimed]) -> None:
    """Release messages as if they had never been claimed: none of them was sent. Messages settled by somebody else stay settled."""
    if messages:
        given = {"given": bulk.to_parameter([{**_key(message), "manual": message.manual} for message in messages])}
        for statement in _free(bulk.dialect_of(session)):
            session.connection().execute(statement, given)


def still_claimed(session: Session, batch: Batch, messages: Sequence[Claimed]) -> set[int]:
    """Return the attempts that may still be sent: their messages were not settled meanwhile and the endpoint's URL is the same."""
    here = and_(col(Endpoint.id) == batch.endpoint_id, col(Endpoint.state) == "active", col(Endpoint.url) == batch.url)
    numbers = {message.delivery_id: message.attempt for message in messages}
    mine = select(col(Delivery.id), col(Delivery.attempt)).join(Endpoint, here)
    found = session.execute(mine.where(col(Delivery.id).in_(numbers), col(Delivery.state) == "pending"))
    return {delivery_id for delivery_id, attempt in found if numbers[delivery_id] == attempt}


def _with_bodies(session: Session, endpoint: Endpoint, found: Sequence[Mapping[str, Any]], now: datetime) -> list[Claimed]:
    frozen = _frozen(session, [row["id"] for row in found if row["frozen"]])
    known = _acknowledged(session, endpoint, [row["contact_id"] for row in found if not row["frozen"] and row["bank"]])
    claimed = []
    for row in found:
        with contained(f"claim delivery={row['id']}") as outcome:
            try:
                claimed.append(_with_body(row, endpoint, frozen, known))
            except orjson.JSONEncodeError as wrong:  # it will not get better
                _set_aside(session, row["id"], f"unwritable: {wrong}"[:200], now)
        if outcome.failed:
            _record_fault(session, row["id"], now)
    return claimed


def _with_body(
    row: Mapping[str, Any], endpoint: Endpoint, frozen: Mapping[int, bytes], known: Mapping[tuple[str, str], Mapping[str, Any]]
) -> Claimed:
    body = frozen.get(row["id"]) or _body(row, endpoint, known.get((row["contact_id"], row["bank"])))
    state = events.acknowledged_state(row["facts"]) if row["contact_id"] and row["bank"] and "assignment" in row["facts"] else None
    return Claimed(row["id"], row["attempt"] + 1, row["event_id"], row["event_type"], body, state, bool(row["manual"]))


def _set_aside(session: Session, delivery_id: int, problem: str, now: datetime) -> None:
    row = session.get_one(Delivery, delivery_id)
    row.last_error = problem
    settle(session, row, "dead", now)


def _record_fault(session: Session, delivery_id: int, now: datetime) -> None:
    """Record a message that cannot be written, as an attempt of its own: it must not stop the others."""
    row = session.get_one(Delivery, delivery_id, populate_existing=True)
    row.attempt, row.manual = row.attempt + 1, False
    record_fault(session, row, now)


def _frozen(session: Session, ids: Sequence[int]) -> dict[int, bytes]:
    """Return the bodies of messages that were sent before: they are sent again unchanged."""
    if not ids:
        return {}
    return {delivery_id: bytes(body) for delivery_id, body in session.connection().execute(_bodies(), {"ids": ids})}


def _acknowledged(session: Session, endpoint: Endpoint, contacts: Sequence[str]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Return what the endpoint knows of these contacts, by contact and bank."""
    if not contacts:
        return {}
    given = {"endpoint": endpoint.id, "given": bulk.to_parameter([{"contact": contact} for contact in contacts])}
    return {
        (item["contact_id"], item["bank"]): item["facts"]
        for item in bulk.read(session, _acknowledged_statement(bulk.dialect_of(session)), given)
    }


def _body(item: Mapping[str, Any], endpoint: Endpoint, known: Mapping[str, Any] | None) -> bytes:
    facts = item["facts"] if endpoint.include_pii else events.without_pii(item["facts"])
    return events.body_of(item["event_type"], item["event_id"], facts, known, endpoint.format)


def _note(session: Session, messages: Sequence[Claimed], crashed: Collection[int], until: datetime, now: datetime) -> None:
    """Store one row for each attempt, before it is made. An attempt cut short by the death of a worker is not counted."""
    bodies, places = bulk.concatenate([message.body for message in messages])
    taken = [
        {**_key(message), **place, "manual": message.manual, "crashed": int(message.delivery_id in crashed)}
        for message, place in zip(messages, places, strict=True)
    ]
    given = {"given": bulk.to_parameter(taken), "bytes": bodies, "until": until, "now": now}
    for statement in _hold(bulk.dialect_of(session)):
        session.connection().execute(statement, given)


def _key(claimed: Claimed) -> dict[str, int]:
    return {"id": claimed.delivery_id, "number": claimed.attempt}


# Building the statement takes longer than running it.


@cache
def _hold(dialect: str) -> tuple[Executable, Executable]:
    item = bulk.parameter_table(
        dialect, id=BigInteger(), number=Integer(), start=Integer(), length=Integer(), manual=Boolean(), crashed=Integer()
    )
    mine = update(Delivery).where(col(Delivery.id) == item.c.id)
    changed = {"attempt": item.c.number, "lease_until": bindparam("until"), "body": bulk.piece(item), "manual": false()}
    begun = select(item.c.id, item.c.number, bindparam("now", type_=UtcDateTime()), item.c.manual)
    return (
        mine.values(**changed, uncounted=col(Delivery.uncounted) + item.c.crashed),
        insert(DeliveryAttempt).from_select(["delivery_id", "number", "started_at", "manual"], begun, include_defaults=False),
    )


@cache
def _free(dialect: str) -> tuple[Executable, Executable]:
    item = bulk.parameter_table(dialect, id=BigInteger(), number=Integer(), manual=Boolean())
    mine = and_(col(Delivery.id) == item.c.id, col(Delivery.attempt) == item.c.number, col(Delivery.state) == "pending")
    # The body of a message that was never sent is not kept: it may change until then.
    body = case((item.c.number > 1, col(Delivery.body)), else_=None)
    tried = tuple_(col(DeliveryAttempt.delivery_id), col(DeliveryAttempt.number)).in_(select(item.c.id, item.c.number))
    return (
        update(Delivery).where(mine).values(attempt=item.c.number - 1, lease_until=None, manual=item.c.manual, body=body),
        delete(DeliveryAttempt).where(tried),
    )


@cache
def _bodies() -> Select[*tuple[Any, ...]]:
    return select(col(Delivery.id), col(Delivery.body)).where(col(Delivery.id).in_(bindparam("ids", expanding=True)))


@cache
def _acknowledged_statement(dialect: str) -> Select[str]:
    item = bulk.parameter_table(dialect, contact=Text())
    query: Select[*tuple[Any, ...]] = select(col(Acknowledged.contact_id), col(Acknowledged.bank), col(Acknowledged.state).label("facts"))
    # Not a join: SQLite would read all rows of the endpoint, again for each contact.
    wanted = col(Acknowledged.contact_id).in_(select(item.c.contact))
    return bulk.as_json_list(dialect, query.where(col(Acknowledged.endpoint_id) == bindparam("endpoint"), wanted))


def _batch(endpoint: Endpoint, messages: Sequence[Claimed], now: datetime) -> Batch:
    return Batch(
        endpoint.id,
        endpoint.url,
        tuple(secret["encrypted"] for secret in endpoint.secrets if is_in_force(secret, now)),
        dict(endpoint.headers),
        is_probe=endpoint.tripped_at is not None,
        messages=tuple(messages),
    )
