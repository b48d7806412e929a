"""The parsed text of a bank: plain data with line numbers, and the checks that YAML and JSON share."""

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
    """Plain data, the line of every path, findings about unreadable values, which are None in `data`, and warnings."""

    data: Any
    lines: Mapping[Path, int]
    findings: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()

    def line(self, path: Path) -> int:
        """Return the line of `path`, or of the closest enclosing path that has one."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class Unreadable(Exception):
    """The text cannot be parsed beyond this line."""

    def __init__(self, wrong: str, todo: str, line: int = 1, path: Path = ()) -> None:
        super().__init__(wrong)
        self.finding = Finding(path, wrong, todo, line)


def decode_text(given: str | bytes) -> str:
    """Return the text without its byte order mark. Raises Unreadable when it is too large or not text."""
    if len(given) > LARGEST_TEXT or (isinstance(given, str) and len(given.encode(errors="replace")) > LARGEST_TEXT):
        raise Unreadable("is larger than 1 MiB", "split it into several banks")
    text = (_decoded(given) if isinstance(given, bytes) else given).removeprefix("\ufeff")
    match = UNPRINTABLE.search(text)
    if match:
        line = text.count("\n", 0, match.start()) + 1
        if "\ud800" <= match[0] <= "\udfff":
            raise _not_utf8(line)
        raise Unreadable(
            f"holds the control character {ord(match[0]):#04x}", "delete it, or save the file again as plain text in UTF-8", line
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
    """Return the number that an unquoted scalar denotes, or None. Raises ValueError for NaN and infinity.

    It accepts less than YAML 1.1 on purpose: ``1:30``, ``1_000`` and ``007`` are strings here.
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
    return number + 0.0  # turns -0.0 into 0.0, so that equal banks have equal fingerprints


def not_finite(path: Path) -> Finding:
    """Return the finding for NaN, infinity and numbers too large for a float."""
    return Finding(path, "is not a finite number", "write an ordinary number such as 0.25")


def unprintable(path: Path, text: str) -> Finding | None:
    """Return a finding if the text holds characters, such as an escaped ``\\u0000``, that databases or browsers refuse."""
    match = UNPRINTABLE.search(text)
    return Finding(path, f"holds the character {ord(match[0]):#06x}, which cannot be shown", "delete it") if match else None


def printable_key(key: str, line: int) -> str:
    """Return the key. Raises Unreadable when it is not printable, because no path through it could be reported."""
    finding = unprintable((), key)
    if finding:
        raise Unreadable(f"has a name that {finding.wrong}", finding.todo, line)
    return key


def duplicate_key(path: Path, line: int, first: int) -> Finding:
    """Return the finding for a key that a mapping holds twice: otherwise the second one would silently replace the first."""
    return Finding(path, f"is written twice, first on line {first}", "keep one of the two", line)
