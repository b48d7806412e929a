"""The text of a bank as plain data, with the line of everything in it; YAML and JSON are read by their own files."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from question_bank.files.problems import Finding, Path

LARGEST_TEXT = 1 << 20  # bytes
MOST_VALUES = 250_000
DEEPEST = 32

INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
DECIMAL = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
NOT_A_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Source:
    """Plain data; the line of every path; and what could not be read, whose place in `data` holds None."""

    data: Any
    lines: Mapping[Path, int]
    findings: tuple[Finding, ...] = ()

    def line(self, path: Path) -> int:
        """The line of `path`, or of the nearest thing around it that is written."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class Unreadable(Exception):
    """Reading stopped here."""

    def __init__(self, wrong: str, todo: str, line: int = 1, path: Path = ()) -> None:
        super().__init__(wrong)
        self.finding = Finding(path, wrong, todo, line)


def decode_text(given: str | bytes) -> str:
    """The text without its byte order mark; raises Unreadable when it is too large or is not text."""
    if len(given) > LARGEST_TEXT or (isinstance(given, str) and len(given.encode(errors="replace")) > LARGEST_TEXT):
        raise Unreadable("is larger than 1 MiB", "split it into several banks")
    text = (_decoded(given) if isinstance(given, bytes) else given).removeprefix("\ufeff")
    odd = UNPRINTABLE.search(text)
    if odd:
        line = text.count("\n", 0, odd.start()) + 1
        if "\ud800" <= odd[0] <= "\udfff":
            raise _not_utf8(line)
        raise Unreadable(
            f"holds the control character {ord(odd[0]):#04x}", "delete it, or save the file again as plain text in UTF-8", line
        )
    if not text.strip():
        raise Unreadable("is empty", "start with bank: followed by a short name, then personas: and questions:")
    return text


def _decoded(given: bytes) -> str:
    try:
        return given.decode()
    except UnicodeDecodeError as error:
        raise _not_utf8(given[: error.start].count(b"\n") + 1) from None


def _not_utf8(line: int) -> Unreadable:
    return Unreadable("is not UTF-8 text", "save the file again with the encoding UTF-8", line)


def parse_number(text: str) -> int | float | None:
    """The number a plain word stands for, or None; raises ValueError when it stands for no finite number.

    Narrower than YAML 1.1 on purpose: ``1:30``, ``1_000`` and ``007`` are words here, as their authors mean them.
    """
    if NOT_A_NUMBER.fullmatch(text):
        raise ValueError(text)
    if INTEGER.fullmatch(text) and len(text) <= 300:
        return int(text)
    if not DECIMAL.fullmatch(text):
        return None
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(text)
    return number + 0.0  # minus zero is zero: two banks that say the same must be equal to the last sign


def not_finite(path: Path) -> Finding:
    """The finding for NaN, infinity and numbers beyond any use."""
    return Finding(path, "is not a finite number", "write an ordinary number such as 0.25")


def unprintable(path: Path, text: str) -> Finding | None:
    """Escapes such as ``\\u0000`` can smuggle in what a database, or a browser, refuses to hold."""
    odd = UNPRINTABLE.search(text)
    return Finding(path, f"holds the character {ord(odd[0]):#06x}, which cannot be shown", "delete it") if odd else None


def printable_key(key: str, line: int) -> str:
    """A key as it is; raises Unreadable when it cannot be shown, for then no path through it can."""
    finding = unprintable((), key)
    if finding:
        raise Unreadable(f"has a name that {finding.wrong}", finding.todo, line)
    return key


def duplicate_key(path: Path, line: int, first: int) -> Finding:
    """The finding for a key that a mapping holds twice: the second one would silently win."""
    return Finding(path, f"is written twice, first on line {first}", "keep one of the two", line)
