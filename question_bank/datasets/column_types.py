"""Infer the question of a column from its answers: a choice, a scale or a number; or report why it cannot be a question."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import floor, isinf, log10

import numpy as np

from adaptive.arrays import Floats, Ints
from adaptive.learning.responses import MISSING
from question_bank.datasets.dataset import Column, slug
from question_bank.datasets.duplicate_rows import looks_like_id
from question_bank.exports.table_files import Cells
from question_bank.definitions import SECONDS_BY_TYPE, Option, Question

KINDS = ("single", "multiple", "scale", "number", "ignore")
MOST_LEVELS = 40
MOST_POINTS = 21
MOST_BINS = 6
"""A number is cut into so many bins of equal size while latent classes are fitted."""
LONGEST_NUMBER = 200
"""In characters. No shorter number is too large for a float."""
FEWEST_LINES_OF_ID = 10
"""From so many lines on, a column whose values are all different is taken for an id."""
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?", re.ASCII)
BAND = re.compile(r"[<>≤≥=~±]*\s*\d.*|.*\d\s*\+")
NO_ANSWER_CODES = frozenset([-999, -99, -98, -97, -9, -8, -7, -1, 77, 88, 97, 98, 99, 777, 888, 997, 998, 999, 9998, 9999])
BINARY_VALUES = ({"0": "0", "1": "1"}, {"false": "false", "true": "true"}, {"no": "no", "yes": "yes"})


class UnusableColumn(Exception):
    """The column cannot be a question. Each of `problems` is (row or None, the problem and the remedy)."""

    def __init__(self, *problems: tuple[int | None, str]) -> None:
        super().__init__(problems)
        self.problems = problems


def infer_column(cells: Cells, name: str, taken: set[str], kind: str | None = None) -> Column:
    """Return the question of a column, of the requested or inferred `kind`; its id is not in `taken`. Raises UnusableColumn."""
    values = cells.column(name)
    distinct = sorted({value for value in values if value})
    if not distinct:
        raise UnusableColumn((None, f"nobody answered it: {_leave_out(name)}"))
    _refuse_overlong_numbers(values)
    if kind is None:
        _refuse_outlying_codes(name, values)
        kind = _kind(name, values, distinct)
    if len({_normalised(value) for value in distinct}) == 1:
        raise UnusableColumn((None, f'everybody answered "{distinct[0]}", which is uninformative: {_leave_out(name)}'))
    if kind != "single":
        _refuse_words(values, kind)
    text = {"en": " ".join(name.split())}
    if kind == "number":
        return _number(name, values, Question(slug(name, taken), "number", text, seconds=SECONDS_BY_TYPE["number"]))
    if kind == "scale":
        low, high = _scale_bounds(name, distinct)
        question = Question(slug(name, taken), "scale", text, seconds=SECONDS_BY_TYPE["scale"], minimum=float(low), maximum=float(high))
        return Column(name, question, encode(values, {value: int(_normalised(value)) - low for value in distinct}), {})
    return _single(name, values, distinct, Question(slug(name, taken), "single", text, seconds=SECONDS_BY_TYPE["single"]))


def is_binary(values: Iterable[str]) -> bool:
    """Return whether all values are 0/1, true/false or yes/no: ticks, or a choice of two."""
    plain = {_normalised(value).lower() for value in values if value}
    return any(plain <= set(pair) for pair in BINARY_VALUES)


def tick_code(value: str) -> int:
    """Return 1, 0 or -1 (missing) for a cell of a binary column."""
    return MISSING if not value else int(_normalised(value).lower() in ("1", "true", "yes"))


def encode(values: Sequence[str], code: Mapping[str, int]) -> Ints:
    """Return the (N,) code of each value, -1 for an empty one."""
    return np.array([code[value] if value else MISSING for value in values], dtype=np.int64)


def _kind(name: str, values: Sequence[str], distinct: Sequence[str]) -> str:
    """Return the inferred kind. Raises UnusableColumn for ids and free text."""
    if is_binary(distinct):
        return "single"
    numbers = all(NUMBER.fullmatch(value) for value in distinct)
    _refuse_ids(name, values, distinct, numbers=numbers)
    if numbers:
        sizes = [float(value) for value in distinct]
        return "scale" if _all_whole(sizes) and max(sizes) - min(sizes) < MOST_POINTS else "number"
    if len(distinct) > MOST_LEVELS:
        wrong = f"has {len(distinct)} different answers, more than {MOST_LEVELS}, as free text has"
        raise UnusableColumn((None, f"{wrong}: group them into a few classes, or {_leave_out(name)}"))
    return "single"


def _refuse_ids(name: str, values: Sequence[str], distinct: Sequence[str], *, numbers: bool) -> None:
    filled = [value for value in values if value]
    if len(distinct) < len(filled) or len(filled) < FEWEST_LINES_OF_ID:
        return
    counted = numbers and all(float(a) < float(b) for a, b in pairwise(filled))
    if not numbers or counted or looks_like_id(name):
        guess = "an id, a date or free text" if not numbers else "an id"
        raise UnusableColumn((None, f"has another value on every line: it looks like {guess}, not like a question: {_leave_out(name)}"))


def _refuse_outlying_codes(name: str, values: Sequence[str]) -> None:
    """Refuse a few words among numbers, and codes such as 99 far off a scale: most often slips or no-answer codes."""
    places: dict[str, list[int]] = {}
    for row, value in enumerate(values):
        if value:
            places.setdefault(value, []).append(row)
    numbers = {value for value in places if NUMBER.fullmatch(value)}
    words = {value: rows for value, rows in places.items() if value not in numbers}
    filled, word_count = sum(map(len, places.values())), sum(map(len, words.values()))
    bands = len(numbers) <= MOST_POINTS and all(BAND.fullmatch(word) for word in words)
    if words and len(numbers) >= 2 and not bands and (word_count <= 0.2 * filled or (word_count <= 2 and word_count < filled - word_count)):
        todo = f"write a number, empty the cell if there is no answer, or say --type {name}=single"
        raise UnusableColumn(*((row, f'"{word}" is not a number like the others: {todo}') for word, rows in words.items() for row in rows))
    if words or not _all_whole(float(value) for value in numbers):
        return
    codes = {value for value in numbers if float(value) in NO_ANSWER_CODES}
    rest = [float(value) for value in numbers - codes]
    if codes and len(rest) >= 2 and max(rest) - min(rest) < MOST_POINTS:
        span = max(rest) - min(rest)
        distant = sorted(value for value in codes if min(abs(float(value) - max(rest)), abs(float(value) - min(rest))) > max(span, 3))
        if distant:
            todo = f"empty the cell if it means no answer, or say --type {name}=number"
            raise UnusableColumn(
                *(
                    (places[value][0], f'"{value}"{_more(places[value])} is far off {min(rest):g} to {max(rest):g}: {todo}')
                    for value in distant
                )
            )


def _more(rows: Sequence[int]) -> str:
    return f" (here and on {len(rows) - 1} more lines)" if len(rows) > 1 else ""


def _refuse_overlong_numbers(values: Sequence[str]) -> None:
    """Refuse numbers too large for a float."""
    endless = [row for row, value in enumerate(values) if len(value) > LONGEST_NUMBER and NUMBER.fullmatch(value) and isinf(float(value))]
    if endless:
        raise UnusableColumn(*((row, f'"{values[row][:20]}..." is larger than any number that can be kept: correct it') for row in endless))


def _refuse_words(values: Sequence[str], kind: str) -> None:
    wrong = [row for row, value in enumerate(values) if value and not NUMBER.fullmatch(value)]
    if wrong:
        raise UnusableColumn(*((row, f'"{values[row]}" is not a number, which a {kind} question needs') for row in wrong))


def _scale_bounds(name: str, distinct: Sequence[str]) -> tuple[int, int]:
    sizes = [float(value) for value in distinct]
    if not _all_whole(sizes) or max(sizes) - min(sizes) >= MOST_POINTS:
        wrong = f"holds numbers from {min(sizes):g} to {max(sizes):g}, which are no scale of at most {MOST_POINTS} whole points"
        raise UnusableColumn((None, f"{wrong}: say --type {name}=number"))
    return int(min(sizes)), int(max(sizes))


def _single(name: str, values: Sequence[str], distinct: Sequence[str], question: Question) -> Column:
    plain = {value: _normalised(value) for value in distinct}
    if is_binary(distinct):
        plain = {value: word.lower() for value, word in plain.items()}
    levels = sorted(set(plain.values()), key=lambda word: (float(word) if NUMBER.fullmatch(word) else 0.0, word))
    if len(levels) > MOST_LEVELS:
        raise UnusableColumn((None, f"has {len(levels)} different answers, more than {MOST_LEVELS}: group them, or {_leave_out(name)}"))
    ids: set[str] = set()
    options = tuple(Option(slug(level, ids), {"en": " ".join(level.split())}) for level in levels)
    codes = {value: levels.index(plain[value]) for value in distinct}
    asked = Question(question.id, "single", question.text, seconds=question.seconds, options=options)
    return Column(name, asked, encode(values, codes), {value: options[place].id for value, place in codes.items()})


def _number(name: str, values: Sequence[str], question: Question) -> Column:
    numbers = np.array([float(value) if value else np.nan for value in values])
    low, high = _padded_range(numbers[~np.isnan(numbers)])
    asked = Question(question.id, "number", question.text, seconds=question.seconds, minimum=low, maximum=high)
    return Column(name, asked, bin_numbers(numbers, bin_edges(numbers)), {}, numbers=numbers)


def bin_edges(numbers: Floats) -> Floats:
    """Return the upper edges of all bins but the last: quantiles, fewer where many numbers are equal."""
    known = np.unique(numbers[~np.isnan(numbers)])
    cuts = np.nanquantile(numbers, np.arange(1, MOST_BINS) / MOST_BINS, method="inverted_cdf")
    edges = np.unique(cuts[cuts < known[-1]])
    return edges if len(edges) else known[-2:-1]


def bin_numbers(numbers: Floats, edges: Floats) -> Ints:
    """Return the (N,) bin of each number, -1 for NaN."""
    return np.where(np.isnan(numbers), MISSING, np.searchsorted(edges, numbers, side="left"))


def _padded_range(numbers: Floats) -> tuple[float, float]:
    """Return a rounded range that extends the observed one by half of it on each side, and not below 0 where no number is."""
    low, high = float(numbers.min()), float(numbers.max())
    margin = (high - low) / 2
    step = 10.0 ** floor(log10(high - low)) / 2
    minimum = 0.0 if low >= 0 else step * float(np.floor((low - margin) / step))
    return minimum, step * float(np.ceil((high + margin) / step))


def _normalised(value: str) -> str:
    """Return a number in the form in which it is compared: 3.0 and +3 are 3."""
    return str(int(float(value))) if NUMBER.fullmatch(value) and float(value).is_integer() else value


def _all_whole(sizes: Iterable[float]) -> bool:
    return all(size.is_integer() for size in sizes)


def _leave_out(name: str) -> str:
    return f"leave it out with --without {_quoted(name)}"


def _quoted(name: str) -> str:
    return f'"{name}"' if re.search(r"[^\w.-]", name) else name
