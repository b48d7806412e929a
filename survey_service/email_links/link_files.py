"""Write the file of links as the file of contacts is written: its separator, its encoding and byte order mark; or as a workbook."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, Protocol

from question_bank.exports.table_files import decode, find_encoding, find_separator

HEAD = 1 << 20


class Writer(Protocol):
    """What writes a row."""

    def writerow(self, row: Iterable[str], /) -> object: ...


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written."""

    separator: str = ","
    encoding: str = "utf-8"

    @classmethod
    def of(cls, content: bytes, file: str) -> "Dialect":
        """Return the dialect of the content of a CSV file. Raises AnswersInvalid."""
        encoding = find_encoding(content, file)
        return cls(find_separator(decode(content, file)[:HEAD], file)[0], encoding)


@contextmanager
def csv_writer(out: IO[bytes], dialect: Dialect) -> Iterator[Writer]:
    """Yield a writer of rows. A text that the encoding cannot hold makes all of the file UTF-8 with a byte order mark.

    Rows are kept in a temporary file until all are there, so that memory does not grow with their number.
    """
    with TemporaryFile("w+", encoding="utf-8", newline="") as rows:
        yield csv.writer(rows, delimiter=dialect.separator)
        encoding = dialect.encoding if _fits(rows, dialect.encoding) else "utf-8-sig"
        rows.seek(0)
        written = io.TextIOWrapper(out, encoding=encoding, newline="")
        while block := rows.read(HEAD):
            written.write(block)
        written.flush()
        written.detach()


def _fits(rows: IO[str], encoding: str) -> bool:
    if encoding.startswith("utf"):
        return True
    rows.seek(0)
    try:
        while block := rows.read(HEAD):
            block.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def workbook_writer(out: IO[bytes]) -> Iterator[Writer]:
    """Yield a writer of the rows of an Excel sheet; every cell is text, so that ids keep their zeros."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet("links")

    class Rows:
        def writerow(self, row: Iterable[str], /) -> None:
            cells: Sequence[WriteOnlyCell] = [WriteOnlyCell(sheet, value=value) for value in row]
            for cell in cells:
                cell.data_type = "s"
            sheet.append(cells)

    yield Rows()
    book.save(out)
