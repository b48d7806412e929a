"""Many rows in one parameter and many rows in one result: one statement a batch, whatever its size.

One statement a row costs the driver more than the database, and with SQLite it lets other threads in at every row.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    FromClause,
    Integer,
    LargeBinary,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    column,
    func,
    select,
    true,
    type_coerce,
    types,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.types import TypeEngine
from sqlmodel import Session, col

GIVEN, BYTES = bindparam("given", type_=Text()), bindparam("bytes", type_=LargeBinary())


def dialect_of(session: Session) -> str:
    return session.get_bind().dialect.name


def insert_into(dialect: str, table: Any) -> Any:
    """Return an INSERT into the table that can say what happens in a conflict (`on_conflict_do_nothing`, `on_conflict_do_update`)."""
    return (postgresql if dialect == "postgresql" else sqlite).insert(table)


def parameter_table(dialect: str, **columns: TypeEngine[Any]) -> FromClause:
    """Return the parameter `given`, a JSON list of objects, as a table. Times are text, as `text_of` writes them."""
    if dialect == "postgresql":
        typed = [column(name, kind) for name, kind in columns.items()]
        return func.json_to_recordset(cast(GIVEN, JSON)).table_valued(*typed).render_derived(name="given", with_types=True)
    each = func.json_each(GIVEN).table_valued("value")
    found = [type_coerce(func.json_extract(each.c.value, f"$.{name}"), kind).label(name) for name, kind in columns.items()]
    return select(*found).subquery("given")


def insert_given(dialect: str, table: Table, columns: Sequence[str]) -> Any:
    """Return the INSERT of the rows in the parameter `given`, which `to_parameter` makes, with these columns."""
    given = parameter_table(dialect, **{name: table.c[name].type for name in columns})
    # SQLite would read ON CONFLICT as part of a join where the SELECT has no condition.
    return insert_into(dialect, table).from_select(list(columns), select(*given.c).where(true()), include_defaults=False)


def as_json_list(dialect: str, chosen: Select[*tuple[Any, ...]]) -> Select[str]:
    """Return the rows of a statement as one JSON list, null where there are none."""
    rows = chosen.subquery("chosen")
    if dialect == "postgresql":
        return select(cast(func.json_agg(rows.table_valued()), Text))
    pairs = [part for item in rows.c for part in (item.name, func.json(item) if isinstance(item.type, types.JSON) else item)]
    return select(func.json_group_array(func.json_object(*pairs))).select_from(rows)


def read(session: Session, statement: Select[str], parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Read the rows of `as_json_list`."""
    rows: list[dict[str, Any]] = orjson.loads(session.connection().execute(statement, parameters).scalar() or "[]")
    return rows


def is_one_of(session: Session, column: Any, values: Iterable[str | int | None]) -> ColumnElement[bool]:
    """Return the condition for rows whose column has one of these values, however many: all of them are one parameter.

    ``column.in_(values)`` takes a parameter for each, of which SQLite allows 32,766 and PostgreSQL 65,535.
    """
    listed: Any = list(values)
    if dialect_of(session) == "postgresql":
        kind = BigInteger() if isinstance(column.type, Integer) else Text()
        return col(column) == func.any(cast(listed, ARRAY(kind)))
    return col(column).in_(select(func.json_each(orjson.dumps(listed).decode()).table_valued("value").c.value))


def listed(dialect: str, name: str) -> Any:
    """Return what a column can be ``in_`` for texts of the parameter `name`, which `to_list` makes, in a statement that is built once."""
    if dialect == "postgresql":
        return select(func.unnest(bindparam(name, type_=ARRAY(Text))))
    return select(func.json_each(bindparam(name, type_=Text())).table_valued("value").c.value)


def is_listed(dialect: str, column: Any, name: str) -> ColumnElement[bool]:
    """Return the condition for rows whose text is one of the parameter `name`, which `to_list` makes, in a statement that is built once.

    Unlike `listed` it lets PostgreSQL look each value up in an index, whatever the size of the table.
    """
    if dialect == "postgresql":
        return col(column) == func.any(bindparam(name, type_=ARRAY(Text)))
    return col(column).in_(listed(dialect, name))


def to_list(dialect: str, values: Sequence[str]) -> list[str] | str:
    """Return the value of the parameter of `listed`."""
    return list(values) if dialect == "postgresql" else orjson.dumps(values).decode()


def to_parameter(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the value of the parameter `given`."""
    return orjson.dumps(rows).decode()


def text_of(moment: datetime) -> str:
    """Return a time as both databases read it: SQLite stores this text, and our PostgreSQL sessions run in UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def concatenate(pieces: Sequence[bytes | None]) -> tuple[bytes, list[dict[str, int | None]]]:
    """Return bytes as one parameter, and where each piece begins (counted from 1) and how long it is; null for none."""
    places: list[dict[str, int | None]] = []
    start = 1
    for piece in pieces:
        places.append({"start": start, "length": None if piece is None else len(piece)})
        start += len(piece or b"")
    return b"".join(piece or b"" for piece in pieces), places


def piece(table: FromClause) -> Any:
    """Return the bytes of a row from the parameter `bytes`."""
    return func.substr(BYTES, table.c.start, table.c.length)
