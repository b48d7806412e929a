"""What an outcome means for an endpoint: paused, probed, disabled, or recovered; and the event that the others receive."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, bindparam, select
from sqlmodel import Session, col

from survey_service.egress.client import Delivered, Outcome, Rejected, Retry
from survey_service.outbox import endpoint_events, events, messages, resync
from survey_service.outbox.events import EndpointEvent
from survey_service.store.faults import FAULT, PAUSE
from survey_service.store.tables.webhooks import Endpoint
from survey_service.webhooks import circuit_breaker
from survey_service.webhooks.retry import LONGEST_RETRY_AFTER

if TYPE_CHECKING:
    from survey_service.webhooks.claim import Claimed

CLOCK_WARNING = timedelta(minutes=1)
"""Receivers refuse what is five minutes off their time. Less than this is the ordinary difference of two clocks."""

OURS = ("unsigned", FAULT)
"""Problems that say nothing about the endpoint."""

log = logging.getLogger("discern.worker")


def lock_if_affected(session: Session, endpoint_id: str, url: str, outcomes: Sequence[Outcome]) -> Endpoint | None:
    """Return the endpoint, locked, when one of these outcomes concerns all of its messages. Every writer locks it before deliveries."""
    failures, awaits_ping, clock_off = session.connection().execute(_locked(), {"id": endpoint_id}).one()
    if not any(_changes(bool(failures or awaits_ping), clock_off, outcome) for outcome in outcomes):
        return None
    endpoint = session.get_one(Endpoint, endpoint_id, with_for_update={"key_share": True}, populate_existing=True)
    return endpoint if endpoint.url == url else None  # an outcome at the old URL says nothing about the new one


def apply_outcome(
    session: Session, endpoint: Endpoint, message: "Claimed", outcome: Outcome, now: datetime, *, is_probe: bool, gave_up: bool
) -> None:
    """Apply an outcome to the endpoint. The endpoint must be locked, and the message settled."""
    if isinstance(outcome, Retry) and outcome.problem in OURS:
        return
    _compare_clocks(endpoint, outcome)
    if isinstance(outcome, Delivered):
        news = _recovered(session, endpoint, message.event_type, now)
    elif isinstance(outcome, Rejected):
        endpoint.state, endpoint.disabled_because, endpoint.updated_at = "disabled", outcome.problem, now
        news = [EndpointEvent(events.DISABLED, outcome.problem)]
    else:
        if outcome.retry_after:
            endpoint.paused_until = now + min(outcome.retry_after, LONGEST_RETRY_AFTER)
        waits = partial(messages.is_another_pending, session, endpoint.id, message.delivery_id)
        news = circuit_breaker.failed(endpoint, now, is_probe=is_probe, gave_up=gave_up, others_wait=waits)
        if gave_up and message.event_type == events.PING:
            news += _ping_failed(endpoint, now)
    endpoint_events.publish_endpoint_event(session, endpoint, news, now)
    for event in news:
        log.warning("endpoint=%s event=%s reason=%s percent=%s", endpoint.id, event.event_type, event.reason, event.percent)
    if endpoint.state == "disabled":
        drop_and_mark(session, endpoint, now)
    session.add(endpoint)


def pause_after_fault(session: Session, endpoint_id: str, now: datetime) -> None:
    """Let an endpoint wait whose messages cannot be claimed by a fault of ours, so that the others are not held up by it."""
    endpoint = session.get_one(Endpoint, endpoint_id, with_for_update={"key_share": True}, populate_existing=True)
    endpoint.paused_until = now + PAUSE
    session.add(endpoint)


def drop_and_mark(session: Session, endpoint: Endpoint, now: datetime) -> None:
    """Drop the messages of a disabled endpoint and mark their contacts for a resync. Its row must be locked."""
    resync.mark_undelivered(session, endpoint)
    messages.drop_pending(session, endpoint, now)
    circuit_breaker.reset(endpoint)
    endpoint.awaits_ping = False


def _recovered(session: Session, endpoint: Endpoint, event_type: str, now: datetime) -> list[EndpointEvent]:
    if endpoint.awaits_ping:
        if event_type != events.PING:
            return []
        endpoint.awaits_ping = False
        circuit_breaker.reset(endpoint)
        return [EndpointEvent(events.RECOVERED, "ping")]
    if endpoint.tripped_at is not None:
        messages.make_due(session, endpoint, now)
    return circuit_breaker.succeeded(endpoint)


def _ping_failed(endpoint: Endpoint, now: datetime) -> list[EndpointEvent]:
    """Disable the endpoint again: the ping that was to test it has been given up."""
    if not endpoint.awaits_ping or endpoint.state == "disabled":
        return []
    endpoint.state, endpoint.disabled_because, endpoint.updated_at = "disabled", "failing", now
    return [EndpointEvent(events.DISABLED, "ping")]


@cache
def _locked() -> Select[*tuple[Any, ...]]:
    columns = (col(Endpoint.failures), col(Endpoint.awaits_ping), col(Endpoint.clock_off))
    return select(*columns).where(col(Endpoint.id) == bindparam("id"))


def _changes(has_failed: bool, clock_off: float | None, outcome: Outcome) -> bool:
    if isinstance(outcome, Delivered):
        return has_failed or clock_off != _skew_seconds(outcome)
    return isinstance(outcome, Rejected) or outcome.problem not in OURS


def _compare_clocks(endpoint: Endpoint, outcome: Outcome) -> None:
    before, endpoint.clock_off = endpoint.clock_off, _skew_seconds(outcome)
    if endpoint.clock_off is not None and before is None:
        log.warning(
            "endpoint=%s clock_off=%.0fs: its clock and ours differ, and it will refuse our signatures", endpoint.id, endpoint.clock_off
        )


def _skew_seconds(outcome: Outcome) -> float | None:
    """Return the difference of the clocks in seconds, to the minute, so that it seldom changes and seldom costs a statement."""
    off = outcome.clock_off
    return None if off is None or abs(off) < CLOCK_WARNING else round(off / timedelta(minutes=1)) * 60.0
