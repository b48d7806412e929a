"""How many events a second the intake takes and evaluates, beside the raw driver, and how long an answer takes meanwhile.

PYTHONPATH=. .venv/bin/python -P benchmarks/intake.py [--events 20000] [--share 0.1] [--only sqlite|postgresql]

The bank is the shipped one with its signals. A `share` of the events is one of a signal, the rest is stored only. Batches of 500 come from
one client with one key, as a server's library sends them. The raw driver inserts the same rows, and nothing else, a hundred in a
transaction.
"""

import argparse
import json
import random
import sqlite3
import tempfile
import time
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from statistics import quantiles
from typing import Any

import psycopg
from sqlmodel import func, select

from benchmarks.http_rounds import PRODUCT
from benchmarks.load import KEY, a_bank, prepare, respond, server, sessions
from benchmarks.webhooks import working
from question_bank.files.load import read_bank
from survey_service.banks.publishing import publish
from survey_service.crypto import Keyring
from survey_service.store.session import Store
from survey_service.store.tables.inbound import IntakeBatch
from survey_service.web.api_keys import create_key
from tests.survey_service.databases import postgres

SHIPPED = Path(__file__).resolve().parent.parent / "question_bank" / "examples" / "car-buyers.yaml"
BATCH, PEOPLE, CLIENTS = 500, 10_000, 8
SIGNAL, OTHER = "Brochure Downloaded", "Product Viewed"
INSERT = "INSERT INTO raw_event VALUES ({0}, {0}, {0}, {0}, {0}, {0})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    given = parser.parse_args()
    for kind in ("sqlite", "postgresql"):
        if given.only in (None, kind):
            with database(kind) as url:
                _measure(kind, url, given.events, given.share)


@contextmanager
def database(kind: str) -> Iterator[str]:
    with ExitStack() as stack:
        if kind == "sqlite":
            yield f"sqlite:///{stack.enter_context(tempfile.TemporaryDirectory())}/intake.db"
        else:
            yield stack.enter_context(postgres(durable=True)).url("postgres")


def _measure(kind: str, url: str, events: int, share: float) -> None:
    prepare(url, a_bank())
    store = Store(url)
    with store.writing() as session:
        publish(session, read_bank(SHIPPED.read_bytes()), datetime.now(UTC))
        key = create_key(session, Keyring((KEY,)), "intake", "benchmark", datetime.now(UTC))
    store.close()
    raw = _insert_raw(kind, url, events)
    with server(url, *PRODUCT) as (port, _), working(url):
        answer_beside(url, port, 2)
        alone = answer_beside(url, port, 20)
        context = get_context("spawn")
        here, there = context.Pipe()
        sender = context.Process(target=_send, args=(port, key, events, share, there))
        sender.start()
        here.recv()
        here.send("go")
        began, beside = time.perf_counter(), list[float]()
        while not here.poll() or _waiting(url):
            beside += answer_beside(url, port, 4)
        accepted, evaluated = here.recv(), time.perf_counter() - began
        sender.join()
    rate, p95 = events / evaluated, [quantiles(took, n=20)[18] for took in (alone, beside)]
    print(f"{kind}: {events} events beside {CLIENTS} respondents who answer without a pause")
    print(f"{kind}: accepted in {accepted:.1f} s, evaluated {evaluated:.1f} s after the first was sent: {rate:.0f} a second")
    print(f"{kind}: the raw driver inserts {raw:.0f} a second; {rate / raw:.3f} of it")
    print(f"{kind}: an answer's p95 is {p95[1] / p95[0]:.2f} times that without events, {p95[0] * 1e3:.0f} ms", flush=True)


def _waiting(url: str) -> int:
    with closing(Store(url)) as store, store.reading() as session:
        return session.scalar(select(func.count()).select_from(IntakeBatch)) or 0


def answer_beside(url: str, port: int, each: int) -> list[float]:
    """Return the seconds of every answer of `each` sessions per respondent."""
    context = get_context("spawn")
    here, there = context.Pipe()
    load = context.Process(target=respond, args=(port, sessions(url, each * CLIENTS), 5, CLIENTS, there))
    load.start()
    here.recv()
    here.send("go")
    took: list[float] = here.recv()[1]
    load.join()
    return took


def _events(many: int, share: float) -> Iterator[dict[str, Any]]:
    draw = random.Random(5)
    for number in range(many):
        person = draw.randrange(PEOPLE)
        name = SIGNAL if draw.random() < share else OTHER
        yield {"type": "track", "userId": f"u{person}", "anonymousId": f"d{person}", "event": name, "messageId": f"m{number}"}


def _send(port: int, key: str, many: int, share: float, ready: Any) -> None:
    """Send all events, and the seconds that it took."""
    found = list(_events(many, share))
    bodies = [json.dumps({"batch": found[start : start + BATCH]}).encode() for start in range(0, many, BATCH)]
    headers = {"Authorization": f"Basic {b64encode(f'{key}:'.encode()).decode()}", "Content-Type": "application/json"}
    ready.send("ready")
    ready.recv()
    began = time.perf_counter()
    for body in bodies:
        with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/v1/batch", body, headers), timeout=120) as reply:
            assert reply.status == 200
    ready.send(time.perf_counter() - began)


def _insert_raw(kind: str, url: str, many: int) -> float:
    """Return how many of the same rows the raw driver inserts in a second."""
    table = "CREATE TABLE raw_event (contact TEXT, source TEXT, message TEXT, kind TEXT, name TEXT, moment TEXT)"
    rows = [(event["userId"], "key", event["messageId"], "track", event["event"], "2026-01-05") for event in _events(many, 0.1)]
    connection: Any
    if kind == "sqlite":
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        connection.execute("PRAGMA synchronous=FULL")  # as the service does
    else:
        connection = psycopg.connect(url.replace("+psycopg", ""))
    connection.execute(table)
    connection.commit()
    statement, began = INSERT.format("?" if kind == "sqlite" else "%s"), time.perf_counter()
    for start in range(0, many, 100):
        connection.cursor().executemany(statement, rows[start : start + 100])
        connection.commit()
    seconds = time.perf_counter() - began
    connection.close()
    return many / seconds


if __name__ == "__main__":
    main()
