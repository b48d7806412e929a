"""When to try again: a value computed from the failure, without a clock and without a network."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

SCHEDULE = (
    timedelta(0),  # the first attempt; each other waits this long after the one before, 75.7 hours in all
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
JITTER = 0.2
LONGEST_RETRY_AFTER = timedelta(hours=6)
LEASE = timedelta(seconds=60)  # four times the longest attempt: a worker that still holds it has died


class Failure(Protocol):
    """What the schedule needs to know of a failed attempt."""

    @property
    def permanent(self) -> bool: ...

    @property
    def retry_after(self) -> timedelta | None: ...


def next_attempt(attempt: int, failure: Failure, schedule: Sequence[timedelta] = SCHEDULE, jitter: float = 0.0) -> timedelta | None:
    """Return the delay before the next attempt, or None to give up. Neither `failure.retry_after` nor `jitter` can shorten it.

    Parameters
    ----------
    attempt : int
        The attempt that failed, counted from 1.
    jitter : float
        Share of the delay to add, 0 to `JITTER`, so that what failed together is not retried together.
    """
    if not 0 <= jitter <= JITTER:
        raise ValueError(f"jitter is {jitter}, not within 0..{JITTER}")
    if failure.permanent or attempt >= len(schedule):
        return None
    wait = max(schedule[attempt], min(failure.retry_after or timedelta(0), LONGEST_RETRY_AFTER))
    return wait * (1 + jitter)
