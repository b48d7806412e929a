"""SQLite allows one writer at a time: concurrent writers queue for a limited time."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from survey_service.store import session as opening
from survey_service.store.session import Store
from tests.survey_service.databases import sqlite_copy

COUNT = text("UPDATE contact SET sequence = sequence + 1")
WRITERS = 40


@pytest.fixture
def url(sqlite_template, tmp_path):
    return sqlite_copy(sqlite_template, tmp_path)


@pytest.fixture
def stores(url):
    """Two processes' access to one database."""
    opened = Store(url), Store(url)
    with opened[0].writing() as session:
        session.execute(text("INSERT INTO contact (id, sequence, attributes, consent, labels, merged_from, created_at, updated_at)"
            " VALUES ('ct_1', 0, '{}', '{}', '{}', '[]', '2026-01-05', '2026-01-05')"))  # fmt: skip
    yield opened
    for item in opened:
        item.close()


def sequence(store):
    with store.reading() as session:
        return session.execute(text("SELECT sequence FROM contact")).scalar()


def test_concurrent_writers_take_turns(stores):
    def write(number):
        store = stores[number % 2]
        if number % 3 == 0:
            with store.fast_connection() as connection:
                connection.execute(COUNT)
        else:
            with (store.writing if number % 3 == 1 else store.writing_fast)() as session:
                session.execute(COUNT)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(WRITERS)))

    assert sequence(stores[0]) == WRITERS


def test_a_writer_that_waits_too_long_gets_an_error_and_delays_nobody(stores, url, monkeypatch):
    """The writers behind it get errors too, and work again once the first one has finished."""
    monkeypatch.setattr(opening, "BUSY_TIMEOUT_MS", 30)
    store = stores[0]

    def write(_):
        with store.writing() as session:
            session.execute(COUNT)

    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(4) as threads:
        problems = [item.exception() for item in [threads.submit(write, number) for number in range(4)]]
    other.execute("ROLLBACK")
    other.close()

    assert {type(problem) for problem in problems} == {OperationalError}
    assert {str(problem.orig) for problem in problems} == {"database is locked"}
    write(0)
    assert sequence(store) == 1


def test_a_failed_write_lets_the_next_one_in(stores):
    with pytest.raises(ZeroDivisionError), stores[0].writing() as session:
        session.execute(COUNT)
        raise ZeroDivisionError
    with stores[0].writing_fast() as session:
        session.execute(COUNT)

    assert sequence(stores[1]) == 1
