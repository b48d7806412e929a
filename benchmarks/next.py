"""What to say now: from the last event of a contact to the answer of `GET /contacts/{id}/next`, on a large base, over real HTTP.

    PYTHONPATH=. .venv/bin/python -P benchmarks/next.py [--contacts 100000] [--only sqlite|postgresql]

A contact sends the event of the next stage, and the same page asks what suits it: both requests together count, and the answer must know
the event. The bound is 100 ms at the 95th percentile. Beside them, in the same run, the raw driver reads the rows that the answer rests on:
contact, events, answers, belief and attributes.
"""

import argparse
import base64
import http.client
import json
import sqlite3
import time
from datetime import UTC, datetime
from statistics import median, quantiles
from typing import Any

import psycopg
from sqlmodel import insert

from benchmarks.intake import SHIPPED, database
from benchmarks.kpi_scale import BANK, fill
from benchmarks.load import KEY, a_bank, prepare, server
from question_bank.files.load import read_bank
from survey_service.banks.publishing import publish
from survey_service.crypto import Keyring
from survey_service.store.session import Store
from survey_service.store.tables.core import OWN_SYSTEM, ExternalId
from survey_service.web.api_keys import create_key

BOUND = 0.1
EACH_SECOND = 8
"""Events of a key that are evaluated at once: the intake lets ten a second by, others wait for the worker."""
STATEMENTS = (
    "SELECT id, consent, attributes FROM contact WHERE id = {0}",
    "SELECT kind, name, path, channel, topic, value, currency, subject, at FROM contact_event WHERE contact_id = {0}",
    "SELECT question, kind, value, given_at FROM answer WHERE contact_id = {0} AND state = 'current'",
    "SELECT probabilities FROM belief WHERE contact_id = {0}",
    "SELECT vector, model_id FROM attribution WHERE contact_id = {0}",
)
SERVE = ("-m", "survey_service.cli.main", "serve", "--bind", "127.0.0.1:PORT", "--workers", "2")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--asked", type=int, default=200)
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    given = parser.parse_args()
    kept = True
    for kind in ("sqlite", "postgresql"):
        if given.only in (None, kind):
            with database(kind) as url:
                kept &= measure(kind, url, given.contacts, given.asked)
    raise SystemExit(0 if kept else 1)


def measure(kind: str, url: str, contacts: int, asked: int) -> bool:
    """Print the times of one database, and return whether the bound is kept."""
    prepare(url, a_bank())
    store, now = Store(url), datetime.now(UTC)
    with store.writing() as session:
        publish(session, read_bank(SHIPPED.read_bytes()), now)
        keys = [create_key(session, Keyring((KEY,)), scope, "benchmark", now) for scope in ("intake", "read")]
    fill(store, contacts, now)
    names = [f"ct_{number * (contacts // asked):010}" for number in range(asked)]
    with store.writing() as session:
        session.execute(insert(ExternalId), [{"system": OWN_SYSTEM, "value": name, "type": "id", "contact_id": name} for name in names])
    store.close()
    with server(url, *SERVE) as (port, _):
        took = [ask(port, keys, name) for name in names]
    raw = read_raw(kind, url, names)
    whole, answers = [send + read for send, read in took], [read for _, read in took]
    p95 = quantiles(whole, n=20)[18]
    times = f"event and answer {1000 * median(whole):.1f} ms, p95 {1000 * p95:.1f} ms (bound {1000 * BOUND:.0f})"
    ratio = f"{median(answers) / median(raw):.1f} times the raw statements ({1000 * median(raw):.2f} ms)"
    print(f"{kind}: {contacts:,} contacts: {times}; the answer alone {1000 * median(answers):.1f} ms, {ratio}", flush=True)
    return p95 <= BOUND


def ask(port: int, keys: list[str], name: str) -> tuple[float, float]:
    """Send an event and ask what suits now. Return the seconds of both requests; the answer must know the event."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.connect()
    write = {"Authorization": f"Basic {base64.b64encode(f'{keys[0]}:'.encode()).decode()}", "Content-Type": "application/json"}
    read = {"Authorization": f"Bearer {keys[1]}"}
    call(connection, "GET", f"/api/v1/contacts/{name}/next?bank={BANK}", None, read)  # the connection and the bank are warm
    body = {"batch": [{"type": "page", "userId": name, "messageId": f"now-{name}", "properties": {"path": "/guide/now"}}]}
    began = time.perf_counter()
    call(connection, "POST", "/v1/batch", json.dumps(body), write)
    sent = time.perf_counter()
    found = call(connection, "GET", f"/api/v1/contacts/{name}/next?bank={BANK}", None, read)
    answered = time.perf_counter()
    connection.close()
    if "purchase/guide" not in [stage["stage"] for stage in found["stages"]]:
        raise SystemExit(f"{name}: the answer does not know the event: {found['stages']}")
    time.sleep(max(0.0, 1 / EACH_SECOND - (answered - began)))
    return sent - began, answered - sent


def call(connection: http.client.HTTPConnection, method: str, path: str, body: str | None, headers: dict[str, str]) -> Any:
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    content = response.read()
    if response.status != 200:
        raise SystemExit(f"{method} {path}: {response.status} {content[:300]!r}")
    return json.loads(content)


def read_raw(kind: str, url: str, names: list[str]) -> list[float]:
    """Return the seconds in which the raw driver reads the rows behind each answer."""
    if kind == "sqlite":
        driver: Any = sqlite3.connect(url.removeprefix("sqlite:///"))
        statements = [statement.format("?") for statement in STATEMENTS]
    else:
        driver = psycopg.connect(url.replace("postgresql+psycopg", "postgresql"))
        statements = [statement.format("%s") for statement in STATEMENTS]
    took = []
    for name in names:
        began = time.perf_counter()
        for statement in statements:
            driver.execute(statement, (name,)).fetchall()
        took.append(time.perf_counter() - began)
    driver.close()
    return took


if __name__ == "__main__":
    main()
