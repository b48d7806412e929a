"""An HTTP connection to a vetted address only, with one deadline for everything and a limit of bytes.

The timeouts of HTTP clients are per read, so a receiver that sends a byte a second holds them for ever, and their size limits, where they
have any, begin after the headers. Here both limits hold below HTTP, where bytes arrive.
"""

import io
import socket
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from survey_service.egress.addresses import IPAddress, Policy, Target, Unreachable, vet_addresses

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

DNS_SECONDS = 3.0
CONNECT_SECONDS = 5.0
ADDRESSES_TRIED = 4
LONGEST_ANSWER = 64 * 1024  # bytes, status line and headers included

Resolve = Callable[[str, float], Sequence[IPAddress]]


class Unresolved(Unreachable):
    """This address cannot be reached."""


class AnswerTooLong(HTTPException):
    """The receiver sent more than is read."""


class Deadline:
    """The time at which an attempt ends, whatever it is doing."""

    def __init__(self, seconds: float) -> None:
        self._end = monotonic() + seconds

    def left(self) -> float:
        """Return the seconds left, never zero: a socket takes zero for "do not wait". Raises TimeoutError."""
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def system_resolver(host: str, seconds: float, lookup: Callable[..., Sequence[Any]] = socket.getaddrinfo) -> tuple[IPAddress, ...]:
    """Resolve a name with the operating system. Raises Unresolved for no such name, no address, or no answer in time.

    The system's own timeout is half a minute and cannot be changed from here. So a thread asks, which may be left behind: it ends by that
    timeout and delays neither the worker nor the end of the process.
    """
    answer: Future[Sequence[Any]] = Future()

    def ask() -> None:
        try:
            # As bytes: from a str Python would make an A-label of its own, after the URL has been vetted.
            answer.set_result(lookup(host.encode("ascii"), None, type=socket.SOCK_STREAM))
        except OSError as problem:
            answer.set_exception(problem)

    Thread(target=ask, name=f"resolve {host}", daemon=True).start()
    try:
        found = answer.result(seconds)
    except OSError as problem:
        raise Unresolved from problem
    return tuple(dict.fromkeys(ip_address(sockaddr[0]) for *_, sockaddr in found))


@cache
def tls_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """Return the trusted authorities: those of the operator's file, else the system's."""
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


class _Answer(HTTPResponse):
    def begin(self) -> None:
        """Skip every interim response: http.client skips only 100 and would take 103 Early Hints for the final one."""
        super().begin()
        while 101 < self.status < 200:
            self.headers = self.msg = None  # type: ignore[assignment]
            super().begin()


class GuardedConnection(HTTPConnection):
    """An HTTPConnection for one request to a vetted address, read under a deadline and a byte limit."""

    response_class = _Answer

    def __init__(
        self, target: Target, policy: Policy, resolve: Resolve, deadline: Deadline, ca_file: Path | None, longest: int = LONGEST_ANSWER
    ) -> None:
        super().__init__(target.host, target.port)
        self._target, self._policy, self._resolve, self._deadline = target, policy, resolve, deadline
        self._tls = tls_context(ca_file) if target.scheme == "https" else None
        self._wire: _DeadlineSocket | None = None
        self._longest = longest

    def connect(self) -> None:
        """Connect. Raises Forbidden, Unresolved, Unreachable, TimeoutError, and the errors of TLS and the socket."""
        target, deadline = self._target, self._deadline
        found = [target.address] if target.address else self._resolve(target.host, min(DNS_SECONDS, deadline.left()))
        if not found:
            raise Unresolved
        sock = _dial_any(vet_addresses(target, found, self._policy), target.port, deadline)
        if self._tls:
            sock = _start_tls(sock, self._tls, target.host, deadline)
        self.sock = self._wire = _DeadlineSocket(sock, deadline, self._longest)

    def answer(self) -> HTTPResponse:
        """Read the whole head of the response: http.client takes the end of the stream for the end of the headers."""
        response = self.getresponse()
        if self._wire and self._wire.ended:
            raise IncompleteRead(b"")
        return response

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        if self._wire:
            self._wire.close_socket()


class _DeadlineSocket:
    """The part of a socket that HTTPConnection uses."""

    def __init__(self, sock: socket.socket, deadline: Deadline, longest: int) -> None:
        self._plug, self._deadline = sock, deadline
        self._allowance = longest
        self.ended = False

    def sendall(self, data: bytes) -> None:
        # Not the socket's own sendall: under TLS it applies its timeout anew to every piece.
        rest = memoryview(data)
        while rest:
            self._plug.settimeout(self._deadline.left())
            rest = rest[self._plug.send(rest) :]

    def receive_into(self, buffer: "WriteableBuffer") -> int:
        if not self._allowance:
            raise AnswerTooLong
        self._plug.settimeout(self._deadline.left())
        received = self._plug.recv_into(buffer, min(memoryview(buffer).nbytes, self._allowance))
        self._allowance -= received
        self.ended = received == 0
        return received

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineFile(self))

    def close(self) -> None:
        """Do nothing: http.client closes the socket before the body is read. `close_socket` closes it."""

    def close_socket(self) -> None:
        self._plug.close()


class _DeadlineFile(io.RawIOBase):
    """Return the file that http.client reads."""

    def __init__(self, wire: _DeadlineSocket) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        return self._wire.receive_into(buffer)


def _dial_any(addresses: Sequence[IPAddress], port: int, deadline: Deadline) -> socket.socket:
    """Connect to the first address that answers. All share the time to connect, so that a dead one leaves some to the next."""
    budget = Deadline(min(CONNECT_SECONDS, deadline.left()))
    tried = addresses[:ADDRESSES_TRIED]
    for untried, address in zip(range(len(tried), 0, -1), tried, strict=True):
        try:
            return _dial(address, port, budget.left() / untried)
        except OSError:
            continue
    deadline.left()  # report when the whole attempt ran out of time
    raise Unreachable


def _dial(address: IPAddress, port: int, seconds: float) -> socket.socket:
    sock = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
    try:
        sock.settimeout(seconds)
        sock.connect((str(address), port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        sock.close()
        raise
    return sock


def _start_tls(sock: socket.socket, tls: ssl.SSLContext, host: str, deadline: Deadline) -> ssl.SSLSocket:
    """Start TLS with the name in the URL, not with the address behind it."""
    try:
        sock.settimeout(deadline.left())
        return tls.wrap_socket(sock, server_hostname=host)
    except (OSError, ValueError):
        sock.close()
        raise
