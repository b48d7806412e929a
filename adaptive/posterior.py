"""The belief: persona probabilities from all the evidence, recomputed each time and never accumulated."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from adaptive.arrays import Bools, Floats, Ints
from adaptive.dependency_forest import NOT_GIVEN, UpwardPass
from adaptive.response_styles import Styles
from adaptive.tables import ResponseTables


def log_odds(logits: Floats) -> Floats:
    """(…, K) log odds in bits of each persona against all the others, from (…, K) unnormalised log probabilities."""
    personas = logits.shape[-1]
    others = np.where(np.eye(personas, dtype=bool), -np.inf, logits[..., None, :])
    bits: Floats = (logits - logsumexp(others, axis=-1)) / np.log(2)
    return bits


def weights_of_evidence(prior: Floats, evidence: Floats, styles: Styles | None = None) -> Floats:
    """Weight of each piece of evidence for each persona, in bits, given the pieces before it (Good, 1950).

    ``W[e, k] = log2 odds(k | pieces up to e) - log2 odds(k | pieces before e)``, so a column adds up to exactly the persona's posterior
    minus its prior log odds.

    Parameters
    ----------
    prior : (C,) array
        Of the classes: of the personas, where none has `styles`.
    evidence : (E, C) array
        Weighted log-likelihood of each piece, in the order in which it is to be told.

    Returns
    -------
    (E, K) array

    >>> weights_of_evidence(np.array([.5, .5]), np.log([[.8, .2]])).round(3)
    array([[ 2., -2.]])
    """
    steps = np.vstack([np.log(prior), evidence]).cumsum(axis=0)
    if styles is not None:
        steps = styles.log_marginal(steps)
    return np.diff(log_odds(steps), axis=0)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What B respondents have given, side by side. What is missing is False in both masks and counts for nothing.

    K is the number of classes: of personas, where none has styles.

    Attributes
    ----------
    answered : (B, Q) bool
        The question has an answer.
    silent : (B, Q) bool
        The respondent said so explicitly: skipped, does not know, refused.
    rows : (B, Q, K) or (1, Q, K)
        log P(what was given | persona), finite; counts only where one of the masks is set. One for all B where they differ only in
        what is `supposed`.
    codes : (B, Q) int
        Which outcome of a choice was given, -1 where none was: what questions that depend on this one need to know.
    signals : (B, K)
        log P(behaviour | persona), summed over signals, already capped and faded by age.
    supposed : (question, (B, K) rows) or None
        One more question, whose rows are these and not those of `rows`.
    """

    answered: Bools
    silent: Bools
    rows: Floats
    codes: Ints
    signals: Floats
    hypothetical: tuple[int, Floats] | None = None

    @classmethod
    def none(cls, tables: ResponseTables, respondents: int = 1) -> "Evidence":
        """Nothing known yet about each of `respondents`."""
        shape = (respondents, len(tables.questions))
        nothing = np.zeros(shape, dtype=bool)
        rows, signals = np.zeros((*shape, tables.classes)), np.zeros((respondents, tables.classes))
        return cls(nothing, nothing.copy(), rows, np.full(shape, NOT_GIVEN), signals)


def restrict_to(evidence: Evidence, asked: Bools) -> Evidence:
    """What is known when only the (B, Q) `asked` questions were put."""
    return replace(evidence, answered=evidence.answered & asked, silent=evidence.silent & asked)


def repeat_weights(answered: Bools, silent: Bools, tables: ResponseTables) -> Floats:
    """Exponent on the likelihood of each question before the evidence weight, (B, Q): one, less where repeated, zero where nothing.

    Within a topic the first answer counts in full and every later one `repeat_weight` as much, because answers to overlapping
    questions repeat each other. "First" is by bank order, answers before silences: the order of asking cannot matter. Questions of a
    tree are not discounted: there the dependence itself is known.
    """
    given = answered | silent
    weights = given.astype(float)
    if not tables.has_topics:
        return weights
    topics, sizes = np.unique(tables.topics[(tables.topics >= 0) & given.any(axis=0)], return_counts=True)
    for topic in topics[sizes > 1]:
        members = np.flatnonzero(tables.topics == topic)
        spoken, quiet = answered[:, members], silent[:, members] & ~answered[:, members]
        earlier_spoken: Ints = np.cumsum(spoken, axis=1) - spoken
        earlier_quiet = np.cumsum(quiet, axis=1) - quiet + spoken.sum(axis=1, keepdims=True)
        repeated = (spoken & (earlier_spoken > 0)) | (quiet & (earlier_quiet > 0))
        weights[:, members] *= np.where(repeated & ~tables.in_forest[members], tables.repeat_weight, 1.0)
    return weights


def log_evidence(evidence: Evidence, tables: ResponseTables) -> Floats:
    """(B, Q + 1, K) weighted log-likelihood of each class that each question, and last all behaviour together, adds to the belief.

    An answer within a tree counts given the answers before it in the bank: its share depends on that order, their sum does not.
    """
    weights = repeat_weights(evidence.answered, evidence.silent, tables)
    alone = np.where((tables.in_forest & evidence.answered)[:, :, None], tables.log_any_answer, evidence.rows)
    parts = tables.evidence_weight * np.concatenate([weights[:, :, None] * alone, evidence.signals[:, None, :]], axis=1)
    if tables.forest is not None:
        codes = _answered_codes(evidence)
        told = np.zeros((len(codes), tables.classes))
        known = np.full_like(codes, NOT_GIVEN)
        for q in np.sort(tables.forest.questions[(codes[:, tables.forest.questions] != NOT_GIVEN).any(axis=0)]):
            known[:, q] = codes[:, q]
            now = tables.evidence_weight * tables.forest.read(known).log_likelihood
            parts[:, q] += now - told
            told = now
    return parts


class Posterior(NamedTuple):
    """Where B respondents stand: their (B, K) `belief`, and what their answers say about dependent questions, None where nothing.

    `styled` is (B, C), the belief class by class, None where every persona is one class.
    """

    belief: Floats
    reading: UpwardPass | None
    by_class: Floats | None = None

    @property
    def classes(self) -> Floats:
        """(B, C) belief of the classes."""
        return self.belief if self.by_class is None else self.by_class


def infer(tables: ResponseTables, evidence: Evidence) -> Posterior:
    """The belief of each respondent: ``p(k | evidence) ∝ prior[k] * prod P(evidence | k) ** weight``."""
    weights = repeat_weights(evidence.answered, evidence.silent, tables)
    said, reading = evidence.signals, None
    if tables.forest is not None:
        within = evidence.answered & tables.in_forest
        if within.any():
            reading = tables.forest.read(_answered_codes(evidence))
            said = said + reading.log_likelihood + within.astype(float) @ tables.log_any_answer
            weights = np.where(within, 0.0, weights)
    rows = evidence.rows
    logits = weights.dot(rows[0]) if len(rows) == 1 else (weights[:, None, :] @ rows)[:, 0, :]
    logits += said
    if evidence.hypothetical is not None:
        question, instead = evidence.hypothetical
        logits += weights[:, question, None] * (instead - rows[:, question])
    logits *= tables.evidence_weight
    logits += tables.log_prior
    logits -= np.maximum.reduce(logits, axis=1, keepdims=True)
    belief = np.exp(logits, out=logits)
    belief /= belief.dot(tables.one)
    if tables.styles is None:
        return Posterior(belief, reading)
    return Posterior(tables.styles.marginal(belief), reading, belief)


def believe(tables: ResponseTables, evidence: Evidence) -> Floats:
    """Persona probabilities of each respondent, (B, K), rows summing to one: see `infer`.

    With no evidence it is the prior; any order of the same evidence gives the same belief.

    >>> tables = ResponseTables.of([[[.9, .1], [.2, .8]]])
    >>> believe(tables, Evidence.none(tables))
    array([[0.5, 0.5]])
    """
    return infer(tables, evidence).belief


def _answered_codes(evidence: Evidence) -> Ints:
    return np.where(evidence.answered, evidence.codes, NOT_GIVEN)
