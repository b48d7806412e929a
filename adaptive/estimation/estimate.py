"""Rates, means and shares per persona where personas are known in part: the difference estimator, from moments.

Beliefs from attributes are known for every contact, beliefs from answers for few. A sum over all contacts of the first, plus the mean
difference between the two among those who answered, is unbiased however wrong the attributes are (Särndal, Swensson and Wretman, 1992; with
the weight λ of the first that minimises the variance: PPI++, Angelopoulos, Duchi and Zrnic, 2023):

    total(k) = λ·mean_all(p_k y) + mean_answered((r_k - λ p_k) y)        rate(k) = total(k) with y / total(k) with y = d

`p` are beliefs from attributes, `r` from answers, `y` outcomes and `d` denominators. Where enough probes were answered, respondents are a
stratum of their own and the silent are estimated from the probes; contacts who cannot be reached are then not in the population.

The interval joins that of r with that of r corrected by its error matrix (BCH: Bolck, Croon and Hagenaars, 2004; Vermunt, 2010). The first
holds where the outcome depends on the persona only through what is known of the contact, the second where it depends on the persona alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from adaptive.arrays import Floats
from adaptive.estimation.figures import Figure, Population, beta_interval, figure_of, t_interval
from adaptive.estimation.moments import LabelledSums, Moments

MIN_PROBES = 20
"""Answered probes from which they speak for the silent. Fewer count as respondents."""
MAX_GAIN = 4.0
"""By how much the difference estimator may enlarge the effective number of people."""
SURE = 0.8
"""Mean confidence of those who answered, below which figures come with a warning."""
MIN_DETERMINED = 1e-3
"""Smallest reciprocal condition number of an error matrix that can be inverted."""


@dataclass(frozen=True, eq=False)
class Stratum:
    """Contacts of whom `labelled` are a random sample: their `share` of the population, number, and (2K,) mean of p·y and p·d."""

    labelled: LabelledSums
    share: float
    size: float
    base_mean: Floats

    @property
    def scale(self) -> float:
        """What the weights of the labelled are multiplied with, so that they add up to the share."""
        return self.share / self.labelled.weight

    @property
    def unlabelled(self) -> float:
        """The share of the stratum that is known by its attributes only."""
        return max(1 - self.labelled.contacts / self.size, 0.0)

    def mean(self, form: Floats, weight: float = 0.0) -> float:
        """Return the estimated mean of a (4K,) linear form of v whose part of p has this weight λ. The form has r·c_r + p·c_p."""
        known = self.labelled.total / self.labelled.weight
        half = len(form) // 2
        return float(form[:half] @ known[:half] + weight * form[half:] @ (self.base_mean - known[half:]))

    def covariance(self, forms: Floats) -> Floats:
        """Return the (F, F) sampling covariance of the means of (F, 4K) linear forms of v over the labelled."""
        L = self.labelled
        n = L.contacts
        if n < 2:
            return np.full((len(forms), len(forms)), np.inf)
        means = forms @ L.total / L.weight
        mixed = np.outer(means, forms @ L.total_squared)
        squares = forms @ L.products @ forms.T - mixed - mixed.T + np.outer(means, means) * L.weight_squared
        return squares / L.weight**2 * n / (n - 1)


def strata_of(moments: Moments) -> tuple[list[Stratum], Population]:
    """Return the strata of the population, and what it is. Raises ValueError where nobody answered."""
    respondents, probes = moments.respondents, moments.probes
    silent = moments.silent.contacts + probes.contacts
    if probes.contacts >= MIN_PROBES:
        everyone = respondents.contacts + silent
        base = (moments.silent.total + probes.attributed) / silent
        strata = [Stratum(probes, silent / everyone, silent, base)]
        if respondents.contacts:
            own = respondents.total[-len(base) :] / respondents.weight
            strata.append(Stratum(respondents, respondents.contacts / everyone, respondents.contacts, own))
        return strata, "everyone"
    labelled = respondents + probes
    if labelled.contacts == 0:
        raise ValueError("moments: nobody answered")
    size = labelled.contacts + moments.silent.contacts + moments.unreachable.contacts
    base = (labelled.attributed + moments.silent.total + moments.unreachable.total) / size
    return [Stratum(labelled, 1.0, size, base)], "respondents"


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


@dataclass(frozen=True, eq=False)
class Ratio:
    """An estimated ratio of two means: its `variance`, the λ `weight` of the attributes, and `gain`, by how much λ divided the variance."""

    value: float
    variance: float
    weight: float
    gain: float


def estimate_ratio(strata: Sequence[Stratum], top: Floats, bottom: Floats) -> Ratio:
    """Return the ratio of two (4K,) linear forms of v, c_r·r + c_p·p, with the λ in [0, 1] that minimises its variance (delta method)."""
    half = len(top) // 2
    weight, value = 0.0, _quotient(strata, top, bottom, 0.0)
    for _ in range(2):  # λ depends on the ratio, which moves little with λ
        form = top - value * bottom
        parts = np.zeros((2, len(form)))
        parts[0, :half], parts[1, half:] = form[:half], form[half:]
        of_all, of_labelled = np.zeros((2, 2)), np.zeros((2, 2))
        for stratum in strata:
            covariance = stratum.share**2 * stratum.covariance(parts)
            of_all += (1 - stratum.unlabelled) * covariance
            of_labelled += stratum.unlabelled * covariance
        weight = float(np.clip(of_labelled[0, 1] / of_labelled[1, 1], 0.0, 1.0)) if of_labelled[1, 1] > 0 else 0.0
        value = _quotient(strata, top, bottom, weight)
    plain = float(of_labelled[0, 0] + of_all[0, 0])
    variance = plain - 2 * weight * float(of_labelled[0, 1]) + weight**2 * float(of_labelled[1, 1])
    denominator = sum(stratum.share * stratum.mean(bottom, weight) for stratum in strata)
    if denominator <= 0 or not np.isfinite(variance):
        return Ratio(float("nan"), float("inf"), weight, 1.0)
    gain = float(np.clip(plain / variance, 1.0, MAX_GAIN)) if variance > 0 else 1.0
    return Ratio(value, max(variance, 0.0) / denominator**2, weight, gain)


def _quotient(strata: Sequence[Stratum], top: Floats, bottom: Floats, weight: float) -> float:
    above = sum(stratum.share * stratum.mean(top, weight) for stratum in strata)
    below = sum(stratum.share * stratum.mean(bottom, weight) for stratum in strata)
    return above / below if below > 0 else 0.0


def estimate_rates(moments: Moments, personas: Sequence[str], confusion: Floats | None = None) -> tuple[Figure, ...]:
    """Return the rate of each persona: the share of contacts with the outcome, or outcomes per denominator, between 0 and 1.

    `confusion`, (K, K), is the Σ r·rᵀ of everybody who answered, where the moments are of a part of them.
    Raises ValueError where nobody answered or `personas` are not K.
    """
    return _estimate(moments, personas, confusion, _rate_interval, hides_all_or_none=True)


def estimate_means(moments: Moments, personas: Sequence[str], confusion: Floats | None = None) -> tuple[Figure, ...]:
    """Return the mean of a score or value of each persona, per denominator. `confusion` and errors: see `estimate_rates`."""
    return _estimate(moments, personas, confusion, _mean_interval, hides_all_or_none=False)


def estimate_shares(moments: Moments, personas: Sequence[str]) -> tuple[Figure, ...]:
    """Return the share of each persona in the denominators: where these are 1, in the contacts whose outcome is known. Shares add up to 1.

    The correction by the error matrix leaves shares as they are. Raises ValueError where nobody answered or `personas` are not K.
    """
    strata, population = _checked(moments, personas)
    K = moments.personas
    everyone = np.tile(np.repeat([0.0, 1.0], K), 2)
    found = [estimate_ratio(strata, _form(K, np.eye(K)[k], k, "denominator"), everyone) for k in range(K)]
    values = np.clip([ratio.value for ratio in found], 0.0, 1.0)
    values = values / values.sum() if values.sum() > 0 else values
    kish = _kish(strata, everyone[: 2 * K])
    figures = []
    for persona, ratio, value, people in zip(personas, found, values, _people(strata), strict=True):
        n_eff = kish * ratio.gain
        figures.append(figure_of(persona, float(value), *beta_interval(float(value), n_eff), n_eff, people, population))
    return tuple(figures)


def _estimate(
    moments: Moments,
    personas: Sequence[str],
    confusion: Floats | None,
    interval: Callable[[Ratio, float], tuple[float, float]],
    *,
    hides_all_or_none: bool,
) -> tuple[Figure, ...]:
    strata, population = _checked(moments, personas)
    K = moments.personas
    people = _people(strata)
    corrected = bch_weights(sum_confusion(strata) if confusion is None else confusion)
    all_or_none = _all_or_none(strata) if hides_all_or_none else np.zeros(K, dtype=bool)
    figures = []
    for k, persona in enumerate(personas):
        ratio = _ratio_of(strata, np.eye(K)[k], k)
        n_eff = _kish(strata, np.repeat([0.0, 1.0], K) * np.tile(np.eye(K)[k], 2)) * ratio.gain
        ends = [interval(ratio, n_eff)]
        if corrected is not None:
            other = _ratio_of(strata, corrected[:, k], k)
            inflation = max(other.variance / ratio.variance, 1.0) if ratio.variance > 0 else 1.0
            ends.append(interval(other, max(n_eff / inflation, 1.0)))
        low, high = min(end[0] for end in ends), max(end[1] for end in ends)
        value = float(np.clip(ratio.value, 0.0, 1.0)) if hides_all_or_none else ratio.value
        figures.append(figure_of(persona, float("nan") if all_or_none[k] else value, low, high, n_eff, people[k], population))
    return tuple(figures)


def _rate_interval(ratio: Ratio, n_eff: float) -> tuple[float, float]:
    return beta_interval(ratio.value, n_eff)


def _mean_interval(ratio: Ratio, n_eff: float) -> tuple[float, float]:
    return t_interval(ratio.value, float(np.sqrt(ratio.variance)), n_eff)


def _checked(moments: Moments, personas: Sequence[str]) -> tuple[list[Stratum], Population]:
    if len(personas) != moments.personas:
        raise ValueError(f"personas: must be {moments.personas}, as in the moments")
    return strata_of(moments)


def _ratio_of(strata: Sequence[Stratum], labels: Floats, k: int) -> Ratio:
    K = len(labels)
    return estimate_ratio(strata, _form(K, labels, k, "outcome"), _form(K, labels, k, "denominator"))


def _form(K: int, labels: Floats, k: int, block: str) -> Floats:
    """Return the (4K,) form that is (r @ labels)·y + p_k·y, or the same with d."""
    form = np.zeros((4, K))
    first = 0 if block == "outcome" else 1
    form[first], form[first + 2, k] = labels, 1.0
    return form.ravel()


def _kish(strata: Sequence[Stratum], form: Floats) -> float:
    """Return the effective number of people behind a (2K,) form of r·y and r·d, (Σw)²/Σw² (Kish, 1965)."""
    total = squares = 0.0
    for stratum in strata:
        half = len(form)
        total += stratum.scale * float(form @ stratum.labelled.total[:half])
        squares += stratum.scale**2 * float(form @ stratum.labelled.products[:half, :half] @ form)
    return total**2 / squares if squares > 0 else 0.0


def _people(strata: Sequence[Stratum]) -> list[int]:
    return [int(people) for people in np.sum([stratum.labelled.top for stratum in strata], axis=0)]


def _all_or_none(strata: Sequence[Stratum]) -> Floats:
    top, some, full = (np.sum([getattr(s.labelled, name) for s in strata], axis=0) for name in ("top", "top_some", "top_all"))
    hidden: Floats = (some == 0) | (full == top)
    return hidden


def sum_confusion(strata: Sequence[Stratum]) -> Floats:
    """Return the (K, K) Σ r·rᵀ over the population."""
    total: Floats = np.sum([stratum.scale * stratum.labelled.confusion for stratum in strata], axis=0)
    return total
