"""The best order of questions for everybody: the opponent that adaptive choice has to beat."""

import numpy as np

from adaptive.forest import NOT_GIVEN
from adaptive.likelihood import Bools, Floats
from adaptive.posterior import Evidence, repeat_weights
from adaptive.tables import Integers, ResponseTables


def best_fixed_order(tables: ResponseTables, answers: Evidence, label: Integers, included: Bools, length: int | None = None) -> list[int]:
    """The `included` questions in the order that, one by one, raises the log score of `label` most on these very respondents.

    The belief is the one that the service would state, with its trees and topics. The order knows the answers in advance: a strong
    opponent for any rule that does not.

    Parameters
    ----------
    answers : Evidence
        Everything that N respondents gave.
    label : (N,) int array
        The persona held to be true.
    included : (Q,) bool
    length : int, optional
        So many questions only.
    """
    groups = _groups(tables)
    place = np.arange(len(included))
    shown = np.zeros_like(included)
    logits = np.log(tables.prior) + answers.signals * tables.evidence_weight
    adds = {int(q): _said(tables, answers, place == q) for q in np.flatnonzero(included)}
    order: list[int] = []
    while adds and (length is None or len(order) < length):
        best = max(adds, key=lambda q: _log_score(tables, logits + adds[q], label))
        logits = logits + adds.pop(best)
        shown[best] = True
        order.append(best)
        group = groups == groups[best]
        said = _said(tables, answers, shown & group)
        for q in adds.keys() & set(np.flatnonzero(group).tolist()):
            adds[q] = _said(tables, answers, (shown & group) | (place == q)) - said
    return order


def _log_score(tables: ResponseTables, logits: Floats, label: Integers) -> float:
    if tables.styles is not None:
        logits = tables.styles.log_marginal(logits)
    right = np.take_along_axis(logits, label[:, None], axis=1)[:, 0]
    return float((right - np.logaddexp.reduce(logits, axis=1)).mean())


def _groups(tables: ResponseTables) -> Integers:
    """(Q,) equal numbers for questions whose evidence cannot be added up: those of one tree or one topic, or of both in a chain."""
    groups = np.arange(len(tables.questions))
    bound = [np.flatnonzero(tables.topics == topic) for topic in np.unique(tables.topics[tables.topics >= 0])]
    if tables.forest is not None:
        above = np.empty(0, dtype=np.int64)
        for level in tables.forest.levels:
            here = tables.forest.questions[level.nodes]
            bound += [np.array(pair) for pair in zip(above[level.above], here, strict=True)] if len(above) else []
            above = here
    for members in bound:
        groups[np.isin(groups, groups[members])] = groups[members].min()
    return groups


def _said(tables: ResponseTables, answers: Evidence, shown: Bools) -> Floats:
    """(N, K) weighted log-likelihood of the answers to the `shown` questions, all of one group."""
    few = np.flatnonzero(shown)
    answered, silent = answers.answered & shown, answers.silent & shown
    within = (answered & tables.in_forest)[:, few]
    rows = np.where(within[:, :, None], tables.log_spoken[few], answers.rows[:, few])
    weights = np.where(within, 1.0, repeat_weights(answered, silent, tables)[:, few])
    said: Floats = np.einsum("nq,nqk->nk", weights, rows)
    if tables.forest is not None and within.any():
        said = said + tables.forest.read(np.where(answered, answers.codes, NOT_GIVEN)).log_likelihood
    return tables.evidence_weight * said
