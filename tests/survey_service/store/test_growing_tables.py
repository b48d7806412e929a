"""Plans of PostgreSQL follow tables that grow between two runs of autovacuum."""

from collections.abc import Iterator

import psycopg
import pytest

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
    store = Store(url)
    with store.fast_connection() as connection:
        assert analyze_grown_tables(connection) == []
        client.execute(MANY)
        assert analyze_grown_tables(connection) == ["contact", "external_id"]
        assert analyze_grown_tables(connection) == []
        client.execute("DELETE FROM external_id")
        assert analyze_grown_tables(connection) == []
    store.close()
