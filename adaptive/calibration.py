"""Whether the stated probabilities are true, and the exponents on the evidence that make them so."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy.special import xlogy

from adaptive.assembling import engine_tables, evidence_from, silence_of
from adaptive.coding import Codes, split_items
from adaptive.dependence import Dependences
from adaptive.folds import Fold, Lesson
from adaptive.likelihood import Floats
from adaptive.linking import given_tables
from adaptive.posterior import Evidence, believe

EVIDENCE_WEIGHTS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6)
REPEAT_WEIGHTS = (1.0, 0.75, 0.5, 0.3, 0.15, 0.0)
PARTIAL = (3, 5, 8)
"""After how many questions, drawn at random, the belief is scored."""
NO_REPEATS = 0.5
"""The repeat weight of a bank whose questions do not repeat one another: what an author gets who writes topics by hand."""


@dataclass(frozen=True, eq=False)
class Weights:
    """Exponents on all evidence and on repeats within a topic, and the (N,) log scores they reach on held-out respondents."""

    evidence: float
    repeat: float
    scores: Floats

    def clearly_better_than(self, other: "Weights") -> bool:
        """By more than two standard errors of the difference."""
        gain = self.scores - other.scores
        return bool(gain.sum() > 2 * np.sqrt((gain**2).sum()))


def choose_weights(lesson: Lesson, folds: Sequence[Fold], found: Dependences, topics: Codes, rng: np.random.Generator) -> Weights:
    """The exponents under which the belief after a few questions foretells the persona best on held-out respondents (log score).

    The persona is the label, or what all answers say at full weight. The weights cannot be chosen from fully answered questionnaires:
    there, without labels, the belief would be judge in its own cause. Where questions repeat each other, whole topics are drawn too:
    only there a repeat weight shows.
    """
    repeats = REPEAT_WEIGHTS if (topics >= 0).any() else (NO_REPEATS,)
    grid = list(product(EVIDENCE_WEIGHTS, repeats))
    scores: list[list[Floats]] = [[] for _ in grid]
    for fold in folds:
        given = given_tables(lesson, fold.taught, fold.teach, found.parents, found.strength)
        tables = split_items(fold.taught.table, lesson.levels)
        engine = engine_tables(
            lesson.answers.questions, tables, fold.taught.prior, silence_of(lesson, fold.taught), replace(found, given=given), topics
        )
        full = evidence_from(lesson.answers.some(fold.held), engine, fold.taught.table)
        truth = fold.truth if lesson.settled else believe(replace(engine, repeat_weight=1.0), full)
        shown = _partial(full, topics, rng)
        for place, (weight, repeat) in enumerate(grid):
            weighed = replace(engine, evidence_weight=weight, repeat_weight=repeat)
            scores[place].append(np.sum([_log_score(believe(weighed, partial), truth) for partial in shown], axis=0))
    each = [np.concatenate(parts) for parts in scores]
    best = max(range(len(grid)), key=lambda place: float(each[place].sum()))
    return Weights(*grid[best], scores=each[best])


def _log_score(belief: Floats, truth: Floats) -> Floats:
    """(B,) expected log of the belief in who it is."""
    score: Floats = xlogy(truth, np.maximum(belief, np.finfo(float).tiny)).sum(axis=1)
    return score


def _partial(full: Evidence, topics: Codes, rng: np.random.Generator) -> list[Evidence]:
    """The evidence as it is after some questions in an order of chance."""
    asked = full.codes.shape[1]
    rank = rng.random(full.codes.shape).argsort(axis=1).argsort(axis=1)
    shown = [rank < size for size in PARTIAL if size < asked] or [rank < asked]
    if (topics >= 0).any():
        groups = np.where(topics >= 0, topics, topics.max() + 1 + np.arange(asked))
        order = rng.random((len(rank), int(groups.max()) + 1)).argsort(axis=1).argsort(axis=1)[:, groups]
        shown += [order < size for size in PARTIAL]
    return [replace(full, answered=full.answered & some, silent=full.silent & some) for some in shown]


def calibration_error(stated: Floats, true: Floats, bins: int = 10) -> float:
    """Mean distance between stated confidence and truth over equal bins of confidence, weighted by their size.

    `stated` and `true` are (N,): the confidence in the stated persona, and the probability (or 0/1) that it is right.

    >>> round(calibration_error(np.array([0.9, 0.9]), np.array([1.0, 0.0])), 6)
    0.4
    """
    edges = np.minimum((stated * bins).astype(int), bins - 1)
    sizes = np.bincount(edges, minlength=bins)
    gaps = np.abs(np.bincount(edges, stated, bins) - np.bincount(edges, true, bins))
    return float(gaps.sum() / sizes.sum())
