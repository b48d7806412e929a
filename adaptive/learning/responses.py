"""Answers to categorical items as arrays: codes, and one-hot cells of all items side by side.

A question is one item, or one item per option where several may be ticked. N respondents, Q questions, J items, `cells` answers of all
items.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from adaptive.arrays import Bools, Floats, Ints

MISSING = -1


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers of N respondents to Q questions.

    `codes` is (N, J), 0 .. levels[j] - 1, or -1 where missing; `questions` is (J,), the question of each item, in order; `linkable` is
    (J,), items that may depend on one another; `silent` is (N, Q), the question was asked and not answered (other missing answers were
    not asked for).
    """

    codes: Ints
    levels: Sequence[int]
    questions: Ints
    linkable: Bools
    silent: Bools

    @classmethod
    def of(
        cls,
        codes: Ints,
        levels: Sequence[int],
        questions: Ints | None = None,
        linkable: Bools | None = None,
        silent: Bools | None = None,
    ) -> "Answers":
        """By default each question is one item, all are linkable, and every missing answer was asked for.

        Raises ValueError for codes outside the levels.
        """
        owner = np.arange(codes.shape[1]) if questions is None else questions
        given = _by_question(codes != MISSING, owner)
        return cls(
            codes,
            list(levels),
            owner,
            np.ones(codes.shape[1], dtype=bool) if linkable is None else linkable,
            ~given if silent is None else silent & ~given,
        ).checked()

    def checked(self) -> "Answers":
        """Return self. Raises ValueError for codes outside their levels."""
        if self.codes.shape[1] != len(self.levels) or (self.codes < MISSING).any() or (self.codes >= np.asarray(self.levels)).any():
            raise ValueError("the codes do not fit the levels")
        return self

    def take(self, rows: Ints) -> "Answers":
        """Return the answers of some respondents only."""
        return replace(self, codes=self.codes[rows], silent=self.silent[rows])

    @property
    def size(self) -> int:
        """Number of questions Q."""
        return int(self.silent.shape[1])

    @cached_property
    def answered(self) -> Bools:
        """(N, Q) whether any item of the question was answered."""
        return _by_question(self.codes != MISSING, self.questions)

    @cached_property
    def hot(self) -> Floats:
        """(N, cells), see `one_hot`."""
        return one_hot(self.codes, self.levels)

    @cached_property
    def question_of_cell(self) -> Ints:
        """(cells,) question of each cell."""
        return self.questions[items_of(self.levels)]


def _by_question(items: Bools, questions: Ints) -> Bools:
    """Return (N, Q): whether (N, J) `items` holds for any item of the question."""
    return np.logical_or.reduceat(items, np.flatnonzero(np.diff(questions, prepend=-1)), axis=1)


def one_hot(codes: Ints, levels: Sequence[int]) -> Floats:
    """Return (N, cells): 1 at each answer, 0 elsewhere; a missing answer is 0 in all cells of its item.

    >>> one_hot(np.array([[1, -1], [0, 2]]), [2, 3]).astype(int).tolist()
    [[0, 1, 0, 0, 0], [1, 0, 0, 0, 1]]
    """
    respondents, items = codes.shape
    if items != len(levels) or (codes < MISSING).any() or (codes >= np.asarray(levels)).any():
        raise ValueError("the codes do not fit the levels")
    hot = np.zeros((respondents, sum(levels)))
    row, item = np.nonzero(codes != MISSING)
    hot[row, starts_of(levels)[item] + codes[row, item]] = 1.0
    return hot


def items_of(levels: Sequence[int]) -> Ints:
    """Return the (cells,) item of each cell."""
    return np.repeat(np.arange(len(levels)), levels)


def split_items(table: Floats, levels: Sequence[int]) -> list[Floats]:
    """Split a (K, cells) table into one (K, A) table per item."""
    return np.split(table, starts_of(levels)[1:], axis=1)


def starts_of(levels: Sequence[int]) -> Ints:
    """Return the (J,) first cell of each item."""
    return np.concatenate([[0], np.cumsum(levels)[:-1]]).astype(np.int64)
