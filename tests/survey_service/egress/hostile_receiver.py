"""A receiver on loopback that misbehaves: a function of the connected socket decides what it answers."""

import gzip
import socket
import ssl
import struct
from collections.abc import Callable
from ipaddress import ip_network
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

from survey_service.egress.addresses import Policy
from survey_service.egress.client import Outcome, deliver

Behaviour = Callable[[socket.socket, Event], None]
DRIP_SECONDS = 0.02
LOOPBACK = Policy(allow_private=(ip_network("127.0.0.0/8"), ip_network("::1/128")))
BODY = '{"name":"Zoé 🦊"}'.encode()
MEGABYTE = 1024 * 1024


class Receiver:
    """Accept connections while the `with` block lasts, each in a thread; all threads are joined at the end."""

    def __init__(
        self,
        behaviour: Behaviour,
        tls: ssl.SSLContext | None = None,
        family: socket.AddressFamily = socket.AF_INET,
        reads: bool = True,
    ) -> None:
        self._behaviour, self._tls, self._reads = behaviour, tls, reads
        self._listener = socket.create_server(("127.0.0.1" if family == socket.AF_INET else "::1", 0), family=family)
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.requests: list[bytes] = []
        self._closing = Event()
        self._threads = [Thread(target=self._accept)]

    def url(self, host: str = "127.0.0.1", path: str = "/hook") -> str:
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self._closing.set()
        socket.create_connection(self._listener.getsockname()[:2]).close()  # wakes the blocked accept
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            plug, _ = self._listener.accept()
            if self._closing.is_set():
                plug.close()
                return
            self.connections += 1
            self._threads.append(Thread(target=self._serve, args=(plug,)))
            self._threads[-1].start()

    def _serve(self, plug: socket.socket) -> None:
        try:
            with self._tls.wrap_socket(plug, server_side=True) if self._tls else plug as wire:
                if self._reads:
                    self.requests.append(read_request(wire))
                self._behaviour(wire, self._closing)
        except OSError:
            plug.close()  # the client closed the connection or refused the certificate: the test checks which


def read_request(wire: socket.socket) -> bytes:
    """Return head and body of a request, or what had arrived when the client closed early."""
    request = b""
    while b"\r\n\r\n" not in request and (piece := wire.recv(65536)):
        request += piece
    head, _, body = request.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length and (piece := wire.recv(65536)):
        body += piece
    return head + b"\r\n\r\n" + body


def head(status: str = "200 OK", **fields: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def says(*pieces: bytes) -> Behaviour:
    """Send these pieces, then close."""

    def behave(wire: socket.socket, closing: Event) -> None:
        for piece in pieces:
            wire.sendall(piece)

    return behave


def answers(status: str = "200 OK", body: bytes = b"", **fields: str) -> Behaviour:
    return says(head(status, Content_Length=str(len(body)), **fields) + body)


def resets_after(*pieces: bytes) -> Behaviour:
    """Send these pieces, then reset the connection."""

    def behave(wire: socket.socket, closing: Event) -> None:
        says(*pieces)(wire, closing)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return behave


def drips(start: bytes, drop: bytes = b"x") -> Behaviour:
    """Send one byte at a time without end, so that no single wait is long."""

    def behave(wire: socket.socket, closing: Event) -> None:
        wire.sendall(start)
        while not closing.wait(DRIP_SECONDS):
            wire.sendall(drop)

    return behave


def says_and_waits(*pieces: bytes) -> Behaviour:
    """Send these pieces, then keep the connection open until the client closes it."""

    def behave(wire: socket.socket, closing: Event) -> None:
        says(*pieces)(wire, closing)
        wire.recv(1)

    return behave


never_answers = says_and_waits()


def never_reads(wire: socket.socket, closing: Event) -> None:
    closing.wait()


def floods(start: bytes, piece: bytes, times: int) -> Behaviour:
    def behave(wire: socket.socket, closing: Event) -> None:
        wire.sendall(start)
        for _ in range(times):
            wire.sendall(piece)

    return behave


def a_gzip_bomb(megabytes: int = 200) -> bytes:
    """Return a body that is a thousand times smaller than its decompressed content."""
    return gzip.compress(bytes(MEGABYTE)) * megabytes


def post(url: str, policy: Policy = LOOPBACK, **options: Any) -> Outcome:
    return deliver(url, {"webhook-id": "evt_01"}, BODY, policy, **options)


def outcome_of(behaviour: Behaviour, **options: Any) -> Outcome:
    with Receiver(behaviour) as receiver:
        return post(receiver.url(), **options)


def summary(outcome: Outcome) -> tuple[type[Outcome], int | None, str | None]:
    return type(outcome), outcome.status, getattr(outcome, "problem", None)
