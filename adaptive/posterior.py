"""The belief: persona probabilities from all the evidence, recomputed each time and never accumulated."""

from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from adaptive.forest import NOT_GIVEN, Tree
from adaptive.likelihood import Bools, Floats
from adaptive.tables import Integers, ResponseTables


@dataclass(frozen=True, eq=False)
class Evidence:
    """What B respondents have given, side by side. What is missing is False in both masks and counts for nothing.

    Attributes
    ----------
    answered : (B, Q) bool
        The question has an answer.
    silent : (B, Q) bool
        The respondent said so explicitly: skipped, does not know, refused.
    rows : (B, Q, K)
        log P(what was given | persona), finite; counts only where one of the masks is set.
    codes : (B, Q) int
        Which outcome of a choice was given, -1 where none was: what questions that depend on this one need to know.
    signals : (B, K)
        log P(behaviour | persona), summed over signals, already capped and faded by age.
    """

    answered: Bools
    silent: Bools
    rows: Floats
    codes: Integers
    signals: Floats

    @classmethod
    def none(cls, tables: ResponseTables, respondents: int = 1) -> "Evidence":
        """Nothing known yet about each of `respondents`."""
        shape = (respondents, len(tables.questions))
        nothing = np.zeros(shape, dtype=bool)
        rows, signals = np.zeros((*shape, tables.personas)), np.zeros((respondents, tables.personas))
        return cls(nothing, nothing.copy(), rows, np.full(shape, NOT_GIVEN), signals)


def evidence_weights(answered: Bools, silent: Bools, tables: ResponseTables) -> Floats:
    """Exponent on the likelihood of each question, (B, Q): zero where nothing was given.

    Within a topic the first answer counts in full and every later one `repeat_weight` as much, because answers to overlapping
    questions repeat each other. "First" is by bank order, answers before silences: the order of asking cannot matter. Questions of a
    tree are not discounted: there the dependence itself is known.
    """
    given = answered | silent
    weights = np.where(given, tables.evidence_weight, 0.0)
    if not tables.has_topics:
        return weights
    topics, sizes = np.unique(tables.topics[(tables.topics >= 0) & given.any(axis=0)], return_counts=True)
    for topic in topics[sizes > 1]:
        members = np.flatnonzero(tables.topics == topic)
        spoken, quiet = answered[:, members], silent[:, members] & ~answered[:, members]
        earlier_spoken: Integers = np.cumsum(spoken, axis=1) - spoken
        earlier_quiet = np.cumsum(quiet, axis=1) - quiet + spoken.sum(axis=1, keepdims=True)
        repeated = (spoken & (earlier_spoken > 0)) | (quiet & (earlier_quiet > 0))
        weights[:, members] *= np.where(repeated & ~tables.in_tree[members], tables.repeat_weight, 1.0)
    return weights


def log_evidence(evidence: Evidence, tables: ResponseTables) -> Floats:
    """(B, Q + 1, K) weighted log-likelihood that each question, and last all behaviour together, adds to the belief.

    An answer within a tree counts given the answers before it in the bank: its share depends on that order, their sum does not.
    """
    weights = evidence_weights(evidence.answered, evidence.silent, tables)
    alone = weights[:, :, None] * _rows(evidence, tables)
    parts = np.concatenate([alone, tables.evidence_weight * evidence.signals[:, None, :]], axis=1)
    for tree in tables.trees:
        told = np.zeros((len(evidence.codes), tables.personas))
        known = np.full_like(evidence.codes, NOT_GIVEN)
        for q in np.sort(tree.questions[(_codes(evidence)[:, tree.questions] != NOT_GIVEN).any(axis=0)]):
            known[:, q] = _codes(evidence)[:, q]
            now = tables.evidence_weight * tree.collect(known)[2]
            parts[:, q] += now - told
            told = now
    return parts


def believe(tables: ResponseTables, evidence: Evidence) -> Floats:
    """Persona probabilities of each respondent: ``p(k | evidence) ∝ prior[k] * prod P(evidence | k) ** weight``.

    Returns (B, K), rows summing to one. With no evidence it is the prior; any order of the same evidence gives the same belief.

    >>> tables = ResponseTables.of([[[.9, .1], [.2, .8]]])
    >>> believe(tables, Evidence.none(tables))
    array([[0.5, 0.5]])
    """
    weights = evidence_weights(evidence.answered, evidence.silent, tables)
    alone = (weights[:, None, :] @ _rows(evidence, tables))[:, 0, :]
    logits = np.log(tables.prior) + alone + tables.evidence_weight * evidence.signals
    for tree in answered_trees(tables, evidence):
        logits = logits + tables.evidence_weight * tree.collect(_codes(evidence))[2]
    belief: Floats = softmax(logits, axis=1)
    return belief


def answered_trees(tables: ResponseTables, evidence: Evidence) -> list[Tree]:
    """The trees in which anybody has answered anything: elsewhere the tables stand as they are."""
    return [tree for tree in tables.trees if (_codes(evidence)[:, tree.questions] != NOT_GIVEN).any()]


def _codes(evidence: Evidence) -> Integers:
    return np.where(evidence.answered, evidence.codes, NOT_GIVEN)


def _rows(evidence: Evidence, tables: ResponseTables) -> Floats:
    """(B, Q, K) what each question says without regard to others: of an answer within a tree only that there is one."""
    if not tables.trees:
        return evidence.rows
    return np.where((tables.in_tree & evidence.answered)[:, :, None], np.log1p(-tables.silence), evidence.rows)
