"""The last two questions of a survey of known length, chosen by the accuracy that they lead to.

Information is the right aim while many questions follow; with one or two left, what counts is how sure the survey ends. The utility of a
belief p is ``U(p) = max_k p_k - 0.2 H(p)``, H in bits, and 0.05 more where the survey would stop because it is sure enough. With one
question left, the question with the highest expected utility is chosen; with two left the first of the best pair,
``argmax_q1 sum_a1 P(a1) max_q2 sum_a2 P(a2 | a1) U(p | a1, a2)``. Questions of a tree are predicted from the answers so far. Seconds do
not count: nothing can be asked in the time that a quick last question saves. What this gains is measured in `benchmarks/endgame.py`. What a
question with a weight of its own adds to the utility is multiplied by it, at most by one, as its information is; so is what a repeat of a
topic adds.

Array names: B respondents, C classes, Q questions, N cells of all questions, F first questions of a pair, A outcomes of each.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from adaptive.arrays import Bools, Floats, Ints
from adaptive.information import sum_outcomes
from adaptive.posterior import Posterior
from adaptive.tables import ResponseTables

PLANNED = 2
"""So many last questions are planned."""

ENTROPY_WEIGHT = 0.2
"""Weight of the entropy in the utility. Without it the accuracy is the same and the log score .008 lower."""

DECISION_BONUS = 0.05
"""What reaching the confidence at which the survey stops is worth."""

FIRST_CANDIDATES = 16
"""So many questions are considered as the first of a pair, at most: alternately the best by information and by utility."""

MOST_CELLS = 80_000
"""Of a large bank fewer are considered, so that no more cells are compared for a respondent: about two milliseconds."""

MOST_OUTCOMES = 64
"""The answers to a question with more outcomes are not looked ahead of: its utility and that of the best other question are added."""

NEGLIGIBLE = 1e-9
"""A second question that adds less utility is not asked."""

BLOCK_CELLS = 250_000
"""Respondents are planned for in blocks, so that no array has many more numbers: larger ones leave the cache of a processor."""

Opening = Mapping[int, tuple[int, Bools]]
"""By conditional question: the only question that it depends on, and the (A,) outcome cells of that question that open it."""


class Plan(NamedTuple):
    """What the endgame needs to know of a survey and of B respondents in it.

    Attributes
    ----------
    opening : mapping
        The conditional questions that one answer can open.
    candidates, askable, possible : (B, Q) bool
        Questions that may be chosen now; that may be asked now; that are in the survey and not done.
    left : (B,) int
        Questions that each respondent may still be asked.
    repeats : (B, Q) or None
        The share of its utility that counts of a question whose topic has an answer, 1 of the others.
    threshold : float or None
        The confidence at which the survey stops.
    """

    opening: Opening
    candidates: Bools
    askable: Bools
    possible: Bools
    left: Ints
    repeats: Floats | None
    threshold: float | None

    def of(self, rows: Ints) -> "Plan":
        """Return the plan of some of the respondents."""
        own = {name: getattr(self, name)[rows] for name in ("candidates", "askable", "possible", "left")}
        return self._replace(**own, repeats=None if self.repeats is None else self.repeats[rows])


def endgame_scores(tables: ResponseTables, plan: Plan, posterior: Posterior, scores: Floats) -> Floats:
    """Return the (B, Q) scores of respondents with one or two questions left by utility, and those of the others as given.

    `scores` is (B, Q), information gain per second.
    """
    last = np.flatnonzero((plan.left == 1) | (plan.left == 2))
    if not len(last):
        return scores
    scores = scores.copy()
    cells, utility = _outcome_cells(tables, posterior), _Utility(tables, plan.threshold)
    for rows in _blocks(last, tables):
        beliefs, block = posterior.classes[rows], cells if len(cells) == 1 else cells[rows]
        gain = np.maximum(utility.expected(beliefs[:, None], block)[:, 0] - utility.of(beliefs)[:, None], 0.0)
        if tables.gain_weights is not None:
            gain *= tables.gain_weights
        if plan.repeats is not None:
            gain *= plan.repeats[rows]
        two = np.flatnonzero(plan.left[rows] == 2)
        if len(two):
            pairs = _Pairs(utility, plan.of(rows[two]), beliefs[two], block if len(block) == 1 else block[two], gain[two])
            gain[two] = pairs.scores(scores[rows[two]])
        scores[rows] = gain
    return scores


def planned_cells(tables: ResponseTables) -> int:
    """Return how many cells are compared for one respondent: those of all questions, after each outcome of the first of a pair."""
    return int(_cells_after(tables)[-1])


def _cells_after(tables: ResponseTables) -> Ints:
    """Return (F,) how many cells are compared at most with one first question, with two, and so on up to all that are considered."""
    outcomes = np.sort(tables.outcome_counts * _has_few_outcomes(tables))[::-1]
    cells: Ints = np.maximum(np.cumsum(outcomes[:FIRST_CANDIDATES]), 1) * tables.layout.cells
    return cells[: max(np.count_nonzero(cells <= MOST_CELLS), 1)]


def _blocks(rows: Ints, tables: ResponseTables) -> Iterator[Ints]:
    size = max(BLOCK_CELLS // planned_cells(tables), 1)
    yield from (rows[start : start + size] for start in range(0, len(rows), size))


def _has_few_outcomes(tables: ResponseTables) -> Bools:
    """Return (Q,) whether the answers to each question are looked ahead of."""
    few: Bools = tables.outcome_counts <= MOST_OUTCOMES
    few[list(tables.samples)] = False
    return few


def _outcome_cells(tables: ResponseTables, posterior: Posterior) -> Floats:
    """Return the (1, C, N) P(outcome | class), or (B, C, N) where the answers of a tree change what is to be expected of the others."""
    cells = tables.cells[None]
    if tables.forest is None or posterior.upward is None:
        return cells
    predicted = tables.forest.predict(posterior.upward, np.ones_like(posterior.classes))  # (C, n, A, B)
    cells = np.repeat(cells, len(posterior.classes), axis=0)
    for place, q in enumerate(tables.forest.questions):
        answers = len(tables.outcome_columns[q]) - (tables.questions[q].silence is not None)
        answered = predicted[:, place, :answers] * (1 - tables.silence[q])[:, None, None]
        cells[:, :, tables.outcome_columns[q][:answers]] = np.maximum(answered, 1e-300).transpose(2, 0, 1)
    return cells


def _x_log_x(values: Floats) -> Floats:
    product: Floats = np.maximum(values, 1e-300)
    np.log2(product, out=product)
    product *= values
    return product


class _Utility(NamedTuple):
    """The utility of a belief; `threshold` is the confidence at which the survey stops, or None."""

    tables: ResponseTables
    threshold: float | None

    def of(self, weights: Floats) -> Floats:
        """Return (…,) the utility of (…, C) beliefs; of beliefs times a probability, the utility times that probability."""
        styles = self.tables.styles
        personas = weights if styles is None else styles.marginal(weights)
        total, top = personas.sum(axis=-1), personas.max(axis=-1)
        utility: Floats = self._with_bonus(top, total) + ENTROPY_WEIGHT * (_x_log_x(personas).sum(axis=-1) - _x_log_x(total))
        return utility

    def expected(self, weights: Floats, cells: Floats) -> Floats:
        """Return the (B, S, Q) expected utility after each question, for (B, S, C) beliefs times a probability, from (B, C, N) cells."""
        by_question = sum_outcomes(self.tables.layout, self._by_cell(weights, cells).reshape(-1, cells.shape[-1]))
        by_question = by_question.reshape(*weights.shape[:2], -1)
        for q, sample in self.tables.samples.items():
            by_question[:, :, q] = self._by_cell(weights, sample.cells[None]).sum(axis=-1)
        return by_question

    def _by_cell(self, weights: Floats, cells: Floats) -> Floats:
        """Return the (B, S, N) utility after each outcome, times the probability of the outcome."""
        styles = self.tables.styles
        if styles is None:
            known = _x_log_x(weights) @ cells + weights @ _x_log_x(cells)
            top = weights[:, :, 0, None] * cells[:, None, 0]
            joint = np.empty_like(top)
            for k in range(1, cells.shape[1]):
                np.multiply(weights[:, :, k, None], cells[:, None, k], out=joint)
                np.maximum(top, joint, out=top)
        else:
            top = np.zeros(())
            known = np.zeros((*weights.shape[:2], cells.shape[-1]))
            for k in range(styles.personas):
                own = styles.persona_of == k
                joint = weights[:, :, own] @ cells[:, own]
                known += _x_log_x(joint)
                top = np.maximum(top, joint)
        total = weights @ cells
        known -= _x_log_x(total)
        known *= ENTROPY_WEIGHT
        known += self._with_bonus(top, total)
        return known

    def _with_bonus(self, top: Floats, total: Floats) -> Floats:
        if self.threshold is None:
            return top
        decided: Floats = DECISION_BONUS * total
        decided *= top >= self.threshold * total
        decided += top
        return decided


class _Pairs:
    """The pairs of B respondents with two questions left.

    `cells` is (1, C, N) or (B, C, N); `gain` is (B, Q), the utility that each question alone would add.
    """

    def __init__(self, utility: _Utility, plan: Plan, beliefs: Floats, cells: Floats, gain: Floats) -> None:
        self.utility, self.tables, self.plan, self.beliefs, self.cells, self.gain = utility, utility.tables, plan, beliefs, cells, gain

    def scores(self, by_information: Floats) -> Floats:
        """Return the (B, Q) utility that the best pair beginning with each question adds; 0 where it is no candidate."""
        first = self._first_questions(by_information)
        is_planned = _has_few_outcomes(self.tables)[first]
        gain = self._added(first)
        if is_planned.any():
            gain = np.where(is_planned, self._looked_ahead(first, is_planned), gain)
        scores = np.zeros_like(self.gain)
        np.put_along_axis(scores, first, np.maximum(gain, 0.0), axis=1)
        return scores

    def _first_questions(self, by_information: Floats) -> Ints:
        """Return the (B, F) candidates, alternately by information and by utility."""
        information, utility = (_rank(np.where(self.plan.candidates, scores, -1.0)) for scores in (by_information, self.gain))
        return np.argsort(np.minimum(2 * information, 2 * utility + 1), axis=1, kind="stable")[:, : len(_cells_after(self.tables))]

    def _may_follow(self, first: Ints) -> Bools:
        """Return (B, F, Q) whether each question may be asked now and is another one, of another topic than the first."""
        follows = np.repeat(self.plan.askable[:, None], first.shape[1], axis=1)
        np.put_along_axis(follows, first[:, :, None], False, axis=2)
        topics = self.tables.topics
        allowed: Bools = follows & ((topics[first][:, :, None] != topics) | (topics < 0))
        return allowed

    def _added(self, first: Ints) -> Floats:
        """Return (B, F) gain of each question and the best other one, as if neither changed what the other adds."""
        second = np.where(self._may_follow(first), self.gain[:, None], 0.0).max(axis=2)
        added: Floats = np.take_along_axis(self.gain, first, axis=1) + second * (second > NEGLIGIBLE)
        return added

    def _looked_ahead(self, first: Ints, is_planned: Bools) -> Floats:
        """Return (B, F) gain of each planned question with the question that is best after each of its outcomes."""
        rows = _Rows.of(self.tables, first, is_planned)
        cells = np.broadcast_to(self.cells, (len(first), *self.cells.shape[1:]))
        outcome = np.take_along_axis(cells, np.maximum(rows.cells, 0)[:, None], axis=2) * (rows.cells >= 0)[:, None]
        weights = np.ascontiguousarray((self.beliefs[:, :, None] * outcome).transpose(0, 2, 1))  # (B, R, C)
        now = self.utility.of(weights)
        gain = np.maximum(self.utility.expected(weights, self.cells) - now[:, :, None], 0.0)
        own = rows.sum_by_question(now) - self.utility.of(self.beliefs)[:, None]
        if self.tables.gain_weights is not None:
            gain *= self.tables.gain_weights
            own *= self.tables.gain_weights[first]
        if self.plan.repeats is not None:
            gain *= self.plan.repeats[:, None]
            own *= np.take_along_axis(self.plan.repeats, first, axis=1)
        second = np.where(self._allowed(first, rows), gain, 0.0).max(axis=2)
        added: Floats = own + rows.sum_by_question(second * (second > NEGLIGIBLE))
        return added

    def _allowed(self, first: Ints, rows: "_Rows") -> Bools:
        """Return (B, R, Q) the questions that may follow each outcome of the first: open now, or opened by that outcome."""
        allowed = np.take_along_axis(self._may_follow(first), rows.of_first[:, :, None], axis=1)
        asked = np.take_along_axis(first, rows.of_first, axis=1)
        for question, (source, outcomes) in self.plan.opening.items():
            topic = self.tables.topics[question]
            if topic < 0 or topic != self.tables.topics[source]:
                can_open = (asked == source) & (rows.number < len(outcomes)) & self.plan.possible[:, question, None]
                allowed[can_open, question] = outcomes[rows.number[can_open]]
        return allowed


class _Rows(NamedTuple):
    """The R outcomes of the F first questions of B respondents, side by side: questions have very different numbers of them.

    Attributes
    ----------
    cells : (B, R) int
        The cell of each outcome, -1 where a respondent has fewer.
    of_first, number : (B, R) int
        The first question (0 to F - 1) whose outcome it is; its number among the outcomes of that question.
    first_questions : int
    """

    cells: Ints
    of_first: Ints
    number: Ints
    first_questions: int

    @classmethod
    def of(cls, tables: ResponseTables, first: Ints, is_planned: Bools) -> "_Rows":
        columns = np.where(is_planned[:, :, None], tables.padded_columns[first], -1)
        widest, flat = columns.shape[2], columns.reshape(len(first), -1)
        rows = np.count_nonzero(flat >= 0, axis=1).max()
        kept = np.argsort(flat < 0, axis=1, kind="stable")[:, :rows]
        return cls(np.take_along_axis(flat, kept, axis=1), kept // widest, kept % widest, first.shape[1])

    def sum_by_question(self, values: Floats) -> Floats:
        """Return (B, F) the sum of (B, R) values over the outcomes of each question."""
        mine = self.of_first[:, None] == np.arange(self.first_questions)[:, None]
        summed: Floats = (mine @ values[:, :, None])[:, :, 0]
        return summed


def _rank(scores: Floats) -> Ints:
    """Return the (B, Q) place of each score in its row, 0 for the highest; ties by place."""
    ranks: Ints = np.empty(scores.shape, dtype=np.int64)
    np.put_along_axis(ranks, np.argsort(-scores, axis=1, kind="stable"), np.arange(scores.shape[1])[None], axis=1)
    return ranks
