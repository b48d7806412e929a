"""A proxy between browsers and the service that misbehaves on purpose: what lies between people and a server on the real net.

A fault is a function that gets an exchange and handles one request. Faults that wait are used up one by one, by the requests whose path
they match; every other request is forwarded as it is.
"""

import http.client
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


@dataclass
class Exchange:
    """One request that has reached the proxy, and the way to its reply."""

    handler: BaseHTTPRequestHandler
    service: str
    headers: dict[str, str]
    body: bytes

    def forward(self) -> tuple[int, Mapping[str, str], bytes]:
        """Send the request to the service and return status, headers and body of its response."""
        connection = http.client.HTTPConnection(urlsplit(self.service).netloc, timeout=30)
        try:
            connection.request(self.handler.command, self.handler.path, self.body, self.headers)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Send a response to the browser."""
        self.handler.send_response(status)
        for name, value in headers.items():
            if name.lower() not in HOP_BY_HOP:
                self.handler.send_header(name, value)
        self.handler.send_header("Content-Length", str(len(body)))
        self.handler.end_headers()
        self.handler.wfile.write(body)


Fault = Callable[[Exchange], None]


@dataclass
class Proxy:
    """A running proxy. `stripped` names headers that never reach the service, and `seen` lists the paths of all requests."""

    address: str
    waiting: list[tuple[str, Fault]] = field(default_factory=list)
    stripped: set[str] = field(default_factory=set)
    seen: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def inject(self, path: str, *faults: Fault) -> None:
        """Apply one fault after the other to the next requests whose path ends with `path`."""
        with self._lock:
            self.waiting += [(path, fault) for fault in faults]

    def next_fault(self, path: str) -> Fault:
        """Return what happens to a request: the first fault that waits for its path, or forwarding."""
        with self._lock:
            self.seen.append(path)
            for place, (ending, fault) in enumerate(self.waiting):
                if path.endswith(ending):
                    del self.waiting[place]
                    return fault
        return forward


def forward(exchange: Exchange) -> None:
    """Do what a good proxy does."""
    exchange.reply(*exchange.forward())


def lose_request(exchange: Exchange) -> None:
    """Close the connection before the service gets the request."""
    exchange.handler.close_connection = True


def lose_reply(exchange: Exchange) -> None:
    """Close the connection after the service has handled the request."""
    exchange.forward()
    exchange.handler.close_connection = True


def send_twice(exchange: Exchange) -> None:
    """Deliver the request twice, as a client library that retries does."""
    exchange.forward()
    exchange.reply(*exchange.forward())


def hold(until: threading.Event) -> Fault:
    """Forward the request only after an event."""

    def delayed(exchange: Exchange) -> None:
        assert until.wait(timeout=30)
        forward(exchange)

    return delayed


def answer(status: int, body: str, content_type: str = "application/json") -> Fault:
    """Reply instead of the service: a captive portal, a CDN, a firewall. Browsers may read the reply."""

    def foreign(exchange: Exchange) -> None:
        exchange.reply(status, {"Content-Type": content_type, "Access-Control-Allow-Origin": "*"}, body.encode())

    return foreign


def change_body(change: Callable[[bytes], bytes]) -> Fault:
    """Forward the request, and change the body of the response."""

    def changed(exchange: Exchange) -> None:
        status, headers, body = exchange.forward()
        exchange.reply(status, headers, change(body))

    return changed


@contextmanager
def a_proxy(service: str) -> Iterator[Proxy]:
    """Run a proxy in front of the service at this address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_request(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in {"connection", *proxy.stripped}}
            proxy.next_fault(urlsplit(self.path).path)(Exchange(self, service, headers, body))

        do_GET = do_POST = do_HEAD = do_OPTIONS = handle_request  # noqa: N815  (the names that http.server calls)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy = Proxy(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
