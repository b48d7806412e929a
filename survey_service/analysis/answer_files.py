"""Read files as cells: CSV; Parquet, sheets of workbooks, SPSS and Stata where the extra `analysis` is installed."""

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from question_bank.exports.table_files import AnswersInvalid, Cells, cell_text, cells_of_rows, decode, parse_csv, stripped
from survey_service.analysis.statistics_files import SUFFIXES, read_statistics_file

SHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
FEWEST_ROWS = 2
"""A sheet with more rows than this may be the one that is meant."""
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How old workbooks begin, and new ones that have a password."""


def read_cells(path: Path, sheet: str | None = None) -> Cells:
    """Return the cells of a file, of a `sheet` where it has several. Raises AnswersInvalid with every problem of the file."""
    suffix, head = path.suffix.lower(), _head(path)
    if not head:
        raise AnswersInvalid([f"{path.name}: is empty, so it has no answers"])
    if suffix in SUFFIXES:
        cells = read_statistics_file(path)
    elif suffix in (".parquet", ".pq"):
        cells = _parquet(path)
    elif suffix in SHEETS or head.startswith((OLE, b"PK\x03\x04")):
        return _sheet(path, sheet)
    else:
        cells = parse_csv(decode(path.read_bytes(), path.name), path.name)
    if sheet is not None:
        raise AnswersInvalid([f"--sheet: {path.name} has no sheets: leave the option out"])
    return cells


def is_text_file(path: Path) -> bool:
    """Return whether a file is read as CSV."""
    return path.suffix.lower() not in (*SUFFIXES, *SHEETS, ".parquet", ".pq") and not _head(path).startswith((OLE, b"PK\x03\x04"))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(8)


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


def _sheet(path: Path, sheet: str | None) -> Cells:
    """Return a sheet of a workbook as a CSV file would write it; rows are counted from 1, as the program shows them.

    Merged cells hold their value in their first cell, as in the file.
    """
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ImportError:
        raise AnswersInvalid(
            [f"{path.name}: reading Excel files needs python-calamine: pip install 'discern-survey[analysis]', or save it as CSV"]
        ) from None
    try:
        with CalamineWorkbook.from_path(path) as book:
            name = _choose_sheet(path, book, sheet)
            rows = [[stripped(cell_text(value)) for value in row] for row in book.get_sheet_by_name(name).to_python(skip_empty_area=False)]
            others = [other for other in book.sheet_names if other != name]
    except (CalamineError, OSError, zipfile.BadZipFile) as wrong:
        raise AnswersInvalid([_unreadable(path, str(wrong))]) from None
    kept = [(number, row) for number, row in enumerate(rows, 1) if any(row)]
    if len(kept) < 2:
        there = f' in the sheet "{name}"' if others else ""
        more = f"; other sheets: {', '.join(others)} (--sheet NAME)" if others else ""
        raise AnswersInvalid([f"{path.name}: has no answers{there}: give a line of column names and a line a respondent{more}"])
    cells = cells_of_rows([row for _, row in kept], [number for number, _ in kept], path.name)
    if not others or sheet is not None:
        return cells
    note = f'{path.name}: the sheet "{name}" was read; --sheet NAME reads another one: {", ".join(others)}'
    return replace(cells, notes=(note, *cells.notes))


def _choose_sheet(path: Path, book: Any, wanted: str | None) -> str:
    """Return the wanted sheet, by its name or number; else the only one with a table. Raises AnswersInvalid where several have one."""
    names = list(book.sheet_names)
    if wanted is not None:
        if wanted in names:
            return wanted
        if wanted.isdecimal() and 1 <= int(wanted) <= len(names):
            return str(names[int(wanted) - 1])
        raise AnswersInvalid([f'--sheet: {path.name} has no sheet "{wanted}": it has {", ".join(names)}'])
    if not names:
        raise AnswersInvalid([f"{path.name}: has no sheets"])
    heights = {name: int(book.get_sheet_by_name(name).height) for name in names}
    tables = [name for name in names if heights[name] > FEWEST_ROWS]
    if len(tables) > 1:
        shown = ", ".join(f'"{name}" ({heights[name]} rows)' for name in tables)
        raise AnswersInvalid([f"{path.name}: has several sheets with tables: {shown}: say which one with --sheet NAME"])
    return tables[0] if tables else str(names[0])


def _unreadable(path: Path, wrong: str) -> str:
    """Return why a workbook cannot be read, and what to do."""
    reason = wrong.splitlines()[0] if wrong else "unknown"
    if "assword" in wrong or "ncrypt" in wrong or _is_encrypted(path):
        return f"{path.name}: is encrypted: open it with its password, and save it without one or as CSV"
    return f"{path.name}: is not a readable workbook: {reason}: save it again as .xlsx or as CSV"


def _is_encrypted(path: Path) -> bool:
    """Return whether a workbook of the new kind is wrapped as those with a password are."""
    content = path.read_bytes()
    return content.startswith(OLE) and "EncryptedPackage".encode("utf-16-le") in content


def is_flat(kind: Any) -> bool:
    """Return whether an Arrow type is one plain value, not a list, a structure or bytes."""
    from pyarrow import types

    nested: tuple[Callable[[Any], bool], ...] = (types.is_nested, types.is_binary, types.is_large_binary)
    return not any(test(kind) for test in nested)
