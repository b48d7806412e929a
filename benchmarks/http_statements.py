"""How many statements an answer takes, counted at the drivers, for the floor and the product alike."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from statistics import mean
from typing import Any

import psycopg
from flask import Flask

from benchmarks.http_case import Case
from benchmarks.http_floor import floor
from benchmarks.http_growth import post
from benchmarks.load import KEY, random_value
from survey_service.app import create_app
from survey_service.settings import Settings

NOT_COUNTED = ("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA", "SET", "SHOW")
"""Statements that carry no rows."""
SESSIONS = 20


def show(case: Case, urls: tuple[str, str]) -> None:
    """Print how many statements an answer takes on both sides."""
    with counted() as statements:
        bare = _per_answer(floor(urls[0], case), case, urls[0], statements)
        ours = _per_answer(create_app(Settings(database_url=urls[1], secret_keys=(KEY,))), case, urls[1], statements)
    print(f"  statements per answer: floor {mean(bare):.1f}, product {mean(ours):.1f} ({min(ours)} to {max(ours)})")


@contextmanager
def counted() -> Iterator[list[str]]:
    """Yield the list of the statements that both drivers have run since the last `clear`."""
    found: list[str] = []
    connect, execute, many = sqlite3.dbapi2.connect, psycopg.Cursor.execute, psycopg.Cursor.executemany

    def traced(*given: Any, **more: Any) -> sqlite3.Connection:
        connection = connect(*given, **more)
        connection.set_trace_callback(found.append)
        return connection

    def run(cursor: Any, statement: Any, *given: Any, **more: Any) -> Any:
        found.append(str(statement))
        return execute(cursor, statement, *given, **more)

    def run_many(cursor: Any, statement: Any, *given: Any, **more: Any) -> Any:
        found.append(str(statement))
        return many(cursor, statement, *given, **more)

    sqlite3.connect = sqlite3.dbapi2.connect = traced  # type: ignore[assignment]
    psycopg.Cursor.execute, psycopg.Cursor.executemany = run, run_many  # type: ignore[method-assign]
    try:
        yield found
    finally:
        sqlite3.connect = sqlite3.dbapi2.connect = connect
        psycopg.Cursor.execute, psycopg.Cursor.executemany = execute, many  # type: ignore[method-assign]


def _per_answer(app: Flask, case: Case, url: str, statements: list[str]) -> list[int]:
    draw, found = Random(3), []
    for session in case.sessions(url, SESSIONS):
        question: Any = case.first
        for number in range(case.answers):
            if question is None:
                break
            value = random_value(question, draw)
            body = {"answer_id": f"a{number}", "question": question["id"], "kind": "answer", "value": value, "seconds": 3}
            statements.clear()
            view = post(app, f"/api/v1/sessions/{session}/answers", body, "t")
            found.append(sum(not statement.lstrip().startswith(NOT_COUNTED) for statement in statements))
            question = view["question"]
    return found[1:]  # the first compiles the bank
