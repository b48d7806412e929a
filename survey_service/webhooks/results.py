"""Writing down how a batch went, in one short transaction: each message on its own, and what all of them say of the endpoint."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Executable, Integer, Select, Text, and_, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from survey_service.egress.client import Delivered, Outcome, Rejected, Retry
from survey_service.outbox import events, messages
from survey_service.store import bulk
from survey_service.store.tables.columns import Json, UtcDateTime
from survey_service.store.tables.core import Contact
from survey_service.store.tables.webhooks import Acknowledged, Delivery, DeliveryAttempt
from survey_service.webhooks import claim, endpoint_health
from survey_service.webhooks.claim import Batch, Claimed
from survey_service.webhooks.retry import after_failure


@dataclass(frozen=True)
class Sent:
    """One request that was made: of which message, when, and how it went."""

    message: Claimed
    outcome: Outcome
    began: datetime
    ended: datetime


def settle(session: Session, batch: Batch, sent: Sequence[Sent], now: datetime, jitter: Callable[[], float] = lambda: 0.0) -> set[int]:
    """Write down how the attempts of a batch went, in their order; messages that were not sent go back.

    Returns the deliveries that were still ours. The others came too late: another attempt has begun, or nobody wants them any more.
    Locked in the order in which everybody locks: the endpoint, contacts, and then messages by their ids.
    """
    endpoint = endpoint_health.locked_if_it_changes(session, batch.endpoint_id, batch.url, [delivery.outcome for delivery in sent])
    hold_contacts(session, [message.delivery_id for message in batch.messages])
    ours = _ours(session, batch)
    _complete(session, sent, ours)
    _settle_delivered(session, [delivery for delivery in sent if isinstance(delivery.outcome, Delivered)], ours, now)
    for delivery in sent:
        delivery_id = delivery.message.delivery_id
        if delivery_id not in ours:
            continue
        gave_up = not isinstance(delivery.outcome, Delivered) and _schedule_retry(
            session, delivery.message, delivery.outcome, batch.is_probe, now, jitter()
        )
        if endpoint is not None and endpoint.state == "active":
            endpoint_health.judge(session, endpoint, delivery.message, delivery.outcome, now, is_probe=batch.is_probe, gave_up=gave_up)
    made = {delivery.message.delivery_id for delivery in sent}
    claim.release(session, [message for message in batch.messages if message.delivery_id not in made])
    return ours & made


def hold_contacts(session: Session, deliveries: Sequence[int]) -> None:
    """What an endpoint knows refers to its contact. Who merges or erases one holds it and then asks for its messages: so do we."""
    if bulk.dialect_of(session) == "postgresql":  # on SQLite a writer is alone
        session.connection().execute(_contacts(), {"given": bulk.packed([{"id": delivery} for delivery in deliveries])})


def acknowledge(session: Session, states: Mapping[int, Mapping[str, Any]]) -> None:
    """Remember what endpoints know now, by delivery. A message sent again by hand may be older than that: it takes nothing back."""
    if states:
        given = [{"id": delivery_id, "sequence": state["sequence"], "state": state} for delivery_id, state in states.items()]
        session.connection().execute(_acknowledge(bulk.dialect_of(session)), {"given": bulk.packed(given)})


def error_text(outcome: Outcome) -> str | None:
    """The problem in words that any API key may read; the log of the operator has the exact one."""
    return None if isinstance(outcome, Delivered) else outcome.told if isinstance(outcome, Retry) else outcome.problem


def _ours(session: Session, batch: Batch) -> set[int]:
    """The fence: a message is ours while it is pending and nobody has begun another attempt."""
    given = {"given": bulk.packed([{"id": message.delivery_id, "number": message.attempt} for message in batch.messages])}
    return {item["id"] for item in bulk.read(session, _held(bulk.dialect_of(session)), given)}


def _complete(session: Session, sent: Sequence[Sent], ours: Collection[int]) -> None:
    if not sent:
        return
    # Of those that are not ours the contact may have been erased meanwhile.
    excerpts, places = bulk.joined([delivery.outcome.excerpt if delivery.message.delivery_id in ours else None for delivery in sent])
    made = [
        {
            **{"id": delivery.message.delivery_id, "number": delivery.message.attempt, **place},
            **{"began": bulk.text_of(delivery.began), "ended": bulk.text_of(delivery.ended)},
            **{
                "outcome": type(delivery.outcome).__name__.lower(),
                "status": delivery.outcome.status,
                "error": error_text(delivery.outcome),
            },
        }
        for delivery, place in zip(sent, places, strict=True)
    ]
    session.connection().execute(_made(bulk.dialect_of(session)), {"given": bulk.packed(made), "bytes": excerpts})


def _settle_delivered(session: Session, delivered: Sequence[Sent], ours: Collection[int], now: datetime) -> None:
    settled = [item.message for item in delivered if item.message.delivery_id in ours]
    if not settled:
        return
    given = {"given": bulk.packed([{"id": item.delivery_id} for item in settled]), "now": now}
    session.connection().execute(_arrived(bulk.dialect_of(session)), given)
    acknowledge(session, {item.delivery_id: item.state for item in settled if item.state})
    erased = [item.delivery_id for item in settled if item.event_type == events.ERASED]
    if erased:  # the names in it were the last trace
        messages.forget(session, session.scalars(select(Delivery).where(col(Delivery.id).in_(erased))).all())


def _schedule_retry(session: Session, message: Claimed, outcome: Retry | Rejected, is_probe: bool, now: datetime, jitter: float) -> bool:
    """Whether it is given up."""
    row = session.get_one(Delivery, message.delivery_id)
    if row.state != "pending":  # one before it in the batch has disabled the endpoint
        return False
    row.last_error = error_text(outcome)
    if is_probe and isinstance(outcome, Retry):
        # Behind the others that are due: the next probe is another message, in case it is this one that is never taken.
        row.uncounted, row.due, row.lease_until = row.uncounted + 1, now, None
        session.add(row)
        return False
    wait = after_failure(message.attempt - row.uncounted, outcome, jitter=jitter)
    if wait is None:
        messages.settle(session, row, "dead", now)
    else:
        row.due, row.lease_until = now + wait, None
        session.add(row)
    return wait is None


# To put a statement together takes longer than to run it.


@cache
def _contacts() -> Select[*tuple[Any, ...]]:
    item = bulk.given("postgresql", id=BigInteger())
    theirs = select(col(Delivery.contact_id)).join(item, col(Delivery.id) == item.c.id)
    return select(col(Contact.id)).where(col(Contact.id).in_(theirs)).order_by(col(Contact.id)).with_for_update(read=True, key_share=True)


@cache
def _held(dialect: str) -> Select[str]:
    item = bulk.given(dialect, id=BigInteger(), number=Integer())
    mine = and_(col(Delivery.id) == item.c.id, col(Delivery.attempt) == item.c.number, col(Delivery.state) == "pending")
    locked = select(col(Delivery.id)).join(item, mine).order_by(col(Delivery.id)).with_for_update(of=Delivery)
    return bulk.together(dialect, locked)


@cache
def _made(dialect: str) -> Executable:
    words, whole, long = Text(), Integer(), BigInteger()
    moment: Any = UtcDateTime() if dialect == "postgresql" else words
    how_long = {"began": moment, "ended": moment}
    item = bulk.given(dialect, id=long, number=whole, start=whole, length=whole, outcome=words, status=whole, error=words, **how_long)
    mine = update(DeliveryAttempt).where(col(DeliveryAttempt.delivery_id) == item.c.id, col(DeliveryAttempt.number) == item.c.number)
    how = {"outcome": item.c.outcome, "status": item.c.status, "error": item.c.error, "excerpt": bulk.piece(item)}
    return mine.values(started_at=item.c.began, finished_at=item.c.ended, **how)


@cache
def _arrived(dialect: str) -> Executable:
    done: dict[str, Any] = {"state": "delivered", "settled_at": bindparam("now"), "lease_until": None, "last_error": None}
    return update(Delivery).where(col(Delivery.id) == bulk.given(dialect, id=BigInteger()).c.id).values(done)


@cache
def _acknowledge(dialect: str) -> Executable:
    item = bulk.given(dialect, id=BigInteger(), sequence=BigInteger(), state=Json)
    key = ["endpoint_id", "contact_id", "bank"]
    columns = (col(Delivery.endpoint_id), col(Delivery.contact_id), col(Delivery.bank), item.c.sequence, item.c.state)
    # By the delivery as it is now: its contact may have become another one by a merge, and two of a batch the same.
    place = func.row_number().over(partition_by=columns[:3], order_by=item.c.sequence.desc()).label("place")
    known = select(*columns, place).join_from(Delivery, item, col(Delivery.id) == item.c.id).subquery("known")
    latest = select(*known.c[*key, "sequence", "state"]).where(known.c.place == 1)
    write = (postgresql if dialect == "postgresql" else sqlite).insert(Acknowledged).from_select([*key, "sequence", "state"], latest)
    newer = {"sequence": write.excluded.sequence, "state": write.excluded.state}
    return write.on_conflict_do_update(index_elements=key, set_=newer, where=col(Acknowledged.sequence) < write.excluded.sequence)
