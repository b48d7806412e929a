"""Read files of answers as cells: CSV, and Parquet and Excel sheets where the extra `analysis` is installed."""

from collections.abc import Callable
from datetime import datetime, time
from pathlib import Path
from typing import Any

from question_bank.exports.table_files import AnswersInvalid, Cells, decode, parse_csv


def read_cells(path: Path) -> Cells:
    """Return the cells of a file. Raises AnswersInvalid with every problem of the file."""
    if path.suffix.lower() in (".parquet", ".pq"):
        return _parquet(path)
    if path.suffix.lower() in (".xlsx", ".xlsm", ".xls", ".ods"):
        return _sheet(path)
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
    nested = [name for name in names if not is_flat(table.schema.field(name).type)]
    if nested:
        raise AnswersInvalid([f'{path.name}: column "{name}": holds lists or structures: give one plain value a cell' for name in nested])
    columns = [[cell_text(value) for value in table.column(name).to_pylist()] for name in names]
    rows = [list(row) for row in zip(*columns, strict=True)]
    numbers = [number for number, row in enumerate(rows, 1) if any(row)]
    kept = [row for row in rows if any(row)]
    if not kept:
        raise AnswersInvalid([f"{path.name}: has no answers: give a row a respondent"])
    return Cells(path.name, [name.strip() for name in names], kept, numbers)


def _sheet(path: Path) -> Cells:
    """Return the first sheet of a workbook as a CSV file would write it; rows are counted from 1, as the program shows them."""
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ImportError:
        raise AnswersInvalid(
            [f"{path.name}: reading Excel files needs python-calamine: pip install 'discern-survey[analysis]', or save it as CSV"]
        ) from None
    try:
        with CalamineWorkbook.from_path(path) as book:
            rows = [[cell_text(value) for value in row] for row in book.get_sheet_by_index(0).to_python(skip_empty_area=False)]
    except (CalamineError, OSError) as wrong:
        raise AnswersInvalid([f"{path.name}: is not a readable workbook: {str(wrong).splitlines()[0]}"]) from None
    kept = [(number, row) for number, row in enumerate(rows, 1) if any(row)]
    if len(kept) < 2:
        raise AnswersInvalid([f"{path.name}: has no answers: give a line of column names and a line a respondent in the first sheet"])
    (_, header), *lines = kept
    width = max((place + 1 for place, name in enumerate(header) if name), default=0)
    beyond = [f"{path.name}:{number}: has cells beyond the last column that has a name" for number, row in lines if any(row[width:])]
    if beyond:
        raise AnswersInvalid(beyond)
    return Cells(path.name, header[:width], [row[:width] for _, row in lines], [number for number, _ in lines])


def is_flat(kind: Any) -> bool:
    """Return whether an Arrow type is one plain value, not a list, a structure or bytes."""
    from pyarrow import types

    nested: tuple[Callable[[Any], bool], ...] = (types.is_nested, types.is_binary, types.is_large_binary)
    return not any(test(kind) for test in nested)


def cell_text(value: Any) -> str:
    """Return a value as a CSV file would write it."""
    if value is None or value != value:  # noqa: PLR0124  (NaN)
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip()
