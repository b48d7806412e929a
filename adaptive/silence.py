"""Which questions' silence tells personas apart: P(no answer | persona) is kept only where it foretells who stays silent."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from adaptive.folds import Fold, Lesson
from adaptive.likelihood import Bools, Floats

CHANCE = 0.05
"""Accepted probability that silence which tells nothing gets a table somewhere: shared among all questions (Bonferroni)."""


def telling_silences(lesson: Lesson, folds: Sequence[Fold], pseudo_counts: float) -> dict[int, float]:
    """Question -> nats that P(no answer | persona) won over one rate for all, on held-out respondents, where beyond chance.

    Who they are is known, or believed from their answers alone. Rates are shrunk to the rate of all by `pseudo_counts`.
    """
    answers = lesson.answers
    put = answers.answered | answers.silent
    open_to_doubt = answers.answered.any(axis=0) & answers.silent.any(axis=0)
    gain, square = np.zeros(answers.size), np.zeros(answers.size)
    for fold in folds:
        counts = fold.taught.membership.T @ np.stack([answers.silent[fold.teach], put[fold.teach]]).astype(float)  # (2, K, Q)
        pooled = (counts[0].sum(axis=0) + 0.5) / (counts[1].sum(axis=0) + 1)
        rates = (counts[0] + pseudo_counts * pooled) / (counts[1] + pseudo_counts)
        won = _log(answers.silent[fold.held], fold.truth, rates, pooled) * put[fold.held]
        gain += won.sum(axis=0)
        square += (won**2).sum(axis=0)
    holds = open_to_doubt & (gain > norm.isf(CHANCE / max(open_to_doubt.sum(), 1)) * np.sqrt(square))
    return {int(q): float(gain[q]) for q in np.flatnonzero(holds)}


def _log(silent: Bools, truth: Floats, rates: Floats, pooled: Floats) -> Floats:
    """(B, Q) expected log of P(what happened | persona) / P(what happened)."""
    quiet, spoken = truth @ (np.log(rates) - np.log(pooled)), truth @ (np.log1p(-rates) - np.log1p(-pooled))
    happened: Floats = np.where(silent, quiet, spoken)
    return happened
