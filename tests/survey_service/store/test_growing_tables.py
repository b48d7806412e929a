"""Plans of PostgreSQL follow tables that grow between two runs of autovacuum."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import Connection

from survey_service.settings import Settings
from survey_service.store.postgresql import analyze_grown_tables
from survey_service.store.session import Store
from survey_service.worker.process import Worker
from tests.processes import until
from tests.survey_service.databases import clone
from tests.survey_service.service import SECRET

LOOK_UP = """PREPARE look_up(varchar, text[]) AS
SELECT value, contact_id FROM external_id WHERE system = $1 AND value = ANY($2)"""
PEOPLE = """
INSERT INTO contact (id, sequence, attributes, consent, labels, merged_from, created_at, updated_at)
    SELECT 'ct_' || i, 0, '{{}}', '{{}}', '{{}}', '[]', now(), now() FROM generate_series({0}, {1}) i;
INSERT INTO external_id (system, value, type, contact_id) SELECT 'shop', 'u' || i, 'userId', 'ct_' || i FROM generate_series({0}, {1}) i
"""
FEW, MANY = PEOPLE.format(1, 20), PEOPLE.format(21, 5_000)


@pytest.fixture
def url(postgres_server) -> Iterator[str]:
    with clone(postgres_server) as made:
        yield made


@pytest.fixture
def client(url) -> Iterator["psycopg.Connection"]:
    """A connection that has planned its look-up while there were few contacts."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("TRUNCATE contact CASCADE")  # what a test before has left makes files larger
        connection.execute(FEW)
        connection.execute(LOOK_UP)
        for _ in range(6):  # from the sixth time on the plan is kept
            connection.execute("EXECUTE look_up('shop', '{u1,u2}')")
        yield connection


def searched(client) -> str:
    """Return the condition by which the plan searches the index."""
    lines = [line for (line,) in client.execute("EXPLAIN EXECUTE look_up('shop', '{u1,u2}')")]
    return next((line for line in lines if "Index Cond" in line), "")


def test_the_worker_replaces_the_plan_of_a_small_table(url, client):
    """The old one looks at the ids of all contacts, the new one at those that are asked for."""
    client.execute(MANY)
    assert "value" not in searched(client)
    store = Store(url)
    worker = Worker(Settings(database_url=url, secret_keys=(SECRET,)), store)
    worker.start()
    try:
        until(lambda: "value" in searched(client), "the worker analyzes the tables")
    finally:
        worker.stop()
        worker.join()
        store.close()


def test_only_tables_that_have_grown_are_analyzed(url, client):
    """Each once, while it stays as large."""
    with fast_connection(url) as connection:
        assert analyze_grown_tables(connection) == []
        client.execute(MANY)
        until(lambda: counted(client) and analyze_grown_tables(connection) == ["contact", "external_id"], "the server counts the rows")
        assert analyze_grown_tables(connection) == []


def test_a_locked_table_is_left_out_and_not_waited_for(url, client):
    """It is analyzed when the lock is gone."""
    client.execute(MANY)
    with psycopg.connect(url.replace("+psycopg", "")) as other, fast_connection(url) as connection:
        other.execute("LOCK TABLE contact IN ACCESS EXCLUSIVE MODE")
        until(lambda: counted(client) and analyze_grown_tables(connection) == ["external_id"], "the server counts the rows")
        other.rollback()
        assert analyze_grown_tables(connection) == ["contact"]


def test_a_schema_may_have_any_name(url, client):
    """The tables that are looked at are those that the service finds first, and no others of the schema."""
    client.execute(
        """CREATE SCHEMA "Our.tables"; SET search_path = "Our.tables"; CREATE TABLE contact (id int); CREATE TABLE foreign_one (id int)"""
    )
    client.execute("INSERT INTO contact SELECT generate_series(1, 2000); INSERT INTO foreign_one SELECT generate_series(1, 2000)")
    with fast_connection(url) as connection:
        connection.exec_driver_sql("""SET search_path = "Our.tables\"""")
        until(lambda: counted(client) and analyze_grown_tables(connection) == ["contact"], "the server counts the rows")
    client.execute('DROP SCHEMA "Our.tables" CASCADE; SET search_path = public')


@contextmanager
def fast_connection(url: str) -> Iterator[Connection]:
    store = Store(url)
    try:
        with store.fast_connection() as connection:
            yield connection
    finally:
        store.close()


def counted(client) -> bool:
    """Let the server count what the client has written: it does so at the end of a statement, at most once a second."""
    client.execute("SELECT 1")
    return True
