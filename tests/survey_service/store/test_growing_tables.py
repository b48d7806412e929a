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
AUTOVACUUM = "ALTER TABLE contact {0} (autovacuum_enabled{1}); ALTER TABLE external_id {0} (autovacuum_enabled{1})"


@pytest.fixture
def url(postgres_server) -> Iterator[str]:
    with clone(postgres_server) as made:
        yield made


@pytest.fixture
def client(url) -> Iterator["psycopg.Connection"]:
    """A connection to a database of few contacts, which autovacuum does not analyze."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True, prepare_threshold=None) as connection:
        connection.execute(AUTOVACUUM.format("SET", " = off"))
        hold_few_contacts(connection)
        yield connection
        connection.execute(AUTOVACUUM.format("RESET", ""))


def hold_few_contacts(client) -> None:
    client.execute("TRUNCATE contact CASCADE")  # rows that were deleted would still count in the size of the file
    client.execute(FEW)


def grown_under_an_old_plan(client) -> bool:
    """Plan a look-up while there are few contacts, and add many. Return whether the plan is still the old one.

    The server makes all plans anew when other sessions change thousands of rows of its catalogs meanwhile, which other tests do.
    """
    hold_few_contacts(client)
    client.execute("DEALLOCATE ALL")
    client.execute(LOOK_UP)
    for _ in range(6):  # from the sixth time on the plan is kept
        client.execute("EXECUTE look_up('shop', '{u1,u2}')")
    client.execute(MANY)
    return "value" not in searched(client)


def analyzes(connection: Connection, client, *names: str) -> bool:
    """Wait until each of the tables is analyzed, and no other one. The server counts the rows of a table up to a second after a commit."""
    analyzed = []

    def all_analyzed() -> bool:
        client.execute("SELECT 1")  # it counts at the end of a statement
        analyzed.extend(analyze_grown_tables(connection))
        return len(analyzed) >= len(names)

    until(all_analyzed, "the server counts the rows")
    return sorted(analyzed) == sorted(names)


def searched(client) -> str:
    """Return the condition by which the plan searches the index."""
    lines = [line for (line,) in client.execute("EXPLAIN EXECUTE look_up('shop', '{u1,u2}')")]
    return next((line for line in lines if "Index Cond" in line), "")


def test_the_worker_replaces_the_plan_of_a_small_table(url, client):
    """The old one looks at the ids of all contacts, the new one at those that are asked for."""
    until(lambda: grown_under_an_old_plan(client), "the server keeps a plan")
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
        assert analyzes(connection, client, "contact", "external_id")
        assert analyze_grown_tables(connection) == []


def test_a_locked_table_is_left_out_and_not_waited_for(url, client):
    """It is analyzed when the lock is gone."""
    client.execute(MANY)
    with psycopg.connect(url.replace("+psycopg", "")) as other, fast_connection(url) as connection:
        other.execute("LOCK TABLE contact IN ACCESS EXCLUSIVE MODE")
        assert analyzes(connection, client, "external_id")
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
        assert analyzes(connection, client, "contact")
    client.execute('DROP SCHEMA "Our.tables" CASCADE; SET search_path = public')


@contextmanager
def fast_connection(url: str) -> Iterator[Connection]:
    store = Store(url)
    try:
        with store.fast_connection() as connection:
            yield connection
    finally:
        store.close()
