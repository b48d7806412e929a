"""The messages that the intake has accepted: appended by the request in one statement, evaluated by the worker in slices.

The key of an intake is public, so that the work of a request must not grow with what is sent. A slice is one transaction; its size follows
the processor time that the last one took. Respondents come first: while any of them answers, the worker pauses after each slice.
"""

import json
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any

from sqlalchemy import delete, insert, select
from sqlmodel import Session, col

from survey_service.clock import Clock
from survey_service.crypto import Keyring
from survey_service.inbound.ingest import LeftOut, ingest
from survey_service.inbound.segment import SegmentMessage
from survey_service.outbox.pending_work import due_batches
from survey_service.store.banks import Banks, transact
from survey_service.store.bulk import dialect_of, insert_into, is_one_of
from survey_service.store.faults import FAULT, contained, wait_after
from survey_service.store.pauses import pause_after
from survey_service.store.session import Store
from survey_service.store.tables.inbound import IntakeBatch, IntakeLeftOut

log = logging.getLogger("discern.intake")

MOST_REASONS = 5
MESSAGES_A_ROW = 25
SECONDS_A_ROUND = 0.5
"""How long `evaluate_some` goes on before other work of the worker has its turn."""

FAULTY = LeftOut(FAULT, "evaluating it failed by a fault of the service; the traceback is in the log")


@dataclass
class Pace:
    """How many messages the next slice has: as many as take about the time that a respondent may wait for it.

    On PostgreSQL a respondent waits for a slice only if it is about the same contact.
    """

    number: int = 50

    def adapt(self, dialect: str, evaluated: int, seconds: float) -> None:
        """Set the size of the next slice after one that had `evaluated` messages and took so much processor time. It grows at most twofold.

        The time on the clock would not do: on a busy machine it grows for every size, and a small slice costs several times as much for
        each message, so that the machine would become busier still.
        """
        fitting = int(evaluated * (SECONDS_A_SLICE[dialect] / max(seconds, 1e-6)))
        self.number = max(LEAST_A_SLICE, min(fitting, 2 * self.number, MOST_A_SLICE))


LEAST_A_SLICE, MOST_A_SLICE = 25, 500
THREADS = 2
SECONDS_A_SLICE = {"sqlite": 0.015, "postgresql": 0.2}

FIELDS = {item.name for item in fields(SegmentMessage)}
"""What this version knows of a message: a newer version, which accepts messages at the same time, may write more."""


def append(session: Session, source: str, messages: Sequence[SegmentMessage], now: datetime) -> None:
    """Store messages to be evaluated later."""
    rows = [_row(source, messages[start : start + MESSAGES_A_ROW], now, now) for start in range(0, len(messages), MESSAGES_A_ROW)]
    if rows:
        session.execute(insert(IntakeBatch), rows)


def evaluate(
    session: Session,
    keys: Keyring,
    banks: Banks,
    source: str,
    messages: Sequence[SegmentMessage],
    left_out: Sequence[LeftOut],
    now: datetime,
) -> None:
    """Evaluate messages in this transaction, and record what was left out: of these, and before."""
    record_left_out(session, {source: [*left_out, *ingest(session, keys, banks, source, messages, now).left_out]})


def evaluate_some(
    store: Store,
    keys: Keyring,
    banks: Banks,
    clock: Clock,
    pace: Pace,
    due_by: datetime | None = None,
    sleep: Callable[[float], object] = time.sleep,
) -> bool:
    """Evaluate slices of what is due for half a second, and return whether there was any. Raises OperationalError.

    On PostgreSQL two threads do it: one computes while the database works for the other.
    """
    evaluate_slices = partial(_evaluate_slices, store, keys, banks, clock, pace, due_by, sleep)
    if store.engine.dialect.name == "sqlite":
        return evaluate_slices()
    with ThreadPoolExecutor(THREADS) as threads:
        futures = [threads.submit(evaluate_slices) for _ in range(THREADS)]
    outcomes = [future.result() for future in futures]
    return any(outcomes)


def _evaluate_slices(
    store: Store, keys: Keyring, banks: Banks, clock: Clock, pace: Pace, due_by: datetime | None, sleep: Callable[[float], object]
) -> bool:
    found, until = False, time.monotonic() + SECONDS_A_ROUND
    dialect = store.engine.dialect.name
    while time.monotonic() < until:
        with store.reading() as session:
            if session.execute(due_batches(due_by or clock()).limit(1)).first() is None:
                return found
        found, began, used = True, time.perf_counter(), time.thread_time()
        evaluated = _evaluate_slice(store, keys, banks, clock(), due_by or clock(), pace.number)
        if not evaluated:
            return found  # other workers have all of it
        pace.adapt(dialect, evaluated, time.thread_time() - used)
        sleep(pause_after(store, time.perf_counter() - began, clock()))
    return found


def _evaluate_slice(store: Store, keys: Keyring, banks: Banks, now: datetime, by: datetime, most: int) -> int:
    """Evaluate about `most` messages, and return how many were. After a fault of ours each of them is evaluated on its own."""
    claimed: list[int | None] = []

    def act(session: Session) -> int:
        batches = _claim(session, by, most)
        claimed[:] = [batch.id for batch in batches]
        left_out = {}
        for source, of_source in _by_source(batches):
            messages = [message for batch in of_source for message in _messages(batch)]
            left_out[source] = ingest(session, keys, banks, source, messages, now).left_out
        _delete(session, batches)
        record_left_out(session, left_out)
        return sum(batch.number for batch in batches)

    with contained("a slice of the intake") as attempt:
        return transact(store, banks, act)
    if attempt.failed:
        return transact(store, banks, partial(_evaluate_singly, keys, banks, claimed, now))
    raise AssertionError("unreachable")


def _evaluate_singly(keys: Keyring, banks: Banks, ids: Sequence[int | None], now: datetime, session: Session) -> int:
    """Evaluate each message on its own. One that fails by a fault of ours waits, and is left out after a few faults."""
    mine = select(IntakeBatch).where(is_one_of(session, IntakeBatch.id, ids)).order_by(col(IntakeBatch.id))
    batches = list(session.scalars(mine.with_for_update(skip_locked=True)))
    banks.newest(session)  # a bank that is not loaded is no fault of a message
    left_out: dict[str, list[LeftOut]] = defaultdict(list)
    for batch in batches:
        failed = []
        for message in _messages(batch):
            with contained(f"intake source={batch.source} batch={batch.id}") as attempt, session.begin_nested():
                left_out[batch.source] += ingest(session, keys, banks, batch.source, [message], now).left_out
            if attempt.failed:
                failed.append(message)
        left_out[batch.source] += _set_aside(session, batch, failed, now)
    _delete(session, batches)
    record_left_out(session, left_out)
    return sum(batch.number for batch in batches)


def _set_aside(session: Session, batch: IntakeBatch, failed: Sequence[SegmentMessage], now: datetime) -> list[LeftOut]:
    """Let messages that have failed wait, or return them as left out after the last fault."""
    wait: timedelta | None = wait_after(batch.faults + 1)
    if failed and wait is not None:
        session.execute(insert(IntakeBatch), [_row(batch.source, failed, batch.received_at, now + wait, batch.faults + 1)])
        return []
    return [FAULTY] * len(failed)


def record_left_out(session: Session, left_out: Mapping[str, Sequence[LeftOut]]) -> None:
    """Count messages that were left out, by the code of the reason, and log the reasons; `left_out` has them by source.

    All transactions count in the same few rows, so that this comes last: a row that is locked before contacts would be waited for by
    whoever has one of them.
    """
    for source, of_source in left_out.items():
        if of_source:
            reasons = "; ".join(f"{item.reason} ({number})" for item, number in Counter(of_source).most_common(MOST_REASONS))
            log.info("intake %s: %d messages left out: %s", source, len(of_source), reasons)
    for reason, number in sorted(Counter(item.code for of_source in left_out.values() for item in of_source).items()):
        upsert = insert_into(dialect_of(session), IntakeLeftOut)
        added = {"number": IntakeLeftOut.number + upsert.excluded.number}
        session.execute(upsert.values(reason=reason, number=number).on_conflict_do_update(index_elements=["reason"], set_=added))


def _claim(session: Session, by: datetime, most: int) -> list[IntakeBatch]:
    """Lock the next batches that no other worker has, with about `most` messages in all."""
    wanted: list[int] = []
    number = 0
    for batch_id, messages in session.execute(due_batches(by).limit(most).with_for_update(skip_locked=True)):
        if wanted and number + messages > most:
            break
        wanted.append(batch_id)
        number += messages
    return list(session.scalars(select(IntakeBatch).where(is_one_of(session, IntakeBatch.id, wanted)).order_by(col(IntakeBatch.id))))


def _by_source(batches: Sequence[IntakeBatch]) -> Iterator[tuple[str, list[IntakeBatch]]]:
    def source(batch: IntakeBatch) -> str:
        return batch.source

    return ((name, list(found)) for name, found in groupby(sorted(batches, key=source), key=source))


def _delete(session: Session, batches: Sequence[IntakeBatch]) -> None:
    session.execute(delete(IntakeBatch).where(is_one_of(session, IntakeBatch.id, [batch.id for batch in batches])))


def _row(source: str, messages: Sequence[SegmentMessage], received_at: datetime, due: datetime, faults: int = 0) -> dict[str, Any]:
    content = {"content": _content(messages), "number": len(messages)}
    return {"source": source, **content, "received_at": received_at, "due": due, "faults": faults}


def _content(messages: Sequence[SegmentMessage]) -> str:
    plain = [
        {name: value for name, value in vars(message).items() if value or value == 0.0} | {"at": message.at.isoformat()}
        for message in messages
    ]
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _messages(batch: IntakeBatch) -> list[SegmentMessage]:
    plain = json.loads(batch.content)
    known = [{name: value for name, value in message.items() if name in FIELDS} for message in plain]
    return [SegmentMessage(**{"message_id": "", **message, "at": datetime.fromisoformat(message["at"])}) for message in known]
