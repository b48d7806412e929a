"""Questions that say nearly the same: the answer to one foretells the other far better than the persona does."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import norm

from adaptive.arrays import Bools, Floats, Ints
from adaptive.learning.cross_validation import Fold, TrainingSet
from adaptive.learning.responses import items_of

CHANCE = 0.05
"""Accepted probability that silence which tells nothing gets a table somewhere: shared among all questions (Bonferroni)."""


def informative_no_answers(lesson: TrainingSet, folds: Sequence[Fold], pseudo_counts: float) -> dict[int, float]:
    """Question -> nats that P(no answer | persona) won over one rate for all, on held-out respondents, where beyond chance.

    Who they are is known, or believed from their answers alone. Rates are shrunk to the rate of all by `pseudo_counts`.
    """
    answers = lesson.answers
    put = answers.answered | answers.silent
    open_to_doubt = answers.answered.any(axis=0) & answers.silent.any(axis=0)
    gain, square = np.zeros(answers.size), np.zeros(answers.size)
    for fold in folds:
        counts = fold.fitted.membership.T @ np.stack([answers.silent[fold.train], put[fold.train]]).astype(float)  # (2, K, Q)
        pooled = (counts[0].sum(axis=0) + 0.5) / (counts[1].sum(axis=0) + 1)
        rates = (counts[0] + pseudo_counts * pooled) / (counts[1] + pseudo_counts)
        won = _log_ratio(answers.silent[fold.held], fold.truth, rates, pooled) * put[fold.held]
        gain += won.sum(axis=0)
        square += (won**2).sum(axis=0)
    holds = open_to_doubt & (gain > norm.isf(CHANCE / max(open_to_doubt.sum(), 1)) * np.sqrt(square))
    return {int(q): float(gain[q]) for q in np.flatnonzero(holds)}


def _log_ratio(silent: Bools, truth: Floats, rates: Floats, pooled: Floats) -> Floats:
    """(B, Q) expected log of P(what happened | persona) / P(what happened)."""
    quiet, spoken = truth @ (np.log(rates) - np.log(pooled)), truth @ (np.log1p(-rates) - np.log1p(-pooled))
    happened: Floats = np.where(silent, quiet, spoken)
    return happened


MAX_LEFT_OPEN = 0.55
"""Two questions repeat each other when knowing one leaves at most this share of what the persona leaves open about the other."""
MAX_LEFT_OPEN_TO_JOIN = 0.7
"""A question joins those that repeat each other when it leaves at most this share open about one of them."""
FEWEST_PAIRS = 20
"""Respondents who must have answered both."""


def repeated_questions(lesson: TrainingSet, folds: Sequence[Fold]) -> tuple[Ints, Floats]:
    """(Q,) topic of each question, -1 for none, and (Q, Q) the share left open; both by held-out log score.

    Pairs are counted over all personas together: few respondents are enough, where P(answer | persona, other answer) needs many.
    Only linkable items can repeat each other.
    """
    items = np.flatnonzero(lesson.answers.linkable)
    cells = np.isin(items_of(lesson.answers.levels), items)
    owner = np.searchsorted(items, items_of(lesson.answers.levels)[cells])
    blocks = (owner[:, None] == np.arange(len(items))).astype(float)
    alone, together = np.zeros((len(items),) * 2), np.zeros((len(items),) * 2)
    size = len(lesson.answers.levels)
    both = np.zeros_like(alone)
    for fold in folds:
        teach, held = lesson.answers.hot[fold.train][:, cells], lesson.answers.hot[fold.held][:, cells]
        table = np.log(fold.fitted.table[:, : len(cells)][:, cells])
        answered = held @ blocks
        alone += answered.T @ (held * (fold.truth @ table)) @ blocks
        together += blocks.T @ ((held.T @ held) * _log_conditional(teach, owner, blocks)) @ blocks
        both += answered.T @ answered
    with np.errstate(invalid="ignore", divide="ignore"):
        left = np.where((both >= FEWEST_PAIRS) & (alone < 0), together / alone, np.inf)
    np.fill_diagonal(left, np.inf)
    share = np.full((size, size), np.inf)
    share[np.ix_(items, items)] = np.maximum(left, left.T)
    return _topics(share, lesson.answers.questions), share


def _log_conditional(hot: Floats, owner: Ints, blocks: Floats) -> Floats:
    """(cells, cells) log P(column's answer | row's answer) over all personas, one answer of the pooled table added."""
    pairs = hot.T @ hot
    pooled = hot.sum(axis=0) + 0.5
    pooled /= (pooled @ blocks)[owner]
    given = (pairs @ blocks)[:, owner]
    logs: Floats = np.log((pairs + pooled) / (given + 1))
    return logs


def _topics(share: Floats, questions: Ints) -> Ints:
    """(Q,) the connected groups in which at least two repeat each other, numbered from 0; -1 elsewhere."""
    _, group = connected_components(csr_array((share <= MAX_LEFT_OPEN_TO_JOIN).astype(float)), directed=False)
    repeating = np.unique(group[(share <= MAX_LEFT_OPEN).any(axis=1)])
    topics = np.full(int(questions[-1]) + 1, -1)
    topics[questions] = np.where(np.isin(group, repeating), np.searchsorted(repeating, group), -1)
    return topics
