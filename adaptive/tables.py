"""The arrays of one bank: the prior, and P(outcome | persona) of every question, in one flat table.

Where a persona has several styles, each style has a row of its own, and is called a class. Where no persona has styles, every persona
is one class and K is the number of both.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.special import entr

from adaptive.arrays import Bools, Floats, Ints
from adaptive.dependency_forest import TINY, Forest, build_forest
from adaptive.likelihood import AnyLikelihood, Choice, MultipleChoice, Numeric, TickSample
from adaptive.response_styles import Styles


@dataclass(frozen=True, eq=False)
class Block:
    """`questions` is (n,); the block owns the cells of the slice `columns`, ``width * n`` of them."""

    questions: Ints
    columns: slice
    width: int

    @cached_property
    def ones(self) -> Floats:
        """(width,) ones: a product with them sums the outcomes faster than `sum`."""
        return np.ones(self.width)


@dataclass(frozen=True, eq=False)
class Layout:
    """Questions in blocks of similar width: at most half of a block is padding."""

    blocks: tuple[Block, ...]
    questions: int

    @classmethod
    def of(cls, widths: Sequence[int]) -> "Layout":
        """Return the layout of Q questions with so many outcomes each.

        >>> [block.questions.tolist() for block in Layout.of([5, 2, 4, 2]).blocks]
        [[0, 2], [1, 3]]
        """
        unplaced = np.asarray(widths)
        blocks: list[Block] = []
        start = 0
        while (widest := int(unplaced.max())) > 0:
            members = np.flatnonzero(2 * unplaced > widest)
            blocks.append(Block(members, slice(start, start + widest * len(members)), widest))
            start += widest * len(members)
            unplaced = np.where(np.isin(np.arange(len(unplaced)), members), 0, unplaced)
        return cls(tuple(blocks), len(unplaced))

    @cached_property
    def cells(self) -> int:
        """Number of cells of all blocks."""
        return int(self.blocks[-1].columns.stop)

    def arrange(self, tables: Sequence[Floats]) -> Floats:
        """Return the (K, cells) of one (K, A) table per question, zero in the padding."""
        arranged = np.zeros((len(tables[0]), self.cells))
        for block in self.blocks:
            inside = arranged[:, block.columns].reshape(len(arranged), block.width, -1)
            for place, q in enumerate(block.questions):
                inside[:, : tables[q].shape[1], place] = tables[q]
        return arranged


EFFORT_OFFSET = 2.0
"""Seconds added to every question: without them very quick questions are over-exposed (Choe, Kern and Chang, 2018)."""


@dataclass(frozen=True, eq=False)
class ResponseTables:
    """Prior and outcome tables of K personas and Q questions, checked here and nowhere else.

    With `styles` every K below is the number of classes. `flat` is (K, cells of all questions); question q owns the columns from
    `starts[q]` to the next start. `noise` is (K, Q): the entropy in nats that an outcome keeps when the persona is known. `seconds` is
    (Q,) effort; `topics` is (Q,), equal numbers for questions that overlap and -1 for none. `question_weights` is (Q,), the exponent on
    each question's likelihood, or None where all are one. `answer_correlation` is the correlation of answers given the persona that
    neither topics nor trees model. Raises ValueError on mismatched shapes and on rows that are not distributions.
    """

    prior: Floats
    questions: tuple[AnyLikelihood, ...]
    flat: Floats
    starts: Ints
    noise: Floats
    seconds: Floats
    topics: Ints
    samples: dict[int, TickSample]
    forest: Forest | None = None
    styles: Styles | None = None
    evidence_weight: float = 1.0
    repeat_weight: float = 0.5
    question_weights: Floats | None = None
    answer_correlation: float = 0.0

    @classmethod
    def of(
        cls,
        questions: Sequence[AnyLikelihood | npt.ArrayLike],
        prior: npt.ArrayLike | None = None,
        seconds: npt.ArrayLike | None = None,
        topics: npt.ArrayLike | None = None,
        parents: Mapping[int, int] | None = None,
        given: Mapping[int, Floats] | None = None,
        persona_of: npt.ArrayLike | None = None,
        evidence_weight: float = 1.0,
        repeat_weight: float = 0.5,
        question_weights: npt.ArrayLike | None = None,
        answer_correlation: float = 0.0,
    ) -> "ResponseTables":
        """Build the tables. A bare (K, A) array is a `Choice`; the prior defaults to equal, effort to 5 s, topics to none.

        A question of `parents` depends on another question: ``given[q]`` is (K, P, A), P(answer | persona, answer of ``parents[q]``), and
        of ``questions[q]`` only `silence` is used. `persona_of` is the persona of each class, in order, where any has styles.
        """
        raw = [q if isinstance(q, AnyLikelihood) else Choice(np.asarray(q, dtype=float)) for q in questions]
        marginal = tuple(_marginal_questions(raw, parents or {}, given or {}))
        cells = [question.cells for question in marginal]
        classes = _count_classes(cells)
        belief = np.full(classes, 1 / classes) if prior is None else np.asarray(prior, dtype=float)
        if belief.shape != (classes,) or (belief <= 0).any():
            raise ValueError(f"the prior has shape {belief.shape}: give one positive number for each of {classes} personas")
        widths = [table.shape[1] for table in cells]
        flat = np.ascontiguousarray(np.concatenate(cells, axis=1))
        starts = np.concatenate([[0], np.cumsum(widths)[:-1]]).astype(np.int64)
        return cls(
            prior=belief / belief.sum(),
            questions=marginal,
            flat=flat,
            starts=starts,
            noise=np.add.reduceat(entr(flat), starts, axis=1),
            seconds=np.full(len(marginal), 5.0) if seconds is None else np.asarray(seconds, dtype=float),
            topics=np.full(len(marginal), -1) if topics is None else np.asarray(topics, dtype=np.int64),
            samples={
                q: TickSample.of(question)
                for q, question in enumerate(marginal)
                if isinstance(question, MultipleChoice) and not question.enumerated
            },
            forest=_forest(marginal, parents or {}, given or {}),
            styles=None if persona_of is None else Styles.of(np.asarray(persona_of, dtype=np.int64), classes),
            evidence_weight=evidence_weight,
            repeat_weight=repeat_weight,
            question_weights=_own_weights(question_weights, len(marginal), {*(parents or {}), *(parents or {}).values()}),
            answer_correlation=answer_correlation,
        )

    @cached_property
    def gain_weights(self) -> Floats | None:
        """(Q,) what a question's gain is multiplied by: its weight, at most one; None where all are one.

        A weight above one cannot make an answer carry more than its mutual information with the persona.
        """
        return None if self.question_weights is None else np.minimum(self.question_weights, 1.0)

    def weight_of(self, question: int) -> float:
        """Return the exponent on the likelihood of a question whose topic has no other answer."""
        return self.evidence_weight * (1.0 if self.question_weights is None else float(self.question_weights[question]))

    @cached_property
    def in_forest(self) -> Bools:
        """(Q,) questions that depend on others, or that others depend on."""
        return np.isin(np.arange(len(self.questions)), [] if self.forest is None else self.forest.questions)

    @cached_property
    def place_by_forest(self) -> Ints:
        """(Q,) place of each question where those outside of the forest come first, by the bank, and those of the forest by `Forest`."""
        within = np.empty(0, dtype=np.int64) if self.forest is None else self.forest.questions
        return np.argsort(np.concatenate([np.flatnonzero(~self.in_forest), within]))

    @cached_property
    def outside_forest(self) -> "ResponseTables | None":
        """The tables of the questions outside of `forest` alone, None where there are none."""
        questions = [self.questions[q] for q in np.flatnonzero(~self.in_forest)]
        return ResponseTables.of(questions, self.prior) if questions else None

    @cached_property
    def inverse_cost(self) -> Floats:
        """(Q,) inverse cost of each question: ``1 / (seconds + 2)``."""
        return 1 / (self.seconds + EFFORT_OFFSET)

    @cached_property
    def ones_column(self) -> Floats:
        """(C, 1) ones: over a handful of classes a product with them sums in a third of the time of `sum`."""
        return np.ones((self.classes, 1))

    @cached_property
    def log_prior(self) -> Floats:
        """(K,)"""
        return np.log(self.prior)

    @cached_property
    def layout(self) -> Layout:
        """Where the cells of `cells` lie."""
        return Layout.of([question.cells.shape[1] for question in self.questions])

    @cached_property
    def outcome_columns(self) -> tuple[Ints, ...]:
        """The columns of each question's outcomes in the cells by `layout`, no answer last where it is modelled."""
        columns: list[Ints] = [np.empty(0, dtype=np.int64)] * len(self.questions)
        for block in self.layout.blocks:
            for place, q in enumerate(block.questions):
                outcomes = np.arange(self.questions[q].cells.shape[1])
                columns[q] = block.columns.start + outcomes * len(block.questions) + place
        return tuple(columns)

    @cached_property
    def outcome_counts(self) -> Ints:
        """(Q,) the number of outcomes of each question, no answer included where it is modelled."""
        return np.array([len(columns) for columns in self.outcome_columns])

    @cached_property
    def padded_columns(self) -> Ints:
        """(Q, A) those columns, -1 behind the last of each question."""
        widest = int(self.outcome_counts.max())
        return np.array([np.pad(columns, (0, widest - len(columns)), constant_values=-1) for columns in self.outcome_columns])

    @cached_property
    def cells(self) -> Floats:
        """(K, cells) P(outcome | persona) by `layout`. No cell is exactly zero, so that its logarithm exists."""
        return np.maximum(self.layout.arrange([question.cells for question in self.questions]), 1e-300)

    @cached_property
    def minus_noise(self) -> Floats:
        """(K, Q) minus `noise`, in bits."""
        bits: Floats = -self.noise / np.log(2)
        return bits

    @cached_property
    def has_topics(self) -> bool:
        """Whether any two questions overlap."""
        return bool((self.topics >= 0).any())

    @cached_property
    def topic_members(self) -> Floats:
        """(Q, T) 1 where the question belongs to the topic, 0 elsewhere."""
        members: Floats = (self.topics[:, None] == np.arange(self.topics.max() + 1)).astype(float)
        return members

    @cached_property
    def silence(self) -> Floats:
        """(Q, K) P(no answer | persona), zero where it is not modelled."""
        return np.array([np.zeros(self.classes) if question.silence is None else question.silence for question in self.questions])

    @cached_property
    def forest_silence(self) -> Floats | None:
        """(n, K) P(no answer | persona) of the questions of the forest, None where it is not modelled for any of them."""
        silence = np.zeros((0, self.classes)) if self.forest is None else self.silence[self.forest.questions]
        return silence if silence.any() else None

    @cached_property
    def widest_ratios(self) -> Floats:
        """(Q, K, K) the largest log likelihood ratio of an answer between two personas, log P(· | first) - log P(· | second).

        Infinite for a number, whose density has no bound. The question's own weight is included, the evidence weight is not.
        """
        ratios = np.stack([self._widest_ratio(q) for q in range(len(self.questions))])
        return ratios if self.question_weights is None else ratios * self.question_weights[:, None, None]

    def _widest_ratio(self, q: int) -> Floats:
        question = self.questions[q]
        if isinstance(question, Numeric):
            return np.full((self.classes, self.classes), np.inf)
        high = low = question.cells
        if self.forest is not None and self.in_forest[q]:
            answered, unanswered = 1 - self.silence[q][:, None], self.silence[q][:, None]
            high, low = (np.hstack([end * answered, unanswered]) for end in self.forest.probability_range(q))
        widest = _log_ratio(high, low)
        if isinstance(question, MultipleChoice) and not question.enumerated:
            ticked_or_not = [np.column_stack([share, 1 - share]) for share in question.ticked.T]
            widest += np.sum([_log_ratio(shares, shares) for shares in ticked_or_not], axis=0)
        return widest

    @cached_property
    def log_any_answer(self) -> Floats:
        """(Q, K) log P(any answer | persona)."""
        return np.log1p(-self.silence)

    @cached_property
    def classes(self) -> int:
        """Number of classes: rows of the arrays."""
        return len(self.prior)

    @property
    def personas(self) -> int:
        return self.classes if self.styles is None else self.styles.personas

    @cached_property
    def persona_prior(self) -> Floats:
        """(personas,) the prior of each persona, summed over its styles."""
        return self.prior if self.styles is None else self.styles.marginal(self.prior)

    def by_persona(self, table: Floats) -> Floats:
        """Return the (personas, A) P(outcome | persona) that (classes, A) P(outcome | class) imply."""
        if self.styles is None:
            return table
        shares: Floats = self.styles.marginal((self.prior[:, None] * table).T).T / self.persona_prior[:, None]
        return shares

    @cached_property
    def informative(self) -> Bools:
        """(Q,) whether any outcome of the question is likelier under one persona than under another."""
        spread = np.maximum.reduceat(np.ptp(self.flat, axis=0), self.starts) > 1e-12
        for q in self.samples:
            spread[q] = True
        if self.forest is not None:
            spread[self.forest.questions] |= self.forest.informative
        return spread


def _log_ratio(high: Floats, low: Floats) -> Floats:
    """Return the (K, K) highest log ratio of a cell of one persona in (K, A) `high` to the same cell of another in `low`."""
    ratio: Floats = (np.log(np.maximum(high, TINY))[:, None] - np.log(np.maximum(low, TINY))).max(axis=2)
    return ratio


def _marginal_questions(
    questions: Sequence[AnyLikelihood], parents: Mapping[int, int], given: Mapping[int, Floats]
) -> Iterator[AnyLikelihood]:
    """Replace each P(answer | persona, parent's answer) by its marginal P(answer | persona). Raises ValueError for a circle."""

    def table(q: int, below: frozenset[int] = frozenset()) -> Floats:
        if q in below:
            raise ValueError(f"question {q} depends on itself")
        if q in parents:
            summed: Floats = np.einsum("kp,kpa->ka", table(parents[q], below | {q}), given[q])
            return summed
        question = questions[q]
        if not isinstance(question, Choice):
            raise ValueError(f"question {q} is not a choice: nothing can depend on its answer")
        return question.table

    for q, question in enumerate(questions):
        yield Choice(table(q), question.silence) if q in parents else question


def _forest(questions: Sequence[AnyLikelihood], parents: Mapping[int, int], given: Mapping[int, Floats]) -> Forest | None:
    heads = {parent for parent in parents.values() if parent not in parents}
    roots = {q: question.table for q in heads if isinstance(question := questions[q], Choice)}
    return build_forest(parents, roots, given)


def _own_weights(weights: npt.ArrayLike | None, questions: int, linked: Collection[int]) -> Floats | None:
    """Return (Q,) weights, None where all are one. Raises ValueError for another shape, a weight of zero, and one within a tree."""
    own = np.ones(questions) if weights is None else np.asarray(weights, dtype=float)
    if own.shape != (questions,) or not (own > 0).all():
        raise ValueError(f"the question weights have shape {own.shape}: give one positive number for each of {questions} questions")
    if (own[list(linked)] != 1).any():
        raise ValueError("a question of a tree cannot have a weight of its own: its answer counts together with those of the tree")
    return None if (own == 1).all() else own


def _count_classes(cells: Sequence[Floats]) -> int:
    if not cells:
        raise ValueError("there are no questions: give at least one")
    for q, table in enumerate(cells):
        if table.ndim != 2 or len(table) != len(cells[0]):
            raise ValueError(f"question {q} has shape {table.shape}: give one row for each of {len(cells[0])} personas")
        if (table < 0).any() or not np.allclose(table.sum(axis=1), 1, atol=1e-9):
            raise ValueError(f"question {q} has a row that is not a probability distribution")
    return len(cells[0])
