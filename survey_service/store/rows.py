"""Rows read and written by plain statements on the path of an answer, where the unit of work would cost several times as much."""

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Table, Update, bindparam, update
from sqlalchemy.orm import class_mapper
from sqlalchemy.orm.attributes import instance_state, set_committed_value
from sqlmodel import Session, SQLModel

from survey_service.store.tables.metadata import metadata

Row = TypeVar("Row", bound=SQLModel)


def instance(model: type[Row], values: Mapping[str, Any]) -> Row:
    """Return a `model` with these column values that belongs to no session. `save` writes what is changed in it.

    The row must be locked, or must not be changed.
    """
    row: Row = class_mapper(model).class_manager.new_instance()
    row.__dict__.update(values)
    instance_state(row).key = (model, (row.__dict__.get("id"),), None)  # it is stored: `save` updates it and never inserts it
    return row


def save(session: Session, row: SQLModel) -> None:
    """Write what changed in a row, whether `instance` made it, the unit of work read it, or it is new."""
    state = instance_state(row)
    if state.key is None or state.session_id is not None:
        session.add(row)
        return
    changed = {name: row.__dict__[name] for name, before in state.committed_state.items() if row.__dict__[name] != before}
    if changed:
        session.connection().execute(_update(metadata.tables[str(row.__tablename__)]), {**changed, "row_id": state.key[1][0]})
    for name, value in changed.items():
        set_committed_value(row, name, value)


@cache  # building the statement takes longer than running it
def _update(table: Table) -> Update:
    return update(table).where(table.c.id == bindparam("row_id"))
