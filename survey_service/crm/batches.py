"""The two short transactions of a batch for a CRM: messages of distinct contacts are claimed, and each is settled on its own."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cryptography.fernet import InvalidToken
from sqlalchemy.orm import aliased
from sqlmodel import Session, and_, col, delete, exists, func, select, update

from survey_service.crm.adapters.answers import LONGEST_PART
from survey_service.crm.adapters.contact_values import record_of
from survey_service.crm.adapters.protocol import (
    AUTHORISATION_WAIT,
    Accepted,
    ConnectionConfig,
    Faulty,
    Held,
    Later,
    Pause,
    Refused,
    Verdict,
)
from survey_service.crm.adapters.registry import ADAPTERS
from survey_service.crypto import Keyring
from survey_service.egress.client import Delivered, Retry
from survey_service.outbox import events, messages
from survey_service.store.faults import FAULT, PAUSE
from survey_service.store.tables.core import Contact, ExternalId
from survey_service.store.tables.webhooks import Connection, Delivery, DeliveryAttempt, Endpoint
from survey_service.webhooks import circuit_breaker, due, endpoint_health, results
from survey_service.webhooks.claim import Claimed
from survey_service.webhooks.retry import next_attempt

LEASE = timedelta(minutes=5)
"""Longer than all requests of a batch together: ten single ones, or a hundred records halved until the bad one is found."""
BULK_SHARE = 5
"""Of a full batch, one message in so many is a bulk message while any is pending."""
UNREADABLE = "none of the service's keys reads the credentials: give them again"
FAILED, ARRIVED = Retry("status", None, b"", timedelta(0)), Delivered(200, b"", timedelta(0))
OUTCOMES = {Accepted: "delivered", Later: "retry", Refused: "rejected", Held: "held", Faulty: FAULT}


@dataclass(frozen=True)
class ClaimedMessage:
    """One claimed message."""

    delivery_id: int
    attempt: int
    event_id: str
    facts: Mapping[str, Any] = field(repr=False)
    contact_id: str | None = None


@dataclass(frozen=True)
class Batch:
    """Messages of distinct contacts that one worker has claimed for one connection."""

    connection_id: str
    kind: str
    config: ConnectionConfig = field(repr=False)
    token: str | None = field(repr=False)
    rows: tuple[ClaimedMessage, ...]
    is_probe: bool = False


@dataclass(frozen=True)
class Result:
    """How a batch went: a verdict by event id, none for a message that was held back; and what happens to the connection."""

    verdicts: Mapping[str, Verdict]
    pause: Pause | None = None
    token: str | None = field(default=None, repr=False)


def next_due(session: Session, now: datetime, due_by: datetime) -> str | None:
    """Return the connection with due messages whose turn it is. Takes no lock."""
    endpoint: Endpoint | None = session.exec(_waiting(now, due_by).limit(1)).first()
    return None if endpoint is None else endpoint.id


def claim(session: Session, keys: Keyring, connection_id: str, now: datetime, due_by: datetime) -> Batch | None:
    """Claim the due messages of a connection, as many as its CRM takes at once. Return None when there is nothing to do."""
    mine = _waiting(now, due_by).where(col(Endpoint.id) == connection_id)
    endpoint = session.exec(mine.with_for_update(skip_locked=True, key_share=True, of=Endpoint)).first()
    if endpoint is None or _in_flight(session, endpoint, now):  # look again under the lock: one batch at a time
        return None
    connection = session.get_one(Connection, endpoint.id)
    try:
        config = connection_config(endpoint, connection, (), keys)
        token = connection.token and keys.decrypt(connection.token)
    except InvalidToken:
        _pause(endpoint, connection, Pause(UNREADABLE, AUTHORISATION_WAIT), now)
        session.add_all([endpoint, connection])
        return None
    _drop_other_banks(session, connection, now)
    most = 1 if endpoint.tripped_at is not None else ADAPTERS[connection.kind].MOST
    taken = _with_present_ids(session, endpoint, [_claim(session, row, now) for row in _next_due(session, endpoint.id, now, due_by, most)])
    if taken:
        circuit_breaker.note_probe(endpoint, now)
        session.add(endpoint)
    return Batch(endpoint.id, connection.kind, config, token, tuple(taken), endpoint.tripped_at is not None) if taken else None


def settle(session: Session, keys: Keyring, batch: Batch, result: Result, now: datetime, jitter: float = 0.0) -> int:
    """Record the outcome of every message, and what all of them mean for the connection. Return how many were still claimed by this
    batch.

    The locks are taken in the order of all writers: endpoint, contacts, then messages by id.
    """
    endpoint = session.get_one(Endpoint, batch.connection_id, with_for_update={"key_share": True})
    connection = session.get_one(Connection, batch.connection_id)
    if result.token != batch.token:
        connection.token = result.token and keys.encrypt(result.token)
    results.lock_contacts(session, [claimed.delivery_id for claimed in batch.rows])
    mine = select(Delivery).where(col(Delivery.id).in_([claimed.delivery_id for claimed in batch.rows]))
    held = {row.id: row for row in session.exec(mine.order_by(col(Delivery.id)).with_for_update())}
    settled = sum(
        _settle(session, batch, claimed, held.get(claimed.delivery_id), result.verdicts.get(claimed.event_id), now, jitter)
        for claimed in batch.rows
    )
    if result.pause is not None:
        _pause(endpoint, connection, result.pause, now)
    elif Accepted() in result.verdicts.values():
        connection.paused_because = None
    session.add_all([endpoint, connection])
    session.flush()
    messages.end_wait(session, {claimed.delivery_id: claimed.attempt for claimed in batch.rows}, now)
    _judge(session, endpoint, batch, held, result, now)
    return settled


def still_claimed(session: Session, batch: Batch) -> set[str]:
    """Return the event ids of the messages that may still be sent: nobody has settled them meanwhile, nor changed the connection."""
    here = (Endpoint.id == batch.connection_id, Endpoint.state == "active", Endpoint.url == batch.config.url)
    mine = select(Delivery.event_id, Delivery.id, Delivery.attempt).join(Endpoint).where(*here, Delivery.state == "pending")
    attempts = {claimed.delivery_id: claimed.attempt for claimed in batch.rows}
    found = session.exec(mine.where(col(Delivery.id).in_(attempts)))
    return {event_id for event_id, delivery_id, attempt in found if attempt == attempts[delivery_id or 0]}


def _judge(session: Session, endpoint: Endpoint, batch: Batch, held: Mapping[int | None, Delivery], result: Result, now: datetime) -> None:
    """Apply the circuit breaker of endpoints: one failure for each message that did not arrive."""
    for claimed in batch.rows:
        verdict, row = result.verdicts.get(claimed.event_id), held.get(claimed.delivery_id)
        if row is None or endpoint.state != "active" or not isinstance(verdict, Accepted | Later):
            continue
        outcome = ARRIVED if isinstance(verdict, Accepted) else FAILED
        if outcome is ARRIVED and not endpoint.failures:
            continue
        message = Claimed(claimed.delivery_id, claimed.attempt, claimed.event_id, row.event_type, b"")
        endpoint_health.apply_outcome(session, endpoint, message, outcome, now, is_probe=batch.is_probe, gave_up=row.state == "dead")
    if result.pause is not None and result.pause.wait >= AUTHORISATION_WAIT and endpoint.state == "active" and batch.rows:
        first = batch.rows[0]  # the CRM refused the credentials: it counts as a failure, so that somebody is notified when it lasts
        message = Claimed(first.delivery_id, first.attempt, first.event_id, events.UPDATED, b"")
        endpoint_health.apply_outcome(session, endpoint, message, FAILED, now, is_probe=batch.is_probe, gave_up=False)


def _next_due(session: Session, endpoint_id: str, now: datetime, due_by: datetime, most: int) -> list[Delivery]:
    """Interactive messages come first. Of a full batch, bulk messages have their share."""
    item = aliased(Delivery)

    def first(lane: str, limit: int) -> list[Delivery]:
        waiting = select(item).where(col(item.endpoint_id) == endpoint_id, col(item.lane) == lane, due.is_sendable(item, now, due_by))
        in_order = waiting.order_by(col(item.due), col(item.id)).limit(limit)
        return list(session.exec(in_order.with_for_update(skip_locked=True, of=item)))

    interactive = first(messages.INTERACTIVE, most)
    bulk = first(messages.BULK, max(most - len(interactive), most // BULK_SHARE))
    return interactive[: most - len(bulk)] + bulk


def _waiting(now: datetime, due_by: datetime) -> Any:
    item, other = aliased(Delivery), aliased(Delivery)
    mine = col(item.endpoint_id) == col(Connection.endpoint_id), due.is_sendable(item, now, due_by)
    # Not an EXISTS: PostgreSQL may turn it into a join that reads every pending message.
    any_due = select(col(item.id)).where(*mine).limit(1).correlate(Connection).scalar_subquery()
    busy = exists().where(col(other.endpoint_id) == col(Endpoint.id), col(other.lease_until) >= now)
    waiting = select(Endpoint).join(Connection).where(_is_open(now), any_due.is_not(None), ~busy)
    return waiting.order_by(col(Endpoint.updated_at), col(Endpoint.id))


def _is_open(now: datetime) -> Any:
    moments = (col(Endpoint.paused_until), col(Endpoint.probe_at))
    return and_(col(Endpoint.state) == "active", *(at.is_(None) | (at <= now) for at in moments))


def _in_flight(session: Session, endpoint: Endpoint, now: datetime) -> bool:
    leased = select(func.count()).select_from(Delivery).where(Delivery.endpoint_id == endpoint.id, col(Delivery.lease_until) >= now)
    return session.exec(leased).one() > 0


def _drop_other_banks(session: Session, connection: Connection, now: datetime) -> None:
    """Drop messages of other banks: a field can hold the persona of one bank only."""
    others = (
        (col(Delivery.endpoint_id) == connection.endpoint_id) & (col(Delivery.state) == "pending") & (col(Delivery.bank) != connection.bank)
    )
    session.execute(update(Delivery).where(others).values(state="dropped", settled_at=now, lease_until=None))


def _claim(session: Session, row: Delivery, now: datetime) -> ClaimedMessage:
    row.attempt, row.lease_until = row.attempt + 1, now + LEASE
    delivery_id = row.id or 0
    session.add_all([row, DeliveryAttempt(delivery_id=delivery_id, number=row.attempt, started_at=now, manual=row.manual)])
    row.manual = False
    return ClaimedMessage(delivery_id, row.attempt, row.event_id, row.facts, row.contact_id)


def _with_present_ids(session: Session, endpoint: Endpoint, claimed: Sequence[ClaimedMessage]) -> list[ClaimedMessage]:
    """Return the messages with the ids, the address and the attributes that their contacts have now.

    They may have got them after the message was written. Attributes are in no stored message.
    """
    known = _present(session, endpoint, [message.contact_id for message in claimed if message.contact_id])
    return [
        replace(message, facts={**message.facts, "contact": known[message.contact_id]})
        if message.contact_id in known and "assignment" in message.facts
        else message
        for message in claimed
    ]


def _present(session: Session, endpoint: Endpoint, contact_ids: Sequence[str]) -> dict[str | None, dict[str, Any]]:
    """Return what identifies these contacts now, as messages do. Erased contacts are left out: a message has the ids that they had."""
    contacts = session.exec(select(Contact).where(col(Contact.id).in_(contact_ids), col(Contact.erased_at).is_(None))).all()
    names: dict[str, list[dict[str, str]]] = {contact.id: [] for contact in contacts}
    theirs = select(ExternalId).where(col(ExternalId.contact_id).in_(names))
    for row in session.exec(theirs.order_by(col(ExternalId.system), col(ExternalId.value))):
        names[row.contact_id].append({"system": row.system, "type": row.type, "id": row.value})
    return {
        contact.id: {
            "id": contact.id,
            "external_ids": names[contact.id],
            "email_sha256": contact.email_sha256,
            "email": contact.email if endpoint.include_pii else None,
            "attributes": contact.attributes,
        }
        for contact in contacts
    }


def _settle(
    session: Session, batch: Batch, taken: ClaimedMessage, row: Delivery | None, verdict: Verdict | None, now: datetime, jitter: float
) -> bool:
    if row is None or row.attempt != taken.attempt:
        return False
    if verdict is None and row.state == "pending":
        _release(session, row)
        return True
    if isinstance(verdict, Held) and row.state == "pending":
        _hold(session, batch, row, verdict, now)
        return True
    problem = verdict.problem if isinstance(verdict, Later | Refused) else None
    _complete(session, row, verdict, problem, now)
    if row.state != "pending":
        return False
    if isinstance(verdict, Faulty):
        messages.record_fault(session, row, now)
        return True
    row.last_error = problem
    if isinstance(verdict, Accepted):
        _delivered(session, row, now)
    elif batch.is_probe and isinstance(verdict, Later):
        row.uncounted, row.due, row.lease_until = row.uncounted + 1, now, None
        session.add(row)
    else:
        _schedule_retry(session, row, isinstance(verdict, Refused), now, jitter)
    return True


def _delivered(session: Session, row: Delivery, now: datetime) -> None:
    messages.settle(session, row, "delivered", now)
    if row.contact_id and row.bank and "assignment" in row.facts:
        session.flush()
        results.acknowledge(session, {row.id or 0: events.acknowledged_state(row.facts)})
    if row.event_type == events.ERASED:
        messages.delete_content(session, [row])


def _schedule_retry(session: Session, row: Delivery, is_refused: bool, now: datetime, jitter: float) -> None:
    wait = None if is_refused else next_attempt(row.attempt - row.uncounted, FAILED, jitter=jitter)
    if wait is None:
        messages.settle(session, row, "dead", now)
    else:
        row.due, row.lease_until = now + wait, None
        session.add(row)


def _release(session: Session, row: Delivery) -> None:
    """Release a message as if it had never been claimed: waiting uses up no attempt."""
    session.execute(delete(DeliveryAttempt).where(col(DeliveryAttempt.delivery_id) == row.id, col(DeliveryAttempt.number) == row.attempt))
    row.attempt, row.lease_until = row.attempt - 1, None
    session.add(row)


def _hold(session: Session, batch: Batch, row: Delivery, held: Held, now: datetime) -> None:
    """Let a message wait for what others have to do, as if it had never been claimed. It makes way for a newer one of its contact."""
    _release(session, row)
    row.last_error, row.due = held.problem, now + held.wait
    if "assignment" not in row.facts:
        if held.problem == messages.NO_IDENTITY:  # the contact is erased, and the CRM never knew it
            messages.settle(session, row, "dropped", now)
    elif row.contact_id and _is_another_pending(session, row):
        messages.settle(session, row, "superseded", now)
    elif held.problem == messages.NO_IDENTITY and _has_identity(session, batch, row):
        row.due = now  # the contact got an id while the message was claimed


def _is_another_pending(session: Session, row: Delivery) -> bool:
    same = (col(Delivery.endpoint_id) == row.endpoint_id, col(Delivery.contact_id) == row.contact_id, col(Delivery.state) == "pending")
    return session.exec(select(Delivery.id).where(*same, col(Delivery.place) > row.place).limit(1)).first() is not None


def _has_identity(session: Session, batch: Batch, row: Delivery) -> bool:
    endpoint = session.get_one(Endpoint, batch.connection_id)
    now_known = _present(session, endpoint, [row.contact_id] if row.contact_id else []).get(row.contact_id)
    return now_known is not None and record_of(batch.kind, batch.config, row.event_id, {**row.facts, "contact": now_known}) is not None


def record_fault(session: Session, claimed: ClaimedMessage, now: datetime) -> None:
    """Record that a message could not be settled by a fault of ours, unless another attempt has begun."""
    row = session.get_one(Delivery, claimed.delivery_id, with_for_update=True)
    if row.state == "pending" and row.attempt == claimed.attempt:
        messages.record_fault(session, row, now)


def pause_after_fault(session: Session, connection_id: str, now: datetime) -> None:
    """Let a connection wait whose messages cannot be claimed by a fault of ours, so that the others are not held up by it."""
    endpoint = session.get_one(Endpoint, connection_id, with_for_update={"key_share": True})
    connection = session.get_one(Connection, connection_id)
    _pause(endpoint, connection, Pause(f"{FAULT}: a fault of this service, whose log says more", PAUSE), now)
    session.add_all([endpoint, connection])


def _complete(session: Session, row: Delivery, verdict: Verdict | None, problem: str | None, now: datetime) -> None:
    begun = select(DeliveryAttempt).where(DeliveryAttempt.delivery_id == row.id, DeliveryAttempt.number == row.attempt)
    attempt = session.exec(begun).one()
    attempt.finished_at, attempt.error = now, problem
    attempt.outcome = OUTCOMES[type(verdict)] if verdict else None
    attempt.excerpt = (getattr(verdict, "answer", b"") or b"")[:LONGEST_PART] or None
    session.add(attempt)


def _pause(endpoint: Endpoint, connection: Connection, pause: Pause, now: datetime) -> None:
    endpoint.paused_until, connection.paused_because = now + pause.wait, pause.problem


def connection_config(endpoint: Endpoint, connection: Connection, personas: Sequence[str], keys: Keyring) -> ConnectionConfig:
    """Return what the adapter needs. Raises cryptography.fernet.InvalidToken when none of the keys decrypts the credentials."""
    return ConnectionConfig(
        url=endpoint.url,
        mapping=connection.mapping,
        options=connection.options,
        external_id=connection.external_id,
        identity=connection.identity,
        personas=personas,
        create_contacts=connection.create_contacts,
        template=connection.template,
        credentials=json.loads(keys.decrypt(endpoint.secrets[0]["encrypted"])),
    )
