"""Multinomial logistic regression with soft labels, its penalty chosen on held-out folds. The only module that needs scikit-learn."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.special import log_softmax, logsumexp

from adaptive.arrays import Bools, Floats, Ints

PENALTIES = (1.0, 1 / 3, 1 / 10, 1 / 30, 1 / 100, 1 / 300)
"""Values of C, the inverse strength of the penalty, from weak to strong."""
MOST_COMPARED = 3000
"""Respondents on whom the penalties are compared: more would hardly change the choice."""
NEGLIGIBLE = 1e-3
"""Beliefs below this are not rows of their own."""


def mean_label(labels: Floats) -> Floats:
    """Return the (K,) shares of the personas, with one respondent more who may be any of them."""
    K = labels.shape[1]
    shares: Floats = (labels.sum(axis=0) + 1 / K) / (len(labels) + 1)
    return shares


def regress(features: Floats, labels: Floats, penalties: Sequence[float], taught: Bools | None = None) -> list[tuple[Floats, Floats]]:
    """Return the (F, K) coefficients and (K,) intercepts of a multinomial logistic regression at each penalty, with soft labels.

    Personas that are not `taught`, (K,), or that no label names have coefficients of zero.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    used = labels if taught is None else np.where(taught, labels, 0.0)
    rows, personas = np.nonzero(used > NEGLIGIBLE)
    weights, design = used[rows, personas], features[rows]
    model = LogisticRegression(warm_start=True, max_iter=1000, tol=1e-4)
    found = []
    with threadpool_limits(1):  # measured: on two cores the threads of BLAS make so small a fit ten times slower
        for penalty in sorted(penalties):
            model.set_params(C=penalty).fit(design, personas, sample_weight=weights)
            found.append(_coefficients(model, features, mean_label(labels)))
    by_penalty = dict(zip(sorted(penalties), found, strict=True))
    return [by_penalty[penalty] for penalty in penalties]


def _coefficients(model: Any, features: Floats, shares: Floats) -> tuple[Floats, Floats]:
    """Return (F, K) coefficients and (K,) intercepts; personas that were not fitted keep their share with the average respondent."""
    coefficients, intercept = np.zeros((features.shape[1], len(shares))), np.log(shares)
    known = model.classes_
    halves = np.array([-0.5, 0.5])  # of two personas scikit-learn gives the log odds of the second
    coefficients[:, known] = np.outer(model.coef_[0], halves) if len(known) == 2 else model.coef_.T
    intercept[known] = model.intercept_[0] * halves if len(known) == 2 else model.intercept_
    if len(known) < len(shares):
        mean = logsumexp(features @ coefficients[:, known] + intercept[known], axis=1).mean()
        intercept[known] += np.log(shares[known].sum()) - mean
    return coefficients, intercept


def choose_penalty(
    features: Floats, labels: Floats, fold_of: Ints, taught: Bools, watch: Callable[[int], None] = lambda _: None
) -> tuple[float, Floats]:
    """Return the penalty with the best log score on held-out folds, and its (N, K) logits, out of fold.

    Of more than `MOST_COMPARED` respondents the penalties are compared on so many, evenly spread over the folds.
    """
    if len(labels) <= MOST_COMPARED:
        logits = held_out_logits(features, labels, fold_of, PENALTIES, taught, watch)
        best = int((labels * logits).sum(axis=(1, 2)).argmax())
        return PENALTIES[best], logits[best]
    some = np.argsort(fold_of, kind="stable")[np.linspace(0, len(labels) - 1, MOST_COMPARED).astype(int)]
    compared = held_out_logits(features[some], labels[some], fold_of[some], PENALTIES, taught)
    penalty = PENALTIES[int((labels[some] * compared).sum(axis=(1, 2)).argmax())]
    return penalty, held_out_logits(features, labels, fold_of, (penalty,), taught, watch)[0]


def held_out_logits(
    features: Floats,
    labels: Floats,
    fold_of: Ints,
    penalties: Sequence[float],
    taught: Bools,
    watch: Callable[[int], None] = lambda _: None,
) -> Floats:
    """Return (penalties, N, K) logits of each respondent under the regressions that leave its fold out."""
    logits = np.empty((len(penalties), *labels.shape))
    for fold in range(int(fold_of.max()) + 1):
        held_out = fold_of == fold
        for place, (coefficients, intercept) in enumerate(regress(features[~held_out], labels[~held_out], penalties, taught)):
            logits[place, held_out] = log_softmax(features[held_out] @ coefficients + intercept, axis=1)
        watch(1)
    return logits
