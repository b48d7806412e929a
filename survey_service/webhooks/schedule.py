"""When to try again: a value, computed from the failure, without a clock and without a network."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol

SCHEDULE = (
    timedelta(0),  # the first attempt; the others wait this long after the one before, 75.7 hours in all
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
LEASE = timedelta(seconds=60)  # four times the longest attempt: a worker still holding it has died


class Failure(Protocol):
    """What the schedule wants to know of an attempt that failed."""

    @property
    def permanent(self) -> bool: ...

    @property
    def retry_after(self) -> timedelta | None: ...


def after_failure(attempt: int, failure: Failure, schedule: Sequence[timedelta] = SCHEDULE, jitter: float = 0.0) -> timedelta | None:
    """When to try again, or None to give up. Neither `failure.retry_after` nor `jitter` can bring the time forward.

    Parameters
    ----------
    attempt : int
        The attempt that failed, counted from 1.
    jitter : float
        Share of the wait to add, 0 to `JITTER`, so that what failed together does not come back together.
    """
    if not 0 <= jitter <= JITTER:
        raise ValueError(f"jitter is {jitter}, not within 0..{JITTER}")
    if failure.permanent or attempt >= len(schedule):
        return None
    wait = max(schedule[attempt], min(failure.retry_after or timedelta(0), LONGEST_RETRY_AFTER))
    return wait * (1 + jitter)


def retry_after_of(header: str | None, now: datetime) -> timedelta | None:
    """How long a ``Retry-After`` asks us to wait: in seconds or until a date, 0 when it is past, None when it cannot be read.

    >>> retry_after_of("120", datetime(2026, 1, 5, tzinfo=UTC))
    datetime.timedelta(seconds=120)
    """
    if header is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", header.strip()):
        return timedelta(seconds=int(header))
    until = moment_of(header)
    return None if until is None else max(until - now, timedelta(0))


def moment_of(header: str | None) -> datetime | None:
    """What an HTTP date says, None when it cannot be read."""
    if header is None:
        return None
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    # The asctime form of RFC 9110 names no zone and means UTC.
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
