"""The distribution of a number given the persona: normal or log-normal, whichever has the greater likelihood."""

from dataclasses import dataclass

import numpy as np

from adaptive.arrays import Bools, Floats

NARROWEST = 1e-3
"""Lower bound of a persona's standard deviation, as a share of the pooled one: a few equal answers are not certainty."""


@dataclass(frozen=True, eq=False)
class Distributions:
    """(K,) means and standard deviations of the number, or of its logarithm where `logarithmic`, (K,)."""

    centre: Floats
    width: Floats
    logarithmic: Bools


def fit_distributions(numbers: Floats, membership: Floats, strength: float, known: Distributions | None = None) -> Distributions:
    """Return the moments by persona, shrunk to the pooled ones by `strength` answers, or to `known` ones, which keep their family.

    Without `known`, the family is that of the greater likelihood; a log-normal one needs all numbers above zero. Truncation by the range
    is not corrected for.

    Parameters
    ----------
    numbers : (N,) array
        NaN where there is no answer.
    membership : (N, K) array
        P(persona) of each respondent.

    >>> fit_distributions(np.array([1.0, 2.0, 3.0, np.nan]), np.ones((4, 1)), 0).centre
    array([2.])
    """
    answered = ~np.isnan(numbers)
    values, weights = numbers[answered], membership[answered]
    if known is not None:
        fits = [_moments(values, weights, strength, logarithmic=logs, known=known) for logs in (False, True)]
        return _choose_by_persona(fits[0], fits[1], known.logarithmic)
    normal = _moments(values, weights, strength, logarithmic=False)
    if (values <= 0).any():
        return normal
    logs = _moments(values, weights, strength, logarithmic=True)
    return max((normal, logs), key=lambda fit: _log_likelihood(fit, values, weights))


def _moments(values: Floats, weights: Floats, strength: float, *, logarithmic: bool, known: Distributions | None = None) -> Distributions:
    """Return the first and second moments of the numbers, or, where `logarithmic`, of the logarithms of the positive ones."""
    if logarithmic:
        weights, values = weights[values > 0], np.log(values[values > 0])
    if known is None:
        same = np.ones(weights.shape[1])
        centre_before, width_before = values.mean() * same, values.std() * same
    else:
        centre_before, width_before = known.centre, known.width
    size = np.maximum(weights.sum(axis=0) + strength, np.finfo(float).tiny)
    centre = (weights.T @ values + strength * centre_before) / size
    square = (weights.T @ values**2 + strength * (centre_before**2 + width_before**2)) / size
    width = np.sqrt(np.maximum(square - centre**2, (NARROWEST * width_before) ** 2))
    return Distributions(centre, width, np.full(len(centre), logarithmic))


def _choose_by_persona(normal: Distributions, logs: Distributions, logarithmic: Bools) -> Distributions:
    return Distributions(np.where(logarithmic, logs.centre, normal.centre), np.where(logarithmic, logs.width, normal.width), logarithmic)


def _log_likelihood(fit: Distributions, values: Floats, weights: Floats) -> float:
    stretch = np.log(values)[:, None] if fit.logarithmic[0] else 0.0
    given = np.log(values)[:, None] if fit.logarithmic[0] else values[:, None]
    density = -0.5 * ((given - fit.centre) / fit.width) ** 2 - np.log(fit.width) - stretch
    return float((weights * density).sum())
