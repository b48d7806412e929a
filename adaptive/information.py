"""How much is unknown, and how much a question is expected to tell."""

import numpy as np
from scipy.special import entr

from adaptive.arrays import Bools, Floats, Ints
from adaptive.dependency_forest import TINY
from adaptive.posterior import Posterior
from adaptive.tables import ResponseTables


def value_of_information(tables: ResponseTables, standing: Posterior, actions: Floats) -> Floats:
    """(B, Q) expected gain of the best action from hearing each outcome first, in the unit of `actions` (Howard, 1966).

    ``VoI[q] = sum_o P(o) max_a sum_k P(k | o) U[a, k] - max_a sum_k P(k) U[a, k]``: never negative; zero where no single answer can
    change what is done.

    Parameters
    ----------
    actions : (M, K) array
        Value of each action for each persona, or for each class where personas have styles.

    >>> tables, standing = ResponseTables.of([np.eye(2)]), Standing(np.array([[.5, .5]]), None)
    >>> value_of_information(tables, standing, np.array([[10., 0.], [0., 10.]]))
    array([[5.]])
    """
    belief = standing.classes
    now = (belief @ actions.T).max(axis=1, keepdims=True)
    weighted = belief[:, None, :] * actions  # (B, M, K)
    value = tables.layout.sum((weighted @ tables.cells_and_noise[:, : tables.layout.cells]).max(axis=1))
    for q, sample in tables.samples.items():
        value[:, q] = sample.best_action(belief, actions)
    if tables.forest is not None and standing.reading is not None:
        value[:, tables.forest.questions] = tables.forest.best_action(belief, actions, tables.silence, standing.reading)
    gain: Floats = np.maximum(value - now, 0.0)
    return gain


def decision_is_final(tables: ResponseTables, standing: Posterior, actions: Floats, still_open: Bools, left: Ints) -> Bools:
    """(B,) whether nothing that may still be answered can change the best action.

    Sure, though cautious: every open question gets the outcome that speaks most for another action. Action a stays ahead of b while
    ``sum p(k) max(U[a, k] - U[b, k], 0)`` is at least ``sum p(k) max(U[b, k] - U[a, k], 0)`` times the largest likelihood ratio that so
    many answers can bring about between the personas of the two sums.

    Parameters
    ----------
    still_open : (B, Q) bool
        Questions that may still be asked.
    left : (B,) int
        How many of them, at most.
    """
    ratios = np.broadcast_to(tables.widest_ratios, (len(still_open), *tables.widest_ratios.shape))
    if tables.forest is not None and standing.reading is not None:
        ratios = ratios.copy()
        # What is answered below a question makes its own answers tell more than its table says.
        ratios[:, tables.forest.questions[tables.forest.has_evidence(standing.reading)]] = np.inf
    best = (standing.classes @ actions.T).argmax(axis=1)
    return np.array(
        [
            _stays_best(actions[a] - actions, standing.classes[b], ratios[b, still_open[b]], int(left[b]), tables.evidence_weight)
            for b, a in enumerate(best)
        ]
    )


def _stays_best(leads: Floats, belief: Floats, ratios: Floats, left: int, weight: float) -> bool:
    """Whether each of (M, K) `leads` over another action stays positive against `left` of (open, K, K) log `ratios`."""
    for lead in leads:
        worth = belief * lead
        against = worth < 0
        if against.any():
            swings = ratios[:, against][:, :, worth > 0].max(axis=(1, 2), initial=0.0)
            swing = weight * np.sort(swings)[len(swings) - left if left < len(swings) else 0 :].sum()
            if np.log(max(worth[~against].sum(), TINY)) < np.log(-worth[against].sum()) + swing:
                return False
    return True


def entropy(belief: Floats) -> Floats:
    """Uncertainty left in (…, K) beliefs, in bits (Shannon, 1948).

    >>> float(entropy(np.array([0.5, 0.25, 0.25])))
    1.5
    """
    bits: Floats = entr(belief).sum(axis=-1) / np.log(2)
    return bits


def expected_information_gain(belief: Floats, tables: ResponseTables) -> Floats:
    """Mutual information between the persona and the outcome of each question, in bits.

    ``EIG[q] = H(outcome) - sum_k belief[k] H(outcome | k)``, over every outcome including no answer where the bank
    gives it: never negative, never more than the entropy left in `belief` (Lindley, 1956).

    Parameters
    ----------
    belief : (K,) or (B, K) array
        Probability of each persona, or of each class where personas have styles; rows sum to one.
    tables : ResponseTables
        Flat outcome tables of Q questions.

    Returns
    -------
    (Q,) or (B, Q) array
        Gain of each question; the caller masks what may not be asked.

    >>> expected_information_gain(np.array([.5, .5]), ResponseTables.of([[[1, 0], [0, 1]]])).round(3)
    array([1.])
    """
    beliefs = np.atleast_2d(belief)
    personas = beliefs if tables.styles is None else tables.styles.marginal(beliefs)
    bits = np.maximum(information_gain(tables, Posterior(personas, None, beliefs)), 0.0)
    return bits[0] if belief.ndim == 1 else bits


def information_gain(tables: ResponseTables, standing: Posterior) -> Floats:
    """(B, Q) expected information gain in bits when what was answered also says what will be answered.

    Questions of a tree are predicted from the answers around them; all others as in `expected_information_gain`. Where personas have
    styles, it is what tells the classes apart, less what only tells the styles of one persona apart (the chain rule):
    ``I(persona; outcome) = I(class; outcome) - sum_k p_k I(class; outcome | persona k)``. What tells nothing may come out below zero by
    rounding.
    """
    predicted = None
    if tables.forest is not None and standing.reading is not None:
        predicted = tables.forest.predict(standing.reading)
    bits = _class_information(tables, standing.classes, predicted)
    if tables.styles is not None:
        within = tables.styles.within(standing.classes)
        for k in tables.styles.styled_personas:
            only = np.where(tables.styles.persona_of == k, within, 0.0)
            bits -= standing.belief[:, k, None] * _class_information(tables, only, predicted)
    return bits


def _class_information(tables: ResponseTables, beliefs: Floats, predicted: Floats | None) -> Floats:
    """(B, Q) mutual information in bits of class and outcome; `predicted` is what the forest expects (see `Forest.predicted`)."""
    expected = beliefs.dot(tables.cells_and_noise)
    outcome = expected[:, : tables.layout.cells]
    # entr would say this in one word, and take six times as long.
    certainty = np.log2(outcome)
    certainty *= outcome
    bits: Floats = expected[:, tables.layout.cells :]
    bits -= tables.layout.sum(certainty)
    for q, sample in tables.samples.items():
        bits[:, q] += sample.information(beliefs) / np.log(2)
    if predicted is not None and tables.forest is not None:
        bits[:, tables.forest.questions] = np.maximum(tables.forest.gain(beliefs, tables.silence, predicted), 0.0)
    return bits
