"""A figure per persona with its interval, and whether it may be shown."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import betaincinv, stdtrit

SHOWN_FROM = 20.0
"""Effective number of people from which a figure is shown without reserve."""
UNCERTAIN_FROM = 10.0
"""Effective number of people from which a figure is shown as uncertain."""
FEWEST_PEOPLE = 11
"""People whose likeliest persona it is that a figure needs."""
LEVEL = 0.95
SYMMETRIC = 1e-6
"""Skewness of a mean below which it is ignored."""

State = Literal["shown", "uncertain", "too_few"]
Population = Literal["everyone", "respondents"]


@dataclass(frozen=True)
class Figure:
    """A figure of a persona: `value` with its 95 % interval from `low` to `high`, all None where `state` is ``too_few``.

    `n_eff` is the effective number of people behind it, `people` the number of those who answered whose likeliest persona it is.
    `population` is ``everyone`` who can be asked where probes were answered, else ``respondents``: people like those who answered.
    """

    persona: str
    value: float | None
    low: float | None
    high: float | None
    n_eff: float
    people: int
    state: State
    population: Population

    def hidden(self) -> "Figure":
        """Return the figure without its value and interval."""
        return replace(self, value=None, low=None, high=None, state="too_few")


def state_of(n_eff: float, people: int) -> State:
    """Return whether a figure is shown.

    >>> state_of(25.0, 30), state_of(12.0, 30), state_of(25.0, 10)
    ('shown', 'uncertain', 'too_few')
    """
    if n_eff < UNCERTAIN_FROM or people < FEWEST_PEOPLE:
        return "too_few"
    return "shown" if n_eff >= SHOWN_FROM else "uncertain"


def figure_of(persona: str, value: float, low: float, high: float, n_eff: float, people: int, population: Population) -> Figure:
    """Return a figure in its state; one that is not finite, or that too few people are behind, has no value."""
    state = state_of(n_eff, people) if np.isfinite([value, low, high]).all() else "too_few"
    figure = Figure(persona, value, low, high, n_eff, people, state, population)
    return figure.hidden() if state == "too_few" else figure


def beta_interval(rate: float, n_eff: float) -> tuple[float, float]:
    """Return the equal-tailed 95 % interval of a rate seen among `n_eff` people, under Jeffreys' prior (Brown, Cai and DasGupta, 2001).

    With an effective number of people it covers well in complex samples (Franco, Little, Louis and Slud, 2019). It reaches 0 where the rate
    is 0, and 1 where it is 1.

    >>> [round(end, 3) for end in beta_interval(.2, 20)]
    [0.072, 0.408]
    """
    rate = min(max(rate, 0.0), 1.0)
    tail = (1 - LEVEL) / 2
    some, others = rate * n_eff + 0.5, (1 - rate) * n_eff + 0.5
    low = float(betaincinv(some, others, tail)) if rate > 0 else 0.0
    high = float(betaincinv(some, others, 1 - tail)) if rate < 1 else 1.0
    return min(low, rate), max(high, rate)


def t_interval(mean: float, error: float, n_eff: float, skewness: float = 0.0) -> tuple[float, float]:
    """Return the 95 % interval of a mean with this standard error, estimated from `n_eff` people (Student's t).

    `skewness` is that of the mean itself, which is that of the people over the square root of their number. Where most people spend
    nothing and a few much, the mean of a sample is mostly too low, and its error too small just then: the interval reaches further on the
    side of the long tail (Hall, 1992: the inverse of T + s·(T²/3 + 1/6) + s²·T³/27).

    >>> [round(end, 2) for end in t_interval(10, 1, 30) + t_interval(10, 1, 30, .3)]
    [7.95, 12.05, 8.31, 12.81]
    """
    t = float(stdtrit(max(n_eff - 1, 1.0), (1 + LEVEL) / 2))
    return mean - error * _untransformed(t, skewness), mean - error * _untransformed(-t, skewness)


def _untransformed(t: float, skewness: float) -> float:
    """Return Hall's inverse transformation of a quantile."""
    if abs(skewness) < SYMMETRIC:
        return t
    return float(np.cbrt(1 + skewness * (t - skewness / 6)) - 1) * 3 / skewness
