"""Other ways to a rate per persona from beliefs about every contact: counts of the likeliest, soft means, and three-step corrections."""

from collections.abc import Callable

import numpy as np

from adaptive.arrays import Floats
from adaptive.estimation.estimate import error_matrix

ROUNDS = 500


def argmax_counts(p: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return the (K,) rates and shares where everybody counts as their likeliest persona."""
    return soft_means(np.eye(p.shape[1])[p.argmax(axis=1)], y)


def soft_means(p: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return the belief-weighted rates and shares."""
    known = ~np.isnan(y)
    weight = np.maximum(p[known].sum(axis=0), 1e-12)
    return y[known] @ p[known] / weight, p.mean(axis=0)


def bch(p: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return the rates and shares of likeliest personas, corrected by the error matrix (Bolck, Croon and Hagenaars, 2004)."""
    modal = np.eye(p.shape[1])[p.argmax(axis=1)]
    corrected = modal @ np.linalg.pinv(error_matrix(p.T @ modal))
    rates, shares = soft_means(corrected, y)
    return np.clip(rates, 0.0, 1.0), shares


def ml_three_step(p: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return the maximum-likelihood rates and shares given likeliest personas with known errors (Vermunt, 2010), by EM."""
    K = p.shape[1]
    modal = p.argmax(axis=1)
    errors = np.clip(p.T @ np.eye(K)[modal] / np.maximum(p.sum(axis=0)[:, None], 1e-12), 1e-12, 1.0)  # (persona, assigned)
    known = ~np.isnan(y)
    counts = np.array([np.bincount(modal[known], weights=(y[known] == value), minlength=K) for value in (0, 1)])  # (y, assigned)
    shares, rates = p.mean(axis=0), np.full(K, counts[1].sum() / max(counts.sum(), 1))
    rates = np.clip(rates + np.linspace(-0.01, 0.01, K), 0.01, 0.99)
    for _ in range(ROUNDS):
        chance = np.array([1 - rates, rates])  # (y, persona)
        joint = shares[None, :, None] * chance[:, :, None] * errors[None]  # (y, persona, assigned)
        mine = counts[:, None, :] * joint / np.maximum(joint.sum(axis=1, keepdims=True), 1e-300)
        people = mine.sum(axis=(0, 2))
        shares, rates = people / people.sum(), np.clip(mine[1].sum(axis=1) / np.maximum(people, 1e-12), 1e-9, 1 - 1e-9)
    return rates, shares


RIVALS: dict[str, Callable[[Floats, Floats], tuple[Floats, Floats]]] = {
    "argmax": argmax_counts,
    "soft": soft_means,
    "BCH": bch,
    "ML": ml_three_step,
}
