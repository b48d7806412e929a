"""Infer the question of a column from its answers: a choice, a scale or a number; or report why it cannot be a question."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import floor, isinf, log10

import numpy as np

from adaptive.arrays import Floats, Ints
from adaptive.learning.responses import MISSING
from question_bank.datasets.dataset import Column, slug
from question_bank.datasets.prepare import MOST_LEVELS, PreparedColumn
from question_bank.definitions import SECONDS_BY_TYPE, Option, Question, Text
from question_bank.exports.numbers import PLAIN
from question_bank.exports.words import are_binary, binary_code, plain, silence_of

MOST_POINTS = 21
MOST_BINS = 6
"""A number is cut into so many bins of equal size while latent classes are fitted."""
RATING_UNITS = ("star", "Stern", "sterne", "étoile", "estrella", "point", "punkte", "punto", "pts")
"""Units of numbers that are points of a scale: ``4 stars``."""
LONGEST_NUMBER = 200
"""In characters. No shorter number is too large for a float."""
NUMBER = PLAIN
BAND = re.compile(r"[<>≤≥=~±]*\s*\d.*|.*\d\s*\+")


class UnusableColumn(Exception):
    """The column cannot be a question. Each of `problems` is (row or None, the problem and the remedy)."""

    def __init__(self, *problems: tuple[int | None, str]) -> None:
        super().__init__(problems)
        self.problems = problems


def infer_column(column: PreparedColumn, taken: set[str], kind: str | None = None, language: str = "en") -> Column:
    """Return the question of a column, of the requested or inferred `kind`; its id is not in `taken`. Raises UnusableColumn."""
    name, values = column.name, column.values
    distinct = sorted({value for value in values if value})
    if not distinct:
        raise UnusableColumn((None, f"nobody answered it: {_leave_out(name)}"))
    text = {language: column.text}
    missing: dict[str, object] = {"missing": dict(column.silence.kinds)} if column.silence.kinds else {}
    missing |= {"others": "ignored"} if column.has_own_words else {}
    if column.ticks is not None:
        return _cell_ticks(column, Question(slug(name, taken), "multiple", text, seconds=SECONDS_BY_TYPE["multiple"]), missing, language)
    if column.points is not None and kind in (None, "scale"):
        return _pointed(column, Question(slug(name, taken), "scale", text, seconds=SECONDS_BY_TYPE["scale"]), missing, language)
    _refuse_overlong_numbers(values)
    if kind is None:
        _refuse_outlying_words(name, values)
        kind = "single" if column.is_nominal and all(value.isdigit() for value in distinct) else _kind(column, distinct)
    if len({_normalised(value) for value in distinct}) == 1 and column.empty is None:
        raise UnusableColumn((None, f'everybody answered "{distinct[0]}", which is uninformative: {_leave_out(name)}'))
    if kind != "single":
        _refuse_words(values, kind)
    written = column.writing is not None and (column.writing.decimal != "." or column.writing.unit is not None)
    reading = missing | ({"decimal": column.writing.decimal} if written and column.writing else {})
    if kind == "number":
        unit = column.writing.unit if column.writing else None
        question = Question(slug(name, taken), "number", text, seconds=SECONDS_BY_TYPE["number"], unit=unit)
        return replace(_number(name, values, question), reading=reading)
    if kind == "scale":
        low, high = _scale_bounds(name, distinct)
        low, high = (min(low, column.bounds[0]), max(high, column.bounds[1])) if column.bounds else (low, high)
        question = Question(slug(name, taken), "scale", text, seconds=SECONDS_BY_TYPE["scale"], minimum=float(low), maximum=float(high))
        question = replace(question, labels=_point_labels(column, question, language))
        return Column(name, question, encode(values, {value: int(_normalised(value)) - low for value in distinct}), {}, reading=reading)
    single = _single(column, distinct, Question(slug(name, taken), "single", text, seconds=SECONDS_BY_TYPE["single"]), language)
    if column.empty is None:
        return replace(single, reading=missing)
    return replace(single, values=dict.fromkeys(column.marks, "yes"), reading=missing | {"empty": column.empty})


def _point_labels(column: PreparedColumn, question: Question, language: str) -> dict[int, Text]:
    """Return the labels that the file has for points of a scale of numbers."""
    labels = {int(float(code)): text for code, text in column.labels if NUMBER.fullmatch(code) and silence_of(text) is None}
    return {point: {language: text} for point, text in labels.items() if point in question.points}


def _pointed(column: PreparedColumn, question: Question, missing: Mapping[str, object], language: str) -> Column:
    """Return the scale whose points are ordered words or numbers with labels."""
    points = column.points
    assert points is not None, "the caller asks for it"  # noqa: S101
    low, high = (points.minimum, points.maximum) if column.bounds is None else column.bounds
    scale = replace(
        question,
        minimum=float(low),
        maximum=float(high),
        labels={point: {language: label} for point, label in sorted(points.labels.items())},
    )
    if len(set(points.of.values())) == 1:
        only = next(iter(points.of))
        raise UnusableColumn((None, f'everybody answered "{only}", which is uninformative: {_leave_out(column.name)}'))
    codes = encode(column.values, {value: point - low for value, point in points.of.items()})
    return Column(column.name, scale, codes, {value: str(point) for value, point in points.of.items()}, reading=missing)


def _cell_ticks(column: PreparedColumn, question: Question, missing: Mapping[str, object], language: str) -> Column:
    """Return the multiple question of a column whose cells hold several options."""
    ticks = column.ticks
    assert ticks is not None, "the caller asks for it"  # noqa: S101
    ids: set[str] = set()
    options = {plain(text): Option(slug(text, ids), {language: text}) for text in ticks.options}
    places = {word: place for place, word in enumerate(options)}
    codes = np.full((len(column.values), len(options)), MISSING, dtype=np.int64)
    for row, value in enumerate(column.values):
        ticked = [places[word] for word in ticks.ticked(value) if word in places]
        if ticked:
            codes[row] = 0
            codes[row, ticked] = 1
    reading = {"separator": ticks.separator, **missing}
    values = {text: options[plain(text)].id for text in ticks.options}
    asked = replace(question, options=tuple(options.values()))
    return Column(column.name, asked, codes, values, {option.id: option.id for option in options.values()}, reading=reading)


def is_binary(values: Iterable[str]) -> bool:
    """Return whether all values are 0/1, true/false or yes/no in one language: ticks, or a choice of two."""
    return are_binary([value for value in values if value])


def encode(values: Sequence[str], code: Mapping[str, int]) -> Ints:
    """Return the (N,) code of each value, -1 for an empty one."""
    return np.array([code[value] if value else MISSING for value in values], dtype=np.int64)


def _kind(column: PreparedColumn, distinct: Sequence[str]) -> str:
    """Return the inferred kind. Raises UnusableColumn for ids and free text, which only a column that was asked for may hold."""
    if is_binary(distinct):
        return "single"
    numbers = all(NUMBER.fullmatch(value) for value in distinct)
    if numbers:
        sizes = [float(value) for value in distinct]
        is_scale = (
            _all_whole(sizes)
            and max(sizes) - min(sizes) < MOST_POINTS
            and (column.writing is None or column.writing.unit in (None, *RATING_UNITS))
        )
        return "scale" if is_scale else "number"
    if len({plain(value) for value in distinct}) > MOST_LEVELS:
        wrong = f"has {len(distinct)} different answers, more than {MOST_LEVELS}, as free text has"
        raise UnusableColumn((None, f"{wrong}: group them into a few classes, or {_leave_out(column.name)}"))
    return "single"


def _refuse_outlying_words(name: str, values: Sequence[str]) -> None:
    """Refuse a few words among numbers: most often slips, or words for no answer that nobody knows."""
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


def _single(column: PreparedColumn, distinct: Sequence[str], question: Question, language: str) -> Column:
    """Return a single choice. Words that differ by case or spaces are one option, named as most respondents wrote it."""
    name = column.name
    binary = is_binary(distinct)
    keys = {value: _key(value, binary=binary) for value in distinct}
    written = Counter(value for value in column.values if value)
    usual = {key: max((value for value in distinct if keys[value] == key), key=lambda value: written[value]) for key in set(keys.values())}
    known = {_key(text, binary=binary): text for _, text in column.labels if silence_of(text) is None}
    if known.keys() >= usual.keys() and 2 <= len(known) <= MOST_LEVELS:
        order = list(known)
        usual = known
    else:
        order = sorted(usual, key=lambda key: (float(key) if NUMBER.fullmatch(key) else 0.0, key if binary else usual[key]))
        if known:
            order = [key for key in known if key in usual] + [key for key in order if key not in known]
    if column.empty is not None:
        order, usual = ["no", "yes"], {"no": "no", "yes": "yes"}
    if len(order) > MOST_LEVELS:
        raise UnusableColumn((None, f"has {len(order)} different answers, more than {MOST_LEVELS}: group them, or {_leave_out(name)}"))
    ids: set[str] = set()
    texts = {
        key: (key if binary and usual[key].isascii() and key in ENGLISH else " ".join(_normalised(usual[key]).split())) for key in order
    }
    options = {key: Option(slug(key if key in ENGLISH else texts[key], ids), {language: texts[key]}) for key in order}
    places = {key: place for place, key in enumerate(order)}
    asked = Question(question.id, "single", question.text, seconds=question.seconds, options=tuple(options.values()))
    codes = encode(column.values, {value: places[key] for value, key in keys.items()})
    return Column(name, asked, codes, {value: options[key].id for value, key in keys.items()})


ENGLISH = ("0", "1", "false", "true", "no", "yes")


def _key(value: str, *, binary: bool) -> str:
    """Return the form in which answers are compared: of yes and no in any language ``no`` and ``yes``."""
    word = plain(_normalised(value))
    if not binary or word in ENGLISH:
        return word
    return ("no", "yes")[binary_code(word) or 0]


def _number(name: str, values: Sequence[str], question: Question) -> Column:
    numbers = np.array([float(value) if value else np.nan for value in values])
    low, high = _padded_range(numbers[~np.isnan(numbers)])
    asked = Question(question.id, "number", question.text, seconds=question.seconds, minimum=low, maximum=high)
    edges = bin_edges(numbers)
    return Column(name, asked, bin_numbers(numbers, edges), {}, numbers=numbers, bins=len(edges) + 1)


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
