"""Fit the evidence tables of attributes to respondents whose persona is known in part: multinomial logistic regression.

Each respondent counts for every persona by the belief that its answers gave. The strength of the penalty, the exponent that tempers the
result and the threshold of assignments are chosen on respondents who were held out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import entr, log_softmax

from adaptive.arrays import Floats, Ints
from adaptive.learning.calibration import calibration_error
from adaptive.learning.cross_validation import assign_folds
from adaptive.lookalike.encode import (
    FINE_BINS,
    Column,
    EncodedColumn,
    Encoding,
    design_matrix,
    dictionary_of,
    encode_column,
    learn_encoding,
    table_of,
    text_of,
)
from adaptive.lookalike.model import NATS_PER_BIT, AttributionModel
from adaptive.lookalike.regression import choose_penalty, mean_label, regress
from adaptive.lookalike.risk import fit_threshold

FEWEST_LABELS = 30
FEWEST_OF_A_PERSONA = 5
MOST_MISSING = 0.6
LEAK = 0.8
"""Share of what can be known of the label that one attribute may explain: more looks like a column made from it."""
FEWEST_TO_BE_UNIQUE = 10
MOST_DISTINCT = 40
"""A number of so few values is judged by each of them when leaks are sought."""


@dataclass(frozen=True)
class LeftOut:
    """An attribute that the fit does not use.

    `reason` is ``constant``, ``unique``, ``missing``, ``no_level`` (no value that enough people share) or ``leak``; `figure` the share
    missing, the share of the label's entropy that it explains, or the number of distinct values.
    """

    name: str
    reason: str
    figure: float


@dataclass(frozen=True)
class LabelsMissing:
    """More labels that a fit needs: in all, and of each persona.

    Without enough in all, or of two personas, the model is its prior. Otherwise only the personas that lack labels keep their prior: the
    attributes are no evidence for or against them.
    """

    labels: int
    personas: Mapping[str, int]

    @property
    def is_enough(self) -> bool:
        return self.labels == 0 and not self.personas


@dataclass(frozen=True, eq=False)
class AttributionFit:
    """A fitted model and what its fit found.

    `out_of_fold` is (N, K): the belief of each respondent under tables that it did not teach. `gains` are the bits that each attribute
    tells about the persona on its own, held out. `needed` are labels that are missing.
    """

    model: AttributionModel
    out_of_fold: Floats
    left_out: tuple[LeftOut, ...]
    gains: Mapping[str, float]
    needed: LabelsMissing

    @property
    def is_prior_only(self) -> bool:
        return not self.model.encodings

    @property
    def leaks(self) -> tuple[str, ...]:
        return tuple(attribute.name for attribute in self.left_out if attribute.reason == "leak")


def fit_attribution(
    columns: Mapping[str, Column],
    kinds: Mapping[str, str],
    labels: Floats,
    personas: Sequence[str],
    *,
    target: float = 0.8,
    hysteresis: float = 0.05,
    allow: Sequence[str] = (),
    date_orders: Mapping[str, str] | None = None,
    prior: Floats | None = None,
    seed: int = 1,
    watch: Callable[[int], None] = lambda _: None,
) -> AttributionFit:
    """Fit P(persona | attributes) to N respondents.

    Parameters
    ----------
    columns : attribute -> values
        Of the N respondents, in the same order.
    kinds : attribute -> kind
        ``number``, ``date``, ``category`` or ``text``; other columns are not used.
    labels : (N, K) array
        P(persona) from the answers of each respondent, rows adding up to 1.
    allow : attributes that may explain more than `LEAK` of the label.
    prior : (K,) array
        Of a model that is its prior only, in any scale; otherwise the mean of the labels is used.
    watch : called with the number of steps done, `steps_of_fit()` in all.
    """
    needed = _labels_missing(labels, personas)
    if needed.labels or len(needed.personas) > len(personas) - 2:
        return _prior_only(labels, personas, prior, target, hysteresis, needed)
    taught = np.array([name not in needed.personas for name in personas])
    base = mean_label(labels)
    fold_of = assign_folds(len(labels), np.random.default_rng(seed), labels.argmax(axis=1))
    encodings, encoded, left_out, gains = _choose_attributes(columns, kinds, labels, base, fold_of, allow, date_orders or {})
    if not encodings:
        return replace(_prior_only(labels, personas, prior, target, hysteresis, needed), left_out=left_out, gains=gains)
    coarse = _Design.of(encodings, encoded)
    penalty, logits = choose_penalty(coarse.features, labels, fold_of, taught, watch)
    design = fine = coarse.refined(columns)
    if fine.features.shape[1] > coarse.features.shape[1]:
        fine_penalty, fine_logits = choose_penalty(fine.features, labels, fold_of, taught)
        if _is_clearly_better(fine_logits, logits, labels):
            penalty, logits = fine_penalty, fine_logits
        else:
            design = coarse
    exponent = fit_exponent(logits, labels, base)
    out_of_fold = tempered(logits, base, exponent)
    coefficients, intercept = regress(design.features, labels, (penalty,), taught)[0]
    watch(1)
    made = [table_of(encoding, part) for encoding, part in zip(design.encodings, np.split(coefficients, design.ends), strict=True)]
    constant = intercept + sum(constant for _, constant in made) - np.log(base)
    bits = exponent / NATS_PER_BIT
    model = AttributionModel(
        tuple(personas),
        base,
        design.encodings,
        tuple(bits * table for table, _ in made),
        bits * (constant - constant.mean()),
        exponent,
        target,
        fit_threshold(out_of_fold, labels, target),
        hysteresis,
        _metrics(base, out_of_fold, labels, gains) | {"penalty": penalty},
    )
    return AttributionFit(model, out_of_fold, left_out, gains, needed)


@dataclass(frozen=True, eq=False)
class _Design:
    """The (N, F) features of all attributes, and the features at which the second and following attributes begin."""

    encodings: tuple[Encoding, ...]
    features: Floats
    ends: Ints

    @classmethod
    def of(cls, encodings: Sequence[Encoding], encoded: Sequence[EncodedColumn]) -> "_Design":
        parts = [design_matrix(encoding, column) for encoding, column in zip(encodings, encoded, strict=True)]
        return cls(tuple(encodings), np.concatenate(parts, axis=1), np.cumsum([part.shape[1] for part in parts])[:-1])

    def refined(self, columns: Mapping[str, Column]) -> "_Design":
        """Return the design with numbers and dates cut into more bins."""
        encodings = [
            learn_encoding(encoding.name, encoding.kind, columns[encoding.name], encoding.date_order, FINE_BINS)
            if encoding.is_ordered
            else encoding
            for encoding in self.encodings
        ]
        return self.of(encodings, [encode_column(encoding, columns[encoding.name]) for encoding in encodings])


def _is_clearly_better(logits: Floats, than: Floats, labels: Floats) -> bool:
    """Return whether a held-out log score is higher by more than one standard error of the difference (Breiman and others, 1984)."""
    gain = (labels * (logits - than)).sum(axis=1)
    return bool(gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)))


def steps_of_fit() -> int:
    """Return how many steps `fit_attribution` reports."""
    return 6


def _prior_only(
    labels: Floats, personas: Sequence[str], prior: Floats | None, target: float, hysteresis: float, needed: LabelsMissing
) -> AttributionFit:
    base = mean_label(labels) if prior is None else prior / prior.sum()
    metrics = _metrics(base, None, labels, {})
    model = AttributionModel(tuple(personas), base, (), (), np.zeros(len(personas)), 0.0, target, None, hysteresis, metrics)
    return AttributionFit(model, np.tile(base, (len(labels), 1)), (), {}, needed)


def _labels_missing(labels: Floats, personas: Sequence[str]) -> LabelsMissing:
    of_each = labels.sum(axis=0)
    few = {
        name: int(np.ceil(FEWEST_OF_A_PERSONA - have)) for name, have in zip(personas, of_each, strict=True) if have < FEWEST_OF_A_PERSONA
    }
    return LabelsMissing(max(FEWEST_LABELS - len(labels), 0), few)


def fit_exponent(logits: Floats, labels: Floats, prior: Floats) -> float:
    """Return the exponent in [0, 1] on the evidence that predicts the labels best; 0 leaves the prior."""
    found = minimize_scalar(lambda exponent: log_loss(tempered(logits, prior, exponent), labels), bounds=(0.0, 1.0), method="bounded")
    return float(min((0.0, 1.0, float(found.x)), key=lambda exponent: log_loss(tempered(logits, prior, exponent), labels)))


def tempered(logits: Floats, prior: Floats, exponent: float) -> Floats:
    """Return (n, K) beliefs whose evidence, the logits less the log prior, has this weight."""
    log_prior = np.log(prior)
    belief: Floats = np.exp(log_softmax(log_prior + exponent * (logits - log_prior), axis=1))
    return belief


def log_loss(vectors: Floats, labels: Floats) -> float:
    """Return the mean cross entropy of (n, K) predictions under (n, K) labels, in nats."""
    return float(-(labels * np.log(np.maximum(vectors, np.finfo(float).tiny))).sum() / max(len(labels), 1))


def _metrics(prior: Floats, out_of_fold: Floats | None, labels: Floats, gains: Mapping[str, float]) -> dict[str, Any]:
    vectors = np.tile(prior, (len(labels), 1)) if out_of_fold is None else out_of_fold
    top = vectors.argmax(axis=1)
    people = np.arange(len(labels))
    return {
        "labels": len(labels),
        "log_loss": log_loss(vectors, labels),
        "prior_log_loss": log_loss(np.tile(prior, (len(labels), 1)), labels),
        "accuracy": float(labels[people, top].mean()) if len(labels) else 0.0,
        "calibration_error": calibration_error(vectors[people, top], labels[people, top]) if len(labels) else 0.0,
        "gains": dict(gains),
    }


def _choose_attributes(
    columns: Mapping[str, Column],
    kinds: Mapping[str, str],
    labels: Floats,
    prior: Floats,
    fold_of: Ints,
    allow: Sequence[str],
    date_orders: Mapping[str, str],
) -> tuple[list[Encoding], list[EncodedColumn], tuple[LeftOut, ...], dict[str, float]]:
    """Return what is fitted, what is left out and why, and the gain of every attribute that could be encoded."""
    encodings: list[Encoding] = []
    encoded: list[EncodedColumn] = []
    left_out: list[LeftOut] = []
    gains: dict[str, float] = {}
    most = log_loss(np.tile(prior, (len(labels), 1)), labels) - float(entr(labels).sum(axis=1).mean())
    for name, kind in kinds.items():
        useless = _uselessness(name, kind, columns[name])
        if useless is not None:
            left_out.append(useless)
            continue
        encoding = learn_encoding(name, kind, columns[name], date_orders.get(name))
        column = encode_column(encoding, columns[name])
        if not (encoding.edges or encoding.levels):
            left_out.append(LeftOut(name, "no_level", float(len(dictionary_of(columns[name]).values))))
            continue
        gains[name] = held_out_gain(encoding, column, columns[name], labels, prior, fold_of) / NATS_PER_BIT
        explained = gains[name] * NATS_PER_BIT / most if most > 0 else 0.0
        if explained > LEAK and name not in allow:
            left_out.append(LeftOut(name, "leak", explained))
            continue
        encodings.append(encoding)
        encoded.append(column)
    return encodings, encoded, tuple(left_out), gains


def _uselessness(name: str, kind: str, column: Column) -> LeftOut | None:
    """Return why an attribute cannot be used, or None: its values are missing, all the same, or another one for every contact."""
    known = dictionary_of(column)
    filled = np.array([*(bool(text_of(value)) for value in known.values), False])[known.codes]
    missing = 1 - float(filled.mean()) if len(filled) else 1.0
    distinct = {text_of(value) for value in known.values} - {""}
    if missing > MOST_MISSING:
        return LeftOut(name, "missing", missing)
    if len(distinct) == 1:
        return LeftOut(name, "constant", 1.0)
    if len(distinct) == int(filled.sum()) >= FEWEST_TO_BE_UNIQUE and (kind == "category" or _is_counter(kind, distinct)):
        return LeftOut(name, "unique", float(len(distinct)))
    return None


def _is_counter(kind: str, distinct: set[str]) -> bool:
    """Return whether the different numbers are whole and without large gaps, as running numbers are."""
    if kind != "number" or not all(value.lstrip("-").isdecimal() for value in distinct):
        return False
    sizes = [int(value) for value in distinct]
    return max(sizes) - min(sizes) < 2 * len(sizes)


def held_out_gain(encoding: Encoding, encoded: EncodedColumn, column: Column, labels: Floats, prior: Floats, fold_of: Ints) -> float:
    """Return what an attribute tells about the persona on its own, in nats: the mean gain in log score on held-out respondents.

    Rows predict by their smoothed counts, a text by a regression on its words. A number of few values counts each of them.
    """
    logs = np.empty_like(labels)
    features = design_matrix(encoding, encoded) if encoding.kind == "text" else np.empty((len(labels), 0))
    known = dictionary_of(column)
    codes = known.codes if encoding.is_ordered and len(known.values) <= MOST_DISTINCT else encoded.codes
    cells = codes - codes.min()
    for fold in range(int(fold_of.max()) + 1):
        out = fold_of == fold
        if encoding.kind == "text":
            coefficients, intercept = regress(features[~out], labels[~out], (1.0,))[0]
            logs[out] = log_softmax(features[out] @ coefficients + intercept, axis=1)
            continue
        counts = np.zeros((int(cells.max()) + 1, labels.shape[1]))
        np.add.at(counts, cells[~out], labels[~out])
        shares = (counts + prior) / (counts.sum(axis=1, keepdims=True) + 1)
        logs[out] = np.log(shares[cells[out]])
    return max(float((labels * (logs - np.log(prior))).sum()) / len(labels), 0.0)
