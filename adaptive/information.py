"""Entropy of a belief, information gain of a question, and value of information for a decision."""

import numpy as np
from scipy.special import entr

from adaptive.arrays import Bools, Floats, Ints
from adaptive.dependency_forest import LEAST_BELIEF, LEAST_CELL, NOT_GIVEN, TINY, Forest, UpwardPass, empty_joint
from adaptive.posterior import Evidence, Posterior, correlation_weight, discounts_of_repeats
from adaptive.tables import Layout, ResponseTables

BLOCK_CELLS = 16_000
"""Logarithms are taken in blocks that stay in the cache: an array of all of them would be given back to the system after each use."""


def entropy(belief: Floats) -> Floats:
    """Return the entropy of (…, K) beliefs, in bits (Shannon, 1948).

    >>> float(entropy(np.array([0.5, 0.25, 0.25])))
    1.5
    """
    bits: Floats = entr(belief).sum(axis=-1) / np.log(2)
    return bits


def expected_information_gain(belief: Floats, tables: ResponseTables) -> Floats:
    """Return the mutual information between the persona and the outcome of each question, in bits.

    ``EIG[q] = H(outcome) - sum_k belief[k] H(outcome | k)``, over every outcome, including no answer where the bank models it. It is
    never negative and never exceeds the entropy of `belief` (Lindley, 1956). A question with a weight of its own gains that share of it.

    Parameters
    ----------
    belief : (K,) or (B, K) array
        Probability of each persona, or of each class where personas have styles; rows sum to one.
    tables : ResponseTables
        Flat outcome tables of Q questions.

    Returns
    -------
    (Q,) or (B, Q) array
        Gain of each question. The caller masks the questions that may not be asked.

    >>> expected_information_gain(np.array([.5, .5]), ResponseTables.of([[[1, 0], [0, 1]]])).round(3)
    array([1.])
    """
    beliefs = np.atleast_2d(belief)
    personas = beliefs if tables.styles is None else tables.styles.marginal(beliefs)
    bits = np.maximum(information_gain(tables, Posterior(personas, None, beliefs)), 0.0)
    return bits[0] if belief.ndim == 1 else bits


def information_gain(tables: ResponseTables, posterior: Posterior) -> Floats:
    """Return the (B, Q) expected information gain in bits, given the answers so far.

    Questions of a tree are predicted from the answers around them; all others as in `expected_information_gain`. Where personas have
    styles, the information about the style within a persona is subtracted (the chain rule):
    ``I(persona; outcome) = I(class; outcome) - sum_k p_k I(class; outcome | persona k)``. A question with a weight of its own gains that
    share of it, at most all. Rounding may bring a gain of zero just below zero.
    """
    bits = _class_information(tables, posterior.classes, posterior.upward)
    if tables.styles is not None:
        within = tables.styles.within(posterior.classes)
        for k in tables.styles.styled_personas:
            only = np.where(tables.styles.persona_of == k, within, 0.0)
            bits -= posterior.belief[:, k, None] * _class_information(tables, only, posterior.upward)
    if tables.gain_weights is not None:
        bits *= tables.gain_weights
    return bits


def _class_information(tables: ResponseTables, beliefs: Floats, upward: UpwardPass | None) -> Floats:
    """Return the (B, Q) mutual information in bits of class and outcome; `upward` are the answers in trees, None where there are none."""
    if upward is None or tables.forest is None:
        return _table_information(tables, beliefs)
    bits = np.maximum(_forest_information(tables, tables.forest, beliefs, upward), 0.0)
    if tables.outside_forest is not None:
        bits = np.concatenate([_table_information(tables.outside_forest, beliefs).T, bits])
    return np.ascontiguousarray(bits.take(tables.place_by_forest, axis=0).T)


def _forest_information(tables: ResponseTables, forest: Forest, beliefs: Floats, upward: UpwardPass) -> Floats:
    """Return the (n, B) mutual information in bits of class and outcome of the questions of the forest, in its order.

    ``I(class; outcome) = H(class) + H(outcome) - H(class, outcome)``.
    """
    beliefs = np.maximum(beliefs, LEAST_BELIEF)
    bits = _negative_conditional_entropy(_forest_outcomes(tables, forest, beliefs, upward))
    bits -= _x_log_x(beliefs).sum(axis=1)
    return bits


def _forest_outcomes(tables: ResponseTables, forest: Forest, beliefs: Floats, upward: UpwardPass) -> Floats:
    """Return (K, n, A, B) P(class and outcome | answers) of the questions of the forest, no answer last where it is an outcome."""
    joint = forest.predict(upward, beliefs)
    silence = tables.forest_silence
    if silence is None:
        return joint
    personas, questions, answers, respondents = joint.shape
    outcomes = empty_joint(personas, questions, answers + 1, respondents)
    np.multiply(joint, (1 - silence).T[:, :, None, None], out=outcomes[:, :, :answers])
    np.multiply(silence.T[:, :, None], beliefs.T[:, None, :], out=outcomes[:, :, answers])
    return np.maximum(outcomes, LEAST_CELL, out=outcomes)


def _negative_conditional_entropy(joint: Floats) -> Floats:
    """Return (n, B) minus H(class | outcome) in bits, from (K, n, A, B) P(class and outcome).

    `joint` is laid out as by `empty_joint`, so that its cells are changed in place; it is overwritten.
    """
    by_answer, axes = (joint.transpose(0, 2, 3, 1), "abn->nb") if joint.shape[3] == 1 else (joint, "nab->nb")
    cells, classes = by_answer.reshape(len(joint), -1), np.ones(len(joint))
    outcomes = classes @ cells
    in_memory = joint.ravel(order="K")
    for start in range(0, len(in_memory), BLOCK_CELLS):
        block = in_memory[start : start + BLOCK_CELLS]
        block *= np.log2(block)
    bits = classes @ cells
    bits -= _x_log_x(outcomes)
    summed: Floats = np.einsum(axes, bits.reshape(by_answer.shape[1:]))
    return summed


def _x_log_x(values: Floats) -> Floats:
    product: Floats = np.log2(values)
    product *= values
    return product


def _table_information(tables: ResponseTables, beliefs: Floats) -> Floats:
    """Return the (B, Q) mutual information in bits of class and outcome from each question's own table."""
    outcome = beliefs.dot(tables.cells)
    # scipy.special.entr gives the same and takes six times as long.
    log_outcome = np.log2(outcome)
    log_outcome *= outcome
    bits: Floats = beliefs.dot(tables.minus_noise)
    bits -= sum_outcomes(tables.layout, log_outcome)
    for q, sample in tables.samples.items():
        bits[:, q] += sample.information(beliefs) / np.log(2)
    return bits


def sum_outcomes(layout: Layout, cells: Floats) -> Floats:
    """Return the (B, Q) sums of (B, cells), arranged by `layout`, over the outcomes of each question."""
    if len(layout.blocks) == 1:
        only: Floats = layout.blocks[0].ones @ cells.reshape(len(cells), layout.blocks[0].width, -1)
        return only
    sums = np.empty((len(cells), layout.questions))
    for block in layout.blocks:
        sums[:, block.questions] = block.ones @ cells[:, block.columns].reshape(len(cells), block.width, -1)
    return sums


def value_of_information(tables: ResponseTables, posterior: Posterior, actions: Floats) -> Floats:
    """Return the (B, Q) value of information of each question, in the unit of `actions` (Howard, 1966).

    ``VoI[q] = sum_o P(o) max_a sum_k P(k | o) U[a, k] - max_a sum_k P(k) U[a, k]``. It is never negative, and zero where no single
    answer can change the best action. A question with a weight of its own has that share of it, at most all.

    Parameters
    ----------
    actions : (M, K) array
        Value of each action for each persona, or for each class where personas have styles.

    >>> tables, even = ResponseTables.of([np.eye(2)]), np.array([[.5, .5]])
    >>> posterior = Posterior(even, None, even)
    >>> value_of_information(tables, posterior, np.array([[10., 0.], [0., 10.]]))
    array([[5.]])
    """
    belief = posterior.classes
    now = (belief @ actions.T).max(axis=1, keepdims=True)
    weighted = belief[:, None, :] * actions  # (B, M, K)
    value = sum_outcomes(tables.layout, (weighted @ tables.cells).max(axis=1))
    for q, sample in tables.samples.items():
        value[:, q] = sample.best_action(belief, actions)
    if tables.forest is not None and posterior.upward is not None:
        joint = _forest_outcomes(tables, tables.forest, belief, posterior.upward)
        value[:, tables.forest.questions] = np.tensordot(actions, joint, 1).max(axis=0).sum(axis=1).T
    gain: Floats = np.maximum(value - now, 0.0)
    return gain if tables.gain_weights is None else gain * tables.gain_weights


def decision_is_final(
    tables: ResponseTables, evidence: Evidence, posterior: Posterior, actions: Floats, open_questions: Bools, remaining: Ints
) -> Bools:
    """Return (B,) whether no further answers can change the best action.

    The bound is conservative: every open question is given the outcome that most favours another action. Action a stays ahead of b while
    ``sum p(k) max(U[a, k] - U[b, k], 0)`` is at least ``sum p(k) max(U[b, k] - U[a, k], 0)`` times the largest likelihood ratio that so
    many answers can bring about between the personas of the two sums, and times that by which the answers so far may come to count less,
    where answers are correlated or become repeats.

    Parameters
    ----------
    open_questions : (B, Q) bool
        Questions that may still be asked.
    remaining : (B,) int
        How many of them, at most.
    """
    ratios = np.broadcast_to(tables.widest_ratios, (len(open_questions), *tables.widest_ratios.shape))
    if tables.forest is not None and posterior.upward is not None:
        # With answers below it in the tree, a question can carry a larger likelihood ratio than its own table shows.
        unbounded = np.zeros_like(open_questions)
        answered = evidence.answered & (evidence.codes != NOT_GIVEN)
        unbounded[:, tables.forest.questions] = tables.forest.at_or_above(answered[:, tables.forest.questions])
        ratios = np.where(unbounded[:, :, None, None], np.inf, ratios)
    best = (posterior.classes @ actions.T).argmax(axis=1)
    lost = np.concatenate([_most_discounted(tables, posterior, remaining), discounts_of_repeats(evidence, tables, open_questions)], axis=1)
    return np.array(
        [
            _stays_best(
                actions[a] - actions,
                posterior.classes[b],
                tables.evidence_weight * ratios[b, open_questions[b]],
                int(remaining[b]),
                lost[b] if remaining[b] else lost[b, :0],
            )
            for b, a in enumerate(best)
        ]
    )


def _most_discounted(tables: ResponseTables, posterior: Posterior, remaining: Ints) -> Floats:
    """Return the (B, 1, K) log-likelihood that the answers so far lose at most when so many more are given.

    It is (B, 0, K) without correlation.
    """
    if posterior.correlated is None:
        return np.zeros((len(posterior.classes), 0, tables.classes))
    pieces, evidence = posterior.correlated
    now, then = (correlation_weight(many, tables.answer_correlation) for many in (pieces, pieces + remaining))
    lost: Floats = (1 - then / now)[:, None] * evidence
    return lost[:, None, :]


def _stays_best(leads: Floats, belief: Floats, ratios: Floats, remaining: int, lost: Floats) -> bool:
    """Return whether each of (M, K) `leads` over another action stays positive against `remaining` of (open, K, K) log `ratios`.

    `lost` is (L, K), log-likelihoods that may be lost besides.
    """
    for lead in leads:
        worth = belief * lead
        disfavoured = worth < 0
        if disfavoured.any():
            swings = ratios[:, disfavoured][:, :, worth > 0].max(axis=(1, 2), initial=0.0)
            swing = np.sort(swings)[len(swings) - remaining if remaining < len(swings) else 0 :].sum()
            shrinking = lost[:, worth > 0].max(axis=1, initial=-np.inf) - lost[:, disfavoured].min(axis=1)
            swing += np.maximum(shrinking, 0.0).sum()
            if np.log(max(worth[~disfavoured].sum(), TINY)) < np.log(-worth[disfavoured].sum()) + swing:
                return False
    return True
