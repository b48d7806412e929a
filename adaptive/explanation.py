"""Which evidence moved the belief, and by how much."""

import numpy as np
from scipy.special import logsumexp

from adaptive.likelihood import Floats
from adaptive.marginal import Styles


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
