"""How many messages an endpoint wants: a token bucket that holds one second's worth, kept as the moment when the next may go."""

from datetime import datetime, timedelta

from survey_service.store.webhook_records import Endpoint


def take(endpoint: Endpoint, now: datetime, wanted: int) -> int:
    """Take as many of the `wanted` tokens as there are: how many."""
    if endpoint.per_second is None:
        return wanted
    taken = 0
    while taken < wanted and (endpoint.open_at is None or endpoint.open_at <= now):
        _count(endpoint, now, timedelta(seconds=1 / endpoint.per_second))
        taken += 1
    return taken


def _count(endpoint: Endpoint, now: datetime, gap: timedelta) -> None:
    """The generic cell rate algorithm (ITU-T I.371), whose one number is a moment."""
    burst = max(timedelta(seconds=1), gap)
    full_until = now if endpoint.open_at is None else max(endpoint.open_at + burst - gap, now)
    endpoint.open_at = full_until + 2 * gap - burst
