"""Barometers: the mean or the Net Promoter Score of a scale question per persona and moment, from those who answered it.

Scores are summed with the beliefs about who gave them, r, which are computed without the question itself. Where the scores depend on the
persona alone, means by r lie between those of the personas: an interval joins that of beliefs as they are with that of beliefs corrected by
their error matrix, as intervals of rates do (`adaptive.estimation.estimate`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from adaptive.arrays import Floats
from adaptive.estimation.estimate import bch_weights
from adaptive.estimation.figures import Figure, Population, figure_of, t_interval
from adaptive.estimation.moments import check_beliefs, check_numbers

PSEUDO_ANSWERS = np.array([0.75, 1.5, 0.75])
"""Detractors, passives and promoters that are added before an interval is computed."""
DETRACTOR, PROMOTER = 6.0, 9.0
"""The highest score of a detractor and the lowest of a promoter, of scores from 0 to 10."""
Z = 1.959964


@dataclass(frozen=True, eq=False)
class ScoreSums:
    """Sums over scores, each (K,) unless said otherwise; those of disjoint sets of contacts add up.

    `weight` is Σ r, `weight_squared` Σ r², `total` Σ r·s, `square` Σ r·s², `top` the contacts whose likeliest persona it is, and `groups`,
    (3, K), Σ r over detractors, passives and promoters.
    """

    weight: Floats
    weight_squared: Floats
    total: Floats
    square: Floats
    top: Floats
    groups: Floats

    @classmethod
    def none(cls, K: int) -> Self:
        """Return the sums of no score."""
        nothing = np.zeros(K)
        return cls(nothing, nothing, nothing, nothing, nothing, np.zeros((3, K)))

    @classmethod
    def of(cls, scores: Any, answered: Any, weights: Any = None) -> Self:
        """Return the sums over (n,) scores, one for each contact, and the (n, K) beliefs about who gave them.

        `weights`, (n,), are inverse chances to be asked. Raises ValueError, which begins with the name of the argument.
        """
        beliefs = check_beliefs("answered", answered)
        n = len(beliefs)
        s = check_numbers("scores", scores, n)
        w = np.ones(n) if weights is None else check_numbers("weights", weights, n)
        if (w <= 0).any():
            raise ValueError("weights: must be above 0")
        r = beliefs * w[:, None]
        group = np.array([s <= DETRACTOR, (s > DETRACTOR) & (s < PROMOTER), s >= PROMOTER], dtype=np.float64)
        top = np.bincount(beliefs.argmax(axis=1), minlength=beliefs.shape[1]).astype(np.float64)
        return cls(r.sum(axis=0), (r**2).sum(axis=0), s @ r, s**2 @ r, top, group @ r)

    def __add__(self, other: Self) -> Self:
        if len(other.weight) != len(self.weight):
            raise ValueError(f"other: has {len(other.weight)} personas instead of {len(self.weight)}")
        return type(self)(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    def to_json(self) -> dict[str, Any]:
        """Return the sums as lists of numbers. `from_json` restores them exactly."""
        return {field.name: getattr(self, field.name).tolist() for field in fields(self)}

    @classmethod
    def from_json(cls, known: dict[str, Any]) -> Self:
        """Return the sums of `to_json`. Raises ValueError where these are none."""
        try:
            found = cls(*(np.array(known[field.name], dtype=np.float64) for field in fields(cls)))
        except (KeyError, TypeError, ValueError):
            raise ValueError("known: are no sums of scores") from None
        if [getattr(found, field.name).shape for field in fields(cls)] != [(K := len(found.top),)] * 5 + [(3, K)]:
            raise ValueError("known: are no sums of scores")
        return found

    @property
    def n_eff(self) -> Floats:
        """The (K,) effective number of people, (Σ r)²/Σ r² (Kish, 1965)."""
        counts: Floats = np.divide(self.weight**2, self.weight_squared, out=np.zeros(len(self.weight)), where=self.weight_squared > 0)
        return counts


@dataclass(frozen=True, eq=False)
class Levels:
    """The level of each persona: (K,) `value`, its standard `error`, the effective number of people `n_eff` and `people`.

    NaN and infinite where nobody answered.
    """

    value: Floats
    error: Floats
    n_eff: Floats
    people: Floats


def mean_levels(sums: ScoreSums) -> Levels:
    """Return the mean score of each persona."""
    known = np.maximum(sums.weight, np.finfo(float).tiny)
    n = sums.n_eff
    mean = np.where(n > 0, sums.total / known, np.nan)
    variance = np.maximum(sums.square / known - mean**2, 0.0) / np.maximum(n - 1, np.finfo(float).tiny)
    return Levels(mean, np.where(n > 1, np.sqrt(variance), np.inf), n, sums.top)


def nps_levels(sums: ScoreSums) -> Levels:
    """Return the Net Promoter Score of each persona, from -100 to 100: the share of promoters less that of detractors.

    The standard error is that with 3 pseudo-answers added (Rocks, 2016): at n = 8 it still gives intervals that cover.
    """
    n = sums.n_eff
    shares = sums.groups / np.maximum(sums.weight, np.finfo(float).tiny)
    _, error = _with_pseudo_answers(sums)
    return Levels(np.where(n > 0, 100 * (shares[2] - shares[0]), np.nan), np.where(n > 0, error, np.inf), n, sums.top)


def _with_pseudo_answers(sums: ScoreSums) -> tuple[Floats, Floats]:
    """Return the (K,) scores and standard errors with pseudo-answers."""
    n = sums.n_eff
    counts = sums.groups / np.maximum(sums.weight, np.finfo(float).tiny) * n + PSEUDO_ANSWERS[:, None]
    shares = counts / counts.sum(axis=0)
    score = shares[2] - shares[0]
    return 100 * score, 100 * np.sqrt((shares[2] + shares[0] - score**2) / counts.sum(axis=0))


def corrected_levels(scores: Any, answered: Any, weights: Any = None, *, is_nps: bool = False) -> Levels | None:
    """Return the level of each persona by beliefs that are corrected by their error matrix (BCH: Bolck, Croon and Hagenaars, 2004).

    Arguments are those of `ScoreSums.of`; with `is_nps` the level is the Net Promoter Score. The error is that of a ratio (delta method),
    because corrected beliefs are negative in part. None where the beliefs separate no personas. Raises ValueError, which begins with the
    name of the argument.
    """
    sums = ScoreSums.of(scores, answered, weights)
    beliefs, s = np.asarray(answered, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    r = beliefs * (1.0 if weights is None else np.asarray(weights, dtype=np.float64)[:, None])
    corrections = bch_weights(r.T @ beliefs)
    if corrections is None:
        return None
    if is_nps:
        s = 100.0 * (s >= PROMOTER) - 100.0 * (s <= DETRACTOR)
    labels = r @ corrections
    total, squares = labels.sum(axis=0), (labels**2).sum(axis=0)
    known = np.maximum(total, np.finfo(float).tiny)
    n = np.divide(np.maximum(total, 0.0) ** 2, squares, out=np.zeros(len(total)), where=squares > 0)
    value = np.where(n > 0, s @ labels / known, np.nan)
    variance = ((labels * (s[:, None] - value)) ** 2).sum(axis=0) / known**2 * n / np.maximum(n - 1, np.finfo(float).tiny)
    return Levels(value, np.where(n > 1, np.sqrt(variance), np.inf), n, sums.top)


def estimate_mean_scores(
    sums: ScoreSums, personas: Sequence[str], population: Population = "respondents", corrected: Levels | None = None
) -> tuple[Figure, ...]:
    """Return the mean score of each persona with its 95 % interval (Student's t). Raises ValueError where `personas` are not K.

    The interval joins that of `corrected` (`corrected_levels`); without it, beliefs count as certain in what they say about the scores.
    """
    levels = mean_levels(_checked(sums, personas))
    return _figures(levels, personas, _joined(_t_intervals(levels), corrected), population)


def estimate_nps(
    sums: ScoreSums, personas: Sequence[str], population: Population = "respondents", corrected: Levels | None = None
) -> tuple[Figure, ...]:
    """Return the Net Promoter Score of each persona with its 95 % interval. Raises ValueError where `personas` are not K.

    The interval is centred on the score with pseudo-answers, and reaches the score itself. `corrected`: see `estimate_mean_scores`.
    """
    levels = nps_levels(_checked(sums, personas))
    ends = _joined(np.array(nps_interval(sums)).T, corrected)
    return _figures(levels, personas, np.clip(ends, -100.0, 100.0), population)


def _t_intervals(levels: Levels) -> Floats:
    """Return the (K, 2) ends of Student's intervals."""
    rows = zip(levels.value, levels.error, levels.n_eff, strict=True)
    return np.array([t_interval(float(value), float(error), float(n)) for value, error, n in rows])


def _joined(ends: Floats, corrected: Levels | None) -> Floats:
    """Return the (K, 2) ends that reach those of corrected beliefs too, where there are any."""
    if corrected is None:
        return ends
    other = _t_intervals(corrected)
    usable = np.isfinite(other).all(axis=1)
    low, high = np.where(usable, other.T, ends.T)
    return np.array([np.minimum(ends[:, 0], low), np.maximum(ends[:, 1], high)]).T


def nps_interval(sums: ScoreSums) -> tuple[Floats, Floats]:
    """Return both ends, (K,), of the 95 % interval of each Net Promoter Score, however few people are behind it."""
    score = nps_levels(sums).value
    centre, error = _with_pseudo_answers(sums)
    return np.minimum(np.maximum(centre - Z * error, -100.0), score), np.maximum(np.minimum(centre + Z * error, 100.0), score)


def _checked(sums: ScoreSums, personas: Sequence[str]) -> ScoreSums:
    if len(personas) != len(sums.weight):
        raise ValueError(f"personas: must be {len(sums.weight)}, as in the sums")
    return sums


def _figures(levels: Levels, personas: Sequence[str], ends: Floats, population: Population) -> tuple[Figure, ...]:
    rows = zip(personas, levels.value, ends, levels.n_eff, levels.people, strict=True)
    return tuple(
        figure_of(name, float(value), float(low), float(high), float(n), int(people), population)
        for name, value, (low, high), n, people in rows
    )
