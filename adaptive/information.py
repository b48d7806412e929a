"""How much is unknown, and how much a question is expected to tell."""

import numpy as np
from scipy.special import entr

from adaptive.likelihood import Floats
from adaptive.posterior import Standing
from adaptive.tables import ResponseTables


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
    bits = np.maximum(gain_of(tables, Standing(personas, None, beliefs)), 0.0)
    return bits[0] if belief.ndim == 1 else bits


def gain_of(tables: ResponseTables, standing: Standing) -> Floats:
    """(B, Q) expected information gain in bits when what was answered also says what will be answered.

    Questions of a tree are predicted from the answers around them; all others as in `expected_information_gain`. Where personas have
    styles, it is what tells the classes apart, less what only tells the styles of one persona apart (the chain rule):
    ``I(persona; outcome) = I(class; outcome) - sum_k p_k I(class; outcome | persona k)``. What tells nothing may come out below zero by
    rounding.
    """
    predicted = None
    if tables.forest is not None and standing.reading is not None:
        predicted = tables.forest.predicted(standing.reading)
    bits = _told(tables, standing.classes, predicted)
    if tables.styles is not None:
        within = tables.styles.within(standing.classes)
        for k in tables.styles.several:
            only = np.where(tables.styles.persona_of == k, within, 0.0)
            bits -= standing.belief[:, k, None] * _told(tables, only, predicted)
    return bits


def _told(tables: ResponseTables, beliefs: Floats, predicted: Floats | None) -> Floats:
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
