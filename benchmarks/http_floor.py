"""The floor of `benchmarks/http.py`: one bare Flask route that reads, chooses and writes as an answer does, with the raw driver.

It has the same tables, the same durability, the same choice of the next question and of the one after each answer, and a similar reply.
It has one bank, no authentication, no validation and no webhooks.

python -m benchmarks.http_floor DATABASE_URL PORT WORKERS THREADS
"""

import json
import sqlite3
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import local
from time import time
from typing import Any

import numpy as np
import psycopg
from flask import Flask, Response, request
from sqlalchemy.engine import make_url

from adaptive import Evidence, Progress, look_ahead_states, next_questions
from benchmarks.load import SURVEY, a_bank
from question_bank.compile import CompiledBank, ObservedAnswer, compile_bank
from question_bank.files.load import read_bank
from survey_service.server.gunicorn_app import DiscernServer, options_of
from survey_service.settings import Settings

LOCK = """SELECT s.id, s.token_digest, s.survey, s.bank, s.bank_version, s.contact_id, s.language, s.status, s.question, s."limit",
 s.started_at, s.expires_at, c.sequence, c.attributes, c.consent, c.labels
 FROM survey_session s JOIN contact c ON c.id = s.contact_id WHERE s.id = ?"""
LOG = """SELECT a.id, a.session_id, a.question, a.kind, a.value, a.seconds, a.measured, a.answer_id, a.given_at, b.sequence, b.told
 FROM contact c LEFT JOIN belief b ON b.contact_id = c.id AND b.bank = ?
 LEFT JOIN answer a ON (a.contact_id = c.id AND a.bank = ? AND a.state = 'current') OR a.session_id = ? WHERE c.id = ? ORDER BY a.id"""
ADD = """INSERT INTO answer (session_id, contact_id, bank, bank_version, question, kind, value, seconds, measured, trapped, answer_id,
 state, given_at) VALUES (?, ?, ?, ?, ?, 'answer', ?, ?, ?, false, ?, 'current', ?)"""
GO_ON = "UPDATE survey_session SET question = ?, last_at = ?, expires_at = ? WHERE id = ?"
BELIEVE = """INSERT INTO belief (contact_id, bank, bank_version, probabilities, top, confidence, margin, entropy_bits, is_decided, answers,
 skipped, signals, sequence, told, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, false, ?, 0, 0, ?, ?, ?)
 ON CONFLICT (contact_id, bank) DO UPDATE SET probabilities = excluded.probabilities, top = excluded.top, confidence = excluded.confidence,
 margin = excluded.margin, entropy_bits = excluded.entropy_bits, answers = excluded.answers, sequence = excluded.sequence,
 told = excluded.told, updated_at = excluded.updated_at"""
ADMIT = """INSERT INTO rate_limit (key, open_at, gap) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET open_at = rate_limit.open_at + 0.001
 WHERE rate_limit.open_at <= ? RETURNING key"""


@dataclass(frozen=True)
class Driver:
    """Two connections: one with durable commits, one without."""

    durable: Any
    fast_connection: Any
    begin: str
    lock: str
    mark: str

    def run(self, connection: Any, statement: str, values: tuple[Any, ...]) -> Any:
        return connection.execute(statement.replace("?", self.mark) if self.mark != "?" else statement, values)


def sqlite(path: str) -> Driver:
    def connect(synchronous: str) -> Any:
        connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", f"synchronous={synchronous}", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    return Driver(connect("FULL"), connect("NORMAL"), "BEGIN IMMEDIATE", "", "?")


def postgresql(url: str) -> Driver:
    def connect(synchronous: str) -> Any:
        return psycopg.connect(url, autocommit=True, options=f"-c synchronous_commit={synchronous} -c timezone=UTC")

    return Driver(connect("on"), connect("off"), "BEGIN", " FOR UPDATE", "%s")


def connect(url: str) -> Driver:
    parsed = make_url(url)
    return sqlite(parsed.database or "") if parsed.get_backend_name() == "sqlite" else postgresql(f"postgresql{url[url.index('://') :]}")


def floor(url: str) -> Flask:
    app, mine = Flask("floor"), local()
    bank = compile_bank(read_bank(a_bank()))
    shown = {question.id: _shown(question) for question in bank.bank.questions}

    @app.post("/api/v1/sessions/<session_id>/answers")
    def answer(session_id: str) -> Response:
        if not hasattr(mine, "driver"):
            mine.driver = connect(url)
        driver: Driver = mine.driver
        given = json.loads(request.get_data())
        driver.run(driver.fast_connection, ADMIT, (f"token/{session_id}", time() - 100, 0.001, time()))
        driver.durable.execute(driver.begin)
        reply = _record(driver, bank, session_id, given)
        driver.durable.execute("COMMIT")
        question, ahead = reply
        names = [bank.bank.questions[q].id if q >= 0 else None for q in ahead]
        view = {
            "session": session_id,
            "status": "open",
            "question": shown[question],
            "ahead": dict(zip([*(option.id for option in bank.bank.question(question).options), "skip"], names, strict=True)),
            "next_questions": {name: shown[name] for name in names if name},
        }
        return Response(json.dumps(view), content_type="application/json")

    return app


def _record(driver: Driver, bank: CompiledBank, session_id: str, given: dict[str, Any]) -> tuple[str, Any]:
    now = datetime.now(UTC)
    connection, tables, rules = driver.durable, bank.tables, bank.rules[SURVEY]
    row = driver.run(connection, LOCK + driver.lock, (session_id,)).fetchone()
    contact, version = row[5], row[4]
    log = driver.run(connection, LOG, (bank.bank.id, bank.bank.id, session_id, contact)).fetchall()
    values = (session_id, contact, bank.bank.id, version, given["question"], json.dumps(given["value"]), 3.0, 3.0, given["answer_id"], now)
    driver.run(connection, ADD, values)
    answers = [
        ObservedAnswer(entry[2], json.loads(entry[4]) if isinstance(entry[4], str) and entry[4][0] == '"' else entry[4])
        for entry in log
        if entry[0]
    ]
    evidence = bank.evidence([*answers, ObservedAnswer(given["question"], given["value"])])
    progress = _progress(evidence, len(answers) + 1)
    step = next_questions(tables, rules, evidence, progress)
    question = bank.bank.questions[int(step.chosen[0])].id
    belief = step.belief[0]
    order = np.argsort(-belief)
    probabilities = json.dumps(dict(zip(bank.personas, map(float, belief), strict=True)))
    entropy = float(-(belief * np.log2(belief)).sum())
    confidence, margin = float(belief[order[0]]), float(belief[order[0]] - belief[order[1]])
    driver.run(connection, GO_ON, (question, now, now + timedelta(hours=24), session_id))
    top = bank.personas[int(order[0])]
    counted = (len(answers) + 1, (log[0][9] or 0) + 1, probabilities, now)
    driver.run(connection, BELIEVE, (contact, bank.bank.id, version, probabilities, top, confidence, margin, entropy, *counted))
    outcomes = bank.outcomes(question)
    rows = np.array([bank.row(outcome) for outcome in outcomes])
    opens = np.ones((len(outcomes), len(bank.index)), dtype=bool)
    supposed = look_ahead_states(tables, evidence, progress, bank.index[question], rows, opens)
    return question, next_questions(tables, rules, *supposed).chosen


def _progress(evidence: Evidence, taken: int) -> Progress:
    done = evidence.answered | evidence.silent
    return Progress(done, np.ones_like(done), np.array([taken]), np.array([3.0 * taken]), np.array([done.shape[1]]))


def _shown(question: Any) -> dict[str, Any]:
    options = [{"id": option.id, "text": next(iter(option.text.values()))} for option in question.options]
    return {"id": question.id, "type": question.type, "text": next(iter(question.text.values())), "options": options}


if __name__ == "__main__":
    database, port, workers, threads = sys.argv[1:]
    settings = Settings.from_env({"DISCERN_DATABASE_URL": database, "DISCERN_SECRET_KEYS": "k" * 32, "DISCERN_LOG_LEVEL": "WARNING"})
    DiscernServer(
        lambda known: floor(known.database_url), settings, options_of(settings, f"127.0.0.1:{port}", int(workers), int(threads))
    ).run()
