"""`/metrics` in the text format of Prometheus.

What the processes share is counted in the database on demand, so that every process reports the same. Counters of a web process, its
requests and their times, are added up over the processes of one `discern serve` (the multiprocess mode of the client library, whose
folder `discern serve` makes).
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from flask import Blueprint, Flask, Response, current_app, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from sqlalchemy import func, or_, select
from sqlmodel import Session, col

from survey_service.ops.heartbeat import SILENT, oldest_due
from survey_service.outbox.messages import NO_IDENTITY, is_unclaimed
from survey_service.store.tables.core import SurveySession
from survey_service.store.tables.inbound import IntakeBatch, IntakeLeftOut
from survey_service.store.tables.webhooks import BY_OWNER, NEW, Delivery, Endpoint, WorkerBeat
from survey_service.web.context import Parts, parts

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

ROUTE = "discern.route"

blueprint = Blueprint("metrics", __name__)


class Requests:
    """The counters of one application."""

    def __init__(self, app: Flask) -> None:
        self.registry = CollectorRegistry()
        labels = "method", "route", "status"
        self.count = Counter("discern_http_requests", "Requests answered", labels, registry=self.registry)
        self.seconds = Histogram("discern_http_seconds", "How long answers took", ("route",), buckets=BUCKETS, registry=self.registry)
        app.extensions["discern.requests"] = self
        app.before_request(self._begin)
        app.after_request(self._end)

    def _begin(self) -> None:
        g.begun = time.perf_counter()
        request.environ[ROUTE] = route_of_request()  # for the access log

    def _end(self, response: Response) -> Response:
        route = route_of_request()
        method = request.method if request.method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS") else "other"
        with suppress(OSError):  # a counter is a file and the disk may be full: the response is sent all the same
            self.count.labels(method, route, str(response.status_code)).inc()
            self.seconds.labels(route).observe(time.perf_counter() - g.get("begun", time.perf_counter()))
        return response


def route_of_request() -> str:
    """Return the route and never the address, which may hold a token."""
    return request.url_rule.rule if request.url_rule else "none"


class Shared:
    """Figures that all processes share, read from the database on demand."""

    def __init__(self, p: Parts) -> None:
        self._parts = p

    def collect(self) -> Iterator[Metric]:
        with self._parts.store.reading() as session:
            yield from _messages(session, self._parts.now())
            yield from _workers(session, self._parts.now())
            yield from _people(session)
            yield from _intake(session, self._parts.now())


@blueprint.get("/metrics")
def metrics() -> Response:
    """Report the figures to Prometheus. They are numbers only, of no person; keep the page off the public address all the same."""
    shared = CollectorRegistry()
    shared.register(Shared(parts()))
    answered: CollectorRegistry = current_app.extensions["discern.requests"].registry
    if folder := parts().settings.metrics_folder:
        answered = CollectorRegistry()
        MultiProcessCollector(answered, path=folder)
    return Response(generate_latest(shared) + generate_latest(answered), content_type=CONTENT_TYPE_LATEST)


def forget_process(process: int, folder: str | None) -> None:
    """Forget what an ended process was doing. What it has done stays counted."""
    if folder is not None:
        mark_process_dead(process, folder)


def _messages(session: Session, now: datetime) -> Iterator[GaugeMetricFamily]:
    free = is_unclaimed(Delivery, now)
    waiting = col(Delivery.state) == "pending"
    nameless = func.coalesce(col(Delivery.last_error), "") == NO_IDENTITY
    counts = {
        "waiting": select(func.count()).where(waiting, free, ~nameless),
        "no_identity": select(func.count()).where(waiting, free, nameless),
        "in_flight": select(func.count()).where(waiting, col(Delivery.lease_until) >= now),
        "dead": select(func.count()).where(col(Delivery.state) == "dead"),
    }
    family = GaugeMetricFamily("discern_outbox_messages", "Messages that have not arrived", labels=["state"])
    for state, count in counts.items():
        family.add_metric([state], session.scalar(count) or 0)
    yield family
    waited = oldest_due(session, now).total_seconds()
    yield GaugeMetricFamily("discern_outbox_oldest_due_seconds", "How long the oldest message that is due has waited", value=waited)


def _workers(session: Session, now: datetime) -> Iterator[GaugeMetricFamily]:
    alive = select(func.count()).where(col(WorkerBeat.last_at) >= now - SILENT)
    yield GaugeMetricFamily("discern_workers", "Workers that have been seen in the last half minute", value=session.scalar(alive) or 0)


def _people(session: Session) -> Iterator[GaugeMetricFamily]:
    is_open = select(func.count()).where(col(SurveySession.status) == "open")
    yield GaugeMetricFamily("discern_sessions_open", "Surveys that somebody is in the middle of", value=session.scalar(is_open) or 0)
    family = GaugeMetricFamily("discern_endpoints", "Webhook endpoints", labels=["state"])
    states = {"active": 0, "disabled": 0}
    meant = or_(col(Endpoint.disabled_because).is_(None), col(Endpoint.disabled_because).not_in((NEW, BY_OWNER)))
    for state, count in session.execute(select(col(Endpoint.state), func.count()).where(meant).group_by(col(Endpoint.state))):
        states[state] = count
    for state in ("active", "disabled"):
        family.add_metric([state], states[state])
    yield family


def _intake(session: Session, now: datetime) -> Iterator[Metric]:
    waiting = session.execute(select(func.sum(col(IntakeBatch.number)), func.min(col(IntakeBatch.received_at)))).one()
    number, oldest = waiting
    yield GaugeMetricFamily("discern_intake_waiting", "Messages of the intake that are not evaluated yet", value=number or 0)
    waited = 0.0 if oldest is None else max((now - oldest).total_seconds(), 0.0)
    yield GaugeMetricFamily("discern_intake_oldest_waiting_seconds", "How long the oldest of them has waited", value=waited)
    family = CounterMetricFamily("discern_intake_left_out", "Messages of the intake that were left out", labels=["reason"])
    counts = select(col(IntakeLeftOut.reason), col(IntakeLeftOut.number)).order_by(col(IntakeLeftOut.reason))
    for reason, left_out in session.execute(counts):
        family.add_metric([reason], left_out)
    yield family
