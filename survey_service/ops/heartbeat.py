"""A worker stores every few seconds that it is alive, so that any web process can tell."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, func, select

from survey_service.clock import Clock
from survey_service.outbox.messages import is_unclaimed
from survey_service.store.session import DATABASE_AWAY, Store
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.webhooks import Delivery, WorkerBeat

BEAT_SECONDS = 5.0
SILENT = timedelta(seconds=30)
"""The age from which a worker counts as gone: several beats."""
FORGOTTEN = timedelta(hours=1)


@dataclass
class Heartbeat:
    """The heartbeat of one worker process."""

    store: Store
    clock: Clock
    id: str = field(default_factory=lambda: new_id("wrk"))

    def beat(self) -> None:
        """Store a beat. While the database is away there is none, and nobody can read it either."""
        now = self.clock()
        with suppress(*DATABASE_AWAY), self.store.writing_fast() as session:
            mine = session.get(WorkerBeat, self.id) or WorkerBeat(id=self.id, started_at=now, last_at=now)
            mine.last_at = now
            session.add(mine)
            session.exec(delete(WorkerBeat).where(col(WorkerBeat.last_at) < now - FORGOTTEN))

    def stop(self) -> None:
        with suppress(*DATABASE_AWAY), self.store.writing_fast() as session:
            session.exec(delete(WorkerBeat).where(col(WorkerBeat.id) == self.id))


def last_seen(session: Session) -> datetime | None:
    """Return when any worker was last alive, None where there is none."""
    return session.scalar(select(func.max(col(WorkerBeat.last_at))))


def is_stale(seen: datetime | None, now: datetime) -> bool:
    """Whether no worker is alive, given when one was last seen."""
    return seen is None or now - seen > SILENT


def oldest_due(session: Session, now: datetime) -> timedelta:
    """Return how long the oldest due message has waited that no worker has claimed."""
    oldest = session.scalar(select(func.min(col(Delivery.due))).where(col(Delivery.state) == "pending", is_unclaimed(Delivery, now)))
    return timedelta(0) if oldest is None else max(now - oldest, timedelta(0))
