"""Read the `Retry-After` header of a response."""

import math
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST = timedelta(days=36_500)
"""More than any caller waits: they all have a limit of their own. It keeps a wait a time that can be added to now."""
SECONDS = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?", re.ASCII)


def retry_after_of(header: str | None, now: datetime) -> timedelta | None:
    """Return how long a ``Retry-After`` asks us to wait: seconds or until a date, 0 where it is past, None where it cannot be read.

    RFC 9110 (10.2.3) allows whole seconds only. Fractions, which some services send, are rounded up; a negative number is past.

    >>> retry_after_of("1.5", datetime(2026, 1, 5, tzinfo=UTC))
    datetime.timedelta(seconds=2)
    """
    if header is None:
        return None
    if SECONDS.fullmatch(seconds := header.strip()):
        wait = timedelta(seconds=math.ceil(min(max(float(seconds), 0.0), LONGEST.total_seconds())))
    elif (until := moment_of(header)) is not None:
        wait = until - now
    else:
        return None
    return min(max(wait, timedelta(0)), LONGEST)


def moment_of(header: str | None) -> datetime | None:
    """Return the time of an HTTP date, None where it cannot be read."""
    if header is None:
        return None
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    # the asctime form of RFC 9110 names no zone and means UTC
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
