"""Every web process can see whether a worker is running and delivering."""

import signal
import urllib.request

from survey_service.app import create_app
from survey_service.ops.heartbeat import Heartbeat
from survey_service.settings import Settings
from tests.processes import end, process, until, web_server
from tests.survey_service.databases import read_only
from tests.survey_service.ops.test_metrics import numbers
from tests.survey_service.service import SECRET


def ready(service):
    response = service.client.get("/readyz")
    assert response.status_code == 200
    return response.json


def test_a_service_without_a_worker_serves_and_says_so(service):
    """Health is degraded before the first heartbeat, half a minute after the last, and as soon as the worker has stopped."""
    assert ready(service) == {"status": "degraded", "worker_seen_seconds_ago": None, "oldest_due_seconds": 0}

    heart = Heartbeat(service.parts.store, service.clock)
    heart.beat()
    service.clock.forward(seconds=29)
    assert ready(service) == {"status": "ok", "worker_seen_seconds_ago": 29, "oldest_due_seconds": 0}
    service.clock.forward(seconds=2)
    assert ready(service)["status"] == "degraded"
    heart.beat()
    assert ready(service)["status"] == "ok"
    heart.stop()
    assert ready(service)["worker_seen_seconds_ago"] is None


def test_a_late_message_degrades_health(service):
    """Health is degraded when a message is five minutes late although a worker is alive."""
    service.call("POST", "/api/v1/endpoints", {"url": "https://crm.example.com/hook", "when": "every_answer"})
    service.start().answer("owns", "yes")
    service.clock.forward(minutes=6)
    Heartbeat(service.parts.store, service.clock).beat()

    assert ready(service) == {"status": "degraded", "worker_seen_seconds_ago": 0, "oldest_due_seconds": 360}


def test_a_service_that_takes_no_answers_is_not_ready(service, database_url, tmp_path):
    """A read-only database answers every question but stores nothing. It is ready while somebody else writes, and again afterwards."""
    Heartbeat(service.parts.store, service.clock).beat()
    with service.parts.store.writing():
        assert ready(service)["status"] == "ok"
    with read_only(database_url, tmp_path) as url:
        app = create_app(Settings(url, (SECRET,)), service.clock)
        response = app.test_client().get("/readyz")
        app.extensions["discern"].store.close()

    assert (response.status_code, response.json["status"]) == (503, "waiting")
    assert "read-only" in response.json["why"]
    assert ready(service)["status"] == "ok"


def test_dead_workers_are_deleted_after_an_hour(service):
    """Rows of killed workers count for nothing and are deleted after an hour."""
    for _ in range(3):
        Heartbeat(service.parts.store, service.clock).beat()
    assert _workers(service) == 3
    service.clock.forward(minutes=5)
    assert _workers(service) == 0
    service.clock.forward(hours=1)
    living = Heartbeat(service.parts.store, service.clock)
    living.beat()
    living.stop()

    assert ready(service)["worker_seen_seconds_ago"] is None


def test_a_real_worker_beats_until_it_is_stopped(database_url):
    """The row appears within seconds after the start and is deleted at the end."""
    with web_server(database_url) as (web, _):
        with process("worker", database_url=database_url) as running:
            until(lambda: web.call("GET", "/readyz")[1]["status"] == "ok", "the worker is seen")
            with urllib.request.urlopen(f"{web.url}/metrics", timeout=10) as answer:
                assert numbers(answer.read().decode())["discern_workers",] == 1
            end(running, signal.SIGTERM)
        assert web.call("GET", "/readyz")[1]["worker_seen_seconds_ago"] is None


def _workers(service):
    return numbers(service.client.get("/metrics").text)["discern_workers",]
