"""Bivariate residuals: pairs of questions that are associated more, or less, than the model predicts (Vermunt and Magidson, 2005)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from adaptive.arrays import Floats
from adaptive.dependency_forest import NOT_GIVEN
from adaptive.learning.responses import items_of, one_hot
from adaptive.likelihood import Choice
from adaptive.posterior import Evidence, infer
from adaptive.tables import ResponseTables


@dataclass(frozen=True, eq=False)
class PairResidual:
    """Observed and expected counts of each pair of answers to two questions.

    `observed` and `expected` are (A, B) counts of the `respondents` who answered both; `residual` is Pearson's chi-square over its
    (A - 1)(B - 1) degrees of freedom: about 1 where the model explains the association.
    """

    first: int
    second: int
    respondents: int
    residual: float
    observed: Floats
    expected: Floats

    @property
    def most_unexpected(self) -> tuple[int, int]:
        """The pair of answers that is furthest from what was expected, in standard deviations."""
        distance = np.abs(self.observed - self.expected) / np.sqrt(self.expected)
        first, second = np.unravel_index(int(distance.argmax()), distance.shape)
        return int(first), int(second)


def bivariate_residuals(tables: ResponseTables, answers: Evidence, membership: Floats) -> list[PairResidual]:
    """Return all pairs of single choices and scales that anybody answered together, the largest residual first.

    ``expected[a, b] = sum_k n_k P(a, b | k)``, n_k being the respondents of persona k (by (N, K) `membership`) who answered both;
    P(a, b | k) is the product of the two tables, or the joint table within a tree. Where personas have styles, k is a style, with its
    posterior share within its persona.
    """
    if tables.styles is not None:
        membership = membership[:, tables.styles.persona_of] * tables.styles.within(infer(tables, answers).classes)
    questions = [q for q, question in enumerate(tables.questions) if isinstance(question, Choice)]
    codes = np.where(answers.answered, answers.codes, NOT_GIVEN)[:, questions]
    levels = [_table(tables, q).shape[1] for q in questions]
    if not questions:
        return []
    hot, items = one_hot(codes, levels), items_of(levels)
    observed = hot.T @ hot
    expected = _expected(tables, questions, items, (codes != NOT_GIVEN).astype(float), membership)
    found = []
    for i, first in enumerate(questions):
        for j in range(i + 1, len(questions)):
            block = np.ix_(items == i, items == j)
            respondents = int(observed[block].sum())
            if respondents:
                freedom = (levels[i] - 1) * (levels[j] - 1)
                chi_square = float(((observed[block] - expected[block]) ** 2 / expected[block]).sum())
                found.append(PairResidual(first, questions[j], respondents, chi_square / freedom, observed[block], expected[block]))
    return sorted(found, key=lambda pair: -pair.residual)


def _table(tables: ResponseTables, q: int) -> Floats:
    question = tables.questions[q]
    return question.table if isinstance(question, Choice) else np.empty((tables.classes, 0))


def _expected(tables: ResponseTables, questions: list[int], items: np.ndarray, given: Floats, membership: Floats) -> Floats:
    """Return the (cells, cells) expected counts of every pair of answers."""
    joint = np.stack([np.outer(cells, cells) for cells in np.concatenate([_table(tables, q) for q in questions], axis=1)])
    for i, q in enumerate(questions if tables.forest is not None else []):
        for j, pair in _joint_in_tree(tables, q, questions):
            joint[:, (items == i)[:, None] & (items == j)] = pair
    both = np.stack([(given * share[:, None]).T @ given for share in membership.T])
    total: Floats = (both[:, items][:, :, items] * joint).sum(axis=0)
    return total


def _joint_in_tree(tables: ResponseTables, q: int, questions: list[int]) -> Iterator[tuple[int, Floats]]:
    """Yield, for each question in a tree with q, its place in `questions` and (K, A * B) P(answer to q, answer to it | persona)."""
    if tables.forest is None or not tables.in_forest[q]:
        return
    table = _table(tables, q)
    shown = np.full((table.shape[1], len(tables.questions)), NOT_GIVEN)
    shown[:, q] = np.arange(len(shown))
    shares = tables.forest.predict(tables.forest.collect(shown), np.ones((len(shown), tables.classes)))  # (K, n, B, A): given each A to q
    for place, other in enumerate(tables.forest.questions.tolist()):
        width = _table(tables, other).shape[1]
        yield questions.index(other), np.einsum("ka,kba->kab", table, shares[:, place, :width]).reshape(len(table), -1)
