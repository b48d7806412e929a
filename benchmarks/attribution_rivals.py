"""Other ways to predict a persona from attributes, each tuned by cross-validation: what the benchmark of attribution compares with."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from adaptive.arrays import Floats, Ints
from adaptive.learning.cross_validation import assign_folds
from adaptive.lookalike.encode import Encoding, encode_column, learn_encoding, numbers_of
from adaptive.lookalike.fit import fit_exponent, log_loss, tempered

Predict = Callable[[Floats], Floats]
Fit = Callable[[Floats, Floats, Sequence[int]], Predict]


def frames(
    train: Mapping[str, Sequence[str]], test: Mapping[str, Sequence[str]], kinds: Mapping[str, str], orders: Mapping[str, str]
) -> tuple[Floats, Floats, list[int]]:
    """Return the features of both as trees take them, and which columns are categories: numbers raw, category codes, words 0 or 1."""
    parts: list[tuple[Floats, Floats]] = []
    categories: list[int] = []
    for name, kind in kinds.items():
        if kind in ("number", "date"):
            order = orders.get(name, "ymd")
            parts.append((numbers_of(train[name], kind, order)[0][:, None], numbers_of(test[name], kind, order)[0][:, None]))
            continue
        encoding = learn_encoding(name, kind, train[name])
        if kind == "category":
            categories.append(sum(part[0].shape[1] for part in parts))
        parts.append((_coded(encoding, train[name]), _coded(encoding, test[name])))
    return np.concatenate([a for a, _ in parts], axis=1), np.concatenate([b for _, b in parts], axis=1), categories


def _coded(encoding: Encoding, values: Sequence[str]) -> Floats:
    column = encode_column(encoding, values)
    return column.codes[:, None].astype(np.float64) if column.hot is None else column.hot[column.codes]


def _weighted(labels: Floats) -> tuple[Ints, Ints, Floats]:
    rows, personas = np.nonzero(labels > 1e-3)
    return rows, personas, labels[rows, personas]


def _filled(model: Any, features: Floats, K: int) -> Floats:
    found = np.full((len(features), K), 1e-9)
    found[:, np.asarray(model.classes_, dtype=int)] = np.maximum(model.predict_proba(features), 1e-9)
    return found / found.sum(axis=1, keepdims=True)


def _boosting(rounds: int, features: Floats, labels: Floats, categories: Sequence[int]) -> Predict:
    from sklearn.ensemble import HistGradientBoostingClassifier

    rows, personas, weights = _weighted(labels)
    model = HistGradientBoostingClassifier(
        max_iter=rounds,
        learning_rate=0.06,
        max_leaf_nodes=8,
        min_samples_leaf=10,
        early_stopping=False,
        categorical_features=list(categories) or None,
        random_state=1,
    )
    model.fit(features[rows], personas, sample_weight=weights)
    return lambda wanted: _filled(model, wanted, labels.shape[1])


def _lightgbm(rounds: int, features: Floats, labels: Floats, categories: Sequence[int]) -> Predict:
    from lightgbm import LGBMClassifier

    rows, personas, weights = _weighted(labels)
    model = LGBMClassifier(
        n_estimators=rounds, learning_rate=0.06, num_leaves=8, min_child_samples=10, n_jobs=1, verbose=-1, random_state=1
    )
    model.fit(features[rows], personas, sample_weight=weights, categorical_feature=list(categories) or "auto")
    return lambda wanted: _filled(model, wanted, labels.shape[1])


def _neighbours(k: int, features: Floats, labels: Floats, categories: Sequence[int]) -> Predict:
    """k nearest by Gower's distance: ranks of numbers, equality of categories."""
    is_category = np.isin(np.arange(features.shape[1]), categories)
    middle = np.nanmedian(features, axis=0)
    middle = np.where(np.isnan(middle), 0.0, middle)
    known = np.where(np.isnan(features), middle, features)
    ranked = np.sort(known, axis=0)
    prior = labels.mean(axis=0)

    def scaled(given: Floats) -> Floats:
        given = np.where(np.isnan(given), middle, given)
        return np.column_stack(
            [given[:, j] if is_category[j] else np.searchsorted(ranked[:, j], given[:, j]) / len(ranked) for j in range(given.shape[1])]
        )

    own = scaled(features)

    def predict(wanted: Floats) -> Floats:
        found = np.empty((len(wanted), labels.shape[1]))
        for n, row in enumerate(scaled(wanted)):
            distance = np.where(is_category, own != row, np.abs(own - row)).sum(axis=1)
            near = np.argpartition(distance, min(k, len(distance) - 1))[:k]
            found[n] = (labels[near].sum(axis=0) + 2 * prior) / (len(near) + 2)
        return found / found.sum(axis=1, keepdims=True)

    return predict


def _naive_bayes(exponent: float, features: Floats, labels: Floats, categories: Sequence[int]) -> Predict:
    """Naive Bayes on six bins, its evidence weighted by an exponent."""
    edges = [
        np.unique(np.nanquantile(features[:, j], np.arange(1, 6) / 6))
        if j not in categories and not np.isnan(features[:, j]).all()
        else None
        for j in range(features.shape[1])
    ]

    def codes(given: Floats) -> Ints:
        return np.column_stack(
            [
                np.where(np.isnan(given[:, j]), 99, np.nan_to_num(given[:, j]) if cut is None else np.searchsorted(cut, given[:, j]))
                for j, cut in enumerate(edges)
            ]
        ).astype(np.int64)

    own, prior = codes(features), (labels.sum(axis=0) + 1 / labels.shape[1]) / (len(labels) + 1)
    tables = []
    for j in range(own.shape[1]):
        counts = np.zeros((128, labels.shape[1]))
        np.add.at(counts, own[:, j], labels)
        shares = (counts + counts.sum(axis=1, keepdims=True) / len(labels) + 1e-2) / (labels.sum(axis=0) + 1 + 1.28)
        tables.append(np.log(shares))

    def predict(wanted: Floats) -> Floats:
        evidence = sum(table[code] for table, code in zip(tables, codes(wanted).T, strict=True))
        return tempered(np.log(prior) + evidence - np.zeros(1), prior, exponent)

    return predict


RIVALS: dict[str, list[Fit]] = {
    "HistGradientBoosting": [partial(_boosting, rounds) for rounds in (10, 30, 80)],
    "LightGBM": [partial(_lightgbm, rounds) for rounds in (10, 30, 80)],
    "kNN": [partial(_neighbours, k) for k in (10, 30, 80)],
    "naive Bayes": [partial(_naive_bayes, exponent) for exponent in (1.0, 0.6, 0.35, 0.15)],
}


def _logs(found: Floats) -> Floats:
    logs: Floats = np.log(np.maximum(found, 1e-9))
    return logs


def predictions(name: str, train: Floats, labels: Floats, test: Floats, categories: Sequence[int]) -> Floats:
    """Return (n, K) predictions of a rival whose parameter is chosen by five-fold log score, tempered as ours are."""
    fold_of = assign_folds(len(labels), np.random.default_rng(1), labels.argmax(axis=1))
    prior = (labels.sum(axis=0) + 1 / labels.shape[1]) / (len(labels) + 1)
    scored = []
    for fit in RIVALS[name]:
        held_out = np.empty_like(labels)
        for fold in range(5):
            out = fold_of == fold
            held_out[out] = fit(train[~out], labels[~out], categories)(train[out])
        scored.append((log_loss(held_out, labels), held_out, fit))
    _, held_out, fit = min(scored, key=lambda item: item[0])
    exponent = fit_exponent(_logs(held_out), labels, prior)
    return tempered(_logs(fit(train, labels, categories)(test)), prior, exponent)
