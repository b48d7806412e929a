"""Read a file of answers as rows of cells; encoding, separator and decimal commas are detected.

UTF-8, UTF-16 and Windows-1252; comma, semicolon, tab or bar; ``sep=;`` on the first line. Rows keep their line for error messages.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any

from question_bank.exports.header_rows import Header, find_header
from question_bank.exports.not_questions import is_counted
from question_bank.files.problems import count_of

MOST_SHOWN = 20
HEAD = 200_000
LINES_OF_HEAD = 30
"""The part of a file in which its separator is looked for."""
SEPARATORS = (",", ";", "\t", "|")
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
BINARY = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


class AnswersInvalid(ValueError):
    """The answers cannot be read; `problems` names each with its place."""

    def __init__(self, problems: Sequence[str]) -> None:
        more = [f"... and {len(problems) - MOST_SHOWN} more"] if len(problems) > MOST_SHOWN else []
        super().__init__("\n".join([*problems[:MOST_SHOWN], *more]))
        self.problems = list(problems)


@dataclass(frozen=True, eq=False)
class Cells:
    """Column names and one row of stripped cells per respondent; `numbers` are the rows' line numbers in the file.

    What a file says of its columns: `texts`, what was asked; `options`, column -> (question, option); `labels`, column -> the texts of its
    values in order, with their codes; `silent`, column -> cell -> the kind of silence that it means; `nominal`, the columns whose numbers
    only name things; `open_ended`, those that people wrote freely. `notes` are sentences about how the file was read.
    """

    file: str
    header: list[str]
    rows: list[list[str]]
    numbers: list[int]
    texts: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    labels: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    silent: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    nominal: frozenset[str] = frozenset()
    open_ended: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    decimal_commas: bool = False

    def column(self, name: str) -> list[str]:
        place = self.header.index(name)
        return [row[place] for row in self.rows]

    def at(self, row: int) -> str:
        """Return ``file:line`` of a row."""
        return f"{self.file}:{self.numbers[row]}"

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with the names of the columns."""
        for place, name in enumerate(self.header):
            if not name:
                yield f"{self.file}:1: column {place + 1} has no name: give it one"
            elif name in self.header[:place]:
                yield f'{self.file}:1: column "{name}" stands there twice: name each column once'


def decode(content: bytes, file: str) -> str:
    """Return the text of a file in UTF-8, UTF-16 or Windows-1252. Raises AnswersInvalid for anything else."""
    return content.decode(find_encoding(content, file)).removeprefix("\ufeff")


def find_encoding(content: bytes, file: str) -> str:
    """Return the encoding of a text, with which it is also written: ``utf-8-sig`` and ``utf-16`` have a byte order mark.

    Raises AnswersInvalid where it is neither UTF-8, UTF-16 nor Windows-1252.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    elif content[1:2] == b"\0" or content[:1] == b"\0":
        encodings = ["utf-16-le" if content[1:2] == b"\0" else "utf-16-be"]
    else:
        encodings = ["utf-8-sig" if content.startswith(codecs.BOM_UTF8) else "utf-8", "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not BINARY.search(text):
            return encoding
    raise AnswersInvalid([f"{file}: is neither UTF-8, UTF-16 nor Windows-1252 text: save it as CSV in UTF-8 (or as .parquet)"])


def parse_csv(text: str, file: str, *, is_inside: bool = False) -> Cells:
    """Return the non-empty rows of a CSV text below its header. Raises AnswersInvalid with every row whose length differs from it.

    `is_inside` says that every line was one quoted cell, of which `text` is the content.
    """
    text = text.lstrip("\ufeff")
    separator, skipped = find_separator(text, file)
    reader = csv.reader(io.StringIO(text.partition("\n")[2] if skipped else text, newline=""), delimiter=separator)
    rows: list[list[str]] = []
    numbers: list[int] = []
    begins = 1 + skipped
    try:
        for line in reader:
            here, begins = begins, reader.line_num + 1 + skipped
            cells = [stripped(cell) for cell in line]
            if any(cells):
                rows.append(cells)
                numbers.append(here)
    except csv.Error as wrong:
        raise AnswersInvalid([f"{file}:{begins}: is not readable CSV: {wrong}"]) from None
    inside = None if is_inside else _inside_quotes(rows)
    if inside is not None:
        return parse_csv(inside, file, is_inside=True)
    return cells_of_rows(rows, numbers, file, decimal_commas=separator != ",")


def stripped(cell: str) -> str:
    """Return a cell without the spaces and no-break spaces around it, and without the apostrophe of numbers stored as text."""
    text = cell.strip().strip("\u200b\ufeff").strip()
    return text[1:] if text[:1] == "'" and text[1:].replace(".", "", 1).isdigit() else text


def cells_of_rows(rows: Sequence[list[str]], numbers: Sequence[int], file: str, *, decimal_commas: bool = False) -> Cells:
    """Return rows of stripped cells as named columns: titles, rows of names and footers are found, and empty columns at the end dropped.

    Raises AnswersInvalid where there are no answers, and with every row that has too few or too many cells.
    """
    header = find_header(rows, numbers, file) if rows else None
    if header is None or header.first >= header.last:
        raise AnswersInvalid([f"{file}: has no answers: give a line of column names and a line a respondent"])
    lines, again = _body(rows, numbers, header)
    body = [row for _, row in _of_one_width(lines, len(rows[header.first - 1]), len(header.names), file)]
    has_commas = decimal_commas and any(is_decimal_comma(cell) for row in body for cell in row)
    if has_commas:
        body = with_decimal_points(body)
    counting = [place for place, name in enumerate(header.names) if not name and is_counted([row[place] for row in body])]
    names = [name for place, name in enumerate(header.names) if place not in counting]
    body = [[cell for place, cell in enumerate(row) if place not in counting] for row in body] if counting else body
    repeated = [f"{file}: the names of the columns are repeated on {count_of(len(again), 'more line')}, left out"] if again else []
    return Cells(
        file,
        names,
        body,
        [number for number, _ in lines],
        header.texts,
        header.options,
        open_ended=header.open_ended,
        notes=(*header.notes, *repeated),
        decimal_commas=has_commas,
    )


def _body(rows: Sequence[list[str]], numbers: Sequence[int], header: Header) -> tuple[list[tuple[int, list[str]]], list[int]]:
    """Return the lines of answers with their numbers, and the lines that repeat the header, as files do that were joined."""
    top = rows[header.first - 1]
    lines = list(zip(numbers[header.first : header.last], rows[header.first : header.last], strict=True))
    is_wide = sum(map(bool, top)) > 1
    again = [number for number, row in lines if is_wide and row == top]
    return [(number, row) for number, row in lines if number not in again], again


def _of_one_width(lines: Sequence[tuple[int, list[str]]], named: int, width: int, file: str) -> list[tuple[int, list[str]]]:
    """Return rows of `width` cells. Raises AnswersInvalid with every row that has more, or fewer than most and than the header."""
    lengths = Counter(len(row) for _, row in lines)
    usual = max(lengths, key=lambda length: (lengths[length], length), default=width)
    problems = [
        f"{file}:{number}: has {len(row)} cells where the first line names {width} columns"
        for number, row in lines
        if any(row[width:]) or (len(row) < width and len(row) < min(usual, named))
    ]
    if problems or not lines:
        raise AnswersInvalid(problems or [f"{file}: has no answers: give a line of column names and a line a respondent"])
    return [(number, (row + [""] * width)[:width]) for number, row in lines]


def _inside_quotes(rows: Sequence[Sequence[str]]) -> str | None:
    """Return the text of a file of which every line was saved as one quoted cell, None where it is none."""
    if len(rows) < 2 or any(len(row) != 1 for row in rows):
        return None
    signs = [sign for sign in SEPARATORS if sign in rows[0][0]]
    same = any(sum(row[0].count(sign) == rows[0][0].count(sign) for row in rows) > len(rows) / 2 for sign in signs)
    return "\n".join(row[0] for row in rows) if same else None


def find_separator(text: str, file: str) -> tuple[str, int]:
    """Return the separator of a CSV text, declared by ``sep=`` or found, and the number of lines that declare it."""
    declared = re.fullmatch(r'"?sep=(.)"?\r?', text.partition("\n")[0])
    return (declared[1], 1) if declared else (_separator(text, file), 0)


def _separator(text: str, file: str) -> str:
    """Return the separator that splits the first lines into most cells. Raises AnswersInvalid where they are unreadable.

    Where the first line is a title, it has one cell; a text in quotes may hold separators and line breaks.
    """
    head = text[:HEAD]

    def names(separator: str) -> tuple[int, int]:
        try:
            rows = [
                row
                for row, _ in zip(csv.reader(io.StringIO(head, newline=""), delimiter=separator), range(LINES_OF_HEAD), strict=False)
                if any(row)
            ]
        except csv.Error:
            return 0, 0
        widths = Counter(map(len, rows))
        usual = max(widths, key=lambda width: (width > 1, widths[width], width), default=0)
        return (widths[usual] * (usual > 1), usual) if usual > 1 else (0, 0)

    found = {separator: names(separator) for separator in SEPARATORS}
    most = max(count for count, _ in found.values())
    if not most:
        try:
            next(csv.reader([next((line for line in text.splitlines() if line.strip()), "")]), [])
        except csv.Error as wrong:
            raise AnswersInvalid([f"{file}:1: is not readable CSV: {wrong}: begin with a line of column names"]) from None
        return ","
    likely = [separator for separator, (count, _) in found.items() if count >= 0.8 * most]
    return max(likely, key=lambda separator: found[separator][1])


def is_decimal_comma(cell: str) -> bool:
    """Return whether a number can only have a decimal comma: ``1,5`` and ``0,125``, but not ``1,500``."""
    whole, _, part = cell.lstrip("+-").partition(",")
    return bool(DECIMAL_COMMA.fullmatch(cell)) and (len(part) != 3 or len(whole) > 3 or not whole.strip("0"))


def with_decimal_points(rows: list[list[str]]) -> list[list[str]]:
    """Replace decimal commas by points in columns of numbers: spreadsheets write them in many countries."""
    for place in range(len(rows[0])):
        filled = [row[place] for row in rows if row[place]]
        commas = any(is_decimal_comma(cell) for cell in filled)
        if commas and all(DECIMAL_COMMA.fullmatch(cell) or WHOLE.fullmatch(cell) for cell in filled):
            for row in rows:
                row[place] = row[place].replace(",", ".")
    return rows


def cell_text(value: Any) -> str:
    """Return a value as a CSV file would write it.

    >>> cell_text(3.0), cell_text(None), cell_text(True), cell_text(datetime(2026, 1, 31))
    ('3', '', 'true', '2026-01-31')
    """
    if value is None or value != value:  # noqa: PLR0124  (NaN)
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip()
