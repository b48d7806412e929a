"""The floor of `benchmarks/http.py`: one bare Flask route that reads, chooses and writes as an answer does, with the raw driver.

It has the same tables, the same durability, the same choice of the next question and of the one after each answer, a similar reply, and
leaves the same rows, those of the outbox included. It has one bank, no authentication and no validation.

python -m benchmarks.http_floor DATABASE_URL PORT WORKERS THREADS [CASE]
"""

import json
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from threading import local
from time import time
from typing import Any

import psycopg
from flask import Flask, Response, request
from sqlalchemy.engine import make_url

from benchmarks.http_case import CASES, Case
from benchmarks.http_floor_answer import Floor
from survey_service.server.gunicorn_app import DiscernServer, options_of
from survey_service.settings import Settings

ADMIT = """INSERT INTO rate_limit (key, open_at, gap) VALUES (?, ?, ?), (?, ?, ?) ON CONFLICT (key) DO UPDATE
 SET open_at = rate_limit.open_at + 0.001 WHERE rate_limit.open_at <= ? RETURNING key"""


@dataclass(frozen=True)
class Driver:
    """Two connections: one with durable commits, one without. `read_json` reads a JSON column."""

    durable: Any
    fast: Any
    begin: str
    lock: str
    mark: str
    read_json: Callable[[Any], Any]

    def run(self, statement: str, *values: Any) -> Any:
        return self.durable.execute(_marked(statement, self.mark), values)

    def run_fast(self, statement: str, *values: Any) -> Any:
        return self.fast.execute(_marked(statement, self.mark), values)


@cache
def _marked(statement: str, mark: str) -> str:
    return statement.replace("?", mark)


def _read_json(stored: Any) -> Any:
    return json.loads(stored) if isinstance(stored, str) else stored  # SQLite keeps a number in a JSON column as a number


def sqlite(path: str) -> Driver:
    def connect(synchronous: str) -> Any:
        connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", f"synchronous={synchronous}", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    return Driver(connect("FULL"), connect("NORMAL"), "BEGIN IMMEDIATE", "", "?", _read_json)


def postgresql(url: str) -> Driver:
    def connect(synchronous: str) -> Any:
        return psycopg.connect(url, autocommit=True, options=f"-c synchronous_commit={synchronous} -c timezone=UTC")

    return Driver(connect("on"), connect("off"), "BEGIN", " FOR UPDATE", "%s", lambda value: value)


def connect(url: str) -> Driver:
    parsed = make_url(url)
    return sqlite(parsed.database or "") if parsed.get_backend_name() == "sqlite" else postgresql(f"postgresql{url[url.index('://') :]}")


def floor(url: str, case: Case) -> Flask:
    app, mine, its = Flask("floor"), local(), Floor.of(case)

    @app.post("/api/v1/sessions/<session_id>/answers")
    def answer(session_id: str) -> Response:
        if not hasattr(mine, "driver"):
            mine.driver = connect(url)
        driver: Driver = mine.driver
        given, now = json.loads(request.get_data()), time()
        driver.run_fast(ADMIT, f"token/{session_id}", now - 100, 0.001, f"survey/{its.survey}", now - 100, 0.001, now)
        driver.run(driver.begin)
        reply = its.record(driver, session_id, given)
        driver.run("COMMIT")
        return Response(json.dumps(its.view(session_id, reply)), content_type="application/json")

    return app


if __name__ == "__main__":
    database, port, workers, threads, *named = sys.argv[1:]
    settings = Settings.from_env({"DISCERN_DATABASE_URL": database, "DISCERN_SECRET_KEYS": "k" * 32, "DISCERN_LOG_LEVEL": "WARNING"})
    measured = CASES[named[0] if named else "bare"]
    DiscernServer(
        lambda known: floor(known.database_url, measured), settings, options_of(settings, f"127.0.0.1:{port}", int(workers), int(threads))
    ).run()
