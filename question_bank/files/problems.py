"""Problems of a bank: where they are, what is wrong, and what to do."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import Any

Path = tuple[str | int, ...]

ITEM_OF = {"personas": "persona", "questions": "question", "options": "option", "signals": "signal", "surveys": "survey"}
KEY_OF = {"likelihood": "persona", "no_answer": "persona", "result": "persona", "ask_if": "question", "actions": "action"}

MOST_COMPARED = 500
_NEARLY_NUMBER = re.compile(r"(-?[0-9]{1,9}(?:[.,][0-9]{1,9})?)\s*(%?)")


@dataclass(frozen=True)
class Finding:
    """One problem at one path. `line` is set only where the path does not determine it, as for a duplicate key."""

    path: Path
    wrong: str
    todo: str
    line: int | None = None


@dataclass(frozen=True)
class Problem:
    """A finding with its line and its place in words; `path` is the machine-readable place, such as ``questions.3.likelihood.driver``."""

    file: str
    line: int
    where: str
    wrong: str
    todo: str
    path: str

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{self.file}:{self.line}: {place}{self.wrong}\n    → {self.todo}"


class BankInvalid(Exception):
    """This bank cannot be used; `problems` holds all that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def where_of(path: Path, data: object) -> str:
    """Return the place of `path` by ids: ``question "reasons" > likelihood > persona "driver"``."""
    steps: list[str] = []
    for depth, key in enumerate(path):
        above = path[depth - 1] if depth else ""
        data = _inside(data, key)
        if isinstance(key, int):
            name = _name_of(data) or str(key + 1)
            if above in ITEM_OF:
                steps[-1] = f"{ITEM_OF[str(above)]} {name}"
            else:
                steps.append(f"item {key + 1}")
        elif above in KEY_OF:
            steps.append(f'{KEY_OF[str(above)]} "{key}"')
        elif depth >= 2 and path[depth - 2] == "actions":
            steps.append(f'persona "{key}"')
        elif depth >= 2 and path[depth - 2] == "likelihood":
            steps.append(f'"{key}"')
        else:
            steps.append(key)
    return " > ".join(steps)


def suggest(word: str, known: Iterable[str], otherwise: str) -> str:
    """Return a suggestion of the closest known word, or `otherwise` where none is close or there are too many to compare."""
    words = list(islice(known, MOST_COMPARED + 1))
    close = get_close_matches(word, words, n=1) if len(words) <= MOST_COMPARED else []
    return f'did you mean "{close[0]}"?' if close else otherwise


def number_slip(value: object) -> str | None:
    """Return what to write in place of a text that is nearly a number: ``70%`` or ``0,7``. None for anything else."""
    slip = _NEARLY_NUMBER.fullmatch(value) if isinstance(value, str) else None
    if slip is None or not (slip[2] or "," in slip[1]):
        return None
    number = float(slip[1].replace(",", "."))
    if slip[2]:
        return f"write {number / 100:g} for {slip[0]}"
    return f"write {slip[1].replace(',', '.')}, with a point"


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it is not one.

    >>> count_of(1, "problem"), count_of(0, "warning")
    ('1 problem', '0 warnings')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def join_names(words: Iterable[str], most: int = 12) -> str:
    """Return the words as a short list for a message."""
    names = list(islice(words, most + 1))
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


def shorten(value: object, most: int = 40) -> str:
    """Return a value for a message: strings in quotes, long ones cut, containers by their type."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "nothing"}[value]
    if isinstance(value, Mapping):
        return "a map"
    if isinstance(value, list):
        return "a list"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    text = text if len(text) <= most else text[:most] + "…"
    return f'"{text}"' if isinstance(value, str) else text


def _inside(data: Any, key: str | int) -> object:
    if isinstance(key, int):
        return data[key] if isinstance(data, list) and key < len(data) else None
    return data.get(key) if isinstance(data, Mapping) else None


def _name_of(item: object) -> str | None:
    name = item.get("id") if isinstance(item, Mapping) else item
    return f'"{name}"' if isinstance(name, str | int) and not isinstance(name, bool) else None
