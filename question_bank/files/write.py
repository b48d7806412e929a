"""Write a bank as YAML for people to edit: each likelihood row on one line, other fields on lines of their own."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from question_bank.definitions import Bank
from question_bank.files.problems import Path
from question_bank.versions import to_plain

WIDTH = 100
PLAIN = re.compile(r"[^\W\d_][\w '’()./-]*")
PLAIN_KEY = re.compile(r"[a-z0-9][a-z0-9_-]*")
MISREAD = frozenset(["true", "false", "null", "yes", "no", "on", "off", "y", "n"])  # as constants by this reader or by one of YAML 1.1


def write_bank(bank: Bank, notes: Mapping[str, str] | None = None) -> str:
    """Return the bank as YAML. `notes` become comments above the path they name, such as ``questions.3.likelihood``."""
    by_path = {tuple(path.split(".")) if path else (): note for path, note in (notes or {}).items()}
    writer = _Writer(by_path)
    return "\n".join([*writer.note((), ""), *writer.mapping(to_plain(bank), (), "")]) + "\n"


class _Writer:
    def __init__(self, notes: Mapping[tuple[str, ...], str]) -> None:
        self.notes = notes
        self.noted_below = {path[:length] for path in notes for length in range(len(path))}

    def note(self, path: Path, indent: str) -> list[str]:
        note = self.notes.get(_names(path), "")
        return [f"{indent}# {line}".rstrip() for line in note.splitlines()]

    def mapping(self, entries: Mapping[str, Any], path: Path, indent: str) -> Iterator[str]:
        for key, value in entries.items():
            below = (*path, key)
            yield from self.note(below, indent)
            name = f"{indent}{_key(key)}:"
            if self.in_flow(value, below):
                yield from _wrapped(name, value, indent)
            elif isinstance(value, Mapping):
                yield name
                yield from self.mapping(value, below, indent + "  ")
            else:
                yield name
                yield from self.sequence(value, below, indent + "  ")

    def sequence(self, items: list[Any], path: Path, indent: str) -> Iterator[str]:
        for index, item in enumerate(items):
            below = (*path, index)
            yield from self.note(below, indent)
            if self.in_flow(item, below):
                yield from _wrapped(f"{indent}-", item, indent)
                continue
            # The first field goes on the line of the dash, unless it has a comment.
            first, *rest = self.mapping(item, below, indent + "  ")
            if first.lstrip().startswith("#"):
                yield f"{indent}-"
                yield first
            else:
                yield f"{indent}- {first.lstrip()}"
            yield from rest

    def in_flow(self, value: Any, path: Path) -> bool:
        """Return whether a value goes on one line: scalars and flat lists always, maps when they are short and flat."""
        if not isinstance(value, Mapping | list):
            return True
        if _names(path) in self.noted_below or _is_item(path):
            return False
        return _depth(value) == 1 or (_depth(value) == 2 and len(flow(value)) <= WIDTH)


def _names(path: Path) -> tuple[str, ...]:
    return tuple(str(key) for key in path)


def _is_item(path: Path) -> bool:
    """Return whether this is the path of a persona, question, signal or survey, or of the list of them."""
    return bool(path) and path[0] in ("personas", "questions", "signals", "surveys") and len(path) <= 2


def _depth(value: Any) -> int:
    if isinstance(value, Mapping):
        value = list(value.values())
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def _wrapped(name: str, value: Any, indent: str) -> Iterator[str]:
    """Yield a name and its value, on several lines when it is a long row."""
    line = f"{name} {flow(value)}"
    if len(line) <= WIDTH or not isinstance(value, Mapping | list):
        yield line
        return
    opening, closing = "{}" if isinstance(value, Mapping) else "[]"
    line = f"{name} {opening}"
    for number, part in enumerate(_parts(value)):
        piece = (", " if number else "") + part
        if number and len(line) + len(piece) > WIDTH:
            yield line + ","
            line, piece = f"{indent}    ", part
        line += piece
    yield line + closing


def flow(value: Any) -> str:
    """Return a value as YAML on one line, with quotes where it would be read as something else."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(_parts(value)) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_parts(value)) + "]"
    return _scalar(value)


def _parts(value: Mapping[str, Any] | list[Any]) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{_key(key)}: {flow(below)}" for key, below in value.items()]
    return [flow(item) for item in value]


def _key(key: str) -> str:
    return key if PLAIN_KEY.fullmatch(key) and key not in MISREAD else _words(key)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else repr(value)
    return _words(value) if isinstance(value, str) else str(value)


def _words(text: str) -> str:
    plain = PLAIN.fullmatch(text) and text.isprintable() and not text.endswith(" ") and text.lower() not in MISREAD
    return text if plain else '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    """Escape a character for YAML's double quotes; characters beyond the BMP have one code, not JSON's surrogate pairs."""
    if char in '"\\':
        return "\\" + char
    if char.isprintable():
        return char
    return {"\n": "\\n", "\t": "\\t"}.get(char, f"\\U{ord(char):08x}")
