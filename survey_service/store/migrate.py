"""Migrate the database to the tables of this version."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from survey_service.store.postgresql import lock_alone
from survey_service.store.session import DEADLOCK
from survey_service.store.sqlite import sqlite_file
from survey_service.store.versions import is_later, scripts

MIGRATION_LOCK = 7_340_001
LOCK_NOT_AVAILABLE = "55P03"
LOCK_MS, ATTEMPTS, PAUSE_SECONDS = 2_000, 20, 1.0
"""How long a migration waits for a table, how often it tries, and how long it lets other transactions run in between."""


def migrate(engine: Engine, revision: str = "head") -> bool:
    """Upgrade to `revision`, with one transaction for each migration. Two processes wait for each other.

    Creates the file of a SQLite database. Returns False where a later version has migrated already: then there is nothing to do. Raises
    OperationalError where it never got a table for itself: a statement that waits for a table stops everything behind it, so it waits for
    a short time, and often. After a deadlock with those who answer meanwhile it tries again too.
    """
    if (file := sqlite_file(engine.url)) is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    if is_later(engine):
        return False
    for attempt in count(1):
        try:
            _upgrade(engine, revision)
            break
        except OperationalError as problem:
            if attempt == ATTEMPTS or getattr(problem.orig, "sqlstate", None) not in (LOCK_NOT_AVAILABLE, DEADLOCK):
                raise
        time.sleep(PAUSE_SECONDS)
    return True


def _upgrade(engine: Engine, revision: str) -> None:
    with _exclusive(engine) as connection:
        command.upgrade(_config(connection), revision)
        connection.commit()


def downgrade(engine: Engine, revision: str) -> None:
    """Go back to the tables of `revision`. What only later tables can hold is lost."""
    with _exclusive(engine) as connection:
        command.downgrade(_config(connection), revision)
        connection.commit()


@contextmanager
def _exclusive(engine: Engine) -> Iterator[Connection]:
    """Open a connection. On PostgreSQL keep other migrations out. On SQLite let a table be replaced while others refer to it."""
    with engine.connect().execution_options(discern_writes=True) as connection:
        alone = (
            _without_references(connection) if engine.dialect.name == "sqlite" else lock_alone(engine, connection, MIGRATION_LOCK, LOCK_MS)
        )
        with alone:
            yield connection


@contextmanager
def _without_references(connection: Connection) -> Iterator[None]:
    # outside of any transaction: within one the pragma does nothing
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
        if broken := driver.execute("PRAGMA foreign_key_check").fetchall():
            raise RuntimeError(f"the migration left rows that refer to nothing: {broken[:5]}")
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts()))
    config.attributes["connection"] = connection
    return config
