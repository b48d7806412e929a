"""How much is unknown, and how much a question is expected to tell."""

import numpy as np
from scipy.special import entr

from adaptive.forest import NOT_GIVEN
from adaptive.likelihood import Floats
from adaptive.posterior import Evidence, answered_trees
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
        Probability of each persona; rows sum to one.
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
    outcome = beliefs @ tables.flat  # (B, cells)
    spread = np.add.reduceat(entr(outcome), tables.starts, axis=1)  # (B, Q)
    gain = spread - beliefs @ tables.noise
    for q, sample in tables.samples.items():
        gain[:, q] += sample.information(beliefs)
    bits: Floats = np.maximum(gain, 0.0) / np.log(2)
    return bits if np.ndim(belief) == 2 else bits[0]


def gain_given(belief: Floats, tables: ResponseTables, evidence: Evidence) -> Floats:
    """(B, Q) expected information gain in bits when what was answered also says what will be answered.

    Questions of a tree are predicted from the answers around them; all others as in `expected_information_gain`.
    """
    bits = expected_information_gain(belief, tables)
    for tree in answered_trees(tables, evidence):
        questions, nats = tree.gain(belief, tables.silence, np.where(evidence.answered, evidence.codes, NOT_GIVEN))
        bits[:, questions] = np.maximum(nats, 0.0) / np.log(2)
    return bits
