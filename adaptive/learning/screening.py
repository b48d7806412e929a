"""Screening: questions whose missing answers differ between personas, and questions that repeat each other.

Two questions repeat each other where the answer to the first predicts the second far better than the persona does.
"""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.special import ndtri

from adaptive.arrays import Bools, Floats, Ints
from adaptive.learning.cross_validation import Fold, TrainingSet
from adaptive.learning.responses import items_of

CHANCE = 0.05
"""Accepted probability that any question gets a no-answer table by chance: divided among all questions (Bonferroni)."""


def informative_no_answers(training: TrainingSet, folds: Sequence[Fold], pseudo_counts: float) -> dict[int, float]:
    """Return question -> held-out nats that P(no answer | persona) gains over one rate for all, for questions where that is significant.

    The personas are known, or inferred from the answers alone. Rates are shrunk to the pooled rate by `pseudo_counts`.
    """
    answers = training.answers
    asked = answers.answered | answers.silent
    varying = answers.answered.any(axis=0) & answers.silent.any(axis=0)
    gain, square = np.zeros(answers.size), np.zeros(answers.size)
    for fold in folds:
        counts = fold.fitted.membership.T @ np.stack([answers.silent[fold.train], asked[fold.train]]).astype(float)  # (2, K, Q)
        pooled = (counts[0].sum(axis=0) + 0.5) / (counts[1].sum(axis=0) + 1)
        rates = (counts[0] + pseudo_counts * pooled) / (counts[1] + pseudo_counts)
        log_ratio = _log_ratio(answers.silent[fold.held_out], fold.truth, rates, pooled) * asked[fold.held_out]
        gain += log_ratio.sum(axis=0)
        square += (log_ratio**2).sum(axis=0)
    significant = varying & (gain > -ndtri(CHANCE / max(varying.sum(), 1)) * np.sqrt(square))
    return {int(q): float(gain[q]) for q in np.flatnonzero(significant)}


def _log_ratio(silent: Bools, truth: Floats, rates: Floats, pooled: Floats) -> Floats:
    """Return the (B, Q) expected log of P(answered or not | persona) / P(answered or not)."""
    if_silent, if_answered = truth @ (np.log(rates) - np.log(pooled)), truth @ (np.log1p(-rates) - np.log1p(-pooled))
    happened: Floats = np.where(silent, if_silent, if_answered)
    return happened


MAX_LEFT_OPEN = 0.55
"""Two questions repeat each other where one answer leaves at most this share of the log loss that the persona leaves about the other."""
MAX_LEFT_OPEN_TO_JOIN = 0.7
"""A question joins a group of repeating questions where it leaves at most this share of the log loss about one of them."""
FEWEST_PAIRS = 20
"""Respondents who must have answered both."""


def repeated_questions(training: TrainingSet, folds: Sequence[Fold]) -> tuple[Ints, Floats]:
    """Return the (Q,) topic of each question, -1 for none, and the (Q, Q) share of log loss left; both by held-out log score.

    Pairs are pooled over all personas, so that few respondents are enough; P(answer | persona, other answer) would need many.
    Only linkable items can repeat each other.
    """
    items = np.flatnonzero(training.answers.linkable)
    cells = np.isin(items_of(training.answers.levels), items)
    owner = np.searchsorted(items, items_of(training.answers.levels)[cells])
    blocks = (owner[:, None] == np.arange(len(items))).astype(float)
    alone, together = np.zeros((len(items),) * 2), np.zeros((len(items),) * 2)
    size = len(training.answers.levels)
    both = np.zeros_like(alone)
    for fold in folds:
        train, held_out = training.answers.hot[fold.train][:, cells], training.answers.hot[fold.held_out][:, cells]
        table = np.log(fold.fitted.table[:, : len(cells)][:, cells])
        answered = held_out @ blocks
        alone += answered.T @ (held_out * (fold.truth @ table)) @ blocks
        together += blocks.T @ ((held_out.T @ held_out) * _log_conditional(train, owner, blocks)) @ blocks
        both += answered.T @ answered
    with np.errstate(invalid="ignore", divide="ignore"):
        left = np.where((both >= FEWEST_PAIRS) & (alone < 0), together / alone, np.inf)
    np.fill_diagonal(left, np.inf)
    share = np.full((size, size), np.inf)
    share[np.ix_(items, items)] = np.maximum(left, left.T)
    return _topics(share, training.answers.questions), share


def _log_conditional(hot: Floats, owner: Ints, blocks: Floats) -> Floats:
    """Return (cells, cells) log P(column's answer | row's answer) over all personas, shrunk to the pooled table by one answer."""
    pairs = hot.T @ hot
    pooled = hot.sum(axis=0) + 0.5
    pooled /= (pooled @ blocks)[owner]
    given = (pairs @ blocks)[:, owner]
    logs: Floats = np.log((pairs + pooled) / (given + 1))
    return logs


def _topics(share: Floats, questions: Ints) -> Ints:
    """Return the (Q,) connected group of each question in which at least two repeat each other, numbered from 0; -1 elsewhere."""
    _, group = connected_components(csr_array((share <= MAX_LEFT_OPEN_TO_JOIN).astype(float)), directed=False)
    repeating = np.unique(group[(share <= MAX_LEFT_OPEN).any(axis=1)])
    topics = np.full(int(questions[-1]) + 1, -1)
    topics[questions] = np.where(np.isin(group, repeating), np.searchsorted(repeating, group), -1)
    return topics
