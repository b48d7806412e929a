"""Rows read and written by plain statements, for where an answer is waited for: the unit of work costs several times as much."""

from collections.abc import Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Table, Update, bindparam, update
from sqlmodel import Session, SQLModel


class PlainRow(SimpleNamespace):
    """A row with the attributes of its table, which may be changed and written back. It must be locked, or be read only."""

    def __init__(self, table: Table, values: Mapping[str, Any]) -> None:
        super().__init__(**values)
        self._table, self._before = table, dict(values)

    def changes(self) -> dict[str, Any]:
        """What differs from the row as it was read or last written."""
        before = self._before
        self._before = {name: vars(self)[name] for name in before}
        return {name: value for name, value in self._before.items() if value != before[name]}

    @property
    def table(self) -> Table:
        return self._table


def save(session: Session, row: SQLModel | PlainRow) -> None:
    """Write what has changed, be the row read plainly or by the unit of work; or a new one."""
    if not isinstance(row, PlainRow):
        session.add(row)
    elif changed := row.changes():
        session.connection().execute(_update(row.table), {**changed, "row_id": row.id})


@cache  # to put a statement together takes longer than to run it
def _update(table: Table) -> Update:
    return update(table).where(table.c.id == bindparam("row_id"))
