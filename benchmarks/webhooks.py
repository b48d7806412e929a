"""Delivery rate of a worker beside a bare loop of the same client to the same receiver; latency of a message; cost of a backlog.

The worker is the real process, `discern worker` with its ordinary settings; its log goes to a file.

PYTHONPATH=. .venv/bin/python -P benchmarks/webhooks.py [--database URL | --postgresql] [--messages N] [--rounds N] [--backlog N]
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing import Array, Process
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from sqlalchemy import insert, text

from benchmarks.throwaway import database
from survey_service.egress.addresses import Policy
from survey_service.egress.client import deliver
from survey_service.egress.signing import new_secret, sign
from survey_service.outbox.events import MODEL, PING, UPDATED, ping_facts
from survey_service.settings import Settings
from survey_service.store.migrate import migrate
from survey_service.store.session import Store
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.core import Contact
from survey_service.store.tables.webhooks import Delivery, Endpoint
from survey_service.webhooks import due, endpoints

KEY = "k" * 32
ANSWER = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
PERSONAS = {"budget_planner": 0.62, "eco_parent": 0.3, "gadget_fan": 0.04, "last_minute": 0.02, "loyal_local": 0.01, "silver_surfer": 0.01}
WHY = {"kind": "answer", "question": "q_budget", "value": "under_50", "favours": "budget_planner", "log_likelihood_ratio_bits": 1.32}
FACTS: dict[str, Any] = {
    "schema": f"{UPDATED}/1",
    "sequence": 1,
    "reason": "answer",
    "occurred_at": "2026-01-05T10:00:00.123456Z",
    "contact": {"id": "", "external_ids": [{"system": "crm", "type": "id", "id": "crm-42"}], "email_sha256": "5a" * 32, "merged_from": []},
    "persona_set": {"id": "ps_2026_01", "version": 3, "personas": list(PERSONAS)},
    "model": MODEL,
    "assignment": {
        **{"persona": "budget_planner", "kind": "answered", "confidence": 0.62, "margin": 0.32, "entropy_bits": 1.284},
        "is_decided": True,
    },
    "probabilities": PERSONAS,
    "coalesced": {"updates": 1, "first_sequence": 1},
    "evidence": {"answers": 4, "skipped": 1, "signals": 7, "total": 12, "last_at": "2026-01-05T09:59:58.000000Z"},
    "explanation": [WHY] * 5,
    "consent": {"profiling": True, "version": "2026-01"},
}
"""A message of the size in docs/webhooks.md: six personas and five explanations."""


@dataclass
class Receiver:
    """A minimal receiver in two processes: it reads a request, answers 204 and counts."""

    listener: socket.socket
    counts: Any = field(default_factory=lambda: Array("d", [0.0] * 2))
    last: Any = field(default_factory=lambda: Array("d", [0.0] * 2))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}/hook"

    @property
    def count(self) -> int:
        return int(sum(self.counts))

    def serve(self, number: int) -> None:
        while True:
            plug, _ = self.listener.accept()
            with plug:
                request = plug.recv(65536)
                while b"\r\n\r\n" not in request:
                    request += plug.recv(65536)
                head, _, body = request.partition(b"\r\n\r\n")
                length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                while len(body) < length:
                    body += plug.recv(65536)
                plug.sendall(ANSWER)
            self.counts[number] += 1
            self.last[number] = time.time()

    def until(self, count: int) -> float:
        """Return when the total of requests is reached. Fails after five minutes."""
        deadline = time.monotonic() + 300
        while self.count < count:
            if time.monotonic() > deadline:
                raise SystemExit(f"only {self.count} of {count} requests came")
            time.sleep(0.005)
        return max(self.last)


@contextmanager
def listening() -> Iterator[Receiver]:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        made = Receiver(listener)
        processes = [Process(target=made.serve, args=(number,), daemon=True) for number in range(2)]
        for process in processes:
            process.start()
        try:
            yield made
        finally:
            for process in processes:
                process.terminate()
                process.join()


@contextmanager
def working(url: str) -> Iterator[int]:
    """Run a worker. Yield its process id."""
    known = {**os.environ, "DISCERN_DATABASE_URL": url, "DISCERN_SECRET_KEYS": KEY, "DISCERN_ALLOW_PRIVATE_TARGETS": "127.0.0.0/8"}
    with tempfile.TemporaryFile() as log:
        running = subprocess.Popen([sys.executable, "-m", "survey_service.cli.main", "worker"], env=known, stderr=log)
        try:
            yield running.pid
        finally:
            running.terminate()
            running.wait()


def bare_loop(url: str, policy: Policy, messages: int, threads: int) -> float:
    """Return the messages a second of the client alone, signed, without a database."""
    secret, body = new_secret(), json.dumps(FACTS).encode()

    def send(number: int) -> None:
        deliver(url, sign([secret], f"evt_{number}", int(time.time()), body), body, policy)

    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(send, range(messages)))
    return messages / (time.perf_counter() - started)


def fill(store: Store, endpoint_id: str, messages: int) -> None:
    """Create due messages, each about another contact."""
    now = datetime.now(UTC)
    with store.writing() as session:
        for start in range(0, messages, 5000):
            ids = [new_id("ct") for _ in range(start, min(start + 5000, messages))]
            people = [{"id": id_, "sequence": 1, "attributes": {}, "consent": {}, "created_at": now, "updated_at": now} for id_ in ids]
            session.execute(insert(Contact), people)
            rows = [
                {
                    **{
                        "endpoint_id": endpoint_id,
                        "contact_id": id_,
                        "event_id": new_id("evt"),
                        "event_type": UPDATED,
                        "bank": "ps_2026_01",
                    },
                    **{"facts": {**FACTS, "contact": {**FACTS["contact"], "id": id_}}, "due": now, "created_at": now},
                    **{"sequence": 1, "place": 1, "coalescible": True},
                }
                for id_ in ids
            ]
            session.execute(insert(Delivery), rows)
    with store.writing() as session:
        session.execute(text("ANALYZE"))  # autovacuum would do so within a minute


def rate(store: Store, url: str, endpoint_id: str, receiver: Receiver, messages: int) -> float:
    """Return the messages a second of one worker, from its first request to its last."""
    fill(store, endpoint_id, messages)
    before = receiver.count
    with working(url):
        began = receiver.until(before + 1)
        return (messages - 1) / (receiver.until(before + messages) - began)


def latencies(store: Store, settings: Settings, times: int) -> list[float]:
    """Return the milliseconds from the commit of a message to its first byte at the receiver, with an otherwise idle worker."""
    with socket.create_server(("127.0.0.1", 0)) as listener, working(settings.database_url):
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/hook"
        with store.writing() as session:
            endpoint, _ = endpoints.add(session, settings, url=url, events=[PING], when="material", now=datetime.now(UTC))
        return [_latency(store, endpoint.id, listener, 0.05 + 0.013 * (number % 17)) for number in range(times + 1)][1:]


def _latency(store: Store, endpoint_id: str, listener: socket.socket, pause: float) -> float:
    time.sleep(pause)
    now = datetime.now(UTC)
    with store.writing() as session:
        facts = ping_facts(endpoint_id, now)
        session.add(Delivery(endpoint_id=endpoint_id, event_id=new_id("evt"), event_type=PING, facts=facts, due=now, created_at=now))
    committed = time.perf_counter()
    plug, _ = listener.accept()
    with plug:
        plug.recv(1)
        found = (time.perf_counter() - committed) * 1000
        plug.recv(65536)
        plug.sendall(ANSWER)
    return found


def memory(store: Store, url: str, endpoint_id: str, receiver: Receiver) -> list[int]:
    """Return the peak MB of a worker and of its maintenance process, while it runs for some seconds with one maintenance task."""
    with store.writing() as session:
        endpoint = session.get_one(Endpoint, endpoint_id)
        expired = {**endpoint.secrets[0], "expires_at": (datetime.now(UTC) - timedelta(hours=1)).isoformat()}
        endpoint.secrets = [*endpoint.secrets, expired]
        session.add(endpoint)
    peaks: dict[str, int] = {}
    with working(url) as worker:
        receiver.until(receiver.count + 2000)
        for _ in range(40):
            for pid in [str(worker), *_children(worker)]:
                peaks[pid] = max(_peak(pid), peaks.get(pid, 0))
            time.sleep(0.2)
    return list(peaks.values())


def _children(pid: int) -> list[str]:
    return [child for file in Path(f"/proc/{pid}/task").glob("*/children") for child in file.read_text().split()]


def _peak(pid: str) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database")
    parser.add_argument("--postgresql", action="store_true", help="start a PostgreSQL of its own")
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--backlog", type=int, default=100_000)
    wanted = parser.parse_args()
    with database(wanted.database, postgresql=wanted.postgresql) as url, listening() as receiver:
        environment = {"DISCERN_DATABASE_URL": url, "DISCERN_SECRET_KEYS": KEY, "DISCERN_ALLOW_PRIVATE_TARGETS": "127.0.0.0/8"}
        settings = Settings.from_env(environment)
        with closing(Store(url)) as store:
            migrate(store.engine)
            measure(settings, store, receiver, wanted)


def measure(settings: Settings, store: Store, receiver: Receiver, wanted: argparse.Namespace) -> None:
    policy, url = Policy(settings.allow_private_targets), settings.database_url
    with store.writing() as session:
        endpoint, _ = endpoints.add(session, settings, url=receiver.url, events=[UPDATED], when="material", now=datetime.now(UTC))
    threads, bare, full, share = due.PLACES_PER_ENDPOINT, [], [], []
    for _ in range(wanted.rounds):
        bare.append(bare_loop(receiver.url, policy, wanted.messages, threads))
        full.append(rate(store, url, endpoint.id, receiver, wanted.messages))
        share.append(full[-1] / bare[-1])
    found = sorted(latencies(store, settings, 100))
    fill(store, endpoint.id, wanted.backlog)
    peaks = memory(store, url, endpoint.id, receiver)
    print(f"database              {url.split(':')[0]}, {wanted.rounds} rounds of {wanted.messages:,} messages of {_size()} bytes")
    print(f"bare loop             {median(bare):8.0f} messages/s, {threads} threads")
    print(f"one worker            {median(full):8.0f} messages/s, {median(share):.0%} of the bare loop ({_all(share)})")
    print(f"commit to first byte  {quantiles(found, n=2)[0]:8.0f} ms in the middle, p99 {quantiles(found, n=100)[98]:.0f} ms")
    print(f"memory                {peaks[0]:8.0f} MB at most with {wanted.backlog:,} messages waiting; chores {max([0, *peaks[1:]])} MB")


def _size() -> int:
    return len(json.dumps(FACTS, separators=(",", ":")))


def _all(shares: Sequence[float]) -> str:
    return " ".join(f"{share:.0%}" for share in shares)


if __name__ == "__main__":
    main()
