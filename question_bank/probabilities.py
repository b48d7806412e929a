"""Convert the forms of a row (shares, counts, words, mean and sd) to probabilities.

No resulting probability is below `FLOOR`, and none of a multiple question is above 1 - FLOOR.
"""

from collections.abc import Mapping, Sequence
from math import fsum

import numpy as np
from scipy.special import ndtr

from adaptive.arrays import Floats
from question_bank.definitions import Counts, Normal, Question, Row, Shares, Words

EXACT = 1e-12  # a sum this close to 1 is left alone: dividing would change last digits, and a rewritten bank would differ from itself


def normalised(values: Sequence[float]) -> tuple[float, ...]:
    """Return the values divided by their sum, unchanged when they already add up to 1."""
    total = fsum(values)
    return tuple(values) if abs(total - 1) <= EXACT else tuple(value / total for value in values)


FLOOR = 1e-4
PSEUDO_COUNTS = 8.0  # 100 labelled respondents: calibration error .324 without shrinking, .026 with (docs: the engine)
WEIGHT_OF_WORD = {"++": 4.0, "+": 2.0, "0": 1.0, "-": 0.5, "--": 0.25}
TICKED_BY_WORD = {"++": 0.8, "+": 0.6, "0": 0.4, "-": 0.2, "--": 0.08}


def shares_of(question: Question, rows: Mapping[str, Row], personas: Sequence[str]) -> Floats:
    """Return P(outcome | persona) of a single or scale question, P(ticked | persona) of a multiple one.

    Counts are shrunk to the pooled counts of all `rows` by `PSEUDO_COUNTS`; words have fixed weights; a mean and sd on a scale is the
    normal distribution cut at the half points.

    Parameters
    ----------
    question : Question
        Of type single, multiple or scale, with A outcomes.
    rows : mapping
        One row per persona; with a parent, those given one of its outcomes.
    personas : sequence of K ids
        Order of the rows of the result.

    Returns
    -------
    (K, A) array
        Rows add up to one, except for multiple questions, whose options are independent.

    >>> from question_bank.definitions import Option
    >>> colour = Question("colour", "single", {"en": "?"}, options=(Option("red", {"en": "Red"}), Option("blue", {"en": "Blue"})))
    >>> shares_of(colour, {"a": Words(("++", "0")), "b": Shares((0.0, 1.0))}, ["a", "b"]).tolist()
    [[0.8, 0.2], [0.0001, 0.9999]]
    """
    multiple = question.type == "multiple"
    counted = [row for row in rows.values() if isinstance(row, Counts)]
    pooled = _pooled(counted, multiple) if counted else np.empty(0)
    table = np.array([_shares(rows[persona], question, pooled) for persona in personas], dtype=np.float64)
    return np.clip(table, FLOOR, 1 - FLOOR) if multiple else _floored(table)


def _pooled(rows: Sequence[Counts], multiple: bool) -> Floats:
    """Return the (A,) pooled shares, half an answer added to each cell."""
    total = np.sum([row.values for row in rows], axis=0) + 0.5
    return np.asarray(total / (sum(_asked(row) for row in rows) + 1) if multiple else total / total.sum(), dtype=np.float64)


def _asked(row: Counts) -> float:
    return float(sum(row.values) if row.of is None else row.of)


def _shares(row: Row, question: Question, pooled: Floats) -> Floats:
    """Return one row as (A,) probabilities."""
    multiple = question.type == "multiple"
    match row:
        case Shares(values):
            return np.array(values if multiple else normalised(values))
        case Counts(values):
            return np.asarray((np.array(values) + PSEUDO_COUNTS * pooled) / (_asked(row) + PSEUDO_COUNTS))
        case Words(values) if multiple:
            return np.array([TICKED_BY_WORD[word] for word in values])
        case Words(values):
            weights = np.array([WEIGHT_OF_WORD[word] for word in values])
            return np.asarray(weights / weights.sum())
        case Normal(mean, sd) if question.type == "scale":
            return _discretised(mean, sd, np.array(question.points, dtype=np.float64))
    raise TypeError(f"a {question.type} question has no row of the form {type(row).__name__}")


def _discretised(mean: float, sd: float, points: Floats) -> Floats:
    """Return the (A,) normal probability within half a point of each point, normalised over the points."""
    with np.errstate(over="ignore"):  # a tiny sd sends the ends to infinity, which ndtr accepts
        low, high = (points - 0.5 - mean) / sd, (points + 0.5 - mean) / sd
    # Above the mean the difference is computed in the other tail, where it does not cancel.
    mass = np.where(low > 0, ndtr(-low) - ndtr(-high), ndtr(high) - ndtr(low))
    if mass.sum() < np.finfo(np.float64).tiny:  # a mean far off the scale: all mass on the nearest end
        mass = (points == points[np.abs(points - mean).argmin()]).astype(np.float64)
    return np.asarray(mass / mass.sum())


def _floored(table: Floats) -> Floats:
    """Raise cells below the floor to it and rescale the rest of the row; other rows are unchanged to the last bit."""
    low = table < FLOOR
    while True:
        rest = np.where(low, 0.0, table)
        scaled = rest * ((1 - FLOOR * low.sum(axis=1, keepdims=True)) / rest.sum(axis=1, keepdims=True))
        changed = low.sum(axis=1, keepdims=True) > 0
        newly_low = (scaled < FLOOR) & changed & ~low  # rescaling may push a cell that was just above the floor below it
        if not newly_low.any():
            return np.where(changed, np.where(low, FLOOR, scaled), table)
        low = low | newly_low
