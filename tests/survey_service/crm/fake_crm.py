"""A CRM on its own port that answers what the test sets and records the requests."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        if self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return dict(parse_qsl(self.raw.decode()))
        return json.loads(self.raw) if self.raw else None


@dataclass
class Answer:
    status: int = 200
    body: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None  # instead of `body`, as it is


Behaviour = Callable[[Asked], Answer]


@dataclass
class Crm:
    """Return `answers` in order, then what `behaviour` returns."""

    behaviour: Behaviour
    answers: list[Answer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def take(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        return self.answers.pop(0) if self.answers else self.behaviour(asked)


@contextmanager
def crm(behaviour: Behaviour) -> Iterator[Crm]:
    made = Crm(behaviour)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = made.take(Asked(self.command, self.path, headers, raw))
            body = answer.raw if answer.raw is not None else json.dumps(answer.body).encode()
            body = b"" if answer.status == 204 else body
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_PUT = answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def hubspot(asked: Asked) -> Answer:
    """Accept everything and answer as the real HubSpot does."""
    inputs = (asked.body or {}).get("inputs", [])
    return Answer(200, {"status": "COMPLETE", "results": [hubspot_result(input_) for input_ in inputs], **MOMENTS})


def hubspot_result(record: dict[str, Any]) -> dict[str, Any]:
    record_id = record["id"] if "idProperty" not in record else "9001"
    named = {record["idProperty"]: record["id"]} if "idProperty" in record else {}
    return {
        "id": record_id,
        "objectWriteTraceId": record["objectWriteTraceId"],
        "properties": {**record["properties"], **named},
        "new": False,
        "archived": False,
        "createdAt": NOW,
        "updatedAt": NOW,
    }


NOW = "2026-01-05T10:00:00.000Z"
MOMENTS = {"startedAt": NOW, "completedAt": NOW}
