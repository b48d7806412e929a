"""How an endpoint stands after an attempt: left alone, given up, or well again; and who is told of it."""

import logging
from datetime import datetime, timedelta

from sqlmodel import Session

from survey_service.store.webhook_records import Delivery, Endpoint
from survey_service.webhooks import alerts, breaker, events, queue, untold
from survey_service.webhooks.breaker import News
from survey_service.webhooks.delivery import Delivered, Outcome, Rejected, Retry
from survey_service.webhooks.schedule import LONGEST_RETRY_AFTER

CLOCK_WARNING = timedelta(minutes=1)
"""Receivers refuse what is five minutes away from their time. Less than this is the ordinary difference of two clocks."""

OURS = "unsigned"

log = logging.getLogger("discern.worker")


def locked_if_it_changes(session: Session, endpoint_id: str, url: str, outcome: Outcome) -> Endpoint | None:
    """The endpoint, when this outcome concerns all of its messages. Endpoint before delivery: everybody locks in this order."""
    if isinstance(outcome, Delivered):
        as_it_was = session.get_one(Endpoint, endpoint_id)
        if not (as_it_was.failures or as_it_was.awaits_ping or as_it_was.clock_off != _worth_a_warning(outcome)):
            return None
    elif isinstance(outcome, Retry) and outcome.problem == OURS:
        return None
    endpoint = session.get_one(Endpoint, endpoint_id, with_for_update={"key_share": True})
    return endpoint if endpoint.url == url else None  # what the old address said is no word of the new one


def judge(session: Session, endpoint: Endpoint, row: Delivery, outcome: Outcome, now: datetime, *, is_probe: bool) -> None:
    """Take an outcome into account. The endpoint must be locked, and `row` settled."""
    _compare_clocks(endpoint, outcome)
    if isinstance(outcome, Delivered):
        news = _well(session, endpoint, row, now)
    elif isinstance(outcome, Rejected):
        endpoint.state, endpoint.disabled_because, endpoint.updated_at = "disabled", outcome.problem, now
        news = [News(events.DISABLED, outcome.problem)]
    else:
        if outcome.retry_after:
            endpoint.paused_until = now + min(outcome.retry_after, LONGEST_RETRY_AFTER)
        news = breaker.failed(
            endpoint, now, is_probe=is_probe, gave_up=row.state == "dead", others_wait=lambda: queue.is_another_pending(session, row)
        )
        news += _not_back(endpoint, row, now)
    alerts.tell_of_endpoint(session, endpoint, news, now)
    for one in news:
        log.warning("endpoint=%s event=%s reason=%s percent=%s", endpoint.id, one.event_type, one.reason, one.percent)
    if endpoint.state == "disabled":
        put_to_rest(session, endpoint, now)
    session.add(endpoint)


def put_to_rest(session: Session, endpoint: Endpoint, now: datetime) -> None:
    """A disabled endpoint keeps no messages, only of whom it has to hear when it is back. Its row must be locked."""
    untold.note_undelivered(session, endpoint)
    queue.drop_pending(session, endpoint, now)
    breaker.forget(endpoint)
    endpoint.awaits_ping = False


def _well(session: Session, endpoint: Endpoint, row: Delivery, now: datetime) -> list[News]:
    if endpoint.awaits_ping:
        if row.event_type != events.PING:
            return []
        endpoint.awaits_ping = False
        breaker.forget(endpoint)
        return [News(events.RECOVERED, "ping")]
    if endpoint.tripped_at is not None:
        queue.bring_forward(session, endpoint, now)
    return breaker.succeeded(endpoint)


def _not_back(endpoint: Endpoint, row: Delivery, now: datetime) -> list[News]:
    """The ping that was to show that an endpoint is well again has been given up."""
    if not endpoint.awaits_ping or row.event_type != events.PING or row.state != "dead" or endpoint.state == "disabled":
        return []
    endpoint.state, endpoint.disabled_because, endpoint.updated_at = "disabled", "failing", now
    return [News(events.DISABLED, "ping")]


def _compare_clocks(endpoint: Endpoint, outcome: Outcome) -> None:
    before, endpoint.clock_off = endpoint.clock_off, _worth_a_warning(outcome)
    if endpoint.clock_off is not None and before is None:
        log.warning(
            "endpoint=%s clock_off=%.0fs: its clock and ours differ, and it will refuse our signatures", endpoint.id, endpoint.clock_off
        )


def _worth_a_warning(outcome: Outcome) -> float | None:
    """Seconds, to the minute: a clock that is off must not cost a statement with every message."""
    off = outcome.clock_off
    return None if off is None or abs(off) < CLOCK_WARNING else round(off / timedelta(minutes=1)) * 60.0
