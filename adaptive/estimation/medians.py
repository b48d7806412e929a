"""Medians per persona, such as the time between two stages: they cannot be had from sums, and read those who answered."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from adaptive.arrays import Floats
from adaptive.estimation.estimate import bch_weights
from adaptive.estimation.figures import Figure, Population, beta_interval, figure_of
from adaptive.estimation.moments import check_beliefs, check_numbers, floats_of


def weighted_quantile(values: Floats, weights: Floats, share: float) -> float:
    """Return the smallest of the values below or at which lies this share of the weights.

    >>> weighted_quantile(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0]), 0.5)
    2.0
    """
    order = np.argsort(values, kind="stable")
    reached = np.maximum.accumulate(np.cumsum(weights[order]))  # weights of corrected beliefs may be negative
    place = int(np.searchsorted(reached, share * reached[-1] * (1 - 1e-12)))
    return float(values[order[min(place, len(order) - 1)]])


def estimate_medians(
    values: Any,
    answered: Any,
    personas: Sequence[str],
    weights: Any = None,
    population: Population = "respondents",
    confusion: Floats | None = None,
) -> tuple[Figure, ...]:
    """Return the median of each persona with its 95 % interval.

    The interval runs between the quantiles that the interval of the share below the median names (Woodruff, 1952). It joins that of beliefs
    as they are with that of beliefs corrected by their error matrix, as intervals of rates do.

    Parameters
    ----------
    values : (n,) array
        One for each contact who answered, in any unit; NaN where it has none, such as a stage that was not reached.
    answered : (n, K) array
        P(persona | answers).
    weights : (n,) array
        Inverse of the chance to be asked, in any scale; 1 where it is left out.
    confusion : (K, K) array
        That of everybody who answered (`estimate.confusion_of`), where those without a value are left out: who has one is no random part.

    Raises ValueError, which begins with the name of the argument.
    """
    beliefs = check_beliefs("answered", answered, len(personas))
    n = len(beliefs)
    measured = floats_of("values", values)
    if measured.shape != (n,) or np.isinf(measured).any():
        raise ValueError(f"values: must have one number, or NaN, for each of {n} contacts")
    scale = np.ones(n) if weights is None else check_numbers("weights", weights, n)
    if (scale <= 0).any():
        raise ValueError("weights: must be above 0")
    known = ~np.isnan(measured)
    corrected = bch_weights((beliefs * scale[:, None]).T @ beliefs if confusion is None else confusion)
    measured, scaled, top = measured[known], beliefs[known] * scale[known, None], beliefs[known].argmax(axis=1)
    figures = []
    for k, persona in enumerate(personas):
        own = scaled[:, k]
        n_eff = _kish(own)
        low, value, high = np.full(3, np.nan)
        if n_eff:
            value = weighted_quantile(measured, own, 0.5)
            sides = [own] if corrected is None else [own, scaled @ corrected[:, k]]
            ends = [weighted_quantile(measured, side, share) for side in sides if _kish(side) for share in beta_interval(0.5, _kish(side))]
            low, high = min(ends), max(ends)
        figures.append(figure_of(persona, float(value), float(low), float(high), n_eff, int((top == k).sum()), population))
    return tuple(figures)


def _kish(weights: Floats) -> float:
    """Return the effective number of people of these weights, which may be negative in part (Kish, 1965)."""
    return float(max(weights.sum(), 0.0) ** 2 / (weights**2).sum()) if weights.any() else 0.0
