"""Read files of contacts in batches, so that memory does not grow with their number: CSV, Parquet, and Excel sheets as a whole.

A batch has Arrow columns; those of CSV files are text. `kernel_column` makes them what `adaptive.lookalike` takes; a Spark job can call
it too.
"""

import codecs
import csv
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np

from adaptive.lookalike.encode import Column, Dictionary
from question_bank.exports.table_files import AnswersInvalid, Cells, cell_text, decode, find_separator
from survey_service.analysis.answer_files import SHEETS, is_flat, read_cells
from survey_service.analysis.statistics_files import SUFFIXES

BATCH = 65_536
"""Rows of a batch."""
BLOCK = 1 << 21
"""Bytes of a CSV file that are read at once; Arrow reads some 30 blocks ahead."""
HEAD = 1 << 20
"""Bytes in which the separator and the column names are looked for."""
PART = 500_000
"""Ids that are compared at once."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows `first` (from 0) and following of a file: an Arrow array for each column. `done` is how far the file was read, of its `size`."""

    first: int
    columns: dict[str, Any]
    rows: int
    done: int


class ContactFile:
    """A file of contacts: its column names, and its rows in batches. Raises AnswersInvalid with every problem of the file."""

    def __init__(self, path: Path, sheet: str | None = None) -> None:
        self.path = path
        self.sheet = sheet
        self.name = path.name
        suffix = path.suffix.lower()
        self.kind = "parquet" if suffix in (".parquet", ".pq") else "sheet" if suffix in (*SHEETS, *SUFFIXES) else "csv"
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise AnswersInvalid([f"{self.name}: attribution needs pyarrow: pip install 'discern-survey[analysis]'"]) from None
        problems = list(Cells(self.name, self.header, [], []).problems())
        if problems:
            raise AnswersInvalid(problems)

    @cached_property
    def header(self) -> list[str]:
        """The names of the columns."""
        if self.kind == "parquet":
            return [name.strip() for name in self._parquet.schema_arrow.names if not name.startswith("__index_level_")]
        return self._cells.header if self.kind == "sheet" else self._dialect.header

    @cached_property
    def size(self) -> int:
        """The length of the file, in the unit of `Batch.done`."""
        if self.kind == "parquet":
            return int(self._parquet.metadata.num_rows)
        return len(self._cells.rows) if self.kind == "sheet" else self.path.stat().st_size

    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        """Yield the rows of some columns. Raises AnswersInvalid where a row cannot be read."""
        if self.kind == "parquet":
            yield from self._parquet_batches(columns)
        elif self.kind == "sheet":
            from pyarrow import array as arrow_array

            rows = len(self._cells.rows)
            yield Batch(0, {name: arrow_array(self._cells.column(name), "string") for name in columns}, rows, rows)
        else:
            yield from self._csv_batches(columns)

    def require(self, names: Sequence[str], option: str) -> None:
        """Raise AnswersInvalid for each column that the file does not have."""
        missing = [name for name in names if name not in self.header]
        if missing:
            has = ", ".join(self.header)
            raise AnswersInvalid([f'{self.name}: there is no column "{name}", which {option}: the file has {has}' for name in missing])

    def place(self, row: int) -> str:
        """Return ``file:line`` of a row counted from 0; a CSV file whose cells hold line breaks has later lines than this says."""
        return f"{self.name}:{self.line(row)}"

    def line(self, row: int) -> int:
        """Return the line of a row counted from 0."""
        if self.kind == "sheet":
            return self._cells.numbers[row]
        return row + 1 + (self._dialect.skip if self.kind == "csv" else 0)

    @property
    def has_decimal_commas(self) -> bool:
        """Whether numbers may be written with a decimal comma, as where the separator is none."""
        return self.kind == "csv" and self._dialect.separator != ","

    @cached_property
    def _cells(self) -> Cells:
        return read_cells(self.path, self.sheet)

    @cached_property
    def _parquet(self) -> Any:
        from pyarrow import ArrowInvalid, parquet

        try:
            return parquet.ParquetFile(self.path, pre_buffer=False)  # buffers would hold all that was read
        except (ArrowInvalid, OSError) as wrong:
            raise AnswersInvalid([f"{self.name}: is not a readable Parquet file: {str(wrong).splitlines()[0]}"]) from None

    def _parquet_batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        stored = {name.strip(): name for name in self._parquet.schema_arrow.names}
        nested = [name for name in columns if not is_flat(self._parquet.schema_arrow.field(stored[name]).type)]
        if nested:
            raise AnswersInvalid(
                [f'{self.name}: column "{name}": holds lists or structures: give one plain value a cell' for name in nested]
            )
        first = 0
        for batch in self._parquet.iter_batches(batch_size=BATCH, columns=[stored[name] for name in columns]):
            rows = batch.num_rows
            yield Batch(first, {name: batch.column(stored[name]) for name in columns}, rows, first + rows)
            first += rows

    @cached_property
    def _dialect(self) -> "_Dialect":
        return _Dialect.of(self.path)

    def _csv_batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        import pyarrow as pa
        from pyarrow import compute
        from pyarrow import csv as arrow_csv

        dialect = self._dialect
        wrong: list[str] = []

        def skip(row: Any) -> str:
            wrong.append(self._ragged(row))
            return "skip"

        with self.path.open("rb") as source:
            first = 0
            try:
                reader = arrow_csv.open_csv(
                    source,
                    arrow_csv.ReadOptions(
                        use_threads=False, block_size=BLOCK, skip_rows=dialect.skip, column_names=dialect.header, encoding=dialect.encoding
                    ),
                    arrow_csv.ParseOptions(delimiter=dialect.separator, newlines_in_values=True, invalid_row_handler=skip),
                    arrow_csv.ConvertOptions(column_types=dict.fromkeys(dialect.header, pa.string()), include_columns=list(columns)),
                )
                for batch in reader:
                    arrays = {name: compute.utf8_trim_whitespace(batch.column(name)) for name in columns}
                    yield Batch(first, arrays, batch.num_rows, source.tell())
                    first += batch.num_rows
            except (pa.ArrowInvalid, UnicodeDecodeError) as problem:
                if "Empty CSV" not in str(problem):
                    raise AnswersInvalid([f"{self.name}: is not readable CSV: {str(problem).splitlines()[0]}"]) from None
        if wrong:
            raise AnswersInvalid(wrong)

    def _ragged(self, row: Any) -> str:
        where = f"{self.name}:{row.number}" if row.number is not None else self.name
        return f"{where}: has {row.actual_columns} cells where the first line names {row.expected_columns} columns"


@dataclass(frozen=True)
class _Dialect:
    """How a CSV file is written: its encoding, its separator, the lines before the first row, and the names of its columns."""

    encoding: str
    separator: str
    skip: int
    header: list[str]

    @classmethod
    def of(cls, path: Path) -> "_Dialect":
        with path.open("rb") as source:
            head = source.read(HEAD)
            encoding = _encoding(head, source)
        cut = head if len(head) < HEAD else head[: head.rfind(b"\n") + (2 if encoding.startswith("utf-16") else 1)]
        text = decode(cut, path.name).lstrip("\ufeff")
        separator, skip = find_separator(text, path.name)
        lines = text.splitlines()[skip:]
        blank = next((place for place, line in enumerate(lines) if line.strip()), None)
        if blank is None:
            raise AnswersInvalid([f"{path.name}: has no contacts: give a line of column names and a line a contact"])
        header = [name.strip() for name in next(csv.reader([lines[blank]], delimiter=separator))]
        return cls(encoding, separator, skip + blank + 1, header)


def _encoding(head: bytes, source: IO[bytes]) -> str:
    """Return the encoding of a file of which `head` was read; the rest is read to see whether it is UTF-8."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head[1:2] == b"\0" or head[:1] == b"\0":
        return "utf-16-le" if head[1:2] == b"\0" else "utf-16-be"
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(head)
        while more := source.read(HEAD):
            decoder.decode(more)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def kernel_column(values: Any, kind: str, date_order: str = "ymd", *, decimal_comma: bool = False) -> Column:
    """Return an Arrow array as a column of the kernel: numbers and dates as arrays where they can be read at once, else a dictionary."""
    import pyarrow as pa
    from pyarrow import compute, types

    if types.is_dictionary(values.type):
        return _dictionary(values)
    is_text = types.is_string(values.type) or types.is_large_string(values.type)
    if is_text:
        values = compute.if_else(compute.equal(values, ""), pa.scalar(None, values.type), values)
        if kind == "number" and decimal_comma:
            values = compute.replace_substring(values, ",", ".")
    wanted = pa.float64() if kind == "number" else pa.date32() if kind == "date" and date_order == "ymd" else None
    is_plain = is_text or types.is_primitive(values.type) or types.is_decimal(values.type)
    if wanted is not None and is_plain and not (kind == "number" and types.is_temporal(values.type)):
        try:
            cast = values.cast(wanted, safe=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            pass
        else:
            numbers: np.ndarray[Any, Any] = cast.to_numpy(zero_copy_only=False)
            return numbers if kind == "number" else numbers.astype("datetime64[D]")
    return _dictionary(values.dictionary_encode())


def _dictionary(values: Any) -> Dictionary:
    return Dictionary(values.dictionary.to_pylist(), values.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64))


def cells_of(batch: Batch, rows: Sequence[int] | None = None) -> list[list[str]]:
    """Return the rows of a batch, or some of them, as a CSV file would write them."""
    columns = [values if rows is None else values.take(list(rows)) for values in batch.columns.values()]
    return [list(row) for row in zip(*([cell_text(value) for value in values.to_pylist()] for values in columns), strict=True)]


def filled_rows(batch: Batch, columns: Sequence[str]) -> list[int]:
    """Return the rows of a batch, from 0, that have a value in one of these columns."""
    cells = zip(*(batch.columns[name].to_pylist() for name in columns), strict=True)
    return [row for row, values in enumerate(cells) if any(map(cell_text, values))]


def count_filled(values: Any) -> int:
    """Return how many values of an Arrow array are neither null, NaN nor empty."""
    from pyarrow import compute, types

    filled = len(values) - int(values.null_count)
    if types.is_string(values.type) or types.is_large_string(values.type):
        return filled - int(compute.sum(compute.equal(values, "")).as_py() or 0)
    return filled - int(compute.sum(compute.is_nan(values)).as_py() or 0) if types.is_floating(values.type) else filled


class RepeatedIds:
    """Finds ids that occur twice, with their hashes in a temporary file: memory does not grow with the number of contacts."""

    def __init__(self, file: ContactFile, column: str) -> None:
        self.file, self.column = file, column
        self._hashes = TemporaryFile()  # noqa: SIM115  (closed by `__exit__`)
        self._empty: list[int] = []
        self.total = 0

    def __enter__(self) -> "RepeatedIds":
        return self

    def __exit__(self, *_: object) -> None:
        self._hashes.close()

    def add(self, batch: Batch) -> None:
        """Take in the ids of a batch."""
        ids = batch.columns[self.column].to_pylist()
        for row, value in enumerate(ids):
            if value is None or value == "":
                self._empty.append(batch.first + row)
        array("q", map(hash, ids)).tofile(self._hashes)
        self.total += len(ids)

    def problems(self) -> list[str]:
        """Return a line for each id that is missing or repeated."""
        rows = [row for group in self._suspects() for row in group]
        found = [f'{self.file.place(row)}: column "{self.column}": is empty: every contact needs an id' for row in self._empty]
        values = self._values(set(rows) - set(self._empty))
        first: dict[object, int] = {}
        for row in sorted(values):
            before = first.setdefault(values[row], row)
            if before != row:
                again = f'"{values[row]}" is on line {self.file.line(before)} already'
                found.append(f'{self.file.place(row)}: column "{self.column}": {again}: keep one line a contact')
        return found

    def _suspects(self) -> Iterator[list[int]]:
        """Yield the rows whose hashes are equal."""
        parts = self.total // PART + 1
        for part in range(parts):
            self._hashes.seek(0)
            hashes, rows, begin = [], [], 0
            while block := self._hashes.read(1 << 20):
                values = np.frombuffer(block, dtype=np.int64)
                own = np.flatnonzero(values % parts == part)
                hashes.append(values[own])
                rows.append(own + begin)
                begin += len(values)
            if not hashes:
                continue
            value, row = np.concatenate(hashes), np.concatenate(rows)
            order = np.argsort(value, kind="stable")
            same = value[order][1:] == value[order][:-1]
            if same.any():
                groups: defaultdict[int, set[int]] = defaultdict(set)
                for place in np.flatnonzero(same):
                    groups[int(value[order[place]])] |= {int(row[order[place]]), int(row[order[place + 1]])}
                yield from (sorted(group) for group in groups.values())

    def _values(self, rows: set[int]) -> dict[int, object]:
        if not rows:
            return {}
        found: dict[int, object] = {}
        for batch in self.file.batches([self.column]):
            own = [row for row in rows if batch.first <= row < batch.first + batch.rows]
            values = batch.columns[self.column]
            found |= {row: values[row - batch.first].as_py() for row in own}
        return found
