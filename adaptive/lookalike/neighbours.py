"""The respondents that resemble a contact, shown as the attribute levels that they share with it, as counts and never as individuals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from adaptive.arrays import Floats, Ints
from adaptive.lookalike.encode import FEWEST_PEOPLE, Column, EncodedColumn, Encoding
from adaptive.lookalike.model import AttributionModel, encode

NEAREST = 5


@dataclass(frozen=True)
class SharedLevel:
    """A level of an attribute that the contact shares with `neighbours` of its nearest respondents and with `respondents` of all."""

    attribute: str
    level: str
    neighbours: int
    respondents: int


@dataclass(frozen=True, eq=False)
class RespondentIndex:
    """The respondents of a fit, ready to be compared with contacts: (N, K) summed `evidence` in bits, and their encoded columns."""

    model: AttributionModel
    columns: Sequence[EncodedColumn]
    evidence: Floats

    @classmethod
    def of(cls, model: AttributionModel, columns: Mapping[str, Column]) -> "RespondentIndex":
        """Index the respondents with these attribute values. Raises MissingColumns."""
        encoded = encode(model, columns)
        return cls(model, encoded, _evidence(model, encoded))

    def shared_levels(self, attributes: Mapping[str, object]) -> list[SharedLevel]:
        """Return the levels that a contact shares with its five nearest respondents, those of most neighbours first.

        Near means a small distance between the summed table rows, so attributes count as much as they tell about the persona. A level
        that fewer than `FEWEST_PEOPLE` respondents have is not shown, and neither is a missing value.
        """
        if len(self.evidence) < FEWEST_PEOPLE:
            return []
        contact = encode(self.model, {name: [attributes.get(name)] for name in self.model.attributes})
        distance = ((self.evidence - _evidence(self.model, contact)) ** 2).sum(axis=1)
        nearest = np.argsort(distance, kind="stable")[:NEAREST]
        found = [
            shared
            for encoding, column, own in zip(self.model.encodings, self.columns, contact, strict=True)
            for shared in _shared(encoding, column, own, nearest)
        ]
        return sorted(found, key=lambda shared: -shared.neighbours)


def _evidence(model: AttributionModel, columns: Sequence[EncodedColumn]) -> Floats:
    size = len(columns[0].codes) if columns else 0
    total = np.zeros((size, len(model.personas)))
    for table, column in zip(model.tables, columns, strict=True):
        total += column.evidence(table)
    return total


def _shared(encoding: Encoding, column: EncodedColumn, own: EncodedColumn, nearest: Ints) -> list[SharedLevel]:
    labels = encoding.row_labels()
    all_counts, near_counts = column.counts(encoding.size), column.take(nearest).counts(encoding.size)
    shown = [row for row in np.flatnonzero(own.counts(encoding.size)) if encoding.is_named(int(row))]
    return [
        SharedLevel(encoding.name, labels[row], int(near_counts[row]), int(all_counts[row]))
        for row in shown
        if near_counts[row] and all_counts[row] >= FEWEST_PEOPLE
    ]
