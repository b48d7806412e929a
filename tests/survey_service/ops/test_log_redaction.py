"""No key, token, URL, answer or name is logged: at DEBUG, on every route, with secrets in every field; nor by gunicorn."""

import json
import logging
import re
import signal
import socket
import subprocess
import sys
from urllib.parse import quote

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from survey_service.store.migrate import migrate
from survey_service.store.session import open_engine
from tests.processes import Web, end, environment, free_port, until
from tests.survey_service.email_links.mailbox import Mail
from tests.survey_service.web.test_authorisation import SCOPED, calls

MARK = "s3cr3t"
KEY, EMAIL = f"dk_{MARK}", f"{MARK}@example.com"
QUERY = {"t": MARK, "token": MARK, "email": EMAIL, "after": MARK, "lang": MARK, "hidden-a": MARK, "system": MARK, "contact": MARK}
BODY = dict.fromkeys(("token", "identity", "link", "answer_id", "question", "value", "writeKey", "userId", "anonymousId", "event"), MARK)
ABOUT = {
    "attributes": {MARK: MARK},
    "traits": {"email": EMAIL},
    "batch": [{"type": "track", "userId": MARK}],
    "contacts": [{"external_id": MARK}],
}
HEADERS = {"Referer": f"https://shop.example/?q={MARK}", "User-Agent": MARK, "Cookie": f"a={MARK}", "X-Request-Id": MARK}
ASYNCIO = "asyncio"


def lines(caplog):
    return [record.getMessage() + str(record.exc_text or "") for record in caplog.records if record.name != ASYNCIO]


def shown(lines):
    return [line for line in lines if MARK in line]


def everywhere(service, key):
    """Return requests to every route with a secret in every field that the caller controls."""
    headers = {**HEADERS, "Authorization": f"Bearer {key}"}
    for call in sorted(set(calls(service.app))):
        method, _, path = call.partition(" ")
        address = re.sub(r"<\w+>", lambda name: "1" if name[0] in ("<version>", "<delivery>") else quote(MARK), path)
        body = {"data": json.dumps({**BODY, **ABOUT}), "content_type": "application/json"}
        for sent in ({}, body, {"data": {**BODY, "act": MARK, "form": MARK, "walk": MARK}}, {"data": f"{{{MARK}"}):
            if method != "GET" or not sent:
                yield service.client.open(address, method=method, query_string=QUERY, headers=headers, **sent)


@pytest.mark.parametrize("who", ["a stranger", "an author"])
def test_no_route_logs_what_it_was_sent(service, caplog, who):
    """This holds whether the request is refused or accepted."""
    caplog.set_level(logging.DEBUG)
    key = KEY if who == "a stranger" else service.key

    statuses = [response.status_code for response in everywhere(service, key)]

    assert len(statuses) > 2 * len(SCOPED)
    assert max(statuses) < 500
    assert shown(lines(caplog)) == []
    assert not [line for line in lines(caplog) if service.key in line]


def test_successful_requests_log_nothing_either(service, caplog):
    """Covers a contact, answers, links and erasure."""
    caplog.set_level(logging.DEBUG)
    contact = f"/api/v1/contacts/{MARK}"
    assert service.call("PUT", contact, {"email": EMAIL, "attributes": {"city": MARK}}).status_code == 201
    mail = Mail.to(service, MARK)
    mail.open()
    someone = service.start(hidden={"a": MARK}, page=f"https://shop.example/{MARK}", link=mail.token)
    assert someone.answer("why", f"because {MARK}").status_code == 200
    made = service.call("POST", "/api/v1/endpoints", {"url": f"https://crm.example.com/{MARK}", "headers": {"X-Key": MARK}}).json
    assert service.call("DELETE", contact).status_code == 204

    assert shown(lines(caplog)) == []
    assert not [line for line in lines(caplog) for secret in (mail.token, someone.token, made["secret"]) if secret in line]


@pytest.mark.parametrize("endpoint", ["link_pages.look", "contacts.read", "pages.look", "preview.overview"])
def test_a_failure_names_its_route_and_not_its_address(service, caplog, monkeypatch, endpoint):
    """The log has the traceback without the token."""

    def broken(**_):
        raise ZeroDivisionError

    monkeypatch.setitem(service.app.view_functions, endpoint, broken)
    monkeypatch.delitem(service.app.before_request_funcs, "preview", raising=False)  # which would refuse the secret
    rule = next(str(iter_rule) for iter_rule in service.app.url_map.iter_rules(endpoint))
    path = re.sub(r"<[^>]+>", MARK, rule)

    assert service.client.get(path, query_string=QUERY, headers=HEADERS).status_code == 500

    assert [record.getMessage() for record in caplog.records if record.exc_info] == [f"a request failed: GET {rule}"]
    assert MARK not in caplog.text


def test_an_error_of_the_database_does_not_quote_what_was_to_be_stored(service):
    """The log has the statement without its values."""
    with pytest.raises(DBAPIError) as raised, service.parts.store.reading() as session:
        session.connection().execute(text("SELECT nothing FROM contact WHERE email = :email"), {"email": EMAIL})

    assert "nothing" in str(raised.value)
    assert MARK not in str(raised.value)


@pytest.fixture
def served(tmp_path):
    """Run gunicorn at DEBUG with its access log, and yield a way to end it and read its log."""
    url, port, log = f"sqlite:///{tmp_path}/x.db", free_port(), tmp_path / "log"
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()
    command = [sys.executable, "-m", "survey_service.cli.main", "serve", "--access-log", "--bind", f"127.0.0.1:{port}"]
    with log.open("wb") as out:
        running = subprocess.Popen(
            command, env={**environment(url), "DISCERN_LOG_LEVEL": "DEBUG"}, stdout=out, stderr=out, start_new_session=True
        )
        try:
            until(Web(port).is_ready, "the web server answers")

            def finished():
                end(running, signal.SIGTERM)
                return log.read_text()

            yield port, finished
        finally:
            end(running, signal.SIGTERM)


def sent(port, request):
    """Return the response to these bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        sock.sendall(request)
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := sock.recv(65536):
            answer += piece
    return answer


ODD = {
    414: f"GET /l/{MARK}?q={'x' * 9000} HTTP/1.1\r\nHost: x\r\n\r\n",
    431: f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}{'x' * 9000}\r\n\r\n",
    400: f"GET /api/v1/{MARK} WHAT/1.1 {MARK}\r\nAuthorization: {KEY}\r\n\r\n",
    417: f"POST /l/{MARK} HTTP/1.1\r\nHost: x\r\nExpect: {MARK}\r\nContent-Length: 2\r\n\r\n{{}}",
    501: f"POST /l/{MARK} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {MARK}\r\n\r\n",
}


def test_gunicorn_errors_are_problems_and_requests_are_not_logged(served):
    """Covers requests that gunicorn refuses itself, broken connections, and the access log."""
    port, finished = served
    for status, request in ODD.items():
        head, _, body = sent(port, request.encode()).partition(b"\r\n\r\n")
        assert head.startswith(f"HTTP/1.1 {status} ".encode()), head
        if b" /l/" in request.encode():
            assert b"content-type: text/html" in head.lower()
            assert b"<h1>" in body
        else:
            assert b"content-type: application/problem+json" in head.lower()
            problem = json.loads(body)
            assert (problem["status"], set(problem)) == (status, {"type", "title", "status", "detail", "code"})
        assert MARK.encode() not in head + body
    many = "".join(f"X-{number}: {MARK}\r\n" for number in range(100))
    assert b" 431 " in sent(port, f"GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n".encode())
    sent(port, f"POST /l/{MARK} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 99\r\n\r\n{MARK}".encode())
    sent(port, f"GET /l/{MARK} HTTP/1.1\r\nAuthorization: Bearer {KEY}".encode())
    for path in (f"/l/{MARK}?t={MARK}", f"/api/v1/contacts/{MARK}", f"/nowhere/{MARK}"):
        sent(port, f"GET {path} HTTP/1.1\r\nHost: x\r\nReferer: {MARK}\r\nUser-Agent: {MARK}\r\nConnection: close\r\n\r\n".encode())

    log = finished()

    assert MARK not in log
    assert re.search(r"answered .*method=GET .*route=/l/<string:token> .*status=404", log)
    assert re.search(r"answered .*method=GET .*route=none .*status=404", log)
    assert "a request was refused before it was read: LimitRequestLine" in log
