"""What people of each persona answer, where it is known with a belief only who each of them is.

The belief about a person leaves out the answer in question: with it, the answer would confirm what the tables say of it. Given the persona,
answers are taken to be independent of one another, as the tables of a bank take them. A belief-weighted mean would then pull the personas
towards each other; the estimates here do not (the third step of Vermunt, 2010, with the belief of each person as its weight).
"""

from collections.abc import Sequence

import numpy as np

from adaptive.arrays import Floats, Ints
from adaptive.estimation.figures import Figure, beta_interval, figure_of, t_interval

ITERATIONS = 200
CONVERGED = 1e-7
SMALLEST = 1e-9
"""Smallest probability of an answer in the likelihood, and smallest eigenvalue of its information that counts."""


def estimate_answers(beliefs: Floats, given: Floats, personas: Sequence[str]) -> tuple[Figure, ...]:
    """Return the share of each persona that gives an answer, by maximum likelihood.

    Parameters
    ----------
    beliefs : (n, K) array
        P(persona) of each person, without the answer.
    given : (n,) array
        1 for who gave the answer, 0 for who gave another one.
    personas : K names

    The likelihood is ``prod_i sum_k beliefs[i, k] * share[k]`` for those who gave it, with ``1 - share[k]`` for the others; its maximum is
    found by expectation maximisation. The effective number of people is that of whom a count would be as precise as the inverse of the
    expected information. A share that all or none of a persona's people have is hidden.

    >>> certain = np.repeat(np.eye(2), 40, axis=0)
    >>> [(round(figure.value, 6), round(figure.n_eff)) for figure in estimate_answers(certain, np.tile([1.0, 0, 0, 0], 20), ["a", "b"])]
    [(0.25, 40), (0.25, 40)]
    """
    n, K = beliefs.shape
    if not n:
        return _unknown(personas, np.zeros(K, dtype=np.int64))
    share = np.clip((given @ beliefs + 0.5) / (beliefs.sum(axis=0) + 1.0), SMALLEST, 1 - SMALLEST)
    for _ in range(ITERATIONS):
        chosen = beliefs * np.where(given[:, None] > 0, share, 1 - share)
        chosen /= np.maximum(chosen.sum(axis=1, keepdims=True), SMALLEST)
        before, share = share, np.clip((given @ chosen + SMALLEST) / (chosen.sum(axis=0) + 2 * SMALLEST), SMALLEST, 1 - SMALLEST)
        if np.abs(share - before).max() < CONVERGED:
            break
    chance = np.clip(beliefs @ share, SMALLEST, 1 - SMALLEST)
    # Expected, not observed information: at a share near 0 or 1 the observed one has no upper bound.
    variance = _variances((beliefs / (chance * (1 - chance))[:, None]).T @ beliefs)
    top = np.eye(K)[beliefs.argmax(axis=1)]
    people, some = top.sum(axis=0), given @ top
    figures = []
    for k, persona in enumerate(personas):
        spread = max(float(share[k] * (1 - share[k])), 1e-3)  # a share of about 0 would be taken to be known exactly
        n_eff = min(spread / variance[k], n) if variance[k] > 0 else 0.0
        figure = figure_of(persona, float(share[k]), *beta_interval(float(share[k]), n_eff), n_eff, int(people[k]), "respondents")
        figures.append(figure if 0 < some[k] < people[k] else figure.hidden())
    return tuple(figures)


def estimate_mean_answers(beliefs: Floats, values: Floats, personas: Sequence[str]) -> tuple[Figure, ...]:
    """Return the mean of (n,) numbers for each persona: the least-squares coefficients of the numbers on the (n, K) beliefs.

    Their errors are robust to unequal variances (White, 1980). The effective number of people is the inverse of the coefficient's
    unscaled variance: the number of people where all beliefs are certain.

    >>> certain = np.repeat(np.eye(2), 40, axis=0)
    >>> [round(figure.value, 6) for figure in estimate_mean_answers(certain, np.repeat([3.0, 8.0], 40), ["a", "b"])]
    [3.0, 8.0]
    """
    n, K = beliefs.shape
    if not n:
        return _unknown(personas, np.zeros(K, dtype=np.int64))
    people = np.bincount(beliefs.argmax(axis=1), minlength=K)
    inverse = _inverse(beliefs.T @ beliefs)
    if not np.isfinite(inverse).all():
        return _unknown(personas, people)
    mean = inverse @ (beliefs.T @ values)
    residual = (values - beliefs @ mean) * np.sqrt(n / max(n - K, 1))
    scores = beliefs * residual[:, None]
    error = np.sqrt(np.clip(np.diag(inverse @ (scores.T @ scores) @ inverse), 0, None))
    effective = [1 / own if own > 0 else 0.0 for own in np.diag(inverse)]
    return tuple(
        figure_of(
            name, float(mean[k]), *t_interval(float(mean[k]), float(error[k]), effective[k]), effective[k], int(people[k]), "respondents"
        )
        for k, name in enumerate(personas)
    )


def _variances(information: Floats) -> Floats:
    found: Floats = np.diag(_inverse(information))
    return found


def _inverse(matrix: Floats) -> Floats:
    """Return the inverse of a symmetric matrix, infinite where it has none, because beliefs never separate two personas."""
    values, vectors = np.linalg.eigh(matrix)
    if values[0] < SMALLEST * max(values[-1], SMALLEST):
        return np.full(matrix.shape, np.inf)
    inverse: Floats = (vectors / values) @ vectors.T
    return inverse


def _unknown(personas: Sequence[str], people: Ints) -> tuple[Figure, ...]:
    """Return figures without a value: of nobody, or of people of whom no two personas can be told apart."""
    return tuple(
        Figure(persona, None, None, None, 0.0, int(many), "too_few", "respondents") for persona, many in zip(personas, people, strict=True)
    )
