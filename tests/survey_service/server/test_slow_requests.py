"""A request must arrive within a time limit; a slow one is not read further, and responses in progress still arrive."""

import json
import socket
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from survey_service.server.gunicorn_worker import ENOUGH, PartialRequests, ReadDeadlines, is_whole
from tests.processes import web_server
from tests.survey_service.databases import sqlite_copy


@dataclass(eq=False)
class Connected:
    sock: socket.socket


def test_a_client_that_sends_a_byte_now_and_then_is_cut_off():
    """The reader gets the end of input and the response can still say why; a client that began later is unaffected."""
    ours, theirs = socket.socketpair()
    other, its_client = socket.socketpair()
    slow, quick, patience = Connected(ours), Connected(other), ReadDeadlines(60)
    with ours, theirs, other, its_client:
        patience.begin(slow, 0.0)
        patience.begin(quick, 30.0)
        patience.give_up(60.0)
        its_client.sendall(b"x")
        theirs.sendall(b"a")
        assert (ours.recv(1), other.recv(1)) == (b"a", b"x")

        patience.give_up(60.5)

        assert ours.recv(1) == b""
        ours.sendall(b"too slow")
        assert theirs.recv(8) == b"too slow"
        its_client.sendall(b"y")
        assert other.recv(1) == b"y"


def test_a_complete_request_is_not_cut_off():
    """A connection that the client closed itself causes no error."""
    ours, theirs = socket.socketpair()
    done, gone, patience = Connected(ours), Connected(socket.socket()), ReadDeadlines(60)
    with ours, theirs:
        patience.begin(done, 0.0)
        patience.begin(gone, 0.0)
        gone.sock.close()
        patience.end(done)
        patience.give_up(1000.0)
        theirs.sendall(b"a")
        assert ours.recv(1) == b"a"


HEAD = "POST /api/v1/surveys/none/sessions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("first", "rest"),
    [
        (HEAD, "Content-Length: 2\r\n\r\n{}"),
        (f"{HEAD}Content-Length: 2\r\n\r\n", "{}"),
        (f"{HEAD}Content-Length: 2\r\n\r\n{{", "}"),
        (f"{HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\n{{", "}\r\n0\r\n\r\n"),
    ],
    ids=["within the head", "before the body", "within the body", "within a chunk"],
)
def test_many_incomplete_requests_delay_no_other_client(sqlite_template, tmp_path, first, rest):
    """Two hundred clients stop in the middle of a request to a server with eight threads; other clients are served, and so are they
    later.
    """
    with web_server(sqlite_copy(sqlite_template, tmp_path)) as (web, _), ExitStack() as slow:
        sockets = [slow.enter_context(socket.create_connection(("127.0.0.1", web.port), timeout=30)) for _ in range(200)]
        for sock in sockets:
            sock.sendall(first.encode())
        assert [web.call("GET", "/healthz")[0] for _ in range(5)] == [200] * 5

        for sock in sockets[:40]:
            sock.sendall(rest.encode())
        for sock in sockets[:40]:
            answer = b"".join(iter(lambda sock=sock: sock.recv(65536), b""))
            assert answer.startswith(b"HTTP/1.1 404 ")
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "not_found"


def test_a_thread_finishes_a_request_that_has_arrived():
    """This includes requests that will be refused, that wait for `100 Continue`, and that exceed the socket's buffer."""
    assert is_whole(b"GET / HTTP/1.1\r\n\r\n")
    assert is_whole(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")
    assert is_whole(b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n")
    assert is_whole(b"x" * ENOUGH)
    large = b"POST / HTTP/1.1\r\nContent-Length: 5000000\r\n\r\n"
    assert not is_whole(large + b"x" * (ENOUGH - 1))
    assert is_whole(large + b"x" * ENOUGH)


def test_a_client_that_is_gone_or_too_late_is_closed():
    """The reader gets an error."""
    ours, theirs = socket.socketpair()
    connection, unfinished = Connected(ours), PartialRequests()
    with ours:
        theirs.sendall(b"GET / HT")
        assert unfinished.is_incomplete(connection, ours, 60)
        assert connection in unfinished
        assert not unfinished.is_incomplete(connection, ours, -1)
        theirs.sendall(b"TP")
        assert unfinished.is_incomplete(connection, ours, 60)
        theirs.close()
        assert not unfinished.is_incomplete(connection, ours, 60)


def test_an_idle_connection_delays_no_other_client(sqlite_template, tmp_path):
    """Sixty clients keep their connections open after the response without delaying the next one; gunicorn waits two seconds for each."""
    with web_server(sqlite_copy(sqlite_template, tmp_path)) as (web, _), ExitStack() as slow:
        sockets = [slow.enter_context(socket.create_connection(("127.0.0.1", web.port), timeout=30)) for _ in range(60)]
        for sock in sockets:
            sock.sendall(f"{HEAD}Content-Length: 2\r\n\r\n{{}}".encode())
        assert all(b"".join(iter(lambda sock=sock: sock.recv(65536), b"")).startswith(b"HTTP/1.1 404 ") for sock in sockets)
        assert web.call("GET", "/healthz")[0] == 200


def test_a_client_that_goes_on_sending_reads_the_response_first(sqlite_template, tmp_path):
    """The unread rest of a body is discarded, so that no reset destroys the response."""
    with (
        web_server(sqlite_copy(sqlite_template, tmp_path)) as (web, _),
        socket.create_connection(("127.0.0.1", web.port), timeout=30) as sock,
    ):
        sock.sendall(f"{HEAD}Content-Length: 1000000\r\n\r\n".encode() + b"x" * 1_000_000)
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 413 ")
