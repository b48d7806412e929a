"""A fitted attribution: evidence tables of attributes, in bits. It scores contacts, assigns personas and explains both.

Scoring needs only numpy. The belief of a contact is ``prior_k 2^(intercept_k + sum over attributes of table[row, k])``, normalised.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.special import log_softmax

from adaptive.arrays import Floats, Ints
from adaptive.lookalike.encode import Column, EncodedColumn, Encoding, encode_column
from adaptive.posterior import weights_of_evidence

FORMAT = 1
NOBODY = -1
"""In arrays of assignments: no persona."""
NATS_PER_BIT = float(np.log(2))


class MissingColumns(ValueError):
    """Attributes of the model have no column; `names` are theirs."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"no column for {', '.join(names)}")
        self.names = tuple(names)


@dataclass(frozen=True, eq=False)
class AttributionModel:
    """Evidence about K personas in the attributes of a contact.

    `prior` is (K,); `tables` are (rows, K) in bits, one for each of `encodings`, already tempered by `exponent`; `intercept` is (K,) bits.
    A contact is assigned to the top persona from the confidence `threshold` on, None where no threshold reaches `target`, the wanted
    accuracy; one who is assigned stays so within `hysteresis`. `metrics` are the figures of the fit, `shift` the part of the intercept
    that probes added.
    """

    personas: tuple[str, ...]
    prior: Floats
    encodings: tuple[Encoding, ...]
    tables: tuple[Floats, ...]
    intercept: Floats
    exponent: float
    target: float
    threshold: float | None
    hysteresis: float
    metrics: Mapping[str, Any] = field(default_factory=dict)
    shift: Floats | None = None

    @property
    def attributes(self) -> tuple[str, ...]:
        return tuple(encoding.name for encoding in self.encodings)

    def to_json(self) -> dict[str, Any]:
        """Return the model as plain lists, numbers and strings. `from_json` restores it exactly."""
        return {
            "format": FORMAT,
            "personas": list(self.personas),
            "prior": self.prior.tolist(),
            "intercept": self.intercept.tolist(),
            "shift": None if self.shift is None else self.shift.tolist(),
            "exponent": self.exponent,
            "target": self.target,
            "threshold": self.threshold,
            "hysteresis": self.hysteresis,
            "attributes": [
                encoding.to_json() | {"bits": table.tolist()} for encoding, table in zip(self.encodings, self.tables, strict=True)
            ],
            "metrics": dict(self.metrics),
        }

    @classmethod
    def from_json(cls, known: Mapping[str, Any]) -> "AttributionModel":
        """Return the model of `to_json`. Raises ValueError where it is none, or of a later format."""
        if known.get("format") != FORMAT:
            raise ValueError(f"is not an attribution model of format {FORMAT}")
        try:
            personas = tuple(map(str, known["personas"]))
            encodings = tuple(Encoding.from_json(attribute) for attribute in known["attributes"])
            return cls(
                personas,
                np.array(known["prior"], dtype=np.float64),
                encodings,
                tuple(np.array(attribute["bits"], dtype=np.float64) for attribute in known["attributes"]),
                np.array(known["intercept"], dtype=np.float64),
                float(known["exponent"]),
                float(known["target"]),
                None if known["threshold"] is None else float(known["threshold"]),
                float(known["hysteresis"]),
                dict(known["metrics"]),
                None if known["shift"] is None else np.array(known["shift"], dtype=np.float64),
            )._checked()
        except (KeyError, TypeError) as wrong:
            raise ValueError(f"is not an attribution model: {wrong}") from None

    def _checked(self) -> "AttributionModel":
        """Return the model. Raises ValueError where the sizes of its arrays do not fit one another."""
        K = len(self.personas)
        shapes = [table.shape for table in self.tables]
        if self.prior.shape != (K,) or self.intercept.shape != (K,) or shapes != [(encoding.size, K) for encoding in self.encodings]:
            raise ValueError("is not an attribution model: the sizes of its tables do not fit one another")
        return self

    def with_shift(self, shift: Floats) -> "AttributionModel":
        """Return the model with a (K,) `shift` in bits in place of that of earlier probes."""
        earlier = 0.0 if self.shift is None else self.shift
        return replace(self, intercept=self.intercept - earlier + shift, shift=shift)


def encode(model: AttributionModel, columns: Mapping[str, Column]) -> list[EncodedColumn]:
    """Return the encoded column of each attribute of the model. Raises MissingColumns."""
    missing = [name for name in model.attributes if name not in columns]
    if missing:
        raise MissingColumns(missing)
    return [encode_column(encoding, columns[encoding.name]) for encoding in model.encodings]


def score(model: AttributionModel, columns: Mapping[str, Column], contacts: int | None = None) -> Floats:
    """Return (n, K), P(persona) of n contacts given their attributes. Raises MissingColumns.

    `columns` has the values of each attribute, all of the same length. `contacts` is n for a model without attributes.
    """
    return score_encoded(model, encode(model, columns), contacts)


def score_encoded(model: AttributionModel, encoded: Sequence[EncodedColumn], contacts: int | None = None) -> Floats:
    """Return (n, K), P(persona) of contacts that are already encoded."""
    size = len(encoded[0].codes) if encoded else (contacts or 0)
    logits = np.empty((size, len(model.personas)))
    logits[:] = np.log(model.prior) + NATS_PER_BIT * model.intercept
    for table, column in zip(model.tables, encoded, strict=True):
        logits += column.evidence(NATS_PER_BIT * table)
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    return logits


def top_personas(vectors: Floats, was_top: Ints | None = None, hysteresis: float = 0.0) -> Ints:
    """Return the (n,) likeliest persona. One that was the likeliest before stays so unless another leads it by `hysteresis`.

    `was_top` is (n,), `NOBODY` where there was none.

    >>> top_personas(np.array([[.52, .48], [.6, .4]]), np.array([1, 1]), .05)
    array([1, 0])
    """
    top: Ints = vectors.argmax(axis=1)
    if was_top is None:
        return top
    contacts = np.arange(len(vectors))
    stays = (was_top >= 0) & (vectors[contacts, was_top] > vectors[contacts, top] - hysteresis)
    return np.where(stays, was_top, top)


def assign(model: AttributionModel, vectors: Floats, was_assigned_to: Ints | None = None) -> Ints:
    """Return the (n,) persona that each contact is assigned to, `NOBODY` where none is certain enough.

    An assignment begins at the threshold. It ends when its persona falls below the threshold by more than the hysteresis, or when another
    persona reaches the threshold and leads by the hysteresis. `was_assigned_to` is (n,), `NOBODY` for contacts that were not assigned.
    """
    if model.threshold is None:
        return np.full(len(vectors), NOBODY)
    top: Ints = vectors.argmax(axis=1)
    contacts = np.arange(len(vectors))
    now = np.where(vectors[contacts, top] >= model.threshold, top, NOBODY)
    if was_assigned_to is None:
        return now
    kept = vectors[contacts, was_assigned_to]
    stays = (was_assigned_to >= 0) & (kept >= model.threshold - model.hysteresis)
    overtaken = (now >= 0) & (vectors[contacts, top] >= kept + model.hysteresis)
    return np.where(stays & ~overtaken, was_assigned_to, now)


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a contact has its belief: `vector` is (K,); `bits` has the (K,) weight of evidence of each attribute, `values` what was used.

    `intercept` and all `bits` add up to the log odds (base 2) of `vector` minus those of the prior.
    """

    vector: Floats
    intercept: Floats
    bits: Mapping[str, Floats]
    values: Mapping[str, str]


def explain(model: AttributionModel, attributes: Mapping[str, object]) -> Explanation:
    """Return why a contact with these attribute values has its belief; an attribute that is absent is missing."""
    encoded = encode(model, {name: [attributes.get(name)] for name in model.attributes})
    pieces = np.array([model.intercept, *(column.evidence(table)[0] for column, table in zip(encoded, model.tables, strict=True))])
    weights = weights_of_evidence(model.prior, NATS_PER_BIT * pieces)
    vector = np.exp(log_softmax(np.log(model.prior) + NATS_PER_BIT * pieces.sum(axis=0)))
    shown = {encoding.name: _applied_rows(encoding, column) for encoding, column in zip(model.encodings, encoded, strict=True)}
    return Explanation(vector, weights[0], dict(zip(model.attributes, weights[1:], strict=True)), shown)


def _applied_rows(encoding: Encoding, column: EncodedColumn) -> str:
    """Return the rows that apply to the only contact of `column`, in words."""
    labels = encoding.row_labels()
    if column.hot is None:
        return labels[int(column.codes[0])]
    rows = np.flatnonzero(column.hot[int(column.codes[0])])
    words = [labels[row] for row in rows if row < len(encoding.levels)]
    return " ".join(words) or labels[int(rows[-1])]
