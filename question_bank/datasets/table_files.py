"""Read a file of answers as rows of cells; encoding, separator and decimal commas are detected.

UTF-8, UTF-16 and Windows-1252; comma, semicolon, tab or bar; ``sep=;`` on the first line. Rows keep their line for error messages.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MOST_SHOWN = 20
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
    """Column names and one row of stripped cells per respondent; `numbers` are the rows' line numbers in the file."""

    file: str
    header: list[str]
    rows: list[list[str]]
    numbers: list[int]

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
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    elif content[1:2] == b"\0" or content[:1] == b"\0":
        encodings = ["utf-16-le" if content[1:2] == b"\0" else "utf-16-be"]
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not BINARY.search(text):
            return text
    raise AnswersInvalid([f"{file}: is neither UTF-8, UTF-16 nor Windows-1252 text: save it as CSV in UTF-8 (or as .parquet)"])


def parse_csv(text: str, file: str) -> Cells:
    """Return the non-empty rows of a CSV text. Raises AnswersInvalid with every row whose length differs from the first one."""
    text = text.lstrip("\ufeff")
    separator, skipped = find_separator(text, file)
    reader = csv.reader(io.StringIO(text.partition("\n")[2] if skipped else text, newline=""), delimiter=separator)
    header: list[str] = []
    rows: list[list[str]] = []
    numbers: list[int] = []
    problems: list[str] = []
    begins = 1 + skipped
    try:
        for line in reader:
            here, begins = begins, reader.line_num + 1 + skipped
            cells = [cell.strip() for cell in line]
            if not any(cells):
                continue
            if not header:
                header = cells
            elif len(cells) != len(header):
                problems.append(f"{file}:{here}: has {len(cells)} cells where the first line names {len(header)} columns")
            else:
                rows.append(cells)
                numbers.append(here)
    except csv.Error as wrong:
        problems.append(f"{file}:{begins}: is not readable CSV: {wrong}")
    if not rows and not problems:
        problems.append(f"{file}: has no answers: give a line of column names and a line a respondent")
    if problems:
        raise AnswersInvalid(problems)
    return Cells(file, header, rows if separator == "," else with_decimal_points(rows), numbers)


def find_separator(text: str, file: str) -> tuple[str, int]:
    """Return the separator of a CSV text, declared by ``sep=`` or found, and the number of lines that declare it."""
    declared = re.fullmatch(r'"?sep=(.)"?\r?', text.partition("\n")[0])
    return (declared[1], 1) if declared else (_separator(text, file), 0)


def _separator(text: str, file: str) -> str:
    """Return the separator that splits the first line into most names. Raises AnswersInvalid where it is unreadable."""
    first = next((line for line in text.splitlines() if line.strip()), "")

    def names(separator: str) -> int:
        return len(next(csv.reader([first], delimiter=separator), []))

    try:
        return max(SEPARATORS, key=names)
    except csv.Error as wrong:
        raise AnswersInvalid([f"{file}:1: is not readable CSV: {wrong}: begin with a line of column names"]) from None


def with_decimal_points(rows: list[list[str]]) -> list[list[str]]:
    """Replace decimal commas by points in columns of numbers: spreadsheets write them in many countries."""
    for place in range(len(rows[0])):
        filled = [row[place] for row in rows if row[place]]
        commas = any(DECIMAL_COMMA.fullmatch(cell) for cell in filled)
        if commas and all(DECIMAL_COMMA.fullmatch(cell) or WHOLE.fullmatch(cell) for cell in filled):
            for row in rows:
                row[place] = row[place].replace(",", ".")
    return rows
