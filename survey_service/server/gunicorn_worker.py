"""A gunicorn worker with threads. Its errors have our shape, its log quotes no request, and its clients have a deadline."""

import json
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from itertools import takewhile
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from gunicorn import util
from gunicorn.http import errors
from gunicorn.workers.gthread import _DEFER, ThreadWorker

from survey_service.errors import problem
from survey_service.web.addresses import UNREAD

FIRST_BYTES = 16 * 1024
"""Bytes of a request that are remembered until it is read: an error page has to know its address."""
ENOUGH = 32 * 1024
"""Bytes of a request with which a thread begins to read although more is to come: about what a socket buffers."""


class PartialRequests:
    """Connections whose request has not arrived completely: since when, and how much of it was there at the last look."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[object, tuple[float, int]] = WeakKeyDictionary()
        self.first_bytes: WeakKeyDictionary[socket.socket, bytes] = WeakKeyDictionary()

    def __contains__(self, connection: object) -> bool:
        return connection in self._known

    def since(self, connection: object) -> float:
        """Return when the connection was first waited for, or now."""
        return self._known.get(connection, (time.monotonic(), 0))[0]

    def is_incomplete(self, connection: object, sock: socket.socket, patience: float) -> bool:
        """Whether a thread would only wait for the rest. The socket then becomes readable when there is more, or no more to come."""
        since, before = self._known.get(connection, (time.monotonic(), 0))
        try:
            sock.setblocking(False)
            here = sock.recv(2 * ENOUGH, socket.MSG_PEEK)
        except BlockingIOError:  # no byte yet
            self._known[connection] = since, 0
            return True
        except OSError:  # the client is gone: reading finds out
            return False
        self.first_bytes[sock] = here[:FIRST_BYTES]
        if not here or len(here) == before or is_whole(here) or time.monotonic() - since > patience:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
            return False
        self._known[connection] = since, len(here)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, len(here) + 1)
        return True

    def forget(self, connection: object) -> None:
        self._known.pop(connection, None)


def is_whole(here: bytes) -> bool:
    """Whether a request can be read to its end, or to where it is certainly refused, from its first bytes.

    >>> is_whole(b"GET / HTTP/1.1"), is_whole(b"GET / HTTP/1.1\\r\\n\\r\\n")
    (False, True)
    >>> is_whole(b"POST / HTTP/1.1\\r\\nContent-Length: 2\\r\\n\\r\\n{")
    False
    """
    head, end, body = here.partition(b"\r\n\r\n")
    if not end:
        return len(here) >= ENOUGH
    fields = dict(line.partition(b":")[::2] for line in head.lower().split(b"\r\n")[1:])
    if b"expect" in fields:  # the client waits for our 100
        return True
    if b"transfer-encoding" in fields:
        return body.endswith(b"0\r\n\r\n") or len(body) >= ENOUGH
    length = fields.get(b"content-length", b"0").strip()
    return not length.isdigit() or len(body) >= min(int(length[:9]), ENOUGH)


LONGEST_REQUEST = 60.0
"""Seconds for a request to arrive, head and body: a byte now and then would keep a thread busy for hours."""
LINGER = 2.0
"""Seconds in which a client may hang up, or go on sending, after our response."""
MOST_ASIDE = 700
"""Connections of a process that are still sending, beside those in work: a process has about a thousand files."""
STATUS_OF: dict[type[Exception], HTTPStatus] = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    errors.ConfigurationProblem: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.InvalidResponseHeader: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.InvalidResponseHeaderName: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""The errors outside of the application. Everything else that cannot be parsed as HTTP is a 400."""
DETAIL_OF = {
    HTTPStatus.REQUEST_URI_TOO_LONG: "The address is longer than what is read here.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The headers are larger than what is read here.",
    HTTPStatus.EXPECTATION_FAILED: "Only 100-continue can be expected here.",
    HTTPStatus.NOT_IMPLEMENTED: "The body has a transfer coding that is not read here.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong here.",
    HTTPStatus.BAD_REQUEST: "This is not HTTP as it is read here.",
}


class Connection(Protocol):
    """What gunicorn knows of a connection."""

    sock: socket.socket
    initialized: bool
    parser: Any
    timeout: float

    def close(self) -> None: ...


class ReadDeadlines:
    """When each connection began to send its request."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[Connection, float] = {}

    def begin(self, connection: Connection, now: float) -> None:
        self._since[connection] = now

    def end(self, connection: Connection) -> None:
        self._since.pop(connection, None)

    def give_up(self, now: float) -> None:
        """Stop reading requests that have taken too long. A response under way still arrives."""
        for connection, since in list(self._since.items()):
            if now - since > self._seconds:
                with suppress(OSError):  # it has closed by itself
                    connection.sock.shutdown(socket.SHUT_RD)


class WebWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """The worker class that `gunicorn_app` names."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.patience = ReadDeadlines(LONGEST_REQUEST)
        self.unfinished, self.leaving, self.aside = PartialRequests(), WeakKeyDictionary[Connection, float](), set[Connection]()

    def handle(self, conn: Connection) -> Any:
        if conn in self.leaving:
            return self._drain(conn)
        read_ahead = conn.initialized and conn.parser.unreader.buf.getvalue()
        if read_ahead:
            self.unfinished.first_bytes[conn.sock] = read_ahead[:FIRST_BYTES]
        elif self.unfinished.is_incomplete(conn, conn.sock, LONGEST_REQUEST):
            return _DEFER
        self.patience.begin(conn, self.unfinished.since(conn))
        self.unfinished.forget(conn)
        try:
            stays = super().handle(conn)
        finally:
            self.patience.end(conn)
            self.unfinished.first_bytes.pop(conn.sock, None)
        return stays or self._close_gracefully(conn)

    def _close_gracefully(self, conn: Connection) -> Any:
        """Close a connection after the response. gunicorn would wait on its main thread, for two seconds, until the client hangs up too."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            return False
        self.leaving[conn] = time.monotonic() + LINGER
        return _DEFER

    def _drain(self, conn: Connection) -> Any:
        """Discard what a client still sends: otherwise it would never read our response."""
        with suppress(OSError):
            conn.sock.setblocking(False)
            while time.monotonic() < self.leaving[conn]:
                try:
                    if not conn.sock.recv(65536):
                        return False
                except BlockingIOError:
                    return _DEFER
        return False

    def finish_request(self, conn: Connection, fs: Any) -> None:
        """Let a client that is still sending, or has only to hang up, take no place from others, unless there are very many of them."""
        if conn in self.leaving and not fs.cancelled() and not fs.exception() and fs.result() is False:
            self.nr_conns -= 1
            conn.close()
            return
        super().finish_request(conn, fs)
        if (conn in self.unfinished or conn in self.leaving) and self.alive and len(self.aside) < MOST_ASIDE:
            self.aside.add(conn)
            self.nr_conns -= 1

    def on_pending_socket_readable(self, conn: Connection, client: Any) -> None:
        self._count_again(conn)
        super().on_pending_socket_readable(conn, client)

    def murder_pending(self) -> None:
        """Close connections that have sent nothing more for a while."""
        now = time.monotonic()
        for conn in list(takewhile(lambda pending_conn: pending_conn.timeout <= now, self.pending_conns)):
            self._count_again(conn)
        super().murder_pending()

    def _count_again(self, conn: Connection) -> None:
        if conn in self.aside:
            self.aside.discard(conn)
            self.nr_conns += 1

    def notify(self) -> None:
        """Runs about once a second."""
        super().notify()
        self.patience.give_up(time.monotonic())

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        # gunicorn's own handler quotes the request in page and log, and an address may be a token.
        usual = HTTPStatus.INTERNAL_SERVER_ERROR
        if isinstance(exc, errors.ParseException):
            usual = HTTPStatus.BAD_REQUEST
            self.log.warning("a request was refused before it was read: %s", type(exc).__name__)
        else:
            self.log.error("a request failed outside the application", exc_info=exc)
        status = STATUS_OF.get(type(exc), usual)
        with suppress(OSError):
            util.write_nonblock(client, self._answer(status, self.unfinished.first_bytes.get(client, b"")))

    def _answer(self, status: HTTPStatus, first_bytes: bytes) -> bytes:
        """Return the whole response as bytes: a page for a person, else a problem in JSON."""
        render = getattr(self.wsgi, "extensions", {}).get(UNREAD)
        return response_of(status, *((render and render(status.value, target_of(first_bytes))) or problem_of(status)))


def target_of(first_bytes: bytes) -> str:
    """Return the path and the query of a request from its first bytes, as far as they are there.

    >>> target_of(b"GET /s/cars?lang=fr HTTP/1.1\\r\\n"), target_of(b"GET"), target_of(b"POST /s/ca")
    ('/s/cars?lang=fr', '', '/s/ca')
    """
    return first_bytes.partition(b"\n")[0].decode("latin-1").partition(" ")[2].partition(" ")[0].rstrip("\r")


def problem_of(status: HTTPStatus) -> tuple[Mapping[str, str], bytes]:
    """Return headers and body of an error in JSON."""
    body = json.dumps(problem(status, status.phrase.lower().replace(" ", "_").replace("-", "_"), DETAIL_OF[status])).encode()
    return {"Content-Type": "application/problem+json", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}, body


def response_of(status: HTTPStatus, headers: Mapping[str, str], body: bytes) -> bytes:
    """Return the bytes of a response after which the connection is closed."""
    fields = {**headers, "Connection": "close", "Content-Length": str(len(body))}
    head = (f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in fields.items()))
    return "\r\n".join((*head, "", "")).encode() + body
