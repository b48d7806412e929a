"""Read the `Retry-After` header of a response."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime


def retry_after_of(header: str | None, now: datetime) -> timedelta | None:
    """Return how long a ``Retry-After`` asks us to wait: seconds or until a date, 0 where it is past, None where it cannot be read.

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
    """Return the time of an HTTP date, None where it cannot be read."""
    if header is None:
        return None
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    # the asctime form of RFC 9110 names no zone and means UTC
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
