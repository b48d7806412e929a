"""Medians per persona, such as the time between two stages: they cannot be had from sums, and read those who answered."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from adaptive.arrays import Floats
from adaptive.estimation.figures import Figure, Population, beta_interval, figure_of
from adaptive.estimation.moments import check_beliefs, check_numbers, floats_of


def weighted_quantile(values: Floats, weights: Floats, share: float) -> float:
    """Return the smallest of the values below or at which lies this share of the weights.

    >>> weighted_quantile(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0]), 0.5)
    2.0
    """
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    place = int(np.searchsorted(reached, share * reached[-1] * (1 - 1e-12)))
    return float(values[order[min(place, len(order) - 1)]])


def estimate_medians(
    values: Any, answered: Any, personas: Sequence[str], weights: Any = None, population: Population = "respondents"
) -> tuple[Figure, ...]:
    """Return the median of each persona with its 95 % interval.

    The interval runs between the quantiles that the interval of the share below the median names (Woodruff, 1952).

    Parameters
    ----------
    values : (n,) array
        One for each contact who answered, in any unit; NaN where it has none, such as a stage that was not reached.
    answered : (n, K) array
        P(persona | answers).
    weights : (n,) array
        Inverse of the chance to be asked, in any scale; 1 where it is left out.

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
    measured, share_of, top = measured[known], beliefs[known] * scale[known, None], beliefs[known].argmax(axis=1)
    figures = []
    for k, persona in enumerate(personas):
        own = share_of[:, k]
        n_eff = float(own.sum() ** 2 / (own**2).sum()) if own.any() else 0.0
        low, value, high = np.full(3, np.nan)
        if n_eff:
            below, above = beta_interval(0.5, n_eff)
            low, value, high = (weighted_quantile(measured, own, share) for share in (below, 0.5, above))
        figures.append(figure_of(persona, float(value), float(low), float(high), n_eff, int((top == k).sum()), population))
    return tuple(figures)
