"""The law of a number given the persona: normal or log-normal, whichever the answers fit better."""

from dataclasses import dataclass

import numpy as np

from adaptive.arrays import Bools, Floats

NARROWEST = 1e-3
"""No persona's spread is less than this share of everybody's: equal answers of a few are no certainty."""


@dataclass(frozen=True, eq=False)
class Distributions:
    """(K,) means and standard deviations of the number, or of its logarithm where `logarithmic`, (K,)."""

    centre: Floats
    width: Floats
    logarithmic: Bools


def fit_distributions(numbers: Floats, membership: Floats, strength: float, known: Distributions | None = None) -> Distributions:
    """Moments by persona, `strength` answers of everybody added to each (or of what was `known`, whose laws stay normal or log-normal).

    Without `known`, the law is that of the greater likelihood; a log-normal one needs all numbers above zero. Ends of the range are
    not corrected for.

    Parameters
    ----------
    numbers : (N,) array
        NaN where there is no answer.
    membership : (N, K) array
        P(persona) of each respondent.

    >>> learn_laws(np.array([1.0, 2.0, 3.0, np.nan]), np.ones((4, 1)), 0).centre
    array([2.])
    """
    told = ~np.isnan(numbers)
    values, weights = numbers[told], membership[told]
    if known is not None:
        laws = [_moments(values, weights, strength, logarithmic=logs, known=known) for logs in (False, True)]
        return _choose_by_persona(laws[0], laws[1], known.logarithmic)
    normal = _moments(values, weights, strength, logarithmic=False)
    if (values <= 0).any():
        return normal
    logs = _moments(values, weights, strength, logarithmic=True)
    return max((normal, logs), key=lambda law: _log_likelihood(law, values, weights))


def _moments(values: Floats, weights: Floats, strength: float, *, logarithmic: bool, known: Distributions | None = None) -> Distributions:
    """First and second moments, of the logarithms of what is above zero where asked for."""
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


def _log_likelihood(law: Distributions, values: Floats, weights: Floats) -> float:
    stretch = np.log(values)[:, None] if law.logarithmic[0] else 0.0
    given = np.log(values)[:, None] if law.logarithmic[0] else values[:, None]
    density = -0.5 * ((given - law.centre) / law.width) ** 2 - np.log(law.width) - stretch
    return float((weights * density).sum())
