"""Encode the attributes of contacts as rows of evidence tables: bins of numbers and dates, categories, words of texts.

An encoding is learnt once from the respondents and then applied to any number of contacts. No row of a table describes fewer than
`FEWEST_PEOPLE` respondents: rarer categories share the row `other`, rarer words have none, and a bin that is too small joins the next.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import Any

import numpy as np

from adaptive.arrays import Bools, Floats, Ints

KINDS = ("number", "date", "category", "text")
FEWEST_PEOPLE = 11
"""Respondents that a row of a table needs: fewer could be recognised in it, and their evidence would be noise."""
MOST_BINS = 6
FINE_BINS = 20
"""Where a fit finds that six bins hide something, it cuts numbers and dates into up to so many."""
MOST_LEVELS = 60
MOST_TOKENS = 60
EDGE_DIGITS = 4
"""Edges of bins are rounded to so many digits, so that none is the exact number of a respondent."""
LETTERS = re.compile(r"[^\W\d_]+")
SHORTEST_TOKEN = 2
FIRST_DAY = date(1970, 1, 1)
EPOCH = np.datetime64(FIRST_DAY, "D")
DATE = re.compile(r"(\d{1,4})[-./](\d{1,2})[-./](\d{1,4})(?:[T ]\d{1,2}:\d{2}.*)?", re.ASCII)
DATE_ORDERS = ("ymd", "dmy", "mdy")


@dataclass(frozen=True, eq=False)
class Dictionary:
    """A column as distinct `values` and (n,) `codes` into them, -1 where missing: what Arrow calls a dictionary array."""

    values: Sequence[object]
    codes: Ints


Column = Sequence[object] | np.ndarray[Any, Any] | Dictionary
"""The raw values of an attribute: plain values with None, NaN or "" where missing, an array, or a dictionary."""


@dataclass(frozen=True, eq=False)
class Encoding:
    """How the values of an attribute become rows of its table.

    A number or date has ascending `edges`: row r holds values above r of them (dates as days since 1970, in the order `date_order` of
    day, month and year), and the last row stands for missing. A category has a row for each of `levels`, then other, then missing. A text
    has a row for each word of `levels`, one for any text, then missing; several rows may apply at once. `people` counts the respondents of
    each row.
    """

    name: str
    kind: str
    edges: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    date_order: str = "ymd"
    people: tuple[int, ...] = ()
    places: Mapping[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", {level: place for place, level in enumerate(self.levels)})

    @property
    def size(self) -> int:
        """Number of rows of the table."""
        return len(self.edges) + 2 if self.kind in ("number", "date") else len(self.levels) + 2

    @property
    def missing(self) -> int:
        """The row of a missing value."""
        return self.size - 1

    @property
    def is_ordered(self) -> bool:
        return self.kind in ("number", "date")

    def is_named(self, row: int) -> bool:
        """Return whether a row stands for values that can be named, not for others, any text or missing."""
        return row < self.missing - (0 if self.is_ordered else 1)

    def row_labels(self) -> list[str]:
        """Return what each row stands for, in words.

        >>> Encoding("age", "number", edges=(20.0, 60.0)).row_labels()
        ['up to 20', '20 to 60', 'above 60', '(missing)']
        """
        if not self.is_ordered:
            return [*self.levels, "(other)" if self.kind == "category" else "(any text)", "(missing)"]
        if not self.edges:
            return ["any", "(missing)"]
        ends = [str(EPOCH + np.timedelta64(int(edge), "D")) if self.kind == "date" else f"{edge:.12g}" for edge in self.edges]
        return [
            f"up to {ends[0]}",
            *(f"{low} to {high}" for low, high in pairwise(ends)),
            f"above {ends[-1]}",
            "(missing)",
        ]

    def to_json(self) -> dict[str, object]:
        known: dict[str, object] = {"name": self.name, "kind": self.kind, "people": list(self.people)}
        if self.is_ordered:
            known["edges"] = list(self.edges)
        else:
            known["levels"] = list(self.levels)
        return known | ({"date_order": self.date_order} if self.kind == "date" else {})

    @classmethod
    def from_json(cls, known: Mapping[str, Any]) -> "Encoding":
        return cls(
            str(known["name"]),
            str(known["kind"]),
            tuple(map(float, known.get("edges", ()))),
            tuple(map(str, known.get("levels", ()))),
            str(known.get("date_order", "ymd")),
            tuple(map(int, known["people"])),
        )


@dataclass(frozen=True, eq=False)
class EncodedColumn:
    """The table rows of n contacts for one attribute.

    `codes` is (n,). Without `hot` they are rows of the table; with it, (U, rows), they point at one of U distinct texts and the rows that
    apply to it. `unknown` is (n,): the value was never seen at the fit (a category without a row, a word where a number belongs).
    """

    codes: Ints
    unknown: Bools
    hot: Floats | None = None

    def evidence(self, table: Floats) -> Floats:
        """Return (n, K), the summed rows of the (rows, K) `table`."""
        rows = table if self.hot is None else self.hot @ table
        found: Floats = rows.take(self.codes, axis=0)
        return found

    def counts(self, size: int) -> Ints:
        """Return (size,), how many contacts have each row."""
        if self.hot is None:
            return np.bincount(self.codes, minlength=size)
        uses = np.bincount(self.codes, minlength=len(self.hot))
        return np.rint(uses @ self.hot).astype(np.int64)

    def take(self, contacts: Ints) -> "EncodedColumn":
        return EncodedColumn(self.codes[contacts], self.unknown[contacts], self.hot)


def learn_encoding(name: str, kind: str, column: Column, date_order: str | None = None, bins: int = MOST_BINS) -> Encoding:
    """Return the encoding of an attribute, learnt from the respondents' values.

    Numbers and dates get up to so many `bins` of equal size; categories the levels, texts the words that at least `FEWEST_PEOPLE`
    respondents have, the sixty most frequent. Without `date_order` it is the order that reads most of the dates.
    """
    if kind not in KINDS:
        raise ValueError(f'attribute "{name}": "{kind}" is not one of {", ".join(KINDS)}')
    if kind in ("number", "date"):
        order = date_order or (best_date_order(distinct_values(column)) if kind == "date" else "ymd")
        numbers, _ = numbers_of(column, kind, order)
        encoding = Encoding(name, kind, edges=_edges(numbers[~np.isnan(numbers)], bins, whole=kind == "date"), date_order=order)
    elif kind == "category":
        encoding = Encoding(name, kind, levels=_frequent(_category_counts(column), MOST_LEVELS))
    else:
        encoding = Encoding(name, kind, levels=_frequent(_token_counts(column), MOST_TOKENS))
    people = encode_column(encoding, column).counts(encoding.size)
    return Encoding(name, kind, encoding.edges, encoding.levels, encoding.date_order, tuple(map(int, people)))


def encode_column(encoding: Encoding, column: Column) -> EncodedColumn:
    """Return the table rows of n contacts. A value that cannot be read counts as missing and `unknown`."""
    if encoding.is_ordered:
        numbers, unread = numbers_of(column, encoding.kind, encoding.date_order)
        codes = np.zeros(len(numbers), dtype=np.int64)
        for edge in encoding.edges:  # faster than a binary search for so few
            codes += numbers > edge
        codes[np.isnan(numbers)] = encoding.missing
        return EncodedColumn(codes, unread)
    known = dictionary_of(column)
    texts = [text_of(value) for value in known.values]
    if encoding.kind == "text":
        return _encode_texts(encoding, known.codes, texts)
    other = len(encoding.levels)
    rows = np.array([encoding.places.get(text, other) if text else encoding.missing for text in texts] + [encoding.missing])
    codes = rows[known.codes]  # the code -1 finds the last, missing
    return EncodedColumn(codes, codes == other)


def _encode_texts(encoding: Encoding, codes: Ints, texts: Sequence[str]) -> EncodedColumn:
    hot = np.zeros((len(texts) + 1, encoding.size))
    for place, text in enumerate(texts):
        for token in tokens_of(text):
            row = encoding.places.get(token)
            if row is not None:
                hot[place, row] = 1.0
        hot[place, -2 if text else -1] = 1.0
    hot[-1, -1] = 1.0
    return EncodedColumn(np.where(codes < 0, len(texts), codes), np.zeros(len(codes), dtype=bool), hot)


def tokens_of(text: str) -> set[str]:
    """Return the words of a text in lower case: runs of two letters or more.

    >>> sorted(tokens_of("The new car, 2 doors"))
    ['car', 'doors', 'new', 'the']
    """
    return {word for word in LETTERS.findall(text.lower()) if len(word) >= SHORTEST_TOKEN and word.isalpha()}


def text_of(value: object) -> str:
    """Return a value as a category is compared: 3.0 is "3", True "true", None and NaN are empty."""
    if isinstance(value, str):
        return value.strip()
    if value is None or value != value:  # noqa: PLR0124  (NaN)
        return ""
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, float | np.floating) and float(value).is_integer() and abs(float(value)) < 1e15:
        return str(int(value))
    return str(value).strip()


def dictionary_of(column: Column) -> Dictionary:
    """Return a column as distinct values and codes."""
    if isinstance(column, Dictionary):
        return column
    places: dict[object, int] = {}
    values = column.tolist() if isinstance(column, np.ndarray) else column
    codes = np.fromiter(
        (-1 if value is None or value != value else places.setdefault(value, len(places)) for value in values),  # noqa: PLR0124  (NaN)
        np.int64,
        len(values),
    )
    return Dictionary(list(places), codes)


def distinct_values(column: Column) -> list[object]:
    """Return the distinct values that are not missing."""
    known = dictionary_of(column)
    return [value for value in known.values if text_of(value)]


def numbers_of(column: Column, kind: str, date_order: str = "ymd") -> tuple[Floats, Bools]:
    """Return (n,) numbers, or days since 1970, NaN where missing or unreadable; and where they are unreadable."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "fiub" and kind == "number":
        return _finite(column.astype(np.float64, copy=False))
    if isinstance(column, np.ndarray) and column.dtype.kind == "M" and kind == "date":
        days = column.astype("datetime64[D]")
        return np.where(np.isnat(days), np.nan, (days - EPOCH).astype(np.float64)), np.zeros(len(days), dtype=bool)
    known = dictionary_of(column)
    read = [(_number_of(value) if kind == "number" else days_of(value, date_order)) for value in known.values]
    numbers = np.array([*read, np.nan])[known.codes]
    filled = np.array([*(bool(text_of(value)) for value in known.values), False])[known.codes]
    return numbers, filled & np.isnan(numbers)


def _finite(numbers: Floats) -> tuple[Floats, Bools]:
    endless = np.isinf(numbers)
    return (np.where(endless, np.nan, numbers) if endless.any() else numbers), endless


def _number_of(value: object) -> float:
    if isinstance(value, date | np.datetime64):
        return float("nan")
    text = text_of(value)
    try:
        number = float(text) if text else float("nan")
    except ValueError:
        return float("nan")
    return number if abs(number) != float("inf") else float("nan")


def days_of(value: object, order: str = "ymd") -> float:
    """Return a date as days since 1970, NaN where it is none. A year may come first in any order.

    >>> days_of("1970-01-31"), days_of("2.1.1970", "dmy"), days_of(datetime(1970, 1, 3, 12, 30))
    (30.0, 1.0, 2.0)
    """
    if isinstance(value, datetime):
        value = value.date()
    if isinstance(value, np.datetime64):
        return float((value.astype("datetime64[D]") - EPOCH).astype(np.int64)) if not np.isnat(value) else float("nan")
    if isinstance(value, date):
        return float((value - FIRST_DAY).days)
    found = DATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return float("nan")
    parts = dict(zip("ymd" if len(found[1]) == 4 else order, found.groups(), strict=True))
    try:
        read = date(int(parts["y"]), int(parts["m"]), int(parts["d"]))
    except ValueError:
        return float("nan")
    return float((read - FIRST_DAY).days) if len(parts["y"]) == 4 else float("nan")


def best_date_order(values: Sequence[object]) -> str:
    """Return the order of day, month and year that reads most of the values."""
    return max(DATE_ORDERS, key=lambda order: sum(not np.isnan(days_of(value, order)) for value in values))


def _edges(numbers: Floats, bins: int, *, whole: bool) -> tuple[float, ...]:
    """Return the edges of up to so many `bins` of about equal size with at least `FEWEST_PEOPLE` numbers each."""
    if not len(numbers):
        return ()
    distinct = np.unique(numbers)
    shares = np.arange(1, bins) / bins
    wanted = distinct[:-1] if len(distinct) <= bins else np.quantile(numbers, shares, method="inverted_cdf")
    edges: list[float] = []
    below = 0
    for edge in sorted({float(edge) if whole else float(f"{edge:.{EDGE_DIGITS}g}") for edge in wanted}):
        up_to = int((numbers <= edge).sum())
        if up_to - below >= FEWEST_PEOPLE and len(numbers) - up_to >= FEWEST_PEOPLE:
            edges.append(edge)
            below = up_to
    return tuple(edges)


def _category_counts(column: Column) -> Counter[str]:
    known = dictionary_of(column)
    uses = np.bincount(known.codes[known.codes >= 0], minlength=len(known.values))
    counts: Counter[str] = Counter()
    for value, people in zip(known.values, uses, strict=True):
        counts[text_of(value)] += int(people)
    del counts[""]
    return counts


def _token_counts(column: Column) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text, people in _category_counts(column).items():
        for token in tokens_of(text):
            counts[token] += people
    return counts


def _frequent(counts: Counter[str], most: int) -> tuple[str, ...]:
    """Return the names that enough people have, the most frequent first."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(name for name, people in ranked[:most] if people >= FEWEST_PEOPLE)


def design_matrix(encoding: Encoding, encoded: EncodedColumn) -> Floats:
    """Return (n, F) features of an attribute for a linear fit; F may be 0. `table_of` turns coefficients into the table.

    Numbers and dates are coded as a thermometer (a feature per edge: above it or not), with the mean where missing, so that a missing value
    of few people is no evidence. Rows of fewer than `FEWEST_PEOPLE` respondents have no feature.
    """
    return encoded.evidence(feature_map(encoding))


def feature_map(encoding: Encoding) -> Floats:
    """Return (rows, F), the features of each row of the table."""
    people = np.array(encoding.people)
    enough = people >= FEWEST_PEOPLE
    identity = np.eye(encoding.size)
    if not encoding.is_ordered:
        rows = np.flatnonzero(enough)
        return identity[:, rows[rows != encoding.size - 2] if encoding.kind == "text" else rows]
    thermometer = (np.arange(encoding.size)[:, None] > np.arange(len(encoding.edges))).astype(np.float64)
    known = people[:-1]
    thermometer[-1] = known @ thermometer[:-1] / max(known.sum(), 1)
    return np.column_stack([thermometer, identity[:, -1:]]) if enough[-1] else thermometer


def table_of(encoding: Encoding, coefficients: Floats) -> tuple[Floats, Floats]:
    """Return the (rows, K) table of (F, K) coefficients, in nats, and the (K,) constant that was taken out of it.

    The exponentials of a table are likelihood ratios P(row | persona) / P(row): their mean over the respondents is one for each persona.
    Rows of fewer than `FEWEST_PEOPLE` respondents are no evidence.
    """
    table = feature_map(encoding) @ coefficients
    people = np.array(encoding.people, dtype=np.float64)
    if encoding.kind == "text":  # words come and go independently
        shares = (people[:-2] / max(people[-2], 1.0))[:, None]
        any_text = np.log1p(shares * np.expm1(table[:-2])).sum(axis=0)
        parts = people[-2:] / max(people[-2:].sum(), 1.0)
        constant: Floats = np.log(parts[0] * np.exp(any_text) + parts[1] * np.exp(table[-1]))
        table[-2:] -= constant
    else:
        constant = np.log(people @ np.exp(table) / max(people.sum(), 1.0))
        table -= constant
    rare = people < FEWEST_PEOPLE
    if encoding.kind == "text":
        rare[-2] = False
    table[rare] = 0.0
    return table, constant
