"""The arrays of one bank: the prior, and P(outcome | persona) of every question, laid flat side by side."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.special import entr

from adaptive.forest import TINY, Forest, forest_of
from adaptive.layout import Layout
from adaptive.likelihood import AnyLikelihood, Choice, Floats, Measure, Ticks

Integers = npt.NDArray[np.int64]

SAMPLED_PATTERNS = 2048

EFFORT_OFFSET = 2.0
"""Seconds added to every question: without them very quick questions are over-exposed (Choe, Kern and Chang, 2018)."""


@dataclass(frozen=True, eq=False)
class TickSample:
    """A fixed, evenly spread sample of tick patterns of a question with too many options to enumerate.

    `ratios` is (K * S, K): P(pattern | persona j) / P(pattern | persona k) for S patterns drawn under each persona k in turn.
    `spoken` is (K,) P(any answer | persona).
    """

    ratios: Floats
    spoken: Floats

    @classmethod
    def of(cls, question: Ticks, size: int = SAMPLED_PATTERNS) -> "TickSample":
        """Patterns from an additive recurrence in the square roots of primes (Richtmyer, 1951): deterministic, low discrepancy."""
        personas, options = question.ticked.shape
        steps = np.sqrt(_primes(options)) % 1
        points = ((np.arange(1, size + 1)[:, None]) * steps) % 1
        ticks = points[None] < question.ticked[:, None, :]  # (K, S, M)
        log_chance = np.where(ticks[:, :, None, :], np.log(question.ticked), np.log1p(-question.ticked)).sum(axis=3)  # (K, S, K)
        own = np.einsum("ksk->ks", log_chance)
        spoken = np.ones(personas) if question.silence is None else 1 - question.silence
        return cls(np.exp(log_chance - own[:, :, None]).reshape(-1, personas), spoken)

    def information(self, beliefs: Floats) -> Floats:
        """(B,) mutual information in nats between the persona and the ticks, under each of (B, K) `beliefs`."""
        heard = beliefs * self.spoken
        total = heard.sum(axis=1, keepdims=True)
        heard = heard / total
        drawn = np.repeat(heard, len(self.ratios) // heard.shape[1], axis=1) * heard.shape[1] / len(self.ratios)
        estimate: Floats = -(drawn * np.log(self.ratios @ heard.T).T).sum(axis=1)
        nats: Floats = np.maximum(estimate, 0.0) * total[:, 0]
        return nats

    def best_action(self, beliefs: Floats, actions: Floats) -> Floats:
        """(B,) expected value of the best of (M, K) `actions` once the ticks, or the silence, are known."""
        heard = beliefs * self.spoken
        drawn = np.repeat(heard, len(self.ratios) // heard.shape[1], axis=1) * heard.shape[1] / len(self.ratios)
        joint = heard[:, None, :] * self.ratios  # (B, K * S, K)
        after = (joint @ actions.T).max(axis=2) / joint.sum(axis=2)
        silent: Floats = ((beliefs - heard) @ actions.T).max(axis=1)
        best: Floats = (drawn * after).sum(axis=1) + silent
        return best


def _primes(count: int) -> Integers:
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return np.array(found)


@dataclass(frozen=True, eq=False)
class ResponseTables:
    """Prior and outcome tables of K personas and Q questions, checked once here and trusted everywhere else.

    `flat` is (K, cells of all questions); question q owns the columns from `starts[q]` to the next start. `noise` is (K, Q): the entropy
    in nats that an outcome keeps when the persona is known. `seconds` is (Q,) effort; `topics` is (Q,), equal numbers for
    questions that overlap and -1 for none. Raises ValueError on shapes or rows that do not fit.
    """

    prior: Floats
    questions: tuple[AnyLikelihood, ...]
    flat: Floats
    starts: Integers
    noise: Floats
    seconds: Floats
    topics: Integers
    samples: dict[int, TickSample]
    forest: Forest | None = None
    evidence_weight: float = 1.0
    repeat_weight: float = 0.5

    @classmethod
    def of(
        cls,
        questions: Sequence[AnyLikelihood | npt.ArrayLike],
        prior: npt.ArrayLike | None = None,
        seconds: npt.ArrayLike | None = None,
        topics: npt.ArrayLike | None = None,
        parents: Mapping[int, int] | None = None,
        given: Mapping[int, Floats] | None = None,
        evidence_weight: float = 1.0,
        repeat_weight: float = 0.5,
    ) -> "ResponseTables":
        """Lay the questions flat. A bare (K, A) array is a `Choice`; the prior defaults to equal, effort to 5 s, topics to none.

        A question of `parents` depends on another one: ``given[q]`` is (K, P, A), P(answer | persona, answer of ``parents[q]``); what
        stands under q in `questions` gives its silence only.
        """
        raw = [q if isinstance(q, AnyLikelihood) else Choice(np.asarray(q, dtype=float)) for q in questions]
        known = tuple(_summed_out(raw, parents or {}, given or {}))
        cells = [question.cells for question in known]
        personas = _personas(cells)
        belief = np.full(personas, 1 / personas) if prior is None else np.asarray(prior, dtype=float)
        if belief.shape != (personas,) or (belief <= 0).any():
            raise ValueError(f"the prior has shape {belief.shape}: give one positive number for each of {personas} personas")
        widths = [table.shape[1] for table in cells]
        flat = np.ascontiguousarray(np.concatenate(cells, axis=1))
        starts = np.concatenate([[0], np.cumsum(widths)[:-1]]).astype(np.int64)
        return cls(
            prior=belief / belief.sum(),
            questions=known,
            flat=flat,
            starts=starts,
            noise=np.add.reduceat(entr(flat), starts, axis=1),
            seconds=np.full(len(known), 5.0) if seconds is None else np.asarray(seconds, dtype=float),
            topics=np.full(len(known), -1) if topics is None else np.asarray(topics, dtype=np.int64),
            samples={q: TickSample.of(one) for q, one in enumerate(known) if isinstance(one, Ticks) and not one.enumerated},
            forest=_forest(known, parents or {}, given or {}),
            evidence_weight=evidence_weight,
            repeat_weight=repeat_weight,
        )

    @cached_property
    def in_forest(self) -> npt.NDArray[np.bool_]:
        """(Q,) questions that depend on others, or that others depend on."""
        return np.isin(np.arange(len(self.questions)), [] if self.forest is None else self.forest.questions)

    def cost(self, effort: float) -> Floats:
        """(Q,) what a question costs: ``(seconds + 2) ** effort``; with effort 0 all cost the same."""
        if effort not in self._costs:
            self._costs[effort] = (self.seconds + EFFORT_OFFSET) ** effort
        return self._costs[effort]

    @cached_property
    def _costs(self) -> dict[float, Floats]:
        return {}

    @cached_property
    def log_prior(self) -> Floats:
        """(K,)"""
        return np.log(self.prior)

    @cached_property
    def layout(self) -> Layout:
        """Where the cells of `cells_and_noise` lie."""
        return Layout.of([question.cells.shape[1] for question in self.questions])

    @cached_property
    def cells_and_noise(self) -> Floats:
        """(K, cells + Q) the cells by `layout` and beside them minus `noise` in bits: one product with a belief gives all a gain needs.

        No cell is exactly zero, so that its logarithm exists.
        """
        cells = np.maximum(self.layout.lay([question.cells for question in self.questions]), 1e-300)
        return np.ascontiguousarray(np.concatenate([cells, -self.noise / np.log(2)], axis=1))

    @cached_property
    def has_topics(self) -> bool:
        """Whether any two questions overlap."""
        return bool((self.topics >= 0).any())

    @cached_property
    def topic_members(self) -> Floats:
        """(Q, T) one where the question is of the topic, zero elsewhere."""
        members: Floats = (self.topics[:, None] == np.arange(self.topics.max() + 1)).astype(float)
        return members

    @cached_property
    def silence(self) -> Floats:
        """(Q, K) P(no answer | persona), zero where it is not modelled."""
        return np.array([np.zeros(self.personas) if one.silence is None else one.silence for one in self.questions])

    @cached_property
    def widest_ratios(self) -> Floats:
        """(Q, K, K) the most that an answer can speak for one persona against another, log P(· | first) - log P(· | second).

        Infinite for a number, whose density has no bound.
        """
        return np.stack([self._widest_ratio(q) for q in range(len(self.questions))])

    def _widest_ratio(self, q: int) -> Floats:
        question = self.questions[q]
        if isinstance(question, Measure):
            return np.full((self.personas, self.personas), np.inf)
        high = low = question.cells
        if self.forest is not None and self.in_forest[q]:
            spoken, quiet = 1 - self.silence[q][:, None], self.silence[q][:, None]
            high, low = (np.hstack([end * spoken, quiet]) for end in self.forest.extremes(q))
        widest = _log_ratio(high, low)
        if isinstance(question, Ticks) and not question.enumerated:
            both = [np.column_stack([share, 1 - share]) for share in question.ticked.T]
            widest += np.sum([_log_ratio(one, one) for one in both], axis=0)
        return widest

    @cached_property
    def log_spoken(self) -> Floats:
        """(Q, K) log P(any answer | persona)."""
        return np.log1p(-self.silence)

    @property
    def personas(self) -> int:
        """K."""
        return len(self.prior)

    @cached_property
    def informative(self) -> npt.NDArray[np.bool_]:
        """(Q,) whether any outcome of the question is likelier under one persona than under another."""
        spread = np.maximum.reduceat(np.ptp(self.flat, axis=0), self.starts) > 1e-12
        for q in self.samples:
            spread[q] = True
        if self.forest is not None:
            spread[self.forest.questions] |= self.forest.informative
        return spread


def _log_ratio(high: Floats, low: Floats) -> Floats:
    """(K, K) the highest log ratio of a cell of one persona in (K, A) `high` to the same cell of another in `low`."""
    ratio: Floats = (np.log(np.maximum(high, TINY))[:, None] - np.log(np.maximum(low, TINY))).max(axis=2)
    return ratio


def _summed_out(questions: Sequence[AnyLikelihood], parents: Mapping[int, int], given: Mapping[int, Floats]) -> Iterator[AnyLikelihood]:
    """The questions with P(answer | persona) where there was P(answer | persona, parent's answer). Raises ValueError for a circle."""

    def table(q: int, below: frozenset[int] = frozenset()) -> Floats:
        if q in below:
            raise ValueError(f"question {q} depends on itself")
        if q in parents:
            summed: Floats = np.einsum("kp,kpa->ka", table(parents[q], below | {q}), given[q])
            return summed
        one = questions[q]
        if not isinstance(one, Choice):
            raise ValueError(f"question {q} is not a choice: nothing can depend on its answer")
        return one.table

    for q, one in enumerate(questions):
        yield Choice(table(q), one.silence) if q in parents else one


def _forest(questions: Sequence[AnyLikelihood], parents: Mapping[int, int], given: Mapping[int, Floats]) -> Forest | None:
    heads = {parent for parent in parents.values() if parent not in parents}
    roots = {q: one.table for q in heads if isinstance(one := questions[q], Choice)}
    return forest_of(parents, roots, given)


def _personas(cells: Sequence[Floats]) -> int:
    if not cells:
        raise ValueError("there are no questions: give at least one")
    for q, table in enumerate(cells):
        if table.ndim != 2 or len(table) != len(cells[0]):
            raise ValueError(f"question {q} has shape {table.shape}: give one row for each of {len(cells[0])} personas")
        if (table < 0).any() or not np.allclose(table.sum(axis=1), 1, atol=1e-9):
            raise ValueError(f"question {q} has a row that is not a probability distribution")
    return len(cells[0])
