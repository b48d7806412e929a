"""Drift: how far the attributes of contacts have moved from those of the respondents of the fit, counted while contacts are scored."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adaptive.arrays import Ints
from adaptive.lookalike.encode import EncodedColumn
from adaptive.lookalike.model import AttributionModel

MOST_UNKNOWN = 0.2
"""Share of values that the fit has never seen, or cannot read, from which an attribute is warned about."""
NOTABLE = 0.2
"""Total variation between the levels of contacts and respondents from which an attribute is warned about."""


@dataclass(frozen=True)
class Drift:
    """How an attribute moved.

    `unknown` is the share of values that the fit has never seen or that cannot be read, beyond that of the fit; `distance` the total
    variation between the level shares of contacts and respondents: the share of people who would have to change level.
    """

    attribute: str
    contacts: int
    unknown: float
    distance: float

    @property
    def is_unknown(self) -> bool:
        """Whether too many values were never seen at the fit."""
        return self.unknown > MOST_UNKNOWN

    @property
    def is_notable(self) -> bool:
        return self.is_unknown or self.distance > NOTABLE


@dataclass(frozen=True, eq=False)
class LevelCounts:
    """Contacts by table row and the number of unknown values, of each attribute of a model."""

    rows: tuple[Ints, ...]
    unknown: tuple[int, ...]
    contacts: int

    @classmethod
    def none(cls, model: AttributionModel) -> "LevelCounts":
        return cls(tuple(np.zeros(encoding.size, dtype=np.int64) for encoding in model.encodings), (0,) * len(model.encodings), 0)

    def plus(self, encoded: Sequence[EncodedColumn]) -> "LevelCounts":
        """Return the counts with further contacts."""
        rows = tuple(before + column.counts(len(before)) for before, column in zip(self.rows, encoded, strict=True))
        unknown = tuple(before + int(column.unknown.sum()) for before, column in zip(self.unknown, encoded, strict=True))
        return LevelCounts(rows, unknown, self.contacts + (len(encoded[0].codes) if encoded else 0))


def measure_drift(model: AttributionModel, counts: LevelCounts) -> list[Drift]:
    """Return how each attribute of the model moved. Levels below the smallest group of a table count as one."""
    found = []
    for encoding, rows, unknown in zip(model.encodings, counts.rows, counts.unknown, strict=True):
        before = np.array(encoding.people, dtype=np.float64)
        if encoding.kind == "text":
            changes = np.abs(rows / max(rows[-2:].sum(), 1) - before / max(before[-2:].sum(), 1))
            distance = float(changes.max())
        else:
            distance = float(np.abs(rows / max(rows.sum(), 1) - before / max(before.sum(), 1)).sum() / 2)
        rare = before[-2] / max(before.sum(), 1) if encoding.kind == "category" else 0.0
        found.append(Drift(encoding.name, counts.contacts, max(unknown / max(counts.contacts, 1) - float(rare), 0.0), distance))
    return found
