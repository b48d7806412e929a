"""The belief: persona probabilities from all the evidence, recomputed each time and never accumulated."""

from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

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
        log P(what was given | persona); read only where one of the masks is set.
    signals : (B, K)
        log P(behaviour | persona), summed over signals, already capped and faded by age.
    """

    answered: Bools
    silent: Bools
    rows: Floats
    signals: Floats

    @classmethod
    def none(cls, tables: ResponseTables, respondents: int = 1) -> "Evidence":
        """Nothing known yet about each of `respondents`."""
        shape = (respondents, len(tables.questions))
        nothing = np.zeros(shape, dtype=bool)
        return cls(nothing, nothing.copy(), np.zeros((*shape, tables.personas)), np.zeros((respondents, tables.personas)))


def evidence_weights(answered: Bools, silent: Bools, tables: ResponseTables) -> Floats:
    """Exponent on the likelihood of each question, (B, Q): zero where nothing was given.

    Within a topic the first answer counts in full and every later one `repeat_weight` as much, because answers to overlapping
    questions repeat each other. "First" is by bank order, answers before silences: the order of asking cannot matter.
    """
    given = answered | silent
    weights = np.where(given, tables.evidence_weight, 0.0)
    topics, sizes = np.unique(tables.topics[(tables.topics >= 0) & given.any(axis=0)], return_counts=True)
    for topic in topics[sizes > 1]:
        members = np.flatnonzero(tables.topics == topic)
        spoken, quiet = answered[:, members], silent[:, members] & ~answered[:, members]
        earlier_spoken: Integers = np.cumsum(spoken, axis=1) - spoken
        earlier_quiet = np.cumsum(quiet, axis=1) - quiet + spoken.sum(axis=1, keepdims=True)
        repeated = (spoken & (earlier_spoken > 0)) | (quiet & (earlier_quiet > 0))
        weights[:, members] *= np.where(repeated, tables.repeat_weight, 1.0)
    return weights


def log_evidence(evidence: Evidence, tables: ResponseTables) -> Floats:
    """(B, Q + 1, K) weighted log-likelihood that each question, and last all behaviour together, adds to the belief."""
    weights = evidence_weights(evidence.answered, evidence.silent, tables)
    questions = np.where(weights[:, :, None] > 0, evidence.rows, 0.0) * weights[:, :, None]
    return np.concatenate([questions, tables.evidence_weight * evidence.signals[:, None, :]], axis=1)


def believe(tables: ResponseTables, evidence: Evidence) -> Floats:
    """Persona probabilities of each respondent: ``p(k | evidence) ∝ prior[k] * prod P(evidence | k) ** weight``.

    Returns (B, K), rows summing to one. With no evidence it is the prior; any order of the same evidence gives the same belief.

    >>> tables = ResponseTables.of([[[.9, .1], [.2, .8]]])
    >>> believe(tables, Evidence.none(tables))
    array([[0.5, 0.5]])
    """
    belief: Floats = softmax(np.log(tables.prior) + log_evidence(evidence, tables).sum(axis=1), axis=1)
    return belief
