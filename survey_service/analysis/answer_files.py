"""Read files of answers as cells: CSV, and Parquet where pyarrow is installed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from question_bank.datasets.table_files import AnswersInvalid, Cells, decode, parse_csv


def read_cells(path: Path) -> Cells:
    """Return the cells of a file. Raises AnswersInvalid with every problem of the file."""
    if path.suffix.lower() in (".parquet", ".pq"):
        return _parquet(path)
    return parse_csv(decode(path.read_bytes(), path.name), path.name)


def _parquet(path: Path) -> Cells:
    """Return values as a CSV file would write them, nulls and NaN as empty cells; rows are counted from 1."""
    try:
        from pyarrow import ArrowInvalid, parquet
    except ImportError:
        raise AnswersInvalid(
            [f"{path.name}: reading Parquet needs pyarrow: pip install 'discern-survey[analysis]', or save it as CSV"]
        ) from None
    try:
        table = parquet.read_table(path)
    except (ArrowInvalid, OSError) as wrong:
        raise AnswersInvalid([f"{path.name}: is not a readable Parquet file: {str(wrong).splitlines()[0]}"]) from None
    names = [name for name in table.column_names if not name.startswith("__index_level_")]
    nested = [name for name in names if not _is_flat(table.schema.field(name).type)]
    if nested:
        raise AnswersInvalid([f'{path.name}: column "{name}": holds lists or structures: give one plain value a cell' for name in nested])
    columns = [[_cell(value) for value in table.column(name).to_pylist()] for name in names]
    rows = [list(row) for row in zip(*columns, strict=True)]
    numbers = [number for number, row in enumerate(rows, 1) if any(row)]
    kept = [row for row in rows if any(row)]
    if not kept:
        raise AnswersInvalid([f"{path.name}: has no answers: give a row a respondent"])
    return Cells(path.name, [name.strip() for name in names], kept, numbers)


def _is_flat(kind: Any) -> bool:
    from pyarrow import types

    nested: tuple[Callable[[Any], bool], ...] = (types.is_nested, types.is_binary, types.is_large_binary)
    return not any(test(kind) for test in nested)


def _cell(value: Any) -> str:
    if value is None or value != value:  # noqa: PLR0124  (NaN)
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip()
