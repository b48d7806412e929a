"""The connection to the database: reading, writing with one commit at the end, and rows of plain statements.

The path of an answer reads and writes rows by plain statements, because the unit of work would cost several times as much.
"""

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from threading import Lock
from time import monotonic, sleep
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    ClauseElement,
    Compiled,
    Connection,
    Dialect,
    Engine,
    Table,
    Text,
    bindparam,
    create_engine,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.orm import ClassManager, class_mapper
from sqlalchemy.orm.attributes import instance_state, set_committed_value
from sqlalchemy.pool import PoolProxiedConnection
from sqlmodel import Session, SQLModel

from survey_service.store import sqlite
from survey_service.store.postgresql import prepare_connections
from survey_service.store.sqlite import BUSY_TIMEOUT_MS
from survey_service.store.tables.metadata import metadata

Row = TypeVar("Row", bound=SQLModel)

DATABASE_AWAY = (OperationalError, InterfaceError, InternalError)
"""The errors of a database that is away, or has become read-only (PostgreSQL raises InternalError then)."""

CONNECTION = "connection"
"""In `Session.info`: the connection of a transaction that writes. The session looks for it each time, which takes longer."""

DEADLOCK = "40P01"
"""PostgreSQL's SQLSTATE for a transaction that it rolled back because of a deadlock: it can run again."""

LOOK_AGAIN_SECONDS = 0.001
"""How often a process that waits to write asks for SQLite's lock. One thread of each process asks, the others wait for that thread."""

_as_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
"""Python would write NaN and Infinity as well, which other JSON readers refuse."""


class Store:
    """The access of one process to the database. Create it after the fork, never at import."""

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)
        self._fast = open_engine(url, durable=False)
        self._turn = Lock() if self.engine.dialect.name == "sqlite" else None

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that changes nothing: all its changes are rolled back."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a transaction that commits when the block ends and rolls back entirely when it raises."""
        with self._one_writer(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            session.info[CONNECTION] = session.connection(execution_options={"discern_writes": True})
            yield session

    @contextmanager
    def writing_fast(self) -> Iterator[Session]:
        """As `writing`, without waiting for the disk: for what is done again, and not lost, when the machine fails."""
        engine = self.engine if self.engine.dialect.name == "postgresql" else self._fast
        with self._one_writer(), Session(engine, expire_on_commit=False) as session, session.begin():
            session.info[CONNECTION] = connection = session.connection(execution_options={"discern_writes": True})
            if engine is self.engine:
                connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
            yield session

    @contextmanager
    def fast_connection(self) -> Iterator[Connection]:
        """Open a connection that does not wait for the disk, for what a crash may lose. On PostgreSQL each statement is a transaction."""
        with self._one_writer(), self._fast.connect().execution_options(discern_writes=True) as connection, connection.begin():
            yield connection

    def execute_fast(self, statement: Compiled, values: Mapping[str, Any]) -> list[Any]:
        """Run one statement in a transaction of its own, without waiting for the disk, and return its rows as the driver gives them.

        It goes to the driver directly: for a statement of every request SQLAlchemy's connection would cost three times the statement.
        `statement` must be compiled for this database. Raises OperationalError when the database is away or read-only.
        """
        dialect = self._fast.dialect
        given = [values[name] for name in statement.positiontup] if statement.positiontup else values  # type: ignore[attr-defined]
        with self._one_writer():
            try:
                with closing(self._fast.raw_connection()) as pooled:
                    return self._execute_on(pooled, str(statement), given)
            except dialect.loaded_dbapi.Error as problem:
                raise OperationalError(str(statement), None, problem) from problem

    def _execute_on(self, pooled: PoolProxiedConnection, statement: str, values: Any) -> list[Any]:
        driver: Any = pooled.driver_connection
        if self._turn is not None:
            _wait_to_write(driver)
        try:
            rows: list[Any] = driver.execute(statement, values).fetchall()
            driver.commit()
        except self._fast.dialect.loaded_dbapi.Error as problem:
            if self._fast.dialect.is_disconnect(problem, driver, None):
                pooled.invalidate()
                self._fast.dispose()  # the other connections of the pool ended with it
            raise
        return rows

    def takes_writes(self) -> bool:
        """Whether the database can be written to: it is no standby, not set to read-only, and its file may be changed.

        It must have its tables.
        """
        if self._turn is None:
            with self.engine.connect() as connection:
                return bool(connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "off")
        with closing(self.engine.raw_connection()) as pooled:
            return sqlite.is_writable(pooled.driver_connection)

    def compile(self, statement: ClauseElement) -> Compiled:
        """Return a statement as `execute_fast` takes it."""
        return statement.compile(self._fast)

    @contextmanager
    def _one_writer(self) -> Iterator[None]:
        """Let one thread of this process write at a time: SQLite has one writer, and waiting here costs nothing."""
        if self._turn is None:
            yield
            return
        if not self._turn.acquire(timeout=BUSY_TIMEOUT_MS / 1000):
            raise OperationalError(None, None, sqlite3.OperationalError("database is locked"))
        try:
            yield
        finally:
            self._turn.release()

    def close(self) -> None:
        self.engine.dispose()
        self._fast.dispose()


def open_engine(url: str, *, durable: bool = True) -> Engine:
    """Return an engine whose commits are durable before they are acknowledged: SQLite in WAL mode with FULL, PostgreSQL with on.

    Commits of an engine that is not `durable` are visible at once, and the last of them may be lost when the machine fails. Behind a pooler
    such as PgBouncer they are durable too.
    """
    parsed = make_url(url)
    shared: dict[str, Any] = {"json_serializer": _as_json, "hide_parameters": True}  # errors are logged, and values of rows must not be
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
        if not durable:  # each statement is a transaction, so that no row is locked while it waits for its client
            shared["isolation_level"] = "AUTOCOMMIT"
        engine = create_engine(parsed, pool_size=5, max_overflow=15, **shared)
        prepare_connections(engine, durable=durable)
        return engine
    engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000}, **shared)
    event.listen(engine, "do_connect", partial(sqlite.require_file, sqlite.sqlite_file(parsed)))
    event.listen(engine, "connect", partial(sqlite.prepare_connection, "FULL" if durable else "NORMAL"))
    event.listen(engine, "begin", partial(_begin_sqlite, durable))
    return engine


def lock_by_name(session: Session, *what: str) -> None:
    """Keep other transactions with one of these names out until this one ends. On SQLite a writer is alone anyway."""
    if session.get_bind().dialect.name == "postgresql":
        _LOCK_BY_NAME.run(session, {"names": list(what)})


def _begin_sqlite(durable: bool, connection: Connection) -> None:
    # A transaction that reads first cannot wait for another writer: it fails at once. So writers begin as writers.
    if connection.get_execution_options().get("discern_writes"):
        driver: Any = connection.connection.driver_connection
        if durable:
            driver.execute("PRAGMA busy_timeout = 0")
        try:
            _wait_to_write(driver)
        finally:
            if durable:
                driver.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        return
    connection.exec_driver_sql("BEGIN")


def _wait_to_write(connection: Any) -> None:
    """Wait for the lock of SQLite by asking often. SQLite itself would wait up to 100 ms and let a later writer go first."""
    deadline = monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as problem:
            if problem.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise OperationalError("BEGIN IMMEDIATE", None, problem) from problem
        sleep(LOOK_AGAIN_SECONDS)


def instance(model: type[Row], values: Mapping[str, Any]) -> Row:
    """Return a `model` with these column values that belongs to no session. `save` writes what is changed in it.

    The row must be locked, or must not be changed.
    """
    row: Row = _manager(model).new_instance()
    row.__dict__.update(values)
    instance_state(row).key = (model, (row.__dict__.get("id"),), None)  # it is stored: `save` updates it and never inserts it
    return row


@cache  # to look for it takes as long as to make the row
def _manager(model: type[SQLModel]) -> ClassManager[Any]:
    return class_mapper(model).class_manager


def save(session: Session, row: SQLModel) -> None:
    """Write what changed in a row, whether `instance` made it, the unit of work read it, or it is new."""
    state = instance_state(row)
    if state.key is None or state.session_id is not None:
        session.add(row)
        return
    changed = {name: row.__dict__[name] for name, before in state.committed_state.items() if row.__dict__[name] != before}
    if changed:
        _update(metadata.tables[str(row.__tablename__)], tuple(sorted(changed))).run(session, {**changed, "row_id": state.key[1][0]})
    for name, value in changed.items():
        set_committed_value(row, name, value)


Convert = Callable[[Any], Any] | None


@dataclass
class _Compiled:
    """A statement for one kind of database: its parameters in order, and the types of its columns. Converts values and rows."""

    text: str
    constants: Mapping[str, Any]
    parameters: Sequence[tuple[str, Convert]]
    is_positional: bool
    types: Sequence[Any]
    columns: Sequence[Convert] | None = None

    @classmethod
    def of(cls, statement: ClauseElement, dialect: Dialect) -> "_Compiled":
        compiled: Any = statement.compile(dialect=dialect)
        if compiled.post_compile_params:
            raise TypeError("a list of values would be another statement for each length: see `bulk.listed`")
        converts = {name: bound.type.dialect_impl(dialect).bind_processor(dialect) for name, bound in compiled.binds.items()}
        constants = {name: bound.effective_value for name, bound in compiled.binds.items() if not bound.required}
        parameters = [(name, converts[name]) for name in compiled.positiontup or compiled.binds]
        types = [column.type.dialect_impl(dialect) for column in getattr(statement, "exported_columns", ())]
        return cls(str(compiled), constants, parameters, compiled.positiontup is not None, types)

    def bind(self, values: Mapping[str, Any]) -> Any:
        given = {**self.constants, **values} if self.constants else values
        if self.is_positional:
            return [given[name] if convert is None else convert(given[name]) for name, convert in self.parameters]
        return {name: given[name] if convert is None else convert(given[name]) for name, convert in self.parameters}

    def read(self, cursor: Any, dialect: Dialect) -> list[tuple[Any, ...]]:
        if self.columns is None:  # what the driver returns for a type is known from its first answer
            codes = [described[1] for described in cursor.description]
            self.columns = [kind.result_processor(dialect, code) for kind, code in zip(self.types, codes, strict=True)]
        converts = self.columns
        return [
            tuple([value if convert is None else convert(value) for value, convert in zip(row, converts, strict=True)])
            for row in cursor.fetchall()
        ]


class Prepared:
    """A statement of every answer: built and compiled once for each kind of database, and run by the driver directly.

    SQLAlchemy's own execution costs two to five times what SQLite needs for such a statement. Its types convert the values here too, the
    transaction is that of the session, listeners of ``before_cursor_execute`` are called, and errors are SQLAlchemy's. Values are given by
    the names of parameters. A statement that depends on the dialect is given as a function of its name.
    """

    def __init__(self, statement: ClauseElement | Callable[[str], ClauseElement]) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, session: Session, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run the statement and return its rows."""
        connection, compiled = plain_connection(session), self._of(session)
        return compiled.read(_execute(connection, compiled.text, compiled.bind(values)), connection.dialect)

    def run(self, session: Session, *each: Mapping[str, Any]) -> None:
        """Run the statement for each of these values."""
        connection, compiled = plain_connection(session), self._of(session)
        if len(each) == 1:
            _execute(connection, compiled.text, compiled.bind(each[0]))
        elif each:
            _execute(connection, compiled.text, [compiled.bind(values) for values in each], many=True)

    def _of(self, session: Session) -> _Compiled:
        dialect = session.get_bind().dialect
        found = self._compiled.get(dialect.name)
        if found is None:
            statement = self._statement if isinstance(self._statement, ClauseElement) else self._statement(dialect.name)
            found = self._compiled[dialect.name] = _Compiled.of(statement, dialect)
        return found


def _execute(connection: Connection, text: str, values: Any, *, many: bool = False) -> Any:
    """Run a statement and return the driver's cursor. Raises the errors of SQLAlchemy."""
    dialect = connection.dialect
    driver: Any = connection.connection.driver_connection
    try:
        cursor = driver.cursor()
        if connection.dispatch.before_cursor_execute:
            connection.dispatch.before_cursor_execute(connection, cursor, text, values, None, many)
        (cursor.executemany if many else cursor.execute)(text, values)
    except dialect.loaded_dbapi.Error as problem:
        is_lost = dialect.is_disconnect(problem, driver, None)
        if is_lost:
            connection.invalidate(problem)
            connection.engine.dispose()  # the other connections of the pool ended with it
        base = dialect.loaded_dbapi.Error
        raise DBAPIError.instance(text, None, problem, base, connection_invalidated=is_lost, dialect=dialect) from problem
    return cursor


_LOCK_BY_NAME = Prepared(
    select(func.pg_advisory_xact_lock(func.hashtext(func.unnest(bindparam("names", type_=ARRAY(Text))).table_valued("name").c.name)))
)


def inserted(table: Table, left_out: Collection[str] = (), returning: Any = None) -> Prepared:
    """Return the statement that inserts a row of all columns but these."""
    row = insert(table).inline().values({column.name: bindparam(column.name) for column in table.c if column.name not in left_out})
    return Prepared(row if returning is None else row.returning(returning))


@cache
def _update(table: Table, columns: Sequence[str]) -> Prepared:
    mine = update(table).where(table.c.id == bindparam("row_id"))
    return Prepared(mine.values({name: bindparam(name) for name in columns}))


def plain_connection(session: Session) -> Connection:
    """Return the connection of a session for plain statements, which see what the unit of work has changed."""
    if session.new or session.dirty or session.deleted:
        session.flush()
    connection: Connection | None = session.info.get(CONNECTION)
    return session.connection() if connection is None else connection
