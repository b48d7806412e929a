"""Databases for tests: a SQLite file each, or a clone each on a PostgreSQL server that ends with the tests."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import psycopg

from survey_service.store.migrate import migrate
from survey_service.store.session import open_engine

INSTALL = "PostgreSQL is not installed: apt-get install postgresql, or put initdb and pg_ctl on the PATH"
TEMPLATE = "with_tables"
OTHERS = """SELECT 1 FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' LIMIT 1"""
SCHEMA = """SELECT md5(concat(
    (SELECT string_agg(concat(relname, relkind, reloptions), ',' ORDER BY relname)
        FROM pg_class WHERE relnamespace = 'public'::regnamespace),
    (SELECT string_agg(concat(relname, attname, atttypid, attnotnull), ',' ORDER BY relname, attnum)
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace),
    (SELECT string_agg(concat(conname, pg_get_constraintdef(oid)), ',' ORDER BY conname)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace),
    (SELECT string_agg(tgname, ',' ORDER BY tgname) FROM pg_trigger WHERE NOT tgisinternal),
    (SELECT string_agg(version_num, ',') FROM alembic_version),
    (SELECT string_agg(setconfig::text, ',') FROM pg_db_role_setting
        WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())))))"""
DELETE_ROWS = """DO $$ DECLARE name text; filled boolean; BEGIN
    FOR name IN SELECT relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version' LOOP
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I)', name) INTO filled;
        IF filled THEN EXECUTE format('DELETE FROM %I', name); END IF;
    END LOOP;
    FOR name IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL LOOP
        EXECUTE format('ALTER SEQUENCE %I RESTART', name);
    END LOOP;
END $$"""
LONGEST_START = 60.0


class PostgresMissing(Exception):
    """The programs of PostgreSQL were not found."""


@dataclass
class Postgres:
    """A running server that listens on a socket in its own folder, so that no port can conflict."""

    folder: Path
    programs: Path
    settings: str
    numbers: Iterator[int] = field(default_factory=count)
    empty: list[str] = field(default_factory=list)
    schema: str = ""

    def run(self, program: str, *arguments: str) -> int:
        """Run a command. Return its exit status. PostgreSQL refuses to run as root, so root runs it as the user postgres."""
        command = [self.programs / program, "-D", self.folder / "data", *arguments]
        user = "postgres" if os.geteuid() == 0 else None
        return subprocess.run(
            command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=user, check=False
        ).returncode

    @property
    def pid(self) -> int:
        return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    def start(self) -> None:
        """Start the server, again if necessary: after a SIGKILL the old processes must end first."""
        deadline = time.monotonic() + LONGEST_START
        while self.run("pg_ctl", "start", "-w", "-l", str(self.folder / "log"), "-o", self.settings):
            if time.monotonic() > deadline:
                raise RuntimeError((self.folder / "log").read_text()[-2000:])
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill the server and its children with SIGKILL at once, as on a machine without memory."""
        server = self.pid
        children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        for process in (server, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def execute(self, statement: str) -> None:
        with self.connect("postgres") as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def connect(self, database: str) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(host=str(self.folder), user="postgres", dbname=database, autocommit=True)

    def is_emptied(self, database: str) -> bool:
        """Delete all rows, which takes a tenth of the time of a new database. Return False if the database cannot be used again: somebody
        is still connected, or its tables or settings are not those of the template any more.
        """
        with self.connect(database) as connection:
            try:
                schema = connection.execute(SCHEMA).fetchone()
            except psycopg.errors.UndefinedTable:  # a test has dropped the tables
                return False
            if connection.execute(OTHERS).fetchone() or schema != (self.schema,):
                return False
            connection.execute("SET session_replication_role = replica")  # foreign keys are not checked
            connection.execute(DELETE_ROWS)
        return True


def binaries() -> Path:
    """Return the folder of the newest PostgreSQL. Raises PostgresMissing."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    on_path = shutil.which("initdb")
    if versions:
        return versions[-1]
    if on_path:
        return Path(on_path).parent
    raise PostgresMissing(INSTALL)


@contextmanager
def postgres(*, durable: bool = False) -> Iterator[Postgres]:
    """Run a server with a template database that has all tables.

    One that is not `durable` does not wait for the disk: tests need no durability across crashes.
    """
    programs, folder = binaries(), Path(mkdtemp(prefix="discern-pg-"))
    settings = f"-c listen_addresses= -c unix_socket_directories={folder} -c max_connections=200"
    server = Postgres(folder, programs, settings + ("" if durable else " -c fsync=off -c full_page_writes=off"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    try:
        if server.run("initdb", "-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"):
            raise PostgresMissing(f"initdb failed: {INSTALL}")
        server.start()
        try:
            server.execute(f"CREATE DATABASE {TEMPLATE}")
            create_tables(server.url(TEMPLATE))
            with server.connect(TEMPLATE) as connection:
                server.schema = str(connection.execute(SCHEMA).fetchone()[0])  # type: ignore[index]
            yield server
        finally:
            server.run("pg_ctl", "stop", "-w", "-m", "immediate")
    finally:
        shutil.rmtree(folder)


@contextmanager
def clone(server: Postgres) -> Iterator[str]:
    """Yield the URL of a database with all tables and no rows: one that a test before has left, or a new one."""
    if server.empty:
        name = server.empty.pop()
    else:
        name = f"test_{next(server.numbers)}"
        server.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    try:
        yield server.url(name)
    finally:
        if server.is_emptied(name):
            server.empty.append(name)
        else:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def sqlite_copy(template: Path, folder: Path) -> str:
    """Copy the file with all tables and no rows. Return its URL."""
    return f"sqlite:///{shutil.copy(template, folder / 'discern.db')}"


@contextmanager
def read_only(url: str, folder: Path) -> Iterator[str]:
    """Make a database read-only for new connections: on PostgreSQL as on a standby, on SQLite a copy. Yield the URL."""
    if url.startswith("sqlite"):
        shutil.copy(url.removeprefix("sqlite:///"), folder / "read-only.db")
        yield f"sqlite:///file:{folder / 'read-only.db'}?mode=ro&uri=true"
        return
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")  # type: ignore[call-overload]
        yield url
        connection.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")  # type: ignore[call-overload]


def create_tables(url: str) -> None:
    """Create the tables by the migrations, as in production."""
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()
