"""Figures per persona where personas are known in part: rates, means and shares with their intervals, from moments.

The value is that of the difference estimator (`adaptive.estimation.ratio`). Where enough probes were answered, respondents are a stratum of
their own and the silent are estimated from the probes; contacts who cannot be reached are then not in the population.

The interval joins that of beliefs from answers as they are with that of beliefs corrected by their error matrix (BCH: Bolck, Croon and
Hagenaars, 2004; Vermunt, 2010). The first holds where the outcome depends on the persona only through what is known of the contact, the
second where it depends on the persona alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit

from adaptive.arrays import Bools, Floats
from adaptive.estimation.figures import Figure, Population, beta_interval, figure_of, t_interval
from adaptive.estimation.moments import Moments
from adaptive.estimation.ratio import Ratio, Stratum, estimate_ratio, form_of, kish, skewness, strata_of

SURE = 0.8
"""Mean confidence of those who answered, below which figures come with a warning."""
MIN_DETERMINED = 1e-3
"""Smallest reciprocal condition number of an error matrix that can be inverted."""


@dataclass(frozen=True)
class Sample:
    """Effectively `people` contacts, the mean denominator of `each` of them, at least 1, and the skewness of their sum."""

    people: float
    each: float
    skewness: float


def is_unsure(moments: Moments) -> bool:
    """Return whether figures of these moments come with a warning: answers say too little about who the contacts are."""
    return not moments.confidence >= SURE


def confusion_of(moments: Moments) -> Floats:
    """Return the (K, K) mean of r·rᵀ over the population, to pass that of everybody to figures of a part.

    Raises ValueError where nobody answered.
    """
    return _confusion(strata_of(moments)[0])


def error_matrix(confusion: Floats) -> Floats:
    """Return the (K, K) matrix P(assigned persona | persona) of people who are assigned in parts, from Σ r·rᵀ. Each row adds up to 1.

    >>> error_matrix(np.array([[3., 1.], [1., 5.]])).round(2).tolist()
    [[0.75, 0.25], [0.17, 0.83]]
    """
    personas = np.maximum(confusion.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    matrix: Floats = confusion / personas
    return matrix


def bch_weights(confusion: Floats) -> Floats | None:
    """Return the (K, K) matrix by which beliefs are multiplied to correct them, or None where the beliefs separate no personas."""
    matrix = error_matrix(confusion)
    if 1 / np.linalg.cond(matrix) < MIN_DETERMINED:
        return None
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def estimate_rates(moments: Moments, personas: Sequence[str], confusion: Floats | None = None) -> tuple[Figure, ...]:
    """Return the rate of each persona: the share of contacts with the outcome, or outcomes per denominator, between 0 and 1.

    A rate that all or none of its people have is hidden: it would disclose what each of them did. `confusion` is that of everybody
    (`confusion_of`), where the moments are of a part of them. Raises ValueError where nobody answered or `personas` are not K.
    """
    return _estimate(moments, personas, confusion, _rate_interval, is_rate=True)


def estimate_means(moments: Moments, personas: Sequence[str], confusion: Floats | None = None) -> tuple[Figure, ...]:
    """Return the mean of a score or value of each persona, per denominator. `confusion` and errors: see `estimate_rates`."""
    return _estimate(moments, personas, confusion, _mean_interval, is_rate=False)


def estimate_shares(moments: Moments, personas: Sequence[str]) -> tuple[Figure, ...]:
    """Return the share of each persona in the denominators: where these are 1, in the contacts whose outcome is known. Shares add up to 1.

    The correction by the error matrix leaves shares as they are. Raises ValueError where nobody answered or `personas` are not K.
    """
    strata, population = _checked(moments, personas)
    K = moments.personas
    everyone = np.tile(np.repeat([0.0, 1.0], K), 2)
    people = kish(strata, everyone)
    found = [estimate_ratio(strata, form_of(own, own, "denominator"), everyone, people) for own in np.eye(K)]
    values = np.clip([ratio.value for ratio in found], 0.0, 1.0)
    values = values / values.sum() if values.sum() > 0 else values
    figures = []
    for persona, ratio, value, top in zip(personas, found, values, people_of(strata), strict=True):
        n_eff = people * ratio.gain
        figures.append(figure_of(persona, float(value), *beta_interval(float(value), n_eff), n_eff, top, population))
    return tuple(figures)


def _checked(moments: Moments, personas: Sequence[str]) -> tuple[list[Stratum], Population]:
    if len(personas) != moments.personas:
        raise ValueError(f"personas: must be {moments.personas}, as in the moments")
    return strata_of(moments)


def _estimate(
    moments: Moments,
    personas: Sequence[str],
    confusion: Floats | None,
    interval: Callable[[Ratio, Sample], tuple[float, float]],
    *,
    is_rate: bool,
) -> tuple[Figure, ...]:
    strata, population = _checked(moments, personas)
    corrected = bch_weights(_confusion(strata) if confusion is None else confusion)
    hidden = all_or_none(strata) if is_rate else np.zeros(len(personas), dtype=bool)
    each, people = _denominators_of_a_contact(strata), people_of(strata)
    figures = []
    for k, own in enumerate(np.eye(len(personas))):
        top, bottom = form_of(own, own, "outcome"), form_of(own, own, "denominator")
        effective = kish(strata, bottom)
        known = effective if is_rate else min(effective, kish(strata, top))
        plain = estimate_ratio(strata, top, bottom, known)
        sample = Sample(effective, each[k], skewness(strata, k, plain.value))
        intervals = [interval(plain, sample)]
        if corrected is not None:
            labels = corrected[:, k]
            other = estimate_ratio(strata, form_of(labels, own, "outcome"), form_of(labels, own, "denominator"), known)
            intervals.append(interval(other, replace(sample, people=effective * _kept(plain, other))))
        low, high = (end(ends) for end, ends in zip((min, max), zip(*intervals, strict=True), strict=True))
        value = min(max(plain.value, 0.0), 1.0) if is_rate else plain.value
        value = float("nan") if hidden[k] else value
        figures.append(figure_of(personas[k], value, low, high, effective * plain.gain, people[k], population))
    return tuple(figures)


def _kept(plain: Ratio, corrected: Ratio) -> float:
    """Return the part of the effective number of people that is left after the correction, from 1e-6 to 1."""
    if not 0 < plain.plain_variance < corrected.plain_variance < np.inf:
        return 1.0
    return max(plain.plain_variance / corrected.plain_variance, 1e-6)


def _rate_interval(ratio: Ratio, sample: Sample) -> tuple[float, float]:
    """Return the Beta interval of a rate.

    Several denominators of a contact carry more information than one, but less than those of several contacts: the effective number is then
    that which a simple random sample of the same variance would have (Korn and Graubard, 1998).
    """
    people = sample.people
    if not np.isfinite(ratio.value) or people <= 0:
        return float("nan"), float("nan")
    rate = (min(max(ratio.value, 0.0), 1.0) * people + 0.5) / (people + 1)
    small_sample = float(stdtrit(1e9, 0.975) / stdtrit(max(people - 1, 1.0), 0.975)) ** 2
    more = rate * (1 - rate) / people / ratio.plain_variance * small_sample if ratio.plain_variance > 0 else 1.0
    return beta_interval(ratio.value, people * ratio.gain * min(max(more, 1.0), sample.each))


def _mean_interval(ratio: Ratio, sample: Sample) -> tuple[float, float]:
    return t_interval(ratio.value, float(np.sqrt(ratio.variance)), sample.people, sample.skewness)


def _denominators_of_a_contact(strata: Sequence[Stratum]) -> Floats:
    """Return the (K,) mean denominator of the contacts of each persona, at least 1."""
    K = len(strata[0].labelled.top)
    denominators = np.sum([stratum.scale * stratum.labelled.total[K : 2 * K] for stratum in strata], axis=0)
    people = np.maximum(_confusion(strata).sum(axis=1), np.finfo(float).tiny)
    each: Floats = np.maximum(denominators / people, 1.0)
    return each


def people_of(strata: Sequence[Stratum]) -> list[int]:
    """Return how many of those who answered have each persona as their likeliest."""
    return [int(people) for people in np.sum([stratum.labelled.top for stratum in strata], axis=0)]


def all_or_none(strata: Sequence[Stratum]) -> Bools:
    """Return the (K,) personas whose people all have the outcome, or none of them."""
    top, some, full = (np.sum([getattr(stratum.labelled, name) for stratum in strata], axis=0) for name in ("top", "top_some", "top_all"))
    hidden: Bools = (some == 0) | (full == top)
    return hidden


def _confusion(strata: Sequence[Stratum]) -> Floats:
    total: Floats = np.sum([stratum.scale * stratum.labelled.confusion for stratum in strata], axis=0)
    return total
