"""The circuit breaker of an endpoint: when attempts stop, when a probe is sent, when the endpoint is disabled. No network.

Every function changes the endpoint, whose row must be locked, and returns the event that the others are to receive.
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
"""Percent of the way to being disabled at which a warning is published."""


def is_open_to_probe(endpoint: Endpoint, now: datetime) -> bool:
    """Whether a message may be sent. While the breaker is open only a probe is, now and then."""
    return endpoint.probe_at is None or endpoint.probe_at <= now


def note_probe(endpoint: Endpoint, now: datetime) -> None:
    """Store that a probe is under way: no other is sent before it is back or its worker has died."""
    if endpoint.tripped_at is not None:
        endpoint.probe_at = now + LEASE


def failed(endpoint: Endpoint, now: datetime, *, is_probe: bool, gave_up: bool, others_wait: Callable[[], bool]) -> list[EndpointEvent]:
    """Count a failure. While the breaker is open attempts use up no message's schedule, and a failed probe counts as one message.

    A single pending message does not open the breaker: its own schedule is slow enough, and comes to an end.
    """
    endpoint.failures += 1
    since = endpoint.failing_since = endpoint.failing_since or now
    news = []
    if is_probe:
        _postpone_probe(endpoint, now)
    elif endpoint.tripped_at is None and endpoint.failures >= TRIPS_AFTER and now - since >= TRIPS_NOT_BEFORE and others_wait():
        endpoint.tripped_at, endpoint.probes, endpoint.probe_at = now, 0, now + FIRST_PROBE
        news.append(EndpointEvent(DEGRADED, "failing"))
    if gave_up or is_probe:
        endpoint.given_up += 1
        endpoint.given_up_since = endpoint.given_up_since or now
    return [*news, *_degraded(endpoint, now - since, now)]


def succeeded(endpoint: Endpoint) -> list[EndpointEvent]:
    """Reset the endpoint after a delivered message."""
    was_told = endpoint.tripped_at is not None or endpoint.warned > 0
    reset(endpoint)
    return [EndpointEvent(RECOVERED, "delivered")] if was_told else []


def reset(endpoint: Endpoint) -> None:
    """Reset the counters."""
    endpoint.failures = endpoint.probes = endpoint.given_up = endpoint.warned = 0
    endpoint.failing_since = endpoint.tripped_at = endpoint.probe_at = endpoint.given_up_since = None


def _postpone_probe(endpoint: Endpoint, now: datetime) -> None:
    endpoint.probes += 1
    endpoint.probe_at = now + min(FIRST_PROBE * 2 ** min(endpoint.probes, 10), LONGEST_PROBE_GAP)


def _degraded(endpoint: Endpoint, lasted: timedelta, now: datetime) -> Iterable[EndpointEvent]:
    has_given_up = endpoint.given_up_since is not None and now - endpoint.given_up_since > GIVEN_UP_FOR
    if lasted >= DISABLED_AFTER and endpoint.given_up >= MOST_GIVEN_UP and has_given_up:
        endpoint.state, endpoint.disabled_because, endpoint.updated_at = "disabled", "failing", now
        return [EndpointEvent(DISABLED, "failing")]
    reached = next((percent for percent in WARNINGS if lasted >= DISABLED_AFTER * percent / 100), 0)
    if reached <= endpoint.warned:
        return []
    endpoint.warned = reached
    return [EndpointEvent(DEGRADED, "failing", reached)]
