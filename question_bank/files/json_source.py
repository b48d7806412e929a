"""Parse JSON to plain data with line numbers. The standard parser reports neither lines of values nor duplicate keys."""

import json
import re
from bisect import bisect_right
from typing import Any

from question_bank.files.problems import Finding, Path
from question_bank.files.source import DEEPEST, Source, Unreadable, duplicate_key, not_finite, parse_number, printable_key, unprintable

SPACE = re.compile(r"[ \t\r\n]*")
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
CONSTANTS: dict[str, Any] = {"true": True, "false": False, "null": None}
NOT_FINITE = ("NaN", "Infinity", "-Infinity")


def read_json(text: str) -> Source:
    """Return the parsed text. Raises Unreadable at the first syntax error."""
    scanner = _Scanner(text)
    data, end = scanner.value(0, ())
    end = scanner.skip_space(end)
    if end < len(text):
        raise scanner.stop("goes on after its last bracket", "remove what follows", end)
    return Source(data, scanner.lines, tuple(scanner.findings))


class _Scanner:
    """A recursive descent parser: each method takes a start position and returns a value with its end position."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [match.end() for match in re.finditer("\n", text)]
        self.lines: dict[Path, int] = {}
        self.findings: list[Finding] = []

    def line(self, at: int) -> int:
        return bisect_right(self.starts, at) + 1

    def skip_space(self, at: int) -> int:
        match = SPACE.match(self.text, at)
        return match.end() if match else at

    def stop(self, wrong: str, todo: str, at: int) -> Unreadable:
        return Unreadable(wrong, todo, self.line(at))

    def value(self, at: int, path: Path) -> tuple[Any, int]:
        at = self.skip_space(at)
        self.lines.setdefault(path, self.line(at))
        if self.text.startswith(("{", "["), at):
            if len(path) >= DEEPEST:
                raise self.stop(f"is nested more than {DEEPEST} levels deep", "a bank needs no more than eight: check the brackets", at)
            return self.mapping(at + 1, path) if self.text[at] == "{" else self.sequence(at + 1, path)
        if self.text.startswith('"', at):
            words, at = self.string(at)
            if finding := unprintable(path, words):
                self.findings.append(finding)
                return None, at
            return words, at
        return self.constant(at, path)

    def mapping(self, at: int, path: Path) -> tuple[dict[str, Any], int]:
        entries: dict[str, Any] = {}
        at = self.skip_space(at)
        while not self.text.startswith("}", at):
            start = at
            key, at = self.string(at)
            key = printable_key(key, self.line(start))
            below = (*path, key)
            if key in entries:
                self.findings.append(duplicate_key(below, self.line(start), self.lines[below]))
            self.lines.setdefault(below, self.line(start))
            value, at = self.value(self.expect(":", at), below)
            entries.setdefault(key, value)
            at = self.next_item("}", at)
        return entries, at + 1

    def sequence(self, at: int, path: Path) -> tuple[list[Any], int]:
        items: list[Any] = []
        at = self.skip_space(at)
        while not self.text.startswith("]", at):
            value, at = self.value(at, (*path, len(items)))
            items.append(value)
            at = self.next_item("]", at)
        return items, at + 1

    def next_item(self, closing: str, at: int) -> int:
        """Return the position of the next item, past its comma, or of the closing bracket."""
        at = self.skip_space(at)
        if self.text.startswith(closing, at):
            return at
        at = self.skip_space(self.expect(",", at))
        if self.text.startswith(closing, at):
            raise self.stop(f"has a comma before {closing}", "remove the comma", at)
        return at

    def expect(self, mark: str, at: int) -> int:
        at = self.skip_space(at)
        if not self.text.startswith(mark, at):
            raise self.stop(f"misses a {mark}", f"put a {mark} here, and check the quotes and brackets before", at)
        return at + 1

    def string(self, at: int) -> tuple[str, int]:
        if not self.text.startswith('"', at):
            raise self.stop("misses a name in double quotes", 'write "name": value', at)
        try:
            return json.decoder.scanstring(self.text, at + 1, True)  # type: ignore[attr-defined, no-any-return]
        except json.JSONDecodeError as error:
            raise self.stop(f"cannot be read: {error.msg}", "close the quote, and write a line break as \\n", error.pos) from None

    def constant(self, at: int, path: Path) -> tuple[Any, int]:
        for word, constant in CONSTANTS.items():
            if self.text.startswith(word, at):
                return constant, at + len(word)
        for word in NOT_FINITE:
            if self.text.startswith(word, at):
                self.findings.append(not_finite(path))
                return None, at + len(word)
        match = NUMBER.match(self.text, at)
        if not match:
            raise self.stop("cannot be read as JSON", "put words in double quotes, and check the commas and brackets", at)
        try:
            return parse_number(match[0]), match.end()
        except ValueError:
            self.findings.append(not_finite(path))
            return None, match.end()
