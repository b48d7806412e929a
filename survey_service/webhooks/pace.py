"""How many messages an endpoint wants: a token bucket that holds one second's worth, kept as the moment when the next may go."""

from datetime import datetime, timedelta

from survey_service.store.webhook_records import Endpoint


def is_open(endpoint: Endpoint, now: datetime) -> bool:
    """Whether there is a token."""
    return endpoint.open_at is None or endpoint.open_at <= now


def count(endpoint: Endpoint, now: datetime) -> None:
    """Take a token. This is the generic cell rate algorithm (ITU-T I.371), whose one number is a moment."""
    if endpoint.per_second is None:
        return
    gap = timedelta(seconds=1 / endpoint.per_second)
    burst = max(timedelta(seconds=1), gap)
    full_until = now if endpoint.open_at is None else max(endpoint.open_at + burst - gap, now)
    endpoint.open_at = full_until + 2 * gap - burst
