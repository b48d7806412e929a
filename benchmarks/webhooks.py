"""How fast a worker delivers, beside a bare loop of the same client to the same receiver; what a backlog costs; how soon a message is out.

.venv/bin/python benchmarks/webhooks.py [--database URL] [--messages N] [--backlog N]
"""

import argparse
import json
import resource
import socket
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from multiprocessing import Process, get_context
from statistics import quantiles
from threading import Thread
from typing import Any

from sqlalchemy import insert

from survey_service.settings import Settings
from survey_service.store.columns import new_id
from survey_service.store.migrating import migrate
from survey_service.store.records import Contact
from survey_service.store.session import Store
from survey_service.store.webhook_records import Delivery
from survey_service.webhooks import endpoints, worker
from survey_service.webhooks.addresses import Policy
from survey_service.webhooks.delivery import deliver
from survey_service.webhooks.events import PING, UPDATED, ping_facts
from survey_service.webhooks.signing import new_secret, sign

KEY = "k" * 32
ANSWER = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


def receiver(listener: socket.socket) -> None:
    """The cheapest receiver there is: reads a request, answers 204."""
    while True:
        plug, _ = listener.accept()
        with plug:
            request = plug.recv(65536)
            while b"\r\n\r\n" not in request:
                request += plug.recv(65536)
            head, _, body = request.partition(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            while len(body) < length:
                body += plug.recv(65536)
            plug.sendall(ANSWER)


@contextmanager
def listening() -> Iterator[str]:
    """The URL of a receiver in processes of its own."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        hands = [Process(target=receiver, args=(listener,), daemon=True) for _ in range(2)]
        for hand in hands:
            hand.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/hook"
        finally:
            for hand in hands:
                hand.terminate()
                hand.join()


def bare_loop(url: str, policy: Policy, body: bytes, messages: int, threads: int) -> float:
    """Messages a second of the client alone, signed, with no database behind it."""
    secret = new_secret()

    def send(number: int) -> None:
        deliver(url, sign([secret], f"evt_{number}", int(time.time()), body), body, policy)

    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(send, range(messages)))
    return messages / (time.perf_counter() - started)


def fill(store: Store, endpoint_id: str, messages: int, facts: dict[str, Any]) -> None:
    """Messages that are due, each about another contact."""
    now = datetime.now(UTC)
    with store.writing() as session:
        for start in range(0, messages, 5000):
            ids = [new_id("ct") for _ in range(start, min(start + 5000, messages))]
            people = [{"id": one, "sequence": 1, "attributes": {}, "consent": {}, "created_at": now, "updated_at": now} for one in ids]
            session.execute(insert(Contact), people)
            rows = [
                {
                    **{"endpoint_id": endpoint_id, "contact_id": one, "event_id": new_id("evt"), "event_type": UPDATED, "facts": facts},
                    **{"due": now, "created_at": now, "sequence": 1, "place": 1, "coalescible": True},
                }
                for one in ids
            ]
            session.execute(insert(Delivery), rows)


def drain(settings: Settings, store: Store, messages: int) -> float:
    """Messages a second of one worker."""
    one = worker.Worker(settings, store)
    started = time.perf_counter()
    one.start(until=datetime.now(UTC))
    one.join()
    return messages / (time.perf_counter() - started)


def latencies(settings: Settings, store: Store, times: int) -> list[float]:
    """Milliseconds from the commit of a message to the first byte at the receiver, with nothing else to do."""
    with socket.create_server(("127.0.0.1", 0)) as listener, closing(Store(settings.database_url)) as own:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/hook"
        with store.writing() as session:
            endpoint, _ = endpoints.add(session, settings, url=url, events=[PING], when="material", now=datetime.now(UTC))
        one = worker.Worker(settings, own)
        one.start()
        found = []
        for number in range(times):
            time.sleep(0.05 + 0.013 * (number % 17))
            now = datetime.now(UTC)
            with store.writing() as session:
                facts = ping_facts(endpoint.id, now)
                session.add(
                    Delivery(endpoint_id=endpoint.id, event_id=new_id("evt"), event_type=PING, facts=facts, due=now, created_at=now)
                )
            committed = time.perf_counter()
            plug, _ = listener.accept()
            with plug:
                plug.recv(1)
                found.append((time.perf_counter() - committed) * 1000)
                plug.recv(65536)
                plug.sendall(ANSWER)
        one.stop()
        Thread(target=one.join).start()
    return found


def memory(settings: Settings) -> tuple[float, float]:
    """MB at most of a process of its own before a worker begins, and after it has worked for some seconds."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with closing(Store(settings.database_url)) as store:
        one = worker.Worker(settings, store)
        one.start()
        time.sleep(5)
        one.stop()
        one.join()
    return before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database")
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--backlog", type=int, default=100_000)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, listening() as url:
        environment = {"DISCERN_DATABASE_URL": wanted.database or f"sqlite:///{folder}/bench.db", "DISCERN_SECRET_KEYS": KEY}
        settings = Settings.from_env({**environment, "DISCERN_ALLOW_PRIVATE_TARGETS": "127.0.0.0/8"})
        with closing(Store(settings.database_url)) as store:
            migrate(store.engine)
            measure(settings, store, url, wanted)


def measure(settings: Settings, store: Store, url: str, wanted: argparse.Namespace) -> None:
    policy = Policy(settings.allow_private_targets)
    with store.writing() as session:
        endpoint, _ = endpoints.add(session, settings, url=url, events=[], when="material", now=datetime.now(UTC))
    facts = {"schema": f"{UPDATED}/1", "occurred_at": "2026-01-05T10:00:00.000000Z", "filling": "x" * 1500}
    body = json.dumps(facts).encode()
    fill(store, endpoint.id, wanted.messages, facts)
    threads = len(worker.LANES_OF_THREADS)
    bare = bare_loop(url, policy, body, wanted.messages, threads)
    rate = drain(settings, store, wanted.messages)
    found = sorted(latencies(settings, store, 100))
    fill(store, endpoint.id, wanted.backlog, facts)
    before, after = get_context("spawn").Pool(1).apply(memory, (settings,))
    print(f"database              {settings.database_url.split(':')[0]}")
    print(f"bare loop             {bare:8.0f} messages/s, {threads} threads")
    print(f"one worker            {rate:8.0f} messages/s, {rate / bare:.0%} of the bare loop")
    print(f"commit to first byte  {quantiles(found, n=2)[0]:8.0f} ms in the middle, p99 {quantiles(found, n=100)[98]:.0f} ms")
    print(f"memory                {after:8.0f} MB at most with {wanted.backlog:,} messages waiting ({before:.0f} MB before)")


if __name__ == "__main__":
    main()
