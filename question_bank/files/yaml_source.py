"""Parse YAML to plain data with line numbers, from the parser's events, with limits on depth and on values from aliases.

Only ``true`` and ``false`` are booleans: an option may be called ``yes`` and a language ``no``. Dates are strings.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import yaml

from question_bank.files.problems import Finding, Path, shorten
from question_bank.files.source import (
    DEEPEST,
    MOST_VALUES,
    Source,
    Unreadable,
    duplicate_key,
    not_finite,
    parse_number,
    printable_key,
    unprintable,
)

CONSTANTS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
COMMENT_IN_TEXT = re.compile(r"\s+(#\w[^\r]*)")
NOTHING = ("", "~", "null", "Null", "NULL")

# Phrases of PyYAML's errors, and what they mean to authors who do not know YAML's grammar.
YAML_MESSAGES = {
    "block sequence entries": ("has a - where no list can start", 'start the list on its own line, or write "-" in quotes'),
    "mapping values": ("has a : where none can stand", "put a text that holds a colon in quotes, and align the line with its neighbours"),
    "tab character": ("is indented with a tab", "indent with spaces"),
    "cannot start any token": ("starts with a character that YAML keeps for itself", "put the text in quotes, and indent with spaces"),
    "expected ',' or": (
        "has a [ or { that is not closed, or misses a comma",
        "close the bracket, put a comma between its items, and put a text that holds a colon or an apostrophe in double quotes",
    ),
    "expected key": (
        "is indented unlike the lines around it, or has a quote inside a text in quotes",
        "align the line with its neighbours; put a text that holds an apostrophe in double quotes",
    ),
    "expected '-' indicator": ("is indented unlike the items of the list around it", "align the line with the field above it"),
    "end of stream": ("has a quote that is not closed", "close the quote"),
    "undefined alias": ("uses a name after * that no & gave before", "define it first with &, or put the text in quotes"),
}


class ParsedValue(NamedTuple):
    """A value with the number of values it holds and its depth, aliases counted wherever they are used."""

    value: Any
    size: int = 1
    height: int = 1


def read_yaml(text: str) -> Source:
    """Return the parsed text. Raises Unreadable at the first syntax error."""
    builder = _Builder(yaml.parse(text, Loader=yaml.CSafeLoader), text.split("\n"))
    try:
        data = builder.document()
    except yaml.MarkedYAMLError as error:
        raise _explain(error) from None
    return Source(data, builder.lines, tuple(builder.findings), tuple(builder.warnings))


class _Builder:
    def __init__(self, events: Iterator[yaml.Event], written: Sequence[str]) -> None:
        self.events = events
        self.written = written  # the lines of the text
        self.warnings: list[Finding] = []
        self.lines: dict[Path, int] = {}
        self.findings: list[Finding] = []
        self.anchors: dict[str, ParsedValue] = {}
        self.values = 0

    def document(self) -> Any:
        built = ParsedValue(None)
        for documents, event in enumerate(self._documents()):
            if documents:
                raise Unreadable("starts a second document", "keep one bank a file: remove the line ---", _line(event))
            built = self.build(next(self.events), ())
        return built.value

    def _documents(self) -> Iterator[yaml.Event]:
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                yield event

    def build(self, event: yaml.Event, path: Path) -> ParsedValue:
        self.lines.setdefault(path, _line(event))
        if isinstance(event, yaml.AliasEvent):
            built = self._alias(event)
        elif isinstance(event, yaml.ScalarEvent):
            built = ParsedValue(self._scalar(event, path))
        elif len(path) >= DEEPEST:
            raise _too_deep(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            built = self._sequence(path)
        else:
            built = self._mapping(path)
        if len(path) + built.height > DEEPEST + 1:
            raise _too_deep(event)
        self._count(built.size if isinstance(event, yaml.AliasEvent) else 1, event)
        anchor = getattr(event, "anchor", None)
        if anchor and not isinstance(event, yaml.AliasEvent):
            self.anchors[anchor] = built
        return built

    def _count(self, values: int, event: yaml.Event) -> None:
        self.values += values
        if self.values > MOST_VALUES:
            raise Unreadable(f"holds more than {MOST_VALUES:,} values, aliases counted", "split it into several banks", _line(event))

    def _alias(self, event: yaml.AliasEvent) -> ParsedValue:
        if event.anchor not in self.anchors:
            raise Unreadable(f"uses *{event.anchor}, which is not defined above", f"define it before with &{event.anchor}", _line(event))
        return self.anchors[event.anchor]

    def _sequence(self, path: Path) -> ParsedValue:
        items: list[ParsedValue] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.build(event, (*path, len(items))))
        return _combine([item.value for item in items], items)

    def _mapping(self, path: Path) -> ParsedValue:
        entries: dict[str, ParsedValue] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._key(event)
            line = _line(event)
            below = (*path, key)
            if key in entries:
                self.findings.append(duplicate_key(below, line, self.lines[below]))
                self._skip(next(self.events))
                continue
            self.lines[below] = line
            entries[key] = self.build(next(self.events), below)
        return _combine({key: built.value for key, built in entries.items()}, list(entries.values()))

    def _key(self, event: yaml.Event) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise Unreadable("uses a list or a map as a name", "write a single word before the colon", _line(event))
        if event.value == "<<" and event.implicit[0]:
            raise Unreadable("uses << to merge maps, which banks do not have", "write the fields out", _line(event))
        return printable_key(str(event.value), _line(event))

    def _skip(self, event: yaml.Event) -> None:
        """Parse a value and discard it."""
        skipper = _Builder(self.events, self.written)
        skipper.anchors, skipper.values = self.anchors, self.values
        skipper.build(event, ())
        self.values = skipper.values

    def _scalar(self, event: yaml.ScalarEvent, path: Path) -> Any:
        text = str(event.value)
        if event.tag is not None and event.tag != "tag:yaml.org,2002:str":
            self.findings.append(Finding(path, "has a tag (the word after !), which banks do not use", "remove the tag"))
            return None
        if finding := unprintable(path, text):
            self.findings.append(finding)
            return None
        if event.tag is not None or not event.implicit[0]:
            return text
        if cut := self._comment_after(event):
            wrong = f'ends before "{cut}", which YAML reads as a comment'
            self.warnings.append(Finding(path, wrong, "put the text in quotes, or write a space after #", _line(event)))
        return self._plain(text, path)

    def _comment_after(self, event: yaml.ScalarEvent) -> str | None:
        """Return what follows a text without quotes where it looks like a part of it: a # and a word right after it, such as ``#1``."""
        end = event.end_mark
        line = self.written[end.line] if end and end.line < len(self.written) else ""
        comment = COMMENT_IN_TEXT.match(line, end.column) if end else None
        return comment and shorten(comment[1]).strip('"')

    def _plain(self, text: str, path: Path) -> Any:
        """Return the value of a scalar without quotes."""
        if text in NOTHING:
            return None
        if text in CONSTANTS:
            return CONSTANTS[text]
        try:
            number = parse_number(text)
        except ValueError:
            self.findings.append(not_finite(path))
            return None
        return text if number is None else number


def _combine(value: Any, parts: list[ParsedValue]) -> ParsedValue:
    return ParsedValue(value, 1 + sum(part.size for part in parts), 1 + max((part.height for part in parts), default=0))


def _line(event: yaml.Event) -> int:
    return int(event.start_mark.line) + 1 if event.start_mark else 1


def _too_deep(event: yaml.Event) -> Unreadable:
    return Unreadable(f"is nested more than {DEEPEST} levels deep", "a bank needs no more than eight: check the brackets", _line(event))


def _explain(error: yaml.MarkedYAMLError) -> Unreadable:
    mark = error.problem_mark
    line = 1 if mark is None else int(mark.line) + 1
    problem = error.problem or "not YAML"
    for phrase, (wrong, todo) in YAML_MESSAGES.items():
        if phrase in problem:
            return Unreadable(wrong, todo, line)
    return Unreadable(f"cannot be read: {problem}", "check the indentation, the quotes and the brackets around this line", line)
