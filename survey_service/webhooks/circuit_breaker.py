"""When an endpoint is left in peace, tried again, and given up: a value, computed from what it did, without a network.

Every function changes the endpoint in hand, whose row must be locked, and returns the news that others are to be told.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from survey_service.outbox.events import DEGRADED, DISABLED, RECOVERED, EndpointEvent
from survey_service.store.tables.webhooks import Endpoint
from survey_service.webhooks.retry import LEASE

TRIPS_AFTER, TRIPS_NOT_BEFORE = 10, timedelta(minutes=2)
FIRST_PROBE, LONGEST_PROBE_GAP = timedelta(minutes=1), timedelta(minutes=30)
DISABLED_AFTER, MOST_GIVEN_UP, GIVEN_UP_FOR = timedelta(days=5), 10, timedelta(hours=24)
WARNINGS = (90, 70, 50)
"""Percent of the way to being disabled, at which to warn."""


def is_open_to_probe(endpoint: Endpoint, now: datetime) -> bool:
    """Whether a message may go: with the breaker open only one, now and then."""
    return endpoint.probe_at is None or endpoint.probe_at <= now


def note_probe(endpoint: Endpoint, now: datetime) -> None:
    """One is on its way: no other before it is back, or its worker has died."""
    if endpoint.tripped_at is not None:
        endpoint.probe_at = now + LEASE


def failed(endpoint: Endpoint, now: datetime, *, is_probe: bool, gave_up: bool, others_wait: Callable[[], bool]) -> list[EndpointEvent]:
    """One more failure. While the breaker is open no attempts are counted and so no message is used up: a probe in vain stands for one.

    A message that is alone does not trip it: its own schedule is patient enough, and comes to an end.
    """
    endpoint.failures += 1
    since = endpoint.failing_since = endpoint.failing_since or now
    news = []
    if is_probe:
        _wait_longer(endpoint, now)
    elif endpoint.tripped_at is None and endpoint.failures >= TRIPS_AFTER and now - since >= TRIPS_NOT_BEFORE and others_wait():
        endpoint.tripped_at, endpoint.probes, endpoint.probe_at = now, 0, now + FIRST_PROBE
        news.append(EndpointEvent(DEGRADED, "failing"))
    if gave_up or is_probe:
        endpoint.given_up += 1
        endpoint.given_up_since = endpoint.given_up_since or now
    return [*news, *_on_the_way_to_the_end(endpoint, now - since, now)]


def succeeded(endpoint: Endpoint) -> list[EndpointEvent]:
    """It has taken a message: all is well again."""
    was_told = endpoint.tripped_at is not None or endpoint.warned > 0
    forget(endpoint)
    return [EndpointEvent(RECOVERED, "delivered")] if was_told else []


def forget(endpoint: Endpoint) -> None:
    """Begin to count anew."""
    endpoint.failures = endpoint.probes = endpoint.given_up = endpoint.warned = 0
    endpoint.failing_since = endpoint.tripped_at = endpoint.probe_at = endpoint.given_up_since = None


def _wait_longer(endpoint: Endpoint, now: datetime) -> None:
    endpoint.probes += 1
    endpoint.probe_at = now + min(FIRST_PROBE * 2 ** min(endpoint.probes, 10), LONGEST_PROBE_GAP)


def _on_the_way_to_the_end(endpoint: Endpoint, lasted: timedelta, now: datetime) -> Iterable[EndpointEvent]:
    has_given_up = endpoint.given_up_since is not None and now - endpoint.given_up_since > GIVEN_UP_FOR
    if lasted >= DISABLED_AFTER and endpoint.given_up >= MOST_GIVEN_UP and has_given_up:
        endpoint.state, endpoint.disabled_because, endpoint.updated_at = "disabled", "failing", now
        return [EndpointEvent(DISABLED, "failing")]
    reached = next((percent for percent in WARNINGS if lasted >= DISABLED_AFTER * percent / 100), 0)
    if reached <= endpoint.warned:
        return []
    endpoint.warned = reached
    return [EndpointEvent(DEGRADED, "failing", reached)]
