"""How far two tables of one question lie apart: of a hundred respondents, how many would be expected to answer otherwise."""

from itertools import pairwise

import numpy as np

from adaptive.likelihood import AnyLikelihood, Choice, Floats, Measure, Ticks

PERCENT = np.linspace(0.01, 0.99, 99)


def distance(before: AnyLikelihood, after: AnyLikelihood) -> Floats:
    """(K,) total variation between two tables of one question, from 0 (the same) to 1: of a multiple choice the mean over its options."""
    if isinstance(before, Ticks) and isinstance(after, Ticks):
        ticks: Floats = np.abs(before.ticked - after.ticked).mean(axis=1)
        return ticks
    if isinstance(before, Measure) and isinstance(after, Measure):
        inner = np.unique([law.quantile(PERCENT) for law in (before, after)])
        ends = list(pairwise([before.low, *inner.tolist(), before.high]))
        cells = [np.column_stack([law.chance_between(low, high) for low, high in ends]) for law in (before, after)]
        return _variation(*cells)
    if isinstance(before, Choice) and isinstance(after, Choice):
        return _variation(before.table, after.table)
    raise TypeError("only tables of the same kind can be compared")


def _variation(before: Floats, after: Floats) -> Floats:
    half: Floats = np.abs(before - after).sum(axis=1) / 2
    return half
