"""The cost and the statements of an answer as sessions, contacts and banks grow; in process, one answer at a time."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import count
from statistics import median
from typing import Any

from flask import Flask
from sqlalchemy import Engine, event, insert, text

from benchmarks.load import KEY, SURVEY, a_bank, cpu_of, prepare
from question_bank.files.load import read_bank
from survey_service.app import create_app
from survey_service.banks.publishing import publish
from survey_service.settings import Limit, Settings
from survey_service.store.session import Store
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.metadata import metadata
from survey_service.webhooks import endpoints

NUMBERS = count()
AT_ONCE = 5_000
ANSWERS_EACH = 3
LIMIT = Limit(1_000_000, 1_000_000.0)


class Service:
    """The application in this process, without a server: measured are its own work and the database's."""

    def __init__(self, url: str, postmaster: int) -> None:
        self.settings = Settings(
            database_url=url, secret_keys=(KEY,), limit_per_token=LIMIT, limit_per_address=LIMIT, limit_per_survey=LIMIT
        )
        self.app: Flask = create_app(self.settings)
        self.store: Store = self.app.extensions["discern"].store
        self._postmaster = postmaster
        self.statements: list[str] = []
        for engine in (self.store.engine, self.store._fast):
            event.listen(engine, "before_cursor_execute", lambda *facts: self.statements.append(facts[2]))

    def post(self, path: str, body: Any, token: str = "") -> Any:
        return post(self.app, path, body, token)

    def interview(self, answers: int) -> list[tuple[float, int]]:
        """Return seconds and statements of each answer of a new session: processor time of this process, and wall-clock time with a
        server.
        """
        view = self.post(f"/api/v1/surveys/{SURVEY}/sessions", {})
        session, token, found = view["session"], view["token"], []
        for number in range(answers):
            body = {"answer_id": f"a{number}", "question": view["question"]["id"], "kind": "answer", "value": f"o{next(NUMBERS) % 5}"}
            self.statements.clear()
            begun = time.process_time()
            view = self.post(f"/api/v1/sessions/{session}/answers", {**body, "seconds": 3}, token)
            found.append((time.process_time() - begun, sum(not statement.startswith("BEGIN") for statement in self.statements)))
        return found

    def cost(self, interviews: int, answers: int) -> float:
        """Return the median processor seconds of an answer over several runs: this process and the database's."""
        per_answer = []
        for _ in range(5):
            before = time.process_time() + self._database()
            for _ in range(interviews):
                self.interview(answers)
            per_answer.append((time.process_time() + self._database() - before) / (interviews * answers))
        return median(per_answer)

    def _database(self) -> float:
        return cpu_of(self._postmaster) if self._postmaster else 0.0

    def publish(self, bank: str) -> None:
        with self.store.writing() as session:
            publish(session, read_bank(bank), datetime.now(UTC))


def post(app: Flask, path: str, body: Any, token: str = "") -> Any:
    """Call an application in this process, without a client library, and return what it answers."""
    raw = json.dumps(body).encode()
    environ = {
        **{"REQUEST_METHOD": "POST", "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "x", "SERVER_PORT": "80"},
        **{"SERVER_PROTOCOL": "HTTP/1.1", "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(raw)), "REMOTE_ADDR": "::1"},
        **{"HTTP_AUTHORIZATION": f"Bearer {token}", "wsgi.input": BytesIO(raw), "wsgi.url_scheme": "http"},
    }
    status: list[str] = []
    answer = b"".join(app.wsgi_app(environ, lambda code, *_: status.append(code)))  # type: ignore[arg-type,return-value]
    if status[0][0] != "2":
        raise SystemExit(f"{path}: {status[0]} {answer!r}")
    return json.loads(answer)


@contextmanager
def a_service(url: str, postmaster: int) -> Iterator[Service]:
    service = Service(url, postmaster)
    try:
        yield service
    finally:
        service.store.close()


def show(kind: str, url: str, postmaster: int, sizes: list[int]) -> None:
    prepare(url, a_bank(60, at_most=31))
    with a_service(url, postmaster) as service:
        service.interview(10)
        print(f"\n{kind}, in process")
        _statements(service)
        _session(service)
        _contacts(service, sizes)
        _banks(service)


def _statements(service: Service) -> None:
    without = [statements for _, statements in service.interview(10)]
    with service.store.writing() as session:
        url = "https://crm.example/hook"
        added, _ = endpoints.add(session, service.settings, url=url, events=[], when="material", now=datetime.now(UTC))
        endpoint = added.id
    with_endpoint = [statements for _, statements in service.interview(10)]
    with service.store.writing() as session:
        session.connection().execute(text("UPDATE endpoint SET state = 'removed' WHERE id = :id"), {"id": endpoint})
    print(
        f"  statements per answer: {min(without)} to {max(without)} without a webhook endpoint, "
        f"{min(with_endpoint)} to {max(with_endpoint)} with one"
    )


def _session(service: Service) -> None:
    runs = [service.interview(30) for _ in range(40)]
    early, late = (median(seconds for run in runs for seconds, _ in run[part]) for part in (slice(0, 3), slice(27, 30)))
    print(f"  30th answer of a session / 1st: {late / early:.2f} ({early * 1e6:.0f} -> {late * 1e6:.0f} us of this process)")


def _contacts(service: Service, sizes: list[int]) -> None:
    there, first = 0, 0.0
    for size in sizes:
        fill(service.store, size - there)
        there = size
        cost = service.cost(15, 10)
        first = first or cost
        print(f"  {size:>9,} contacts: {cost * 1e6:5.0f} us an answer, {cost / first:.2f} times as much as with {sizes[0]:,}", flush=True)


def _banks(service: Service) -> None:
    costs = {}
    for questions in (10, 30, 100, 300, 1000):
        service.publish(a_bank(questions, at_most=9))
        service.interview(2)
        costs[questions] = service.cost(15, 8)
    print("  questions in the bank: " + ", ".join(f"{many}: {cost * 1e6:.0f} us" for many, cost in costs.items()))


def fill(store: Store, contacts: int) -> None:
    """Create contacts who have answered: each with a session, a belief and a few answers."""
    for start in range(0, contacts, AT_ONCE):
        with store.writing_fast() as session:
            for table, rows in _rows(min(AT_ONCE, contacts - start)).items():
                session.execute(insert(metadata.tables[table]), rows)
    _analyse(store.engine)


def _analyse(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("ANALYZE"))
        connection.commit()


def _rows(many: int) -> dict[str, list[dict[str, Any]]]:
    now = datetime.now(UTC) - timedelta(days=30)
    people = [(new_id("ct"), new_id("ses")) for _ in range(many)]
    blank = {"sequence": 3, "attributes": {}, "consent": {}, "labels": {}, "merged_from": [], "created_at": now, "updated_at": now}
    probabilities = {f"p{k}": 0.125 for k in range(8)}
    believed = {"bank": "bench", "bank_version": 1, "probabilities": probabilities, "top": "p0", "confidence": 0.5, "margin": 0.1}
    counted = {"entropy_bits": 2.0, "is_decided": False, "answers": ANSWERS_EACH, "skipped": 0, "signals": 0, "sequence": 3}
    begun = {"survey": SURVEY, "bank": "bench", "bank_version": 1, "language": "en", "channel": "web", "hidden": {}, "limit": 31}
    ended = {"token_digest": "x", "status": "complete", "stopped_because": "at_most", "started_at": now, "last_at": now, "ended_at": now}
    given = {"bank": "bench", "bank_version": 1, "kind": "answer", "value": "o1", "seconds": 3.0, "trapped": False, "state": "current"}
    return {
        "contact": [{"id": contact, **blank} for contact, _ in people],
        "survey_session": [{"id": person, "contact_id": contact, **begun, **ended, "expires_at": now} for contact, person in people],
        "belief": [{"contact_id": contact, **believed, **counted, "told": None, "updated_at": now} for contact, _ in people],
        "answer": [
            {"session_id": person, "contact_id": contact, "question": f"q{n}", "answer_id": f"a{n}", "given_at": now, **given}
            for contact, person in people
            for n in range(ANSWERS_EACH)
        ],
    }
