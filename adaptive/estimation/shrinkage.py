"""Empirical Bayes for cells of persona and moment, and changes between periods."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adaptive.arrays import Bools, Floats
from adaptive.estimation.barometer import Levels
from adaptive.estimation.figures import Figure, Population, figure_of

Z = 1.959964
WIDENED = 1.15
"""What intervals of shrunk cells are multiplied with, because the spread between cells is itself an estimate."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Levels of K personas at M moments, each (K, M), shrunk towards what persona and moment lead to expect.

    `value` with its 95 % interval from `low` to `high` and its standard `error`; `kept` is the part of a cell's own deviation that is kept.
    All NaN where a cell has no answers.
    """

    value: Floats
    error: Floats
    low: Floats
    high: Floats
    kept: Floats


def shrink(levels: Sequence[Levels]) -> Cells:
    """Return the levels of all personas at each of M moments, shrunk by empirical Bayes (Morris, 1983).

    A cell is expected at the sum of an effect of its persona and one of its moment. The variance of cells around it is estimated as
    Paule and Mandel (1982) do. The variance of an answer is pooled: from a handful of answers it is hardly known.
    """
    if not levels:
        raise ValueError("levels: must be of one moment at least")
    raw, n = (np.array([getattr(level, name) for level in levels]).T for name in ("value", "n_eff"))
    error = np.array([level.error for level in levels]).T
    known = np.isfinite(raw) & (n > 0)
    if not known.any():
        empty = np.full(raw.shape, np.nan)
        return Cells(empty, empty, empty, empty, empty)
    variance = _pooled_variance(error, n, known)[known] / n[known]
    if not variance.all():  # every cell's answers are all the same: nothing to shrink
        own, nothing = _placed(raw[known], known), _placed(np.zeros(int(known.sum())), known)
        return Cells(own, nothing, own, own, nothing + 1)
    design = _effects(known)
    spread = _paule_mandel(raw[known], variance, design)
    expected, of_expected = _fitted(raw[known], variance + spread, design)
    kept = spread / (spread + variance)
    value = expected + kept * (raw[known] - expected)
    deviation = np.sqrt(kept * variance + (1 - kept) ** 2 * of_expected)
    parts = (value, deviation, value - WIDENED * Z * deviation, value + WIDENED * Z * deviation, kept)
    return Cells(*(_placed(part, known) for part in parts))


def estimate_cells(
    levels: Sequence[Levels],
    personas: Sequence[str],
    bounds: tuple[float, float] = (-np.inf, np.inf),
    population: Population = "respondents",
) -> tuple[tuple[Figure, ...], ...]:
    """Return, for each moment, the figure of each persona, shrunk. `bounds` are the ends of the scale.

    Raises ValueError, which begins with the name of the argument.
    """
    if any(len(level.value) != len(personas) for level in levels):
        raise ValueError("personas: must be as many as there are levels of each moment")
    cells = shrink(levels)
    value, low, high = (np.clip(part, *bounds) for part in (cells.value, cells.low, cells.high))
    return tuple(
        tuple(
            figure_of(
                name, float(value[k, m]), float(low[k, m]), float(high[k, m]), float(level.n_eff[k]), int(level.people[k]), population
            )
            for k, name in enumerate(personas)
        )
        for m, level in enumerate(levels)
    )


def _placed(values: Floats, known: Bools) -> Floats:
    table = np.full(known.shape, np.nan)
    table[known] = values
    return table


def _pooled_variance(error: Floats, n: Floats, known: Bools) -> Floats:
    """Return the (K, M) variance of a single answer: that of all cells, weighted by their degrees of freedom."""
    usable = known & np.isfinite(error) & (n > 1)
    weights = np.where(usable, n - 1, 0.0)
    single = np.where(usable, np.where(usable, error, 0.0) ** 2 * n, 0.0)
    pooled = float((weights * single).sum() / weights.sum()) if weights.any() else 0.0
    return np.full(error.shape, pooled)


def _effects(known: Bools) -> Floats:
    """Return the (cells, K + M) design of the effects of persona and moment."""
    persona, moment = np.nonzero(known)
    return np.concatenate([np.eye(known.shape[0])[persona], np.eye(known.shape[1])[moment]], axis=1)


def _fitted(values: Floats, variance: Floats, design: Floats) -> tuple[Floats, Floats]:
    """Return the weighted least-squares fit and its variance, for each value."""
    weights = 1 / variance
    inverse = np.linalg.pinv((design * weights[:, None]).T @ design, hermitian=True)
    fitted: Floats = design @ (inverse @ (design.T @ (weights * values)))
    return fitted, np.einsum("ij,jk,ik->i", design, inverse, design)


def _paule_mandel(values: Floats, variance: Floats, design: Floats) -> float:
    """Return the variance between cells at which the weighted squared residuals equal their degrees of freedom, 0 where none does."""
    freedom = len(values) - int(np.linalg.matrix_rank(design))
    if freedom < 1:
        return 0.0

    def excess(spread: float) -> float:
        fitted, _ = _fitted(values, variance + spread, design)
        return float(((values - fitted) ** 2 / (variance + spread)).sum()) - freedom

    if excess(0.0) <= 0:
        return 0.0
    low, high = 0.0, float(np.ptp(values)) ** 2 + float(variance.max())
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return high


@dataclass(frozen=True)
class Trend:
    """The change of a level between two periods with its 95 % interval; `is_significant` where this excludes 0."""

    persona: str
    change: float
    low: float
    high: float

    @property
    def is_significant(self) -> bool:
        return self.low > 0 or self.high < 0


def trends(before: Levels, after: Levels, personas: Sequence[str]) -> tuple[Trend, ...]:
    """Return the change of each persona between two periods in which different people answered; NaN where one has no answers."""
    if not len(personas) == len(before.value) == len(after.value):
        raise ValueError("personas: must be as many as there are levels before and after")
    change = after.value - before.value
    error = np.sqrt(before.error**2 + after.error**2)
    width = WIDENED * Z * np.where(np.isfinite(error), error, np.nan)
    return tuple(
        Trend(persona, float(value), float(value - half), float(value + half))
        for persona, value, half in zip(personas, change, width, strict=True)
    )
