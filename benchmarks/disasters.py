"""The effect on respondents of PostgreSQL down for half a minute, a thousand unfinished requests, and ten thousand open sessions.

PYTHONPATH=. .venv/bin/python -P benchmarks/disasters.py [--gone 30] [--slow 1000] [--sessions 10000]
"""

import argparse
import json
import resource
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles
from threading import Event, Thread
from typing import Any

import psycopg

from benchmarks.load import server as server_of
from tests.processes import Web, discern, until
from tests.survey_service.databases import Postgres, clone, postgres
from tests.test_one_answer_to_webhook import BANK

RESPONDENTS = 16
SERVE = "-m", "survey_service.cli.main", "serve", "--bind", "127.0.0.1:PORT"
HALF = b"POST /api/v1/surveys/post-purchase/sessions HTTP/1.1\r\nHost: x\r\nX-Slow: "


@dataclass
class Seen:
    """Responses to respondents: the count of each status, the time of each answer, and every refusal without a time to retry."""

    statuses: Counter[int] = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)

    def summary(self) -> str:
        cuts = quantiles(self.took, n=100) if len(self.took) > 1 else [0.0] * 99
        statuses = ", ".join(f"{status} {many:,} times" for status, many in sorted(self.statuses.items()))
        return f"{statuses}; p50 {cuts[49] * 1e3:.0f} ms, p99 {cuts[98] * 1e3:.0f} ms; refusals that are not clear: {len(self.unclear)}"


def call(web: Web, seen: Seen, path: str, body: Any, token: str = "") -> Any:
    """Return the view, or None if the request was refused."""
    line = HTTPConnection("127.0.0.1", web.port, timeout=60)
    began = time.perf_counter()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"} if token else {"Content-Type": "application/json"}
    line.request("POST", path, json.dumps(body), headers)
    answer = line.getresponse()
    raw = answer.read()
    line.close()
    seen.took.append(time.perf_counter() - began)
    seen.statuses[answer.status] += 1
    if answer.status == 503 and not (int(answer.headers.get("Retry-After", 0)) > 0 and json.loads(raw)["code"] == "unavailable"):
        seen.unclear.append(raw.decode(errors="replace"))
    return json.loads(raw) if answer.status < 300 else None


def start(web: Web, seen: Seen) -> Any:
    return call(web, seen, "/api/v1/surveys/post-purchase/sessions", {})


def skip(web: Web, seen: Seen, view: Any, token: str) -> Any:
    body = {"answer_id": f"a{view['progress']['answered']}", "question": view["question"]["id"], "kind": "skip"}
    return call(web, seen, f"/api/v1/sessions/{view['session']}/answers", body, token)


@contextmanager
def answering(web: Web) -> Iterator[Seen]:
    """Let respondents skip through surveys, one after the other, while the block lasts."""
    seen, stop = Seen(), Event()

    def respond() -> None:
        while not stop.is_set():
            view = start(web, seen)
            token = view and view["token"]
            while view and view["status"] == "open" and not stop.is_set():
                view = skip(web, seen, view, token)
            stop.wait(0.05)

    people = [Thread(target=respond) for _ in range(RESPONDENTS)]
    for person in people:
        person.start()
    try:
        yield seen
    finally:
        stop.set()
        for person in people:
            person.join()


def gone(web: Web, server: Postgres, seconds: float) -> None:
    with answering(web) as seen:
        until(lambda: seen.statuses[200] > 100, "people answer")
        server.kill()
        at_first = Counter(seen.statuses)
        time.sleep(seconds)
        meanwhile = seen.statuses - at_first
        server.start()
        back = time.perf_counter()
        served = seen.statuses[200]
        until(lambda: seen.statuses[200] > served, "people answer again")
        print(f"database gone for {seconds:.0f} s: {dict(meanwhile)} meanwhile; the first answer {time.perf_counter() - back:.1f} s after")
        time.sleep(2)
    print(f"  in all: {seen.summary()}")


def slow(web: Web, many: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with answering(web) as before:
        time.sleep(5)
    with ExitStack() as plugs, answering(web) as seen:
        lines = [plugs.enter_context(socket.create_connection(("127.0.0.1", web.port), timeout=60)) for _ in range(many)]
        for line in lines:
            line.sendall(HALF)
        for _ in range(10):
            time.sleep(1)
            for line in lines:
                line.sendall(b"x")
    print(f"without slow clients: {before.summary()}")
    print(f"{many:,} clients that send a byte a second: {seen.summary()}")


def open_sessions(web: Web, many: int, stored: Callable[[], int]) -> None:
    seen = Seen()
    with ThreadPoolExecutor(RESPONDENTS) as threads:
        views = list(threads.map(lambda _: start(web, seen), range(many)))
        print(f"{many:,} sessions are begun: {seen.summary()}")
        seen, had = Seen(), stored()
        after = list(threads.map(lambda view: skip(web, seen, view, view["token"]), views))
    print(f"  and each answers: {seen.summary()}; lost: {many - (stored() - had)}, refused: {after.count(None)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gone", type=float, default=30, help="seconds")
    parser.add_argument("--slow", type=int, default=1000)
    parser.add_argument("--sessions", type=int, default=10_000)
    wanted = parser.parse_args()
    with postgres() as server, clone(server) as url:
        discern("publish", str(BANK), database_url=url)

        def stored() -> int:
            with psycopg.connect(url.replace("+psycopg", "")) as connection:
                return int(connection.execute("SELECT count(*) FROM answer").fetchone()[0])  # type: ignore[index]

        with server_of(url, *SERVE) as (port, pid):
            web, processes = Web(port), Path(f"/proc/{pid}/task/{pid}/children")
            until(web.is_ready, "the web server answers")
            at_first = processes.read_text()
            gone(web, server, wanted.gone)
            slow(web, wanted.slow)
            open_sessions(web, wanted.sessions, stored)
            print("every process is the one that was started" if processes.read_text() == at_first else "PROCESSES HAVE CHANGED")


if __name__ == "__main__":
    main()
