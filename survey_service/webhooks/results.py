"""Record how a batch went, in one short transaction: each message on its own, and what all of them mean for the endpoint."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Executable, Integer, Select, Text, and_, bindparam, func, select, update
from sqlmodel import Session, col

from survey_service.egress.client import Delivered, Outcome, Rejected, Retry
from survey_service.outbox import events, messages
from survey_service.store import bulk
from survey_service.store.faults import FAULT
from survey_service.store.tables.columns import Json, UtcDateTime
from survey_service.store.tables.core import Contact
from survey_service.store.tables.webhooks import Acknowledged, Delivery, DeliveryAttempt
from survey_service.webhooks import claim, endpoint_health
from survey_service.webhooks.claim import Batch, Claimed
from survey_service.webhooks.retry import next_attempt


@dataclass(frozen=True)
class Sent:
    """One request: its message, its time and its outcome."""

    message: Claimed
    outcome: Outcome
    began: datetime
    ended: datetime


def record(session: Session, batch: Batch, sent: Sequence[Sent], now: datetime, jitter: Callable[[], float] = lambda: 0.0) -> set[int]:
    """Record the outcomes of a batch's attempts, in their order, and release the messages that were not sent.

    Returns the deliveries that were still claimed by this batch. For the others another attempt has begun, or nobody wants them any more.
    The locks are taken in the order of all writers: endpoint, contacts, then messages by id.
    """
    endpoint = endpoint_health.lock_if_affected(session, batch.endpoint_id, batch.url, [delivery.outcome for delivery in sent])
    lock_contacts(session, [message.delivery_id for message in batch.messages])
    ours = _still_claimed(session, batch)
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
            endpoint_health.apply_outcome(
                session, endpoint, delivery.message, delivery.outcome, now, is_probe=batch.is_probe, gave_up=gave_up
            )
    made = {delivery.message.delivery_id for delivery in sent}
    claim.release(session, [message for message in batch.messages if message.delivery_id not in made])
    if lost := {message.delivery_id: message.attempt for message in batch.messages if message.delivery_id not in ours}:
        messages.end_wait(session, lost, now)
    return ours & made


def lock_contacts(session: Session, deliveries: Sequence[int]) -> None:
    """Lock the contacts. A merge or an erasure locks the contact before its messages, so this does too."""
    if bulk.dialect_of(session) == "postgresql":  # on SQLite a writer is alone
        session.connection().execute(_contacts(), {"given": bulk.to_parameter([{"id": delivery} for delivery in deliveries])})


def acknowledge(session: Session, states: Mapping[int, Mapping[str, Any]]) -> None:
    """Store what the endpoint has acknowledged, by delivery. A message sent again by hand may be older than that and takes nothing back."""
    if states:
        given = [{"id": delivery_id, "sequence": state["sequence"], "state": state} for delivery_id, state in states.items()]
        session.connection().execute(_acknowledge(bulk.dialect_of(session)), {"given": bulk.to_parameter(given)})


def error_text(outcome: Outcome) -> str | None:
    """Return the problem in words that any API key may read. The operator's log has the exact one."""
    return None if isinstance(outcome, Delivered) else outcome.public_problem if isinstance(outcome, Retry) else outcome.problem


def _still_claimed(session: Session, batch: Batch) -> set[int]:
    """Return the messages still claimed by this batch: pending, and without a later attempt (the fencing token)."""
    given = {"given": bulk.to_parameter([{"id": message.delivery_id, "number": message.attempt} for message in batch.messages])}
    return {item["id"] for item in bulk.read(session, _locked_contacts(bulk.dialect_of(session)), given)}


def _complete(session: Session, sent: Sequence[Sent], ours: Collection[int]) -> None:
    if not sent:
        return
    # For the others the contact may have been erased meanwhile.
    excerpts, places = bulk.concatenate([delivery.outcome.excerpt if delivery.message.delivery_id in ours else None for delivery in sent])
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
    session.connection().execute(_attempts_made(bulk.dialect_of(session)), {"given": bulk.to_parameter(made), "bytes": excerpts})


def _settle_delivered(session: Session, delivered: Sequence[Sent], ours: Collection[int], now: datetime) -> None:
    settled = [item.message for item in delivered if item.message.delivery_id in ours]
    if not settled:
        return
    given = {"given": bulk.to_parameter([{"id": item.delivery_id} for item in settled]), "now": now}
    session.connection().execute(_delivered_statement(bulk.dialect_of(session)), given)
    acknowledge(session, {item.delivery_id: item.state for item in settled if item.state})
    erased = [item.delivery_id for item in settled if item.event_type == events.ERASED]
    if erased:  # the names in the message were the last trace
        messages.delete_content(session, session.scalars(select(Delivery).where(col(Delivery.id).in_(erased))).all())


def _schedule_retry(session: Session, message: Claimed, outcome: Retry | Rejected, is_probe: bool, now: datetime, jitter: float) -> bool:
    """Schedule the next attempt. Return whether the message was given up."""
    row = session.get_one(Delivery, message.delivery_id)
    if row.state != "pending":  # an earlier message of the batch has disabled the endpoint
        return False
    if outcome.problem == FAULT:
        messages.record_fault(session, row, now)
        return False
    row.last_error = error_text(outcome)
    if is_probe and isinstance(outcome, Retry):
        # Behind the others that are due: the next probe is another message, in case this one alone is refused.
        row.uncounted, row.due, row.lease_until = row.uncounted + 1, now, None
        session.add(row)
        return False
    wait = next_attempt(message.attempt - row.uncounted, outcome, jitter=jitter)
    if wait is None:
        messages.settle(session, row, "dead", now)
    else:
        row.due, row.lease_until = now + wait, None
        session.add(row)
    return wait is None


# Building the statement takes longer than running it.


@cache
def _contacts() -> Select[*tuple[Any, ...]]:
    item = bulk.parameter_table("postgresql", id=BigInteger())
    theirs = select(col(Delivery.contact_id)).join(item, col(Delivery.id) == item.c.id)
    return select(col(Contact.id)).where(col(Contact.id).in_(theirs)).order_by(col(Contact.id)).with_for_update(read=True, key_share=True)


@cache
def _locked_contacts(dialect: str) -> Select[str]:
    item = bulk.parameter_table(dialect, id=BigInteger(), number=Integer())
    mine = and_(col(Delivery.id) == item.c.id, col(Delivery.attempt) == item.c.number, col(Delivery.state) == "pending")
    locked = select(col(Delivery.id)).join(item, mine).order_by(col(Delivery.id)).with_for_update(of=Delivery)
    return bulk.as_json_list(dialect, locked)


@cache
def _attempts_made(dialect: str) -> Executable:
    words, whole, long = Text(), Integer(), BigInteger()
    moment: Any = UtcDateTime() if dialect == "postgresql" else words
    how_long = {"began": moment, "ended": moment}
    item = bulk.parameter_table(
        dialect, id=long, number=whole, start=whole, length=whole, outcome=words, status=whole, error=words, **how_long
    )
    mine = update(DeliveryAttempt).where(col(DeliveryAttempt.delivery_id) == item.c.id, col(DeliveryAttempt.number) == item.c.number)
    how = {"outcome": item.c.outcome, "status": item.c.status, "error": item.c.error, "excerpt": bulk.piece(item)}
    return mine.values(started_at=item.c.began, finished_at=item.c.ended, **how)


@cache
def _delivered_statement(dialect: str) -> Executable:
    done: dict[str, Any] = {"state": "delivered", "settled_at": bindparam("now"), "lease_until": None, "last_error": None}
    return update(Delivery).where(col(Delivery.id) == bulk.parameter_table(dialect, id=BigInteger()).c.id).values(done)


@cache
def _acknowledge(dialect: str) -> Executable:
    item = bulk.parameter_table(dialect, id=BigInteger(), sequence=BigInteger(), state=Json)
    key = ["endpoint_id", "contact_id", "bank"]
    columns = (col(Delivery.endpoint_id), col(Delivery.contact_id), col(Delivery.bank), item.c.sequence, item.c.state)
    # By the delivery as it is now: a merge may have changed its contact, and two of a batch may now be the same.
    place = func.row_number().over(partition_by=columns[:3], order_by=item.c.sequence.desc()).label("place")
    known = select(*columns, place).join_from(Delivery, item, col(Delivery.id) == item.c.id).subquery("known")
    latest = select(*known.c[*key, "sequence", "state"]).where(known.c.place == 1)
    write = bulk.insert_into(dialect, Acknowledged).from_select([*key, "sequence", "state"], latest)
    newer = {"sequence": write.excluded.sequence, "state": write.excluded.state}
    statement: Executable = write.on_conflict_do_update(
        index_elements=key, set_=newer, where=col(Acknowledged.sequence) < write.excluded.sequence
    )
    return statement
