"""Log lines can be joined by request, by session and by message."""

import json
import logging
import signal
import subprocess
import sys

import pytest

from survey_service.app import create_app
from survey_service.ops import logs
from survey_service.settings import Settings
from survey_service.web import api
from survey_service.web.api import LogSampler
from tests.processes import Web, end, environment, free_port, until
from tests.survey_service.databases import sqlite_copy
from tests.survey_service.ops.test_log_redaction import sent
from tests.survey_service.service import SECRET, a_service


@pytest.fixture
def lines():
    """Yield the JSON lines that the service writes to standard error during the test."""
    written = []

    class Keep(logging.Handler):
        def emit(self, record):
            written.append(json.loads(logs.formatter("json").format(record)))

    keep = Keep()
    logging.getLogger().addHandler(keep)
    yield written
    logging.getLogger().removeHandler(keep)


def test_a_line_within_a_request_has_its_id_and_its_session(one_service, lines, monkeypatch):
    """The response has the same id, the next request another one; a line outside of requests has none."""

    def view(session_id):
        one_service.app.logger.warning("something happened", extra={"how_often": 3})
        return "", 204

    monkeypatch.setitem(one_service.app.view_functions, "respondent.look", view)
    someone = one_service.start()
    one_service.app.logger.warning("between two requests")
    responses = [one_service.client.get(f"/api/v1/sessions/{someone.session}") for _ in range(2)]

    between, *logged = lines[-3:]
    assert "request_id" not in between
    assert [line["request_id"] for line in logged] == [response.headers["X-Request-Id"] for response in responses]
    assert logged[0]["request_id"] != logged[1]["request_id"]
    assert {(line["event"], line["level"], line["how_often"], line["session"]) for line in logged} == {
        ("something happened", "warning", 3, someone.session)
    }


def test_a_database_that_is_away_does_not_fill_the_log(sqlite_template, lines, monkeypatch):
    """Many refused requests lead to one line, without the driver's own lines."""
    monkeypatch.setattr(api, "_seldom", LogSampler(1000))
    app = create_app(Settings(database_url=f"sqlite:///file:{sqlite_template}?mode=ro&uri=true", secret_keys=(SECRET,)))
    paths = ["/api/v1/surveys/post-purchase/sessions", "/v1/track"]
    statuses = [app.test_client().post(paths[number % 2], json={"writeKey": "dk_x"}).status_code for number in range(6)]
    app.extensions["discern"].store.close()

    logged = [line for line in lines if line["logger"] == "survey_service.web.api"]
    assert statuses.count(503) >= 3
    assert [(line["event"], line["problem"], line["refused"]) for line in logged] == [
        ("the database did not answer", "attempt to write a readonly database", 1)
    ]


def test_suppressed_lines_are_counted_in_the_next_one():
    seldom = LogSampler(1.0)
    assert [seldom.due_count(now) for now in (5.0, 5.2, 5.9, 6.1, 6.2, 9.0)] == [1, 0, 0, 3, 0, 2]


@pytest.mark.parametrize(("proxies", "kept"), [(0, False), (1, True)])
def test_only_a_proxy_of_ours_may_name_a_request(sqlite_template, tmp_path, proxies, kept):
    """The id from the proxy is used only if it has the form of an id."""
    app = create_app(Settings(database_url=sqlite_copy(sqlite_template, tmp_path), secret_keys=(SECRET,), trusted_proxies=proxies))
    client = app.test_client()

    given = client.get("/healthz", headers={"X-Request-Id": "from-the-proxy-1"}).headers["X-Request-Id"]
    assert (given == "from-the-proxy-1") is kept
    for odd in ("short", "x" * 65, "a b c d e f g h", "{jndi:ldap}"):
        assert client.get("/healthz", headers={"X-Request-Id": odd}).headers["X-Request-Id"] != odd
    app.extensions["discern"].store.close()


def test_a_server_writes_an_object_a_line(database_url):
    """This includes gunicorn's own lines and the access log, which has the request and the session."""
    service = a_service(database_url)
    someone, port = service.start(), free_port()
    service.parts.store.close()
    known = environment(database_url) | {"DISCERN_LOG_FORMAT": "json", "DISCERN_LOG_LEVEL": "INFO", "DISCERN_SECRET_KEYS": SECRET}
    command = [sys.executable, "-m", "survey_service.cli.main", "serve", "--access-log", "--bind", f"127.0.0.1:{port}"]
    with subprocess.Popen(command, env=known, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True) as running:
        try:
            until(Web(port).is_ready, "the web server answers")
            look = f"GET /api/v1/sessions/{someone.session} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            head = sent(port, look.encode()).partition(b"\r\n\r\n")[0].decode().lower()
        finally:
            end(running, signal.SIGTERM)
        written = [json.loads(line) for line in running.stdout.read().decode().splitlines()]

    assert {"event", "level", "logger", "timestamp"} <= set.intersection(*(set(line) for line in written))
    answered = next(line for line in written if line["event"] == "answered" and line.get("session"))
    assert answered["session"] == someone.session
    assert f"x-request-id: {answered['request_id']}" in head
    assert (answered["route"], answered["status"], answered["method"]) == ("/api/v1/sessions/<string:session_id>", 401, "GET")
    assert answered["ms"] >= 0
