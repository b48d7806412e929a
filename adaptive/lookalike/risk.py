"""Risk and coverage: how accurate assignments are among the respondents that are certain enough, and how many those are.

All vectors are out of fold: no respondent taught the tables that score it. Accuracy counts P(top persona) under the label, so that
uncertain labels count in part.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

from adaptive.arrays import Floats

FEWEST_ABOVE = 20
"""Respondents that a threshold needs above it."""
STEP = 0.01
LEVEL = 0.975
"""Of one-sided bounds: the lower ends of intervals of 95 %."""


@dataclass(frozen=True)
class Coverage:
    """Respondents whose confidence is at least `threshold`: their share, mean accuracy, and its one-sided lower bound."""

    threshold: float
    people: int
    share: float
    accuracy: float
    lower: float


@dataclass(frozen=True)
class Forecast:
    """How many contacts could be assigned at the wanted accuracy `target`; the threshold is None, the share 0, where it is not reached.

    `low` and `high` bound the share at 95 % (Wilson); `contacts` is the share of the base, in contacts.
    """

    target: float
    threshold: float | None
    share: float
    low: float
    high: float
    contacts: int


def lower_bound(right: float, people: float, level: float = LEVEL) -> float:
    """Return the one-sided lower bound of a share (Clopper and Pearson, 1934); `right` may be fractional.

    >>> round(lower_bound(20, 20), 3), lower_bound(0, 20)
    (0.832, 0.0)
    """
    return float(betaincinv(right, people - right + 1, 1 - level)) if right > 0 else 0.0


def risk_coverage(vectors: Floats, labels: Floats, step: float = STEP) -> list[Coverage]:
    """Return coverage and accuracy at thresholds from 1 downwards, those with `FEWEST_ABOVE` respondents or more.

    `vectors` and `labels` are (N, K), P(persona) from attributes and from answers. A threshold that adds nobody is left out.
    """
    top = vectors.argmax(axis=1)
    confidence, right = vectors[np.arange(len(top)), top], labels[np.arange(len(top)), top]
    order = np.argsort(-confidence, kind="stable")
    confidence, hits = confidence[order], np.cumsum(right[order])
    found: list[Coverage] = []
    for threshold in np.round(np.arange(1.0, 0.0, -step), 6):
        people = int(np.searchsorted(-confidence, -threshold, side="right"))
        if people >= FEWEST_ABOVE and (not found or people > found[-1].people):
            hit = float(hits[people - 1])
            found.append(Coverage(float(threshold), people, people / len(top), hit / people, lower_bound(hit, people)))
    return found


def fit_threshold(vectors: Floats, labels: Floats, target: float) -> float | None:
    """Return the lowest confidence from which assignments are at least `target` accurate, or None.

    Thresholds are tested from 1 downwards; the first whose lower bound is below the target ends the search (fixed sequence testing: the
    chance that the accuracy misses the target stays below 2.5 %, however many thresholds are tested).
    """
    passed: float | None = None
    for coverage in risk_coverage(vectors, labels):
        if coverage.lower < target:
            break
        passed = coverage.threshold
    return passed


def forecast(vectors: Floats, labels: Floats, targets: Sequence[float], contacts: int) -> list[Forecast]:
    """Return how many of `contacts` could be assigned at each of the wanted accuracies, if they are like the respondents."""
    found = []
    for target in targets:
        threshold = fit_threshold(vectors, labels, target)
        above = 0 if threshold is None else int((vectors.max(axis=1) >= threshold).sum())
        low, high = _wilson(above, len(vectors)) if threshold is not None else (0.0, 0.0)
        share = above / max(len(vectors), 1)
        found.append(Forecast(target, threshold, share, low, high, round(share * contacts)))
    return found


def _wilson(count: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, 1927)."""
    share, spread = count / total, z**2 / total
    centre = (share + spread / 2) / (1 + spread)
    width = z * np.sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread)
    return max(float(centre - width), 0.0), min(float(centre + width), 1.0)
