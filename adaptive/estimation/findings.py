"""Which differences between personas a report may state: those that keep the false discovery rate at 5 %."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from adaptive.arrays import Bools, Floats
from adaptive.estimation.estimate import all_or_none, people_of
from adaptive.estimation.figures import state_of
from adaptive.estimation.moments import Moments
from adaptive.estimation.ratio import Ratio, Stratum, estimate_ratio, form_of, kish, strata_of

FALSE_DISCOVERIES = 0.05
"""Share of findings that may be due to chance."""

FEWEST_EXPECTED = 5.0
"""People of a persona with the outcome, if it were as frequent as among everybody, from which a difference is tested."""


@dataclass(frozen=True)
class Difference:
    """By how much the rate or mean of a persona exceeds that of all the others, with its 95 % interval and two-sided p-value."""

    persona: str
    value: float
    low: float
    high: float
    p_value: float


def benjamini_hochberg(p_values: Sequence[float], share: float = FALSE_DISCOVERIES) -> Bools:
    """Return which hypotheses to reject so that at most this share of the rejected are true, on average (Benjamini and Hochberg, 1995).

    >>> benjamini_hochberg([.01, .9, .02, .04]).tolist()
    [True, False, True, False]
    """
    p = np.asarray(p_values, dtype=np.float64)
    if ((p < 0) | (p > 1) | np.isnan(p)).any():
        raise ValueError("p_values: must be from 0 to 1")
    order = np.argsort(p, kind="stable")
    passed = np.flatnonzero(p[order] <= share * np.arange(1, len(p) + 1) / len(p))
    found = np.zeros(len(p), dtype=bool)
    found[order[: passed[-1] + 1 if len(passed) else 0]] = True
    return found


def differences(moments: Moments, personas: Sequence[str], *, is_rate: bool = True) -> tuple[Difference, ...]:
    """Return the difference of each persona from all the others together, of the rates or of the means.

    The standard error of the p-value is the larger of two: as found, and as it would be if who somebody is had nothing to do with what they
    do. The first alone is too small where few people have a rare outcome or spend much. A persona has no difference where its figure is
    not shown without reserve, where all or none of its people have the outcome, or where fewer than `FEWEST_EXPECTED` of them would be
    expected to have it, or not to have it. Raises ValueError where nobody answered or `personas` are not K.
    """
    if len(personas) != moments.personas:
        raise ValueError(f"personas: must be {moments.personas}, as in the moments")
    strata, _ = strata_of(moments)
    hidden = all_or_none(strata) if is_rate else np.zeros(len(personas), dtype=bool)
    everybody = _side(strata, np.ones(len(personas)))
    with_outcome = kish(strata, everybody.top) / everybody.people if everybody.people else 0.0
    if is_rate:
        with_outcome = min(with_outcome, 1 - everybody.value)
    found = []
    for k, own in enumerate(np.eye(len(personas))):
        sides = _side(strata, own), _side(strata, 1 - own)
        people = min(side.people for side in sides)
        if hidden[k] or state_of(people, people_of(strata)[k]) != "shown" or people * with_outcome < FEWEST_EXPECTED:
            continue
        difference = _difference(strata, personas[k], sides, everybody.value, k)
        if difference is not None:
            found.append(difference)
    return tuple(found)


def _difference(strata: Sequence[Stratum], persona: str, sides: tuple["_Side", "_Side"], overall: float, k: int) -> Difference | None:
    """Return the difference between two sides, None where it has no error; `overall` is the value of everybody."""
    first, second = sides
    people = min(first.people, second.people)
    value = first.value - second.value
    error = _error(strata, first.influence(first.value) - second.influence(second.value), people)
    chance = _error_by_chance(strata, sides, overall, k)
    if not np.isfinite([value, error, chance]).all() or not error:
        return None
    width = float(stdtrit(people - 1, 0.975)) * error
    return Difference(persona, value, value - width, value + width, 2 * float(stdtr(people - 1, -abs(value) / max(error, chance))))


def _error(strata: Sequence[Stratum], influence: Floats, people: float) -> float:
    variance = sum(stratum.variance(influence) for stratum in strata) * (1 + 2 / people)
    return float(np.sqrt(max(variance, 0.0)))


def _error_by_chance(strata: Sequence[Stratum], sides: tuple["_Side", "_Side"], overall: float, k: int) -> float:
    """Return the standard error of a difference if beliefs and outcomes were independent: Σ c² times the mean of (y - overall·d)².

    c = r_k/a - (1 - r_k)/b, where a and b are the denominators of both sides. λ lowers the error in the proportion found.
    """
    K = len(strata[0].labelled.top)
    a, b = (sum(stratum.scale * float(side.bottom[: 2 * K] @ stratum.labelled.total[: 2 * K]) for stratum in strata) for side in sides)
    residual = np.repeat([1.0, -overall], K)
    variance = 0.0
    for stratum in strata:
        L = stratum.labelled
        squares = L.confusion[k, k] * (1 / a + 1 / b) ** 2 - 2 * L.confusion[k].sum() * (1 / a + 1 / b) / b + L.weight / b**2
        variance += stratum.scale**2 * float(squares * (residual @ L.products[: 2 * K, : 2 * K] @ residual)) / L.weight
    influence = sides[0].influence(overall) - sides[1].influence(overall)
    plain = np.concatenate([influence[: 2 * K], np.zeros(2 * K)])
    people = min(side.people for side in sides)
    without = _error(strata, plain, people)
    return float(np.sqrt(variance)) * min(_error(strata, influence, people) / without, 1.0) if without else 0.0


def select_findings(reports: Sequence[Sequence[Difference]]) -> list[list[Difference]]:
    """Return, for each outcome of a report, the differences that are significant. All outcomes of a report belong in one call."""
    every = [difference for outcome in reports for difference in outcome]
    significant = iter(benjamini_hochberg([difference.p_value for difference in every]))
    return [[difference for difference in outcome if next(significant)] for outcome in reports]


@dataclass(frozen=True, eq=False)
class _Side:
    """A ratio of some personas together, by two (4K,) forms, and the effective number of their people."""

    top: Floats
    bottom: Floats
    people: float
    ratio: Ratio

    @property
    def value(self) -> float:
        return self.ratio.value

    def influence(self, value: float) -> Floats:
        """Return the (4K,) influence form of the ratio, if it were `value`."""
        form: Floats = (self.top - value * self.bottom) / self.ratio.base
        form[len(form) // 2 :] *= self.ratio.weight
        return form


def _side(strata: Sequence[Stratum], labels: Floats) -> _Side:
    top, bottom = form_of(labels, labels, "outcome"), form_of(labels, labels, "denominator")
    people = kish(strata, bottom)
    return _Side(top, bottom, people, estimate_ratio(strata, top, bottom, people))
