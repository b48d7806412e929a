"""Read JSON strictly with the standard parser, and keep where each value stands.

The standard parser silently takes the last of two equal names, NaN, and numbers beyond every float. Here each of these is a fault with its
path; the caller decides whether it refuses the value or the whole text. Banks and request bodies are read by this one reader.
"""

import json
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from json.decoder import JSONArray, JSONObject  # type: ignore[attr-defined]
from json.scanner import py_make_scanner  # type: ignore[attr-defined]
from typing import Any, NamedTuple

from question_bank.files.problems import Finding, Path
from question_bank.files.source import DEEPEST, Source, Unreadable, duplicate_key, not_finite, parse_number, printable_key, unprintable

CHECK_BEFORE = "and check the quotes and brackets before"
SYNTAX_ERRORS = {
    "Expecting ',' delimiter": ("misses a ,", f"put a , here, {CHECK_BEFORE}"),
    "Expecting ':' delimiter": ("misses a :", f"put a : here, {CHECK_BEFORE}"),
    "Expecting property name enclosed in double quotes": (
        "misses a name in double quotes",
        'write "name": value, without a comma at the end',
    ),
    "Expecting value": ("cannot be read as JSON", "put words in double quotes, and check the commas and brackets"),
    "Extra data": ("goes on after its last bracket", "remove what follows"),
}
"""The standard parser's messages in the words of a bank's problems: what is wrong and what to do."""


class Fault(NamedTuple):
    """A value that JSON readers understand differently or cannot store: a repeated name, or a number that is not finite."""

    path: Path
    kind: str  # repeated | not_finite
    line: int
    first_line: int = 0  # of a repeated name


@dataclass(frozen=True)
class Parsed:
    """Plain data, the line of every path, and the faults. A faulty number is None in `data`; of a repeated name the first value counts."""

    data: Any
    lines: dict[Path, int]
    faults: tuple[Fault, ...]


class _Located(NamedTuple):
    """A parsed value and the position where it starts."""

    value: Any
    at: int


class _Pairs(list[tuple[str, Any]]):
    """The names and values of an object, in their order."""


class _NotFinite:
    """Stands for NaN, infinity, or a number beyond every float."""


class _LocatingDecoder(json.JSONDecoder):
    """The standard decoder, whose values are `_Located`. Raises Unreadable for a text nested more deeply than `deepest`."""

    def __init__(self, number: Callable[[str], Any], deepest: int) -> None:
        def finite(text: str) -> Any:
            try:
                return number(text)
            except ValueError:
                return _NotFinite()

        super().__init__(object_pairs_hook=_Pairs, parse_constant=lambda _: _NotFinite(), parse_float=finite, parse_int=finite)
        self.deepest, self.depth = deepest, 0
        self.parse_object = lambda start, strict, scan, *_: self._nested(JSONObject, start, strict, self._locating(scan), None, _Pairs)
        self.parse_array = lambda start, scan: self._nested(JSONArray, start, self._locating(scan))
        self.scan_once = py_make_scanner(self)

    def _nested(self, parse: Callable[..., Any], start: tuple[str, int], *options: Any) -> Any:
        self.depth += 1
        if self.depth > self.deepest:
            line = start[0].count("\n", 0, start[1]) + 1
            raise Unreadable(f"is nested more than {self.deepest} levels deep", "a bank needs no more than eight: check the brackets", line)
        parsed = parse(start, *options)
        self.depth -= 1
        return parsed

    @staticmethod
    def _locating(scan: Callable[[str, int], tuple[Any, int]]) -> Callable[[str, int], tuple[Any, int]]:
        def located(text: str, at: int) -> tuple[Any, int]:
            value, end = scan(text, at)
            return _Located(value, at), end

        return located


def parse(text: str, number: Callable[[str], Any] = parse_number, deepest: int = DEEPEST) -> Parsed:
    """Return the parsed text with its lines and faults.

    `number` makes a number of its text and raises ValueError where it is not finite. Raises json.JSONDecodeError at the first syntax error,
    and Unreadable for too many levels.
    """
    root = _Located(_LocatingDecoder(number, deepest).decode(text), 0)
    starts = [at + 1 for at, character in enumerate(text) if character == "\n"]
    lines: dict[Path, int] = {}
    faults: list[Fault] = []

    def line(at: int) -> int:
        return bisect_right(starts, at) + 1

    def plain(located: _Located, path: Path) -> Any:
        value, at = located
        lines.setdefault(path, line(at))
        if isinstance(value, _Pairs):
            return dict(entries(value, path))
        if isinstance(value, list):
            return [plain(item, (*path, place)) for place, item in enumerate(value)]
        if isinstance(value, _NotFinite):
            faults.append(Fault(path, "not_finite", line(at)))
            return None
        return value

    def entries(pairs: _Pairs, path: Path) -> Iterator[tuple[str, Any]]:
        names: set[str] = set()
        for name, located in pairs:
            below = (*path, name)
            # A name holds no line break, so it stands on the line of its closing quote.
            of_name = line(len(text[: located.at].rstrip().removesuffix(":").rstrip()) - 1)
            if name in names:
                faults.append(Fault(below, "repeated", of_name, lines[below]))
                continue
            names.add(name)
            lines.setdefault(below, of_name)
            yield name, plain(located, below)

    return Parsed(plain(root, ()), lines, tuple(faults))


def read_json(text: str) -> Source:
    """Return the source of a bank in JSON. Raises Unreadable at the first syntax error."""
    try:
        parsed = parse(text)
    except json.JSONDecodeError as error:
        wrong, todo = SYNTAX_ERRORS.get(error.msg, (f"cannot be read: {error.msg}", "close the quote, and write a line break as \\n"))
        raise Unreadable(wrong, todo, error.lineno) from None
    findings = [_finding(fault) for fault in parsed.faults]
    return Source(_printable(parsed.data, (), parsed.lines, findings), parsed.lines, tuple(findings))


def _finding(fault: Fault) -> Finding:
    if fault.kind == "repeated":
        return duplicate_key(fault.path, fault.line, fault.first_line)
    return not_finite(fault.path)


def _printable(value: Any, path: Path, lines: dict[Path, int], findings: list[Finding]) -> Any:
    """Return the value with None for texts that cannot be shown, each with its finding."""
    if isinstance(value, dict):
        return {
            printable_key(name, lines[(*path, name)]): _printable(inner, (*path, name), lines, findings) for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_printable(inner, (*path, place), lines, findings) for place, inner in enumerate(value)]
    if isinstance(value, str) and (finding := unprintable(path, value)):
        findings.append(finding)
        return None
    return value
