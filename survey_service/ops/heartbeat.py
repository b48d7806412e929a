"""A worker says every few seconds that it lives, in the database, so that any web process can tell."""

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
"""After which a worker is not counted on any more: several beats."""
FORGOTTEN = timedelta(hours=1)


@dataclass
class Heartbeat:
    """Of one worker process."""

    store: Store
    clock: Clock
    id: str = field(default_factory=lambda: new_id("wrk"))

    def beat(self) -> None:
        """Nothing happens while the database is away: then it cannot be read either."""
        now = self.clock()
        with suppress(*DATABASE_AWAY), self.store.noting() as session:
            mine = session.get(WorkerBeat, self.id) or WorkerBeat(id=self.id, started_at=now, last_at=now)
            mine.last_at = now
            session.add(mine)
            session.exec(delete(WorkerBeat).where(col(WorkerBeat.last_at) < now - FORGOTTEN))

    def stop(self) -> None:
        with suppress(*DATABASE_AWAY), self.store.noting() as session:
            session.exec(delete(WorkerBeat).where(col(WorkerBeat.id) == self.id))


def last_seen(session: Session) -> datetime | None:
    """When any worker was last alive, None where there is none."""
    return session.scalar(select(func.max(col(WorkerBeat.last_at))))


def is_silent(seen: datetime | None, now: datetime) -> bool:
    """Whether nobody sends, where any worker was last `seen` then."""
    return seen is None or now - seen > SILENT


def oldest_due(session: Session, now: datetime) -> timedelta:
    """How long the oldest message that is due has waited, and nobody has it in hand."""
    oldest = session.scalar(select(func.min(col(Delivery.due))).where(col(Delivery.state) == "pending", is_unclaimed(Delivery, now)))
    return timedelta(0) if oldest is None else max(now - oldest, timedelta(0))
