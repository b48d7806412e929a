"""The belief: persona probabilities, recomputed from all the evidence each time and never updated in place."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from adaptive.arrays import Bools, Floats, Ints
from adaptive.dependency_forest import NOT_GIVEN, UpwardPass
from adaptive.response_styles import Styles
from adaptive.tables import ResponseTables


@dataclass(frozen=True, eq=False)
class Evidence:
    """The evidence of B respondents. A question without answer or skip is False in both masks and does not count.

    K is the number of classes, which are the personas where none has styles.

    Attributes
    ----------
    answered : (B, Q) bool
        The question has an answer.
    silent : (B, Q) bool
        The respondent explicitly gave no answer: skipped, does not know, refused.
    rows : (B, Q, K) or (1, Q, K)
        log P(answer or skip | persona), finite; counts only where one of the masks is set. One row for all B where they differ only in
        their `hypothetical` answer.
    codes : (B, Q) int
        Outcome of each choice, -1 where there is none; used by the questions that depend on it.
    signals : (B, K)
        log P(behaviour | persona), summed over signals, already capped and decayed by age.
    hypothetical : (question, (B, K) rows) or None
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
        """Return empty evidence of so many respondents."""
        shape = (respondents, len(tables.questions))
        nothing = np.zeros(shape, dtype=bool)
        rows, signals = np.zeros((*shape, tables.classes)), np.zeros((respondents, tables.classes))
        return cls(nothing, nothing.copy(), rows, np.full(shape, NOT_GIVEN), signals)


def select_evidence(evidence: Evidence, which: Bools | Ints | slice) -> Evidence:
    """Return the evidence of some of the respondents, each of whom has rows of their own."""
    return Evidence(
        answered=evidence.answered[which],
        silent=evidence.silent[which],
        rows=evidence.rows[which],
        codes=evidence.codes[which],
        signals=evidence.signals[which],
    )


def restrict_to(evidence: Evidence, asked: Bools) -> Evidence:
    """Return the evidence as if only the (B, Q) `asked` questions had been asked."""
    return replace(evidence, answered=evidence.answered & asked, silent=evidence.silent & asked)


def repeat_weights(answered: Bools, silent: Bools, tables: ResponseTables) -> Floats:
    """Return the (B, Q) exponent on each question's likelihood, before the evidence weight: its own weight, which is 1 unless the bank
    sets another, less for repeats, 0 without evidence.

    Within a topic the first answer counts in full and every later one `repeat_weight` as much, because answers to overlapping
    questions repeat each other. "First" is by bank order, answers before skips, so the order of asking cannot matter. Questions of a
    tree are not discounted: their dependence is modelled.
    """
    given = answered | silent
    weights = given.astype(float)
    if tables.question_weights is not None:
        weights *= tables.question_weights
    if not tables.has_topics:
        return weights
    topics, sizes = np.unique(tables.topics[(tables.topics >= 0) & given.any(axis=0)], return_counts=True)
    for topic in topics[sizes > 1]:
        members = np.flatnonzero(tables.topics == topic)
        new_answers, new_silences = answered[:, members], silent[:, members] & ~answered[:, members]
        earlier_answers: Ints = np.cumsum(new_answers, axis=1) - new_answers
        earlier_silences = np.cumsum(new_silences, axis=1) - new_silences + new_answers.sum(axis=1, keepdims=True)
        repeated = (new_answers & (earlier_answers > 0)) | (new_silences & (earlier_silences > 0))
        weights[:, members] *= np.where(repeated & ~tables.in_forest[members], tables.repeat_weight, 1.0)
    return weights


def discounts_of_repeats(evidence: Evidence, tables: ResponseTables, open_questions: Bools) -> Floats:
    """Return the (B, Q, K) weighted log-likelihood that each answer or skip loses where a further one makes it a repeat of its topic;
    (B, 0, K) without topics. `open_questions` is (B, Q), those that may still be answered.
    """
    if not tables.has_topics:
        return np.zeros((len(open_questions), 0, tables.classes))
    rows = np.broadcast_to(evidence.rows, (*evidence.answered.shape, tables.classes))
    if evidence.hypothetical is not None:
        question, hypothetical_rows = evidence.hypothetical
        rows = rows.copy()
        rows[:, question] = hypothetical_rows
    same_topic = (tables.topics[:, None] == tables.topics) & (tables.topics >= 0) & ~np.eye(len(tables.topics), dtype=bool)
    may_precede = np.where(evidence.answered, open_questions @ np.triu(same_topic), open_questions @ same_topic)
    weights = repeat_weights(evidence.answered, evidence.silent, tables)
    is_first = weights == (1.0 if tables.question_weights is None else tables.question_weights)
    lost = np.where(may_precede & is_first & ~tables.in_forest, tables.evidence_weight * (1 - tables.repeat_weight) * weights, 0.0)
    return lost[:, :, None] * rows


def count_evidence(answered: Bools, silent: Bools, tables: ResponseTables) -> Floats:
    """Return the (B,) number of answers and skips that are evidence about the persona."""
    count: Floats = answered @ tables.informative.astype(float) + silent @ (tables.silence > 0).any(axis=1).astype(float)
    return count


def correlation_weight(count: Floats, correlation: float) -> Floats:
    """Return the exponent on the evidence of so many correlated answers: ``1 / (1 + (n - 1) correlation)``.

    It is the inverse of the design effect (Kish, 1965): n answers whose log-likelihoods have this correlation given the persona say as
    much as ``n / (1 + (n - 1) correlation)`` independent ones.

    >>> correlation_weight(np.array([0.0, 1.0, 3.0]), 0.25).round(3).tolist()
    [1.0, 1.0, 0.667]
    """
    weight: Floats = 1 / (1 + np.maximum(count - 1, 0) * correlation)
    return weight


def log_evidence(evidence: Evidence, tables: ResponseTables) -> Floats:
    """Return the (B, Q + 1, K) weighted log-likelihood that each question adds, and in the last place all signals together.

    An answer within a tree counts given the tree's answers before it in the bank: its part depends on that order, the sum does not.
    """
    weights = repeat_weights(evidence.answered, evidence.silent, tables)
    alone = np.where((tables.in_forest & evidence.answered)[:, :, None], tables.log_any_answer, evidence.rows)
    parts = tables.evidence_weight * np.concatenate([weights[:, :, None] * alone, evidence.signals[:, None, :]], axis=1)
    if tables.forest is not None:
        codes = _answered_codes(evidence)
        before = np.zeros((len(codes), tables.classes))
        known = np.full_like(codes, NOT_GIVEN)
        for q in np.sort(tables.forest.questions[(codes[:, tables.forest.questions] != NOT_GIVEN).any(axis=0)]):
            known[:, q] = codes[:, q]
            after = tables.evidence_weight * tables.forest.collect(known).log_likelihood
            parts[:, q] += after - before
            before = after
    if tables.answer_correlation:
        count = count_evidence(evidence.answered, evidence.silent, tables)
        parts[:, :-1] *= correlation_weight(count, tables.answer_correlation)[:, None, None]
    return parts


class CorrelatedEvidence(NamedTuple):
    """The (B,) number of answers and skips that are evidence, and the (B, C) weighted log-likelihood of all of them."""

    pieces: Floats
    log_likelihood: Floats


class Posterior(NamedTuple):
    """The posterior of B respondents: (B, K) `belief` over the personas and (B, C) `classes` over the classes.

    Both are the same where no persona has styles. `upward` is the upward pass of the answers in trees, None without such answers.
    `correlated` is the evidence that counts less with each further answer, None where the bank has no `answer_correlation`.
    """

    belief: Floats
    upward: UpwardPass | None
    classes: Floats
    correlated: CorrelatedEvidence | None = None


def infer(tables: ResponseTables, evidence: Evidence) -> Posterior:
    """Return the posterior of each respondent: ``p(k | evidence) ∝ prior[k] * prod P(evidence | k) ** weight``.

    The weight is the evidence weight times that of `repeat_weights`, and for answers times `correlation_weight`.
    """
    weights = repeat_weights(evidence.answered, evidence.silent, tables)
    unweighted, upward = evidence.signals, None
    if tables.forest is not None:
        within = evidence.answered & tables.in_forest
        if within.any():
            upward = tables.forest.collect(_answered_codes(evidence))
            unweighted = unweighted + upward.log_likelihood
            if tables.forest_silence is not None:
                unweighted = unweighted + within.astype(float) @ tables.log_any_answer
            weights = np.where(within, 0.0, weights)
    rows = evidence.rows
    logits = weights.dot(rows[0]) if len(rows) == 1 else (weights[:, None, :] @ rows)[:, 0, :]
    logits += unweighted
    if evidence.hypothetical is not None:
        question, hypothetical_rows = evidence.hypothetical
        logits += weights[:, question, None] * (hypothetical_rows - rows[:, question])
    correlated = None
    if tables.answer_correlation:
        count = count_evidence(evidence.answered, evidence.silent, tables)
        logits -= evidence.signals
        logits *= correlation_weight(count, tables.answer_correlation)[:, None]
        correlated = CorrelatedEvidence(count, tables.evidence_weight * logits)
        logits += evidence.signals
    if tables.evidence_weight != 1:
        logits *= tables.evidence_weight
    logits += tables.log_prior
    logits -= np.maximum.reduce(logits, axis=1, keepdims=True)
    belief = np.exp(logits, out=logits)
    belief /= belief.dot(tables.ones_column)
    if tables.styles is None:
        return Posterior(belief, upward, belief, correlated)
    return Posterior(tables.styles.marginal(belief), upward, belief, correlated)


def believe(tables: ResponseTables, evidence: Evidence) -> Floats:
    """Return the (B, K) persona probabilities of each respondent, rows summing to one: see `infer`.

    Without evidence it is the prior; the order of the evidence does not matter.

    >>> tables = ResponseTables.of([[[.9, .1], [.2, .8]]])
    >>> believe(tables, Evidence.none(tables))
    array([[0.5, 0.5]])
    """
    return infer(tables, evidence).belief


def _answered_codes(evidence: Evidence) -> Ints:
    return np.where(evidence.answered, evidence.codes, NOT_GIVEN)


def log_odds(logits: Floats) -> Floats:
    """Return the (…, K) log odds in bits of each persona against all others, from (…, K) unnormalised log probabilities."""
    personas = logits.shape[-1]
    others = np.where(np.eye(personas, dtype=bool), -np.inf, logits[..., None, :])
    bits: Floats = (logits - logsumexp(others, axis=-1)) / np.log(2)
    return bits


def weights_of_evidence(prior: Floats, evidence: Floats, styles: Styles | None = None) -> Floats:
    """Return the weight of each piece of evidence for each persona, in bits, given the pieces before it (Good, 1950).

    ``W[e, k] = log2 odds(k | pieces up to e) - log2 odds(k | pieces before e)``, so each column adds up to the persona's posterior log
    odds minus its prior log odds.

    Parameters
    ----------
    prior : (C,) array
        Prior of the classes, which are the personas where none has `styles`.
    evidence : (E, C) array
        Weighted log-likelihood of each piece, in the order in which the pieces are reported.

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
