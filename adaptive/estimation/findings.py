"""Which differences between personas a report may speak of: so few are chance that 5 % of what it says is wrong at most, on average."""

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

    The p-value is of the larger of two standard errors, as found and as they would be without any difference (a score test): those of few
    people with a rare outcome or with skewed values are too small as found.

    A persona whose own figure is not shown without reserve has none; neither has one whose figure is hidden because all or none of its
    people, or of the others, have the outcome. Raises ValueError where nobody answered or `personas` are not K.
    """
    if len(personas) != moments.personas:
        raise ValueError(f"personas: must be {moments.personas}, as in the moments")
    strata, _ = strata_of(moments)
    hidden = all_or_none(strata) if is_rate else np.zeros(len(personas), dtype=bool)
    everybody = _side(strata, np.ones(len(personas)))
    found = []
    for k, own in enumerate(np.eye(len(personas))):
        parts = [_side(strata, labels) for labels in (own, 1 - own)]
        people = min(side.people for side in parts)
        if len(personas) < 2 or hidden[k] or state_of(people, people_of(strata)[k]) != "shown":
            continue
        value = parts[0].value - parts[1].value
        error = _error(strata, parts[0].influence(parts[0].value) - parts[1].influence(parts[1].value), people)
        without = _error(strata, parts[0].influence(everybody.value) - parts[1].influence(everybody.value), people)
        if not np.isfinite([value, error, without]).all() or not error:
            continue
        width = float(stdtrit(people - 1, 0.975)) * error
        p_value = 2 * float(stdtr(people - 1, -abs(value) / max(error, without)))
        found.append(Difference(personas[k], value, value - width, value + width, p_value))
    return tuple(found)


def find(reports: Sequence[Sequence[Difference]]) -> list[list[Difference]]:
    """Return, for each outcome of a report, the differences that the report may speak of. All outcomes of a report belong in one call."""
    every = [difference for outcome in reports for difference in outcome]
    told = iter(benjamini_hochberg([difference.p_value for difference in every]))
    return [[difference for difference in outcome if next(told)] for outcome in reports]


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


def _error(strata: Sequence[Stratum], influence: Floats, people: float) -> float:
    variance = sum(stratum.variance(influence) for stratum in strata) * (1 + 2 / people)
    return float(np.sqrt(max(variance, 0.0)))
