"""SQLite: where its file is, how a connection is set, and whether it can be written to."""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from survey_service.store.globs import SQLITE_FUNCTION, glob_matches

BUSY_TIMEOUT_MS = 10_000


def sqlite_file(url: URL) -> Path | None:
    """Return the file of a SQLite database, and None for a database in memory, an address with parameters (`file:`) or another kind."""
    named = url.get_backend_name() == "sqlite" and url.database and not url.database.startswith((":memory:", "file:"))
    return Path(str(url.database)).absolute() if named else None


def name_of(engine: Engine) -> str:
    """Return the address of the database for messages: without passwords, which may be parameters too, and with the whole path of a file.

    >>> from sqlalchemy import create_engine
    >>> name_of(create_engine("postgresql+psycopg://discern@db/discern?password=x"))
    'postgresql+psycopg://discern@db/discern?password=***'
    """
    if (file := sqlite_file(engine.url)) is not None:
        return f"sqlite:///{file}"
    secrets = {name: "***" for name in ("password", "sslpassword") if name in engine.url.query}
    return engine.url.update_query_dict(secrets).render_as_string(hide_password=True).replace("%2A%2A%2A", "***")


def require_file(file: Path | None, *_: Any) -> None:
    """Raise the driver's error where the file is missing: SQLite would create it, and a command in the wrong folder must not."""
    if file is not None and not file.exists():
        raise sqlite3.OperationalError(f"there is no file {file}: run discern migrate to create it, or set DISCERN_DATABASE_URL")


def prepare_connection(synchronous: str, connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin on its own: see _begin_sqlite
    connection.create_function(SQLITE_FUNCTION, 2, glob_matches, deterministic=True)
    for pragma in ("journal_mode=WAL", f"synchronous={synchronous}", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    if synchronous == "NORMAL":  # these connections only write: nothing but _wait_to_write waits for the lock
        connection.execute("PRAGMA busy_timeout = 0")


def is_writable(connection: Any) -> bool:
    """Whether a statement that writes would be run, now or when another writer ends. The database must have its tables."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        connection.execute("BEGIN IMMEDIATE")  # begins on a read-only database too
        connection.execute("UPDATE alembic_version SET version_num = version_num WHERE false")
    except sqlite3.OperationalError as problem:
        if (code := problem.sqlite_errorcode & 0xFF) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY):
            raise OperationalError("BEGIN IMMEDIATE", None, problem) from problem
        return code == sqlite3.SQLITE_BUSY
    finally:
        connection.rollback()
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    return True
