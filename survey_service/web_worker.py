"""A worker of gunicorn with threads: its errors have our shape, its log quotes no request, and its clients have to come to an end."""

import json
import socket
import time
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Protocol

from gunicorn import util
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

from survey_service.errors import problem

LONGEST_REQUEST = 60.0
"""Seconds for a request to arrive, head and body: a byte now and then would keep a thread busy for hours."""
STATUS_OF: dict[type[Exception], HTTPStatus] = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    errors.ConfigurationProblem: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.InvalidResponseHeader: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.InvalidResponseHeaderName: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""Of what goes wrong outside the application; what else cannot be understood as HTTP is a 400."""
DETAIL_OF = {
    HTTPStatus.REQUEST_URI_TOO_LONG: "The address is longer than what is read here.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The headers are larger than what is read here.",
    HTTPStatus.EXPECTATION_FAILED: "Only 100-continue can be expected here.",
    HTTPStatus.NOT_IMPLEMENTED: "The body has a transfer coding that is not read here.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong here.",
    HTTPStatus.BAD_REQUEST: "This is not HTTP as it is read here.",
}


class Connection(Protocol):
    sock: socket.socket


class Patience:
    """Since when each connection has been sending its request."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[Connection, float] = {}

    def begin(self, connection: Connection, now: float) -> None:
        self._since[connection] = now

    def end(self, connection: Connection) -> None:
        self._since.pop(connection, None)

    def lose(self, now: float) -> None:
        """Nothing more is read of what has taken too long; what is being answered still arrives."""
        for connection, since in list(self._since.items()):
            if now - since > self._seconds:
                with suppress(OSError):  # it has gone by itself
                    connection.sock.shutdown(socket.SHUT_RD)


class WebWorker(ThreadWorker):
    """Named in `serving`."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.patience = Patience(LONGEST_REQUEST)

    def handle(self, conn: Connection) -> Any:
        self.patience.begin(conn, time.monotonic())
        try:
            return super().handle(conn)
        finally:
            self.patience.end(conn)

    def notify(self) -> None:
        """About once a second."""
        super().notify()
        self.patience.lose(time.monotonic())

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        # gunicorn's own quotes the request in page and log: an address may be a token.
        usual = HTTPStatus.INTERNAL_SERVER_ERROR
        if isinstance(exc, errors.ParseException):
            usual = HTTPStatus.BAD_REQUEST
            self.log.warning("a request was refused before it was read: %s", type(exc).__name__)
        else:
            self.log.error("a request failed outside the application", exc_info=exc)
        status = STATUS_OF.get(type(exc), usual)
        with suppress(OSError):
            util.write_nonblock(client, answer_of(status))


def answer_of(status: HTTPStatus) -> bytes:
    """The whole answer, as it goes over the line."""
    body = json.dumps(problem(status, status.phrase.lower().replace(" ", "_").replace("-", "_"), DETAIL_OF[status])).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Connection: close",
        "Content-Type: application/problem+json",
        "X-Content-Type-Options: nosniff",
        "Cache-Control: no-store",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join((*head, "", "")).encode() + body
