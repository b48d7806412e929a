"""A restart loses nothing: running requests are finished, and new processes accept connections before the old ones stop."""

import json
import os
import signal
import socket
from pathlib import Path

import pytest
from sqlalchemy import text

from survey_service.store.session import open_engine
from tests.processes import discern, until, web_server
from tests.respondents import Respondent, answering, count
from tests.test_one_answer_to_webhook import BANK


@pytest.fixture
def published(database_url):
    assert discern("publish", str(BANK), database_url=database_url).returncode == 0
    return database_url


def test_new_processes_take_over_while_people_answer(published):
    """Several times SIGHUP: no connection is refused or cut off."""
    with web_server(published) as (web, running):
        people = [Respondent([web], seed) for seed in range(3)]
        with answering(people):
            for restart in range(3):
                wanted = count(people) + 10
                os.kill(running.pid, signal.SIGHUP)
                until(lambda wanted=wanted: count(people) >= wanted, f"ten answers after restart {restart}")

    assert [broken for someone in people for broken in someone.broken] == []
    assert [failure for someone in people for failure in someone.failures] == []


def test_an_answer_under_way_is_finished_before_the_end(published):
    """SIGTERM while an answer waits for the database: the respondent gets the reply, and the answer is stored."""
    engine = open_engine(published)
    with web_server(published) as (web, running):
        _, view = web.call("POST", "/api/v1/surveys/post-purchase/sessions", {})
        body = {"answer_id": "a", "question": view["question"]["id"], "kind": "skip", "token": view["token"]}
        with engine.connect().execution_options(discern_writes=True) as held, socket.create_connection(("127.0.0.1", web.port)) as sock:
            held.execute(text("UPDATE survey_session SET page = 'held'"))  # blocks every other writer of the session
            sock.sendall(as_request(f"/api/v1/sessions/{view['session']}/answers", body))
            until(lambda: has_read(sock), "the server has read the request")
            os.kill(running.pid, signal.SIGTERM)
            until(lambda: not accepts_connections(web), "new connections are left waiting")
            held.rollback()
            reply = b"".join(iter(lambda: sock.recv(65536), b""))
        assert reply.startswith(b"HTTP/1.1 200 ")
        assert running.wait(timeout=30) == 0
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM answer")) == 1
    engine.dispose()


def accepts_connections(web):
    """Return whether a new connection is answered; a stopping server leaves it waiting."""
    try:
        with socket.create_connection(("127.0.0.1", web.port), timeout=0.5) as sock:
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return bool(sock.recv(1))
    except OSError:
        return False


def as_request(path, body):
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {len(data)}"
    return f"{head}\r\n\r\n".encode() + data


def has_read(sock):
    """Return whether the receiver has read everything that was sent, according to the kernel."""
    ours, theirs = sock.getsockname()[1], sock.getpeername()[1]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, remote, _, queues = line.split()[1:5]
        if (int(local.split(":")[1], 16), int(remote.split(":")[1], 16)) == (theirs, ours):
            return int(queues.split(":")[1], 16) == 0
    return False
