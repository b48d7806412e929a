"""Infer what kind of attribute a column of a contact file is: a number, a date, a category or free text; or name its faulty lines."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from adaptive.lookalike.encode import DATE_ORDERS, FEWEST_PEOPLE, best_date_order, days_of, tokens_of
from question_bank.datasets.column_types import NUMBER, is_binary
from question_bank.exports.not_questions import looks_like_id

FEW = 0.2
"""Share of values up to which those of another type are slips, not a sign of a category."""
FEWEST_TOKENS = 1.5
"""Mean number of words from which values that few people share are free text."""
MOST_WORDED_LEVELS = 20
"""With fewer different values than this a column is a category, however long they are."""
YEAR_FIRST = re.compile(r"\d{4}[-./]", re.ASCII)
YEARS = (1900, 2100)
"""A date outside of these years is most likely a slip."""


@dataclass(frozen=True)
class Kind:
    """The kind of a column, and for dates the order of day, month and year. `problems` are (row, what is wrong and the remedy)."""

    kind: str
    date_order: str | None = None
    problems: tuple[tuple[int, str], ...] = ()


def infer_kind(name: str, values: Sequence[str], kind: str | None = None) -> Kind:
    """Return the kind of a column of cells, the wanted or the inferred one, with every cell that contradicts it.

    >>> infer_kind("since", ["2024-01-31", "2023-05-01"]).kind
    'date'
    """
    counts = Counter(value for value in values if value)
    filled = sum(counts.values())
    if kind is None:
        numbers = sum(uses for value, uses in counts.items() if NUMBER.fullmatch(value))
        dates = sum(uses for value, uses in counts.items() if _is_date_like(value))
        if filled and dates >= (1 - FEW) * filled:
            kind = "date"
        elif filled and numbers >= (1 - FEW) * filled and not is_binary(counts) and (numbers == filled or len(counts) > 2):
            kind = "number"
        else:
            kind = "text" if _is_free_text(counts) else "category"
    if kind == "number":
        wrong = {value for value in counts if not NUMBER.fullmatch(value)}
        todo = f"write a number, empty the cell if there is none, or say --type {name}=category"
        return Kind(
            kind,
            None,
            tuple((row, f'"{value}" is not a number like the others: {todo}') for row, value in enumerate(values) if value in wrong),
        )
    if kind == "date":
        return _dates(name, values, counts)
    return Kind(kind)


def is_id(name: str, values: Sequence[str]) -> bool:
    """Return whether a column has the name of an id and another value on nearly every line."""
    filled = [value for value in values if value]
    return looks_like_id(name) and len(set(filled)) > 0.9 * len(filled)


def _is_date_like(value: str) -> bool:
    return any(not np.isnan(days_of(value, order)) for order in DATE_ORDERS)


def _is_free_text(counts: Mapping[str, int]) -> bool:
    """Return whether values of several words are seldom the same: then their words say more than they do."""
    shared = sum(uses for uses in counts.values() if uses >= FEWEST_PEOPLE)
    if len(counts) < MOST_WORDED_LEVELS or 2 * shared >= sum(counts.values()):
        return False
    return sum(len(tokens_of(value)) for value in counts) >= FEWEST_TOKENS * len(counts)


def _dates(name: str, values: Sequence[str], counts: Mapping[str, int]) -> Kind:
    """Return the order of day, month and year, and the cells that are not written in it.

    Dates with the year first are read in every order: where others are among them, the fewer are the faulty ones.
    """
    year_first = {value for value in counts if YEAR_FIRST.match(value)}
    is_year_first = 2 * sum(counts[value] for value in year_first) >= sum(counts.values())
    own = [value for value in counts if (value in year_first) == is_year_first]
    order = "ymd" if is_year_first else best_date_order(own)
    wrong = {value for value in counts if np.isnan(days_of(value, order)) or (value in year_first) != is_year_first}
    words = {"ymd": "year-month-day", "dmy": "day.month.year", "mdy": "month/day/year"}[order]
    todo = f"write it in this order, empty the cell, or say --type {name}=category"
    problems = [(row, f'"{value}" is not a date like the others, {words}: {todo}') for row, value in enumerate(values) if value in wrong]
    return Kind("date", order, tuple(problems))


def is_possible_date(days: float) -> bool:
    """Return whether a date, in days since 1970, lies between 1900 and 2100."""
    first, last = (days_of(f"{year}-01-01") for year in YEARS)
    return first <= days < last
