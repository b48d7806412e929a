"""Send one batch: claim it, send message by message with no transaction open, and record the results."""

import logging
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any, TypeVar

from cryptography.fernet import InvalidToken
from sqlmodel import Session

from survey_service.clock import Clock, utc_now
from survey_service.crypto import Keyring
from survey_service.egress.addresses import Policy
from survey_service.egress.client import Delivered, Outcome, Rejected, Retry, deliver
from survey_service.egress.signing import sign
from survey_service.outbox import messages
from survey_service.store.faults import FAULT, contained
from survey_service.store.session import DATABASE_AWAY, Store
from survey_service.store.tables.webhooks import Delivery
from survey_service.webhooks import claim, due, endpoint_health, results
from survey_service.webhooks.claim import Batch, Claimed
from survey_service.webhooks.results import Sent
from survey_service.webhooks.retry import JITTER, LEASE

FIRST, MOST = 10, 75
"""Messages in the first batch to an endpoint, and in any batch."""

BATCH_SECONDS = 1.0
"""After this nothing more of a batch is sent. With the request that may be under way then, this is far from the end of the lease."""

SLOW_SECONDS = 1.0
"""An endpoint that takes this long for a message, on the average of a batch, is slow."""


class Speeds:
    """How fast each endpoint was in its last batch. Shared by all threads: each call is one read or write of a dictionary."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}  # for a message, in the last batch

    def most(self, endpoint_id: str) -> int:
        """Return as many messages as fit in half the time of a batch, so that few are claimed in vain."""
        seconds = self._seconds.get(endpoint_id)
        return FIRST if seconds is None else max(1, min(MOST, int(BATCH_SECONDS / 2 / max(seconds, 1e-6))))

    def slow(self) -> Collection[str]:
        """Return the slow endpoints, which only some of the threads send to."""
        return {endpoint_id for endpoint_id, seconds in list(self._seconds.items()) if seconds >= SLOW_SECONDS}

    def note(self, endpoint_id: str, messages: int, seconds: float) -> None:
        """Store how long a batch took."""
        self._seconds[endpoint_id] = seconds / max(messages, 1)


FAILURES_IN_A_ROW = 3
"""Then the rest of a batch is released: whether the endpoint works again is tried with one message at a time."""

LOOK_AGAIN_SECONDS = 0.1
"""A message claimed this long ago is checked again: the contact may be erased, the endpoint removed, its URL changed."""

SETTLE_AGAIN_SECONDS = 0.5


Deliver = Callable[[str, Any, bytes, Policy], Outcome]
Result = TypeVar("Result")

log = logging.getLogger("discern.worker")


@dataclass(frozen=True)
class Sender:
    """What one thread works with. `chance` draws from 0..1; `enough` returns whether nothing more is to be started."""

    store: Store
    keys: Keyring
    policy: Policy
    clock: Clock = utc_now
    deliver: Deliver = deliver
    chance: Callable[[], float] = random.random
    speeds: Speeds = field(default_factory=Speeds)
    enough: Callable[[], bool] = lambda: False


def step(sender: Sender, due_by: datetime | None = None, lanes: Sequence[str] = messages.PRIORITIES, *, slow_too: bool = True) -> bool:
    """Send what is due, batch after batch. Return whether there was work. `lanes` are those to look into, in this order."""
    now = sender.clock()
    look = ClaimFilter(due_by, lanes, slow_too)
    with sender.store.reading() as session:
        line = look.line(sender, session, now)
    if line is None:
        return False
    batch = None
    # Not durable: after a crash of the machine a message may be sent again with the same id, which receivers must expect.
    with contained(f"claim endpoint={line[0]}") as claimed, sender.store.writing_fast() as session:
        batch = claim.claim(session, sender.clock(), line, most=sender.speeds.most(line[0]), due_by=due_by)
    if claimed.failed:
        with sender.store.writing_fast() as session:
            endpoint_health.pause_after_fault(session, line[0], sender.clock())
    found = batch is not None or claimed.failed
    while batch is not None:
        batch = _send_and_record(sender, batch, look)
    return found


@dataclass(frozen=True)
class ClaimFilter:
    """Where to look for due messages."""

    due_by: datetime | None
    lanes: Sequence[str]
    slow_too: bool

    def line(self, sender: Sender, session: Session, now: datetime) -> tuple[str, str] | None:
        without = () if self.slow_too else sender.speeds.slow()
        return due.next_line(session, now, self.due_by or now, self.lanes, without)

    def next(self, sender: Sender, session: Session) -> Batch | None:
        """Claim the next batch, in the transaction that records the one before."""
        now = sender.clock()
        line = None if sender.enough() else self.line(sender, session, now)
        return line and claim.claim(session, now, line, most=sender.speeds.most(line[0]), due_by=self.due_by)


def _send_and_record(sender: Sender, batch: Batch, look: ClaimFilter) -> Batch | None:
    """Send a batch and record the results. Return the next batch."""
    began = monotonic()
    sent: list[Sent] = []
    with contained(f"send endpoint={batch.endpoint_id}") as outcome:
        sent = _send(sender, batch, began)
    if outcome.failed:  # such as stored secrets of an unknown shape: no message is at fault, and all are released
        with sender.store.writing_fast() as session:
            endpoint_health.pause_after_fault(session, batch.endpoint_id, sender.clock())
    sender.speeds.note(batch.endpoint_id, len(sent), monotonic() - began)
    ours, following = _record(sender, batch, sent, began, look)
    _log_batch(batch, sent, ours)
    return following


def _send(sender: Sender, batch: Batch, began: float) -> list[Sent]:
    """Send one message after the other, until the batch's time is over or the endpoint wants no more."""
    secrets, own = _decrypted(sender.keys, batch)
    sent: list[Sent] = []
    looked, valid = began, {message.delivery_id for message in batch.messages}
    for number, message in enumerate(batch.messages):
        if number and (sender.enough() or monotonic() - began > BATCH_SECONDS or _is_final_failure(sent)):
            break
        if number and monotonic() - looked >= LOOK_AGAIN_SECONDS:
            with sender.store.reading() as session:
                looked, valid = monotonic(), claim.still_claimed(session, batch, batch.messages[number:])
        if message.delivery_id in valid:
            sent.append(_attempt(sender, batch, message, secrets, own))
    return sent


def _attempt(sender: Sender, batch: Batch, message: Claimed, secrets: Sequence[str] | None, own: Mapping[str, str]) -> Sent:
    began = sender.clock()
    if secrets is None:
        return Sent(message, Retry("unsigned", None, b"", timedelta(0)), began, began)
    outcome: Outcome = Retry(FAULT, None, b"", timedelta(0))
    with contained(f"deliver endpoint={batch.endpoint_id} event_id={message.event_id}"):
        headers = sign(secrets, message.event_id, int(began.timestamp()), message.body)
        outcome = sender.deliver(batch.url, {**own, **headers}, message.body, sender.policy)
    return Sent(message, outcome, began, sender.clock())


def _decrypted(keys: Keyring, batch: Batch) -> tuple[list[str] | None, dict[str, str]]:
    """Return the decrypted secrets and custom headers; no secrets where none of the keys decrypts them."""
    try:
        secrets = [keys.decrypt(secret) for secret in batch.secrets]
        return secrets or None, {name: keys.decrypt(value) for name, value in batch.headers.items()}
    except InvalidToken:
        return None, {}


def _is_final_failure(sent: Sequence[Sent]) -> bool:
    last = sent[-1].outcome if sent else None
    if isinstance(last, Rejected) or (isinstance(last, Retry) and last.retry_after):
        return True
    row = sent[-FAILURES_IN_A_ROW:]
    return len(row) == FAILURES_IN_A_ROW and not any(isinstance(item.outcome, Delivered) for item in row)


def _record(sender: Sender, batch: Batch, sent: Sequence[Sent], began: float, look: ClaimFilter) -> tuple[set[int], Batch | None]:
    """Record the results and claim the next batch. After a fault each result is recorded on its own, and nothing is claimed."""
    with contained(f"record endpoint={batch.endpoint_id}"):
        return _patiently(began, lambda: _record_and_claim(sender, batch, sent, look))
    ours: set[int] = set()
    for delivery in sent:
        alone = replace(batch, messages=(delivery.message,))
        with contained(f"record endpoint={batch.endpoint_id} event_id={delivery.message.event_id}") as outcome:
            ours |= _patiently(began, partial(_record_one, sender, alone, delivery))
        if outcome.failed:
            _patiently(began, partial(_record_fault, sender, delivery.message))
    unsent = [message for message in batch.messages if all(delivery.message is not message for delivery in sent)]
    with sender.store.writing_fast() as session:
        claim.release(session, unsent)
    return ours, None


def _patiently(began: float, work: Callable[[], Result]) -> Result:
    """Do `work`, and again as long as the lease lasts, so that a short absence of the database sends nothing twice."""
    while True:
        try:
            return work()
        except DATABASE_AWAY:
            if monotonic() - began + SETTLE_AGAIN_SECONDS > LEASE.total_seconds():
                raise
            time.sleep(SETTLE_AGAIN_SECONDS)


def _record_and_claim(sender: Sender, batch: Batch, sent: Sequence[Sent], look: ClaimFilter) -> tuple[set[int], Batch | None]:
    with sender.store.writing_fast() as session:
        ours = results.record(session, batch, sent, sender.clock(), lambda: JITTER * sender.chance())
        return ours, look.next(sender, session)


def _record_one(sender: Sender, batch: Batch, sent: Sent) -> set[int]:
    with sender.store.writing_fast() as session:
        return results.record(session, batch, [sent], sender.clock(), lambda: JITTER * sender.chance())


def _record_fault(sender: Sender, message: Claimed) -> None:
    with sender.store.writing_fast() as session:
        row = session.get_one(Delivery, message.delivery_id, with_for_update=True)
        if row.state == "pending" and row.attempt == message.attempt:
            messages.record_fault(session, row, sender.clock())


def _log_batch(batch: Batch, sent: Sequence[Sent], ours: Collection[int]) -> None:
    """Log one line for all delivered messages, and one for each attempt that failed or came too late.

    The URL is never logged, because it may hold a token, nor anything that was sent or answered.
    """
    arrived: list[Sent] = []
    for delivery in sent:
        in_time = delivery.message.delivery_id in ours
        if in_time and isinstance(delivery.outcome, Delivered):
            arrived.append(delivery)
        else:
            _log_attempt(batch, delivery, in_time)
    if arrived:
        ids = [message.message.event_id for message in arrived]
        longest = max(_milliseconds(message.outcome) for message in arrived)
        log.info("delivered", extra={"endpoint": batch.endpoint_id, "messages": len(ids), "ms_at_most": longest, "event_ids": ids})


def _log_attempt(batch: Batch, sent: Sent, in_time: bool) -> None:
    message, outcome = sent.message, sent.outcome
    facts = {
        "event_id": message.event_id,
        "event_type": message.event_type,
        "endpoint": batch.endpoint_id,
        "attempt": message.attempt,
        "outcome": type(outcome).__name__.lower(),
        "problem": getattr(outcome, "problem", None),
        "status": outcome.status,
        "ms": _milliseconds(outcome),
        "in_time": in_time,
    }
    log.info("attempt", extra={name: value for name, value in facts.items() if value is not None})


def _milliseconds(outcome: Outcome) -> int:
    return round(outcome.duration / timedelta(milliseconds=1))
