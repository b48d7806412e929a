"""Likelihoods by type of question: log P(answer | persona), and the outcome cells over which a question's gain is computed.

Each type is a frozen class with `cells`, the probability of each outcome cell, and `log_given`, the log-likelihood of an answer.
`silence` is P(no answer | persona), None where a missing answer is ignorable. K is the number of personas. Logarithms here are natural;
bits appear in `information`.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, product

import numpy as np
from scipy.special import ndtr, ndtri

from adaptive.arrays import Bools, Floats, Ints

FLOOR = 1e-4
"""Lower bound of every probability: a single careless answer must not rule a persona out."""

ENUMERATED_OPTIONS = 10
"""Up to so many options every combination of ticks is a cell (1,024 cells); above, `TickSample` estimates."""

_QUANTILES = np.array([0.1, 0.3, 0.5, 0.7, 0.9])


def log_no_answer(silence: Floats | None, personas: int) -> Floats:
    """Return (K,) log P(no answer | persona), the evidence of a skip; zero where it is ignorable."""
    return np.zeros(personas) if silence is None else np.log(silence)


def log_any_answer(silence: Floats | None, personas: int) -> Floats:
    """Return (K,) log (1 - P(no answer | persona)), the evidence of answering at all."""
    return np.zeros(personas) if silence is None else np.log1p(-silence)


def log_with_trust(log_likelihood: Floats, trust: float, outcomes: int) -> Floats:
    """Return the (K,) log-likelihood of an outcome that was meant with probability `trust`, else picked at random among `outcomes`.

    ``log(h P(a | k) + (1 - h) / A)`` from `log_likelihood`, the (K,) log P(a | k). With trust 0 it carries no evidence.
    """
    return np.log(trust * np.exp(log_likelihood) + (1 - trust) / outcomes)


def _with_no_answer(answers: Floats, silence: Floats | None) -> Floats:
    if silence is None:
        return answers
    return np.column_stack([answers * (1 - silence)[:, None], silence])


@dataclass(frozen=True, eq=False)
class Choice:
    """One of A outcomes: an option of a single choice, or a point of a scale. `table` is (K, A), rows add up to one."""

    table: Floats
    silence: Floats | None = None

    @property
    def cells(self) -> Floats:
        return _with_no_answer(self.table, self.silence)

    def log_given(self, outcome: int) -> Floats:
        """Return (K,) log P(outcome | persona)."""
        return np.log(self.table[:, outcome]) + log_any_answer(self.silence, len(self.table))


def tick_patterns(options: int) -> Bools:
    """Return (2**M, M) every combination of ticks, in the order of the cells of a `MultipleChoice`."""
    return np.array(list(product([False, True], repeat=options)))


@dataclass(frozen=True, eq=False)
class MultipleChoice:
    """Any of M options, independent given the persona. `ticked` is (K, M), P(option ticked | persona)."""

    ticked: Floats
    silence: Floats | None = None

    @property
    def enumerated(self) -> bool:
        return bool(self.ticked.shape[1] <= ENUMERATED_OPTIONS)

    @property
    def cells(self) -> Floats:
        """Every combination of ticks where there are few options, else only whether there is an answer."""
        if not self.enumerated:
            return _with_no_answer(np.ones((len(self.ticked), 1)), self.silence)
        patterns = tick_patterns(self.ticked.shape[1])
        chance = np.where(patterns[None], self.ticked[:, None, :], 1 - self.ticked[:, None, :]).prod(axis=2)
        return _with_no_answer(chance, self.silence)

    def log_given(self, ticked: Bools, seen: Bools) -> Floats:
        """Return (K,) log P(ticks | persona) over the options that were `seen`; both are (M,) masks. Unseen options are missing data."""
        chance = np.where(ticked, np.log(self.ticked), np.log1p(-self.ticked))
        log_likelihood: Floats = chance[:, seen].sum(axis=1) + log_any_answer(self.silence, len(self.ticked))
        return log_likelihood


@dataclass(frozen=True, eq=False)
class Numeric:
    """A number, normal or log-normal given the persona, truncated to `low` .. `high` (either may be infinite).

    `centre` and `width` are (K,): mean and standard deviation of the number, or of its logarithm where `logarithmic`, (K,) or a single
    bool. `lapse` is the share of numbers that are uniform over the range. `outliers` is the share ``e`` of numbers that say nothing about
    the persona: they come from a distribution ``g`` that is common to all, half of it the mean over the personas, half uniform over
    `support` (Tukey, 1960; Huber, 1964)::

        P(x | k) = (1 - lapse) ((1 - e) f_k(x) + e g(x)) + lapse / span

    ``f_k <= 2 K g``, so one number or interval changes the odds of two personas by at most `most_evidence`.
    """

    centre: Floats
    width: Floats
    logarithmic: Bools | bool = False
    low: float = -np.inf
    high: float = np.inf
    silence: Floats | None = None
    lapse: float = 0.0
    outliers: float = 0.0

    @property
    def most_evidence(self) -> float:
        """Upper bound of the log likelihood ratio of an answer between two personas, in nats: ``log(1 + 2 K (1 - e) / e)``."""
        return float(np.log1p(2 * len(self.centre) * (1 - self.outliers) / self.outliers)) if self.outliers else np.inf

    @property
    def support(self) -> tuple[float, float]:
        """The range over which the floor and the lapses are spread: the declared one, else four widths around every persona."""
        hull = self._plain(np.array([self.centre - 4 * self.width, self.centre + 4 * self.width]))
        low = self.low if np.isfinite(self.low) else float(hull.min())
        high = self.high if np.isfinite(self.high) else float(hull.max())
        return low, max(high, low)

    @property
    def _span(self) -> float:
        low, high = self.support
        return max(high - low, float(np.finfo(float).tiny))

    def _standard(self, value: float | Floats) -> Floats:
        """Return the (…, K) value in widths from each centre; minus infinity at and below zero where logarithmic."""
        given = np.asarray(value, dtype=float)[..., None]
        with np.errstate(divide="ignore"):
            scaled = np.where(self.logarithmic, np.log(np.maximum(given, 0.0)), given)
        standard: Floats = (scaled - self.centre) / self.width
        return standard

    def _plain(self, scaled: Floats) -> Floats:
        """Return (…, K) numbers from the scale on which each persona's distribution is normal."""
        with np.errstate(over="ignore"):
            plain: Floats = np.where(self.logarithmic, np.exp(scaled), scaled)
        return plain

    @property
    def _kept(self) -> Floats:
        """(K,) probability inside low .. high, by which the truncated distribution is divided."""
        return np.maximum(ndtr(self._standard(self.high)) - ndtr(self._standard(self.low)), 1e-12)

    def chance_between(self, low: float, high: float) -> Floats:
        """Return (K,) P(low <= number <= high | persona), never below the floor's share of that length."""
        low, high = max(low, self.low), min(high, self.high)
        chance = (ndtr(self._standard(high)) - ndtr(self._standard(low))) / self._kept
        first, last = self.support
        length = max(min(high, last) - max(low, first), 0.0) / self._span
        floored: Floats = np.maximum(self._mixed(chance, length), max(FLOOR * length, float(np.finfo(float).tiny)))
        return floored

    def log_given(self, value: float | Floats) -> Floats:
        """Return the (…, K) log density at an exact number, or at each of several."""
        standard = self._standard(value)
        stretch = np.where(self.logarithmic, np.maximum(np.abs(value), np.finfo(float).tiny)[..., None], 1.0)
        with np.errstate(over="ignore"):
            density = np.exp(-0.5 * standard**2) / (np.sqrt(2 * np.pi) * self.width * stretch * self._kept)
        first, last = self.support
        uniform = ((first <= np.asarray(value)) & (np.asarray(value) <= last))[..., None] / self._span
        floored = np.maximum(self._mixed(density, uniform), FLOOR / self._span)
        log_likelihood: Floats = np.log(floored) + log_any_answer(self.silence, len(self.centre))
        return log_likelihood

    def _mixed(self, own: Floats, uniform: float | Floats) -> Floats:
        """Return the (…, K) densities or probabilities with outliers and lapses, from each persona's own and the uniform one."""
        common = (own.mean(axis=-1, keepdims=True) + uniform) / 2
        mixed: Floats = (1 - self.lapse) * ((1 - self.outliers) * own + self.outliers * common) + self.lapse * uniform
        return mixed

    def log_between(self, low: float, high: float) -> Floats:
        """Return (K,) log P(low <= number <= high | persona); either end may be infinite."""
        return np.log(self.chance_between(low, high)) + log_any_answer(self.silence, len(self.centre))

    def quantile(self, share: Floats) -> Floats:
        """Return the (…, K) quantile at `share` of each persona's truncated distribution."""
        below = ndtr(self._standard(self.low))
        points: Floats = ndtri(below + share[..., None] * self._kept) * self.width + self.centre
        return self._plain(points)

    @property
    def edges(self) -> Floats:
        """Limits of the cells over which the gain is computed: each persona's 10, 30, 50, 70 and 90 % points, and the two ends."""
        inner = np.unique(self.quantile(_QUANTILES))
        inside = inner[np.isfinite(inner) & (inner > self.low) & (inner < self.high)]
        return np.concatenate([[self.low], inside, [self.high]])

    @property
    def cells(self) -> Floats:
        edges = self.edges
        chance = np.column_stack([self.chance_between(a, b) for a, b in pairwise(edges)])
        return _with_no_answer(chance / chance.sum(axis=1, keepdims=True), self.silence)


@dataclass(frozen=True, eq=False)
class Unmodelled:
    """A question whose answer carries no evidence: free text, or a pilot that has no table yet."""

    personas: int
    silence: Floats | None = None

    @property
    def cells(self) -> Floats:
        return _with_no_answer(np.ones((self.personas, 1)), self.silence)


AnyLikelihood = Choice | MultipleChoice | Numeric | Unmodelled


SAMPLED_PATTERNS = 2048

FEW_PATTERNS = 64
"""Patterns under each persona where every outcome is looked ahead of."""


@dataclass(frozen=True, eq=False)
class TickSample:
    """A fixed low-discrepancy sample of tick patterns of a question with too many options to enumerate.

    `ratios` is (K * S, K): P(pattern | persona j) / P(pattern | persona k) for S patterns drawn under each persona k in turn.
    `any_answer` is (K,) P(any answer | persona).
    """

    ratios: Floats
    any_answer: Floats

    @classmethod
    def of(cls, question: MultipleChoice, size: int = SAMPLED_PATTERNS) -> "TickSample":
        """Draw patterns by an additive recurrence in the square roots of primes (Richtmyer, 1951): deterministic, low discrepancy."""
        personas, options = question.ticked.shape
        steps = np.sqrt(_first_primes(options)) % 1
        points = ((np.arange(1, size + 1)[:, None]) * steps) % 1
        ticks = points[None] < question.ticked[:, None, :]  # (K, S, M)
        log_chance = np.where(ticks[:, :, None, :], np.log(question.ticked), np.log1p(-question.ticked)).sum(axis=3)  # (K, S, K)
        own = np.einsum("ksk->ks", log_chance)
        spoken = np.ones(personas) if question.silence is None else 1 - question.silence
        return cls(np.exp(log_chance - own[:, :, None]).reshape(-1, personas), spoken)

    @cached_property
    def cells(self) -> Floats:
        """(K, K * 64 + 1) P(outcome | persona) of a few patterns that stand for all, and of no answer.

        Patterns drawn under all personas in turn are weighted by ``P(pattern | k) / mean_j P(pattern | j)`` (importance sampling).
        """
        personas = len(self.any_answer)
        few = self.ratios.reshape(personas, -1, personas)[:, :FEW_PATTERNS].reshape(-1, personas)
        shares = (few / few.sum(axis=1, keepdims=True)).T
        return _with_no_answer(shares / shares.sum(axis=1, keepdims=True), 1 - self.any_answer)

    def information(self, beliefs: Floats) -> Floats:
        """Return the (B,) mutual information in nats between the persona and the ticks, under each of (B, K) `beliefs`."""
        answering = beliefs * self.any_answer
        total = answering.sum(axis=1, keepdims=True)
        answering = answering / total
        drawn = np.repeat(answering, len(self.ratios) // answering.shape[1], axis=1) * answering.shape[1] / len(self.ratios)
        estimate: Floats = -(drawn * np.log(self.ratios @ answering.T).T).sum(axis=1)
        nats: Floats = np.maximum(estimate, 0.0) * total[:, 0]
        return nats

    def best_action(self, beliefs: Floats, actions: Floats) -> Floats:
        """Return the (B,) expected value of the best of (M, K) `actions` once the ticks, or the skip, are known."""
        answering = beliefs * self.any_answer
        drawn = np.repeat(answering, len(self.ratios) // answering.shape[1], axis=1) * answering.shape[1] / len(self.ratios)
        joint = answering[:, None, :] * self.ratios  # (B, K * S, K)
        after = (joint @ actions.T).max(axis=2) / joint.sum(axis=2)
        unanswered: Floats = ((beliefs - answering) @ actions.T).max(axis=1)
        best: Floats = (drawn * after).sum(axis=1) + unanswered
        return best


def _first_primes(count: int) -> Ints:
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return np.array(found)
