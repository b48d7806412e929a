"""A foreign file of answers as questions and arrays, ready to be fitted, and the column map by which it can be read again."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from adaptive.arrays import Bools, Floats, Ints
from question_bank.datasets.column_map import ColumnMap
from question_bank.definitions import Question


def slug(words: str, taken: set[str]) -> str:
    """Return an id made from words that is not in `taken`, and add it there.

    >>> slug("Q7.1 Écluses", set())
    'q7-1-ecluses'
    """
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[:56].rstrip("-_") or "x"
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name)
    return name


@dataclass(frozen=True, eq=False)
class Column:
    """The answers to one question: of one column, or of one column per option of a multiple question, named in `options`.

    `codes` is (N,), or (N, M) ticks of M options; -1 where missing. `values` is the outcome of each cell (empty where cells are outcomes
    themselves). A number question has `numbers`, (N,) with NaN where missing, and `codes` are their `bins`. `reading` are further entries
    of the column map: how cells are read that are not outcomes as they stand.
    """

    name: str
    question: Question
    codes: Ints
    values: Mapping[str, str]
    options: Mapping[str, str] | None = None
    numbers: Floats | None = None
    bins: int = 0
    reading: Mapping[str, object] = field(default_factory=dict)

    def take(self, rows: Ints | list[int]) -> "Column":
        """Return the answers of some respondents only."""
        return replace(self, codes=np.asarray(self.codes[rows]), numbers=None if self.numbers is None else self.numbers[rows])

    @property
    def ticks(self) -> Ints:
        """(N, items) codes, one column per item: each option of a multiple question is one."""
        return self.codes if self.codes.ndim == 2 else self.codes[:, None]

    @property
    def levels(self) -> list[int]:
        if self.options is not None:
            return [2] * len(self.options)
        return [len(self.question.outcomes) if self.numbers is None else self.bins]


@dataclass(frozen=True, eq=False)
class Labels:
    """The persona of each respondent: `membership` is (N, K), P(persona), of the K personas as the file names them.

    `column` is the label column; None where each persona has a column of probabilities.
    """

    names: tuple[str, ...]
    membership: Floats
    column: str | None = None

    @property
    def codes(self) -> Ints:
        """(N,) the likeliest persona."""
        likeliest: Ints = self.membership.argmax(axis=1)
        return likeliest


@dataclass(frozen=True, eq=False)
class Dataset:
    """N respondents with at least one answer, and with a label where there are labels; `dropped` counts the other lines.

    `warnings` are doubtful findings that do not prevent a fit, `notes` say how the file was read.
    """

    columns: tuple[Column, ...]
    labels: Labels | None
    ignored: tuple[str, ...]
    dropped: int
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def codes(self) -> Ints:
        """(N, J) answers to the items, -1 where there is none."""
        return np.column_stack([column.ticks for column in self.columns])

    @property
    def levels(self) -> list[int]:
        """Number of possible answers of each of J items."""
        return [level for column in self.columns for level in column.levels]

    @cached_property
    def questions(self) -> Ints:
        """(J,) column of each item."""
        return np.repeat(np.arange(len(self.columns)), [len(column.levels) for column in self.columns])

    @property
    def linkable(self) -> Bools:
        """(J,) items that may depend on one another: single choices and scales."""
        return np.array([self.columns[q].question.type in ("single", "scale") for q in self.questions])

    def column_map(
        self, personas: Mapping[str, str] | None = None, silent: tuple[str, ...] = (), *, keep_repeats: bool = False
    ) -> ColumnMap:
        """Return the column map with which `discern replay` reads the same file for the fitted bank, see `answer_table`.

        `personas` are the ids of the names in the label column; `silent` the questions whose empty cells are skips.
        """
        columns: dict[str, object] = {}
        for column in self.columns:
            if column.options is not None and "separator" not in column.reading:
                for name, option in column.options.items():
                    columns[name] = _entry(f"{column.question.id}.{option}", {}, column.reading)
            else:
                columns[column.name] = _entry(column.question.id, column.values, column.reading)
        label = self.labels.column if self.labels is not None else None
        labels = {label: personas} if label is not None and personas else {}
        return ColumnMap(columns, frozenset(self.ignored), labels, frozenset(silent), keep_repeats)


def _entry(question: str, values: Mapping[str, str], reading: Mapping[str, object]) -> object:
    """Return the entry of a column in the column map."""
    given = ({"values": dict(values)} if values else {}) | dict(reading)
    return {"question": question, **given} if given else question
