"""Databases for tests: a SQLite file each, or a clone each on a PostgreSQL server of our own that ends with the tests."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

import psycopg

from survey_service.store.migrating import migrate
from survey_service.store.session import open_engine

INSTALL = "PostgreSQL is not installed: apt-get install postgresql, or put initdb and pg_ctl on the PATH"
TEMPLATE = "with_tables"


class PostgresMissing(Exception):
    """The programs of PostgreSQL are nowhere to be found."""


@dataclass
class Postgres:
    """A running server that listens on a socket in its own folder, so that no port can be taken twice."""

    folder: Path
    numbers: Iterator[int] = field(default_factory=count)

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def execute(self, statement: str) -> None:
        with psycopg.connect(host=str(self.folder), user="postgres", dbname="postgres", autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]


def binaries() -> Path:
    """The folder of the newest PostgreSQL. Raises PostgresMissing."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    on_path = shutil.which("initdb")
    if versions:
        return versions[-1]
    if on_path:
        return Path(on_path).parent
    raise PostgresMissing(INSTALL)


@contextmanager
def postgres(*, durable: bool = False) -> Iterator[Postgres]:
    """A server with a template database that has all tables. It refuses to run as root, so there it runs as the user postgres.

    One that is not `durable` does not wait for the disk: what tests write is gone with them anyway.
    """
    programs, folder = binaries(), Path(mkdtemp(prefix="discern-pg-"))
    is_root = os.geteuid() == 0
    if is_root:
        shutil.chown(folder, "postgres")

    def run(program: str, *arguments: str) -> None:
        command = [programs / program, "-D", folder / "data", *arguments]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, user="postgres" if is_root else None)

    settings = f"-c listen_addresses= -c unix_socket_directories={folder} -c max_connections=200"
    settings += "" if durable else " -c fsync=off -c full_page_writes=off"
    try:
        run("initdb", "-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
        run("pg_ctl", "start", "-w", "-l", str(folder / "log"), "-o", settings)
        try:
            server = Postgres(folder)
            server.execute(f"CREATE DATABASE {TEMPLATE}")
            create_tables(server.url(TEMPLATE))
            yield server
        finally:
            run("pg_ctl", "stop", "-w", "-m", "immediate")
    finally:
        shutil.rmtree(folder)


@contextmanager
def clone(server: Postgres) -> Iterator[str]:
    """The address of a database with all tables and no rows, for one test."""
    name = f"test_{next(server.numbers)}"
    server.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    try:
        yield server.url(name)
    finally:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def sqlite_copy(template: Path, folder: Path) -> str:
    """The same in a file."""
    return f"sqlite:///{shutil.copy(template, folder / 'discern.db')}"


def create_tables(url: str) -> None:
    """By the migrations, as everywhere else."""
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()
