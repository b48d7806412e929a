"""Connections to PostgreSQL: what they are set to, directly and behind a connection pooler such as PgBouncer.

A pooler refuses the startup parameter `options`, so a connection is set by statements. In transaction mode each transaction may get another
session of the server: what a client sets for a session, and a lock or a prepared statement of a session, is lost to it and reaches others.
Behind a pooler, whose mode a client cannot ask for, nothing of a session is used but its time zone, which PgBouncer carries along with the
client.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, event, text

from survey_service.store.tables.metadata import metadata

if TYPE_CHECKING:  # a service on SQLite does not load it
    import psycopg

POOLED = "discern_pooled"
"""The key under which a connection keeps that a pooler is between it and the server."""

FEWEST_ROWS = 250
"""A table of so few rows is read as fast as its index."""

_GROWN = text("""SELECT quote_ident(c.relname) FROM pg_class c JOIN pg_stat_user_tables s ON s.relid = c.oid
    WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND c.relname = ANY(:names)
        AND pg_has_role(c.relowner, 'USAGE') AND s.n_live_tup > 2 * greatest(c.reltuples, :fewest)
        AND NOT EXISTS (SELECT FROM pg_locks WHERE relation = c.oid AND mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock'))
    ORDER BY c.relname""")


def prepare_connections(engine: Engine, *, durable: bool) -> None:
    """Set each new connection of an engine to UTC, and its commits to durable or not.

    Behind a pooler the commits of both kinds are durable: a session cannot be set there, and the engine that is not durable has a
    transaction for each statement.
    """

    def prepare(connection: "psycopg.Connection[Any]", record: Any) -> None:
        try:
            record.info[POOLED] = _prepare(connection, durable=durable)
        except engine.dialect.loaded_dbapi.Error:
            connection.close()
            raise

    event.listen(engine, "connect", prepare)
    if durable:
        event.listen(engine, "begin", _begin)


def _prepare(connection: "psycopg.Connection[Any]", *, durable: bool) -> bool:
    """Set a connection, outside of any transaction, which a rollback would end with its settings. Return whether it is pooled.

    A pooler gives its clients made-up process ids, because a client has no process of its own on the server.
    """
    before, connection.autocommit = connection.autocommit, True
    [[process, _]] = connection.execute("SELECT pg_backend_pid(), set_config('TimeZone', 'UTC', false)")
    pooled = process != connection.info.backend_pid
    if pooled:
        connection.prepare_threshold = None
    else:
        connection.execute("SELECT set_config('synchronous_commit', %s, false)", ["on" if durable else "off"])
    connection.autocommit = before
    return bool(pooled)


def _begin(connection: Connection) -> None:
    """Make the commit of a writer durable where its session could not be set so."""
    if connection.get_execution_options().get("discern_writes") and connection.info.get(POOLED):
        connection.exec_driver_sql("SET LOCAL synchronous_commit = on")


@contextmanager
def lock_alone(engine: Engine, connection: Connection, lock: int, longest_ms: int) -> Iterator[None]:
    """Keep everybody else with this `lock` out, and let no statement of `connection` wait longer than `longest_ms` for a table.

    The transaction of a connection of its own holds the lock while those of `connection` come and go. A lock of the session would be given
    to somebody else by a pooler.
    """
    with engine.connect() as keeper:
        keeper.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        keeper.exec_driver_sql(f"SELECT pg_advisory_xact_lock({int(lock)})")
        event.listen(connection, "begin", lambda begun: begun.exec_driver_sql(f"SET LOCAL lock_timeout = {int(longest_ms)}"))
        try:
            yield
        finally:
            connection.rollback()


def analyze_grown_tables(connection: Connection) -> list[str]:
    """Analyze our tables that have more than twice as many rows as when they were last vacuumed or analyzed. Return their names.

    A connection plans a statement about many ids once, and keeps the plan until a table in it is vacuumed or analyzed: a plan from the time
    when the table was nearly empty reads all of it. Autovacuum looks once a minute, and an import adds 100,000 rows in that time. Tables of
    another role and tables that somebody has locked are left out. `connection` must commit after each statement.
    """
    grown = list(connection.execute(_GROWN, {"names": list(metadata.tables), "fewest": FEWEST_ROWS}).scalars())
    if grown:
        connection.exec_driver_sql(f"ANALYZE (SKIP_LOCKED) {', '.join(grown)}")
    return grown
