"""Ratios of means over all contacts of whom some have a belief from answers: the difference estimator, from moments.

Beliefs from attributes are known for every contact, beliefs from answers for few. A sum over all contacts of the first, plus the mean
difference between the two among those who answered, is unbiased however wrong the attributes are (Särndal, Swensson and Wretman, 1992; with
the weight λ of the first that minimises the variance: PPI++, Angelopoulos, Duchi and Zrnic, 2023):

    total(k) = λ·mean_all(p_k y) + mean_answered((r_k - λ p_k) y)        rate(k) = total(k) with y / total(k) with y = d

`p` are beliefs from attributes, `r` from answers, `y` outcomes and `d` denominators.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adaptive.arrays import Floats
from adaptive.estimation.figures import Population
from adaptive.estimation.moments import LabelledSums, Moments

MIN_PROBES = 20
"""Answered probes from which the silent are estimated from them. Fewer count as respondents, each like one of them."""
MAX_GAIN = 4.0
"""By how much the difference estimator may enlarge the effective number of people."""


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
        """Return the (F, F) sampling covariance of the means of (F, 4K) linear forms of v over the labelled, who are two or more."""
        L = self.labelled
        n = L.contacts
        means = forms @ L.total / L.weight
        mixed = np.outer(means, forms @ L.total_squared)
        squares = forms @ L.products @ forms.T - mixed - mixed.T + np.outer(means, means) * L.weight_squared
        return squares / L.weight**2 * n / (n - 1)

    def variance(self, form: Floats) -> float:
        """Return what the stratum adds to the variance of an estimate with the influence c_r·r - c_p·p, from its (4K,) `form` (c_r, c_p).

        The labelled are a sample of the stratum, and the stratum one of all people who are like its contacts.
        """
        half = len(form) // 2
        forms = np.array([np.concatenate([form[:half], -form[half:]]), np.concatenate([form[:half], np.zeros(half)])])
        difference, plain = np.diag(self.covariance(forms))
        return float(self.share**2 * (self.unlabelled * difference + (1 - self.unlabelled) * plain))


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
    labelled = respondents + probes.rescaled()  # by their weights a handful would outweigh all respondents
    if labelled.contacts == 0:
        raise ValueError("moments: nobody answered")
    size = labelled.contacts + moments.silent.contacts + moments.unreachable.contacts
    base = (labelled.attributed + moments.silent.total + moments.unreachable.total) / size
    return [Stratum(labelled, 1.0, size, base)], "respondents"


@dataclass(frozen=True, eq=False)
class Ratio:
    """An estimated ratio of two means, its variance, and the λ `weight` of the attributes.

    `plain_variance` is that without attributes, and `gain`, from 1 to `MAX_GAIN`, by how much they divide it. `base` is the denominator.
    """

    value: float
    variance: float
    plain_variance: float
    weight: float
    base: float

    @property
    def gain(self) -> float:
        return float(np.clip(self.plain_variance / self.variance, 1.0, MAX_GAIN)) if 0 < self.variance < np.inf else 1.0


def estimate_ratio(strata: Sequence[Stratum], top: Floats, bottom: Floats, people: float) -> Ratio:
    """Return the ratio of two (4K,) linear forms of v, c_r·r + c_p·p, with the λ in [0, 1] that minimises its variance (delta method).

    λ is estimated from effectively `people` contacts, which adds 2 / people to the variance: one part because the residuals that it leaves
    are too small, one because it misses the best λ. Where that costs more than λ saves, λ is 0. The ratio is NaN where only one contact of
    a stratum answered, or where its denominator is not above 0.
    """
    if any(stratum.labelled.contacts < 2 for stratum in strata):
        return Ratio(float("nan"), np.inf, np.inf, 0.0, float("nan"))
    half = len(top) // 2
    weight, value, plain, variance = 0.0, _quotient(strata, top, bottom, 0.0), np.inf, np.inf
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
        saved = weight * float(2 * of_labelled[0, 1] - weight * of_labelled[1, 1])
        variance = (plain - saved) * (1 + 2 / people) if people else plain
        if variance >= plain:
            weight, value, variance = 0.0, _quotient(strata, top, bottom, 0.0), plain
    base = sum(stratum.share * stratum.mean(bottom, weight) for stratum in strata)
    if base <= 0 or not np.isfinite(variance):
        return Ratio(float("nan"), np.inf, np.inf, weight, base)
    return Ratio(value, max(variance, 0.0) / base**2, max(plain, 0.0) / base**2, weight, base)


def _quotient(strata: Sequence[Stratum], top: Floats, bottom: Floats, weight: float) -> float:
    above = sum(stratum.share * stratum.mean(top, weight) for stratum in strata)
    below = sum(stratum.share * stratum.mean(bottom, weight) for stratum in strata)
    return above / below if below > 0 else 0.0


def form_of(labels: Floats, attributed: Floats, block: str) -> Floats:
    """Return the (4K,) form (r @ labels)·y + (p @ attributed)·y, where `block` is ``outcome``; with d, where it is ``denominator``."""
    y, d = (1.0, 0.0) if block == "outcome" else (0.0, 1.0)
    return np.concatenate([y * labels, d * labels, y * attributed, d * attributed])


def kish(strata: Sequence[Stratum], form: Floats) -> float:
    """Return the effective number of people behind a (4K,) form, by its part of r·y and r·d: (Σw)²/Σw² (Kish, 1965)."""
    half = len(form) // 2
    own = form[:half]
    total = sum(stratum.scale * float(own @ stratum.labelled.total[:half]) for stratum in strata)
    squares = sum(stratum.scale**2 * float(own @ stratum.labelled.products[:half, :half] @ own) for stratum in strata)
    return total**2 / squares if squares > 0 else 0.0


def skewness(strata: Sequence[Stratum], k: int, value: float) -> float:
    """Return the skewness of the ratio of persona k, by the beliefs from answers: Σ u³ / (Σ u²)^1.5 with u = w·r·(y - value·d)."""
    K = len(strata[0].labelled.top)
    own = np.eye(K)[k]
    residual = np.concatenate([own, -value * own])
    signs = np.array([1.0, -3 * value, 3 * value**2, -(value**3)])
    squares = sum(stratum.scale**2 * float(residual @ stratum.labelled.products[: 2 * K, : 2 * K] @ residual) for stratum in strata)
    cubes = sum(stratum.scale**3 * float(signs @ stratum.labelled.cubes[:, k]) for stratum in strata)
    return cubes / squares**1.5 if squares > 0 and np.isfinite(value) else 0.0
