"""Parse the forms of a likelihood row: shares, counts, words, or a mean and a spread.

`question_bank.probabilities` converts them to probabilities.
"""

from collections.abc import Mapping, Sequence
from math import fsum
from typing import Any

from question_bank.definitions import WORDS, Counts, LogNormal, Normal, QuestionType, Row, Shares, Words
from question_bank.files.problems import join_names, number_slip, shorten, suggest
from question_bank.probabilities import normalised

TOLERANCE = 1e-6
MOST_PEOPLE = 1e10
NUMBER_FORMS = "write {mean: 35, sd: 10} or {median: 35, spread: 1.5}"
SHARE_TODO = "give one probability an option, adding up to 1, or counts: {counts: [18, 4, 2]}"


class RowError(Exception):
    """A row cannot be read. `at` is the path of the wrong cell below the row, where there is a single one."""

    def __init__(self, wrong: str, todo: str, at: tuple[str | int, ...] = ()) -> None:
        super().__init__(wrong)
        self.wrong, self.todo, self.at = wrong, todo, at


def read_row(raw: Any, kind: QuestionType, outcomes: Sequence[str]) -> Row:
    """Return the row written as `raw` for a question of this kind. Raises RowError for the first problem in it."""
    if kind == "number":
        return _distribution(raw)
    if isinstance(raw, Mapping):
        if kind == "scale" and {"mean", "sd"} & set(raw):
            return _normal(raw)
        if isinstance(raw.get("counts"), list | Mapping):
            return _counts(raw, kind, outcomes)
    cells = _cells(raw, outcomes)
    if any(isinstance(value, str) for value in cells.values()):
        return _words(cells, raw, outcomes)
    return _shares(_complete(cells, outcomes), kind, _cell_paths(raw, outcomes))


def probability(value: Any, at: tuple[str | int, ...] = ()) -> float:
    """Return a number from 0 to 1. Raises RowError for anything else."""
    number = _number(value, at)
    if not 0 <= number <= 1:
        todo = f"write {number / 100:g} for {number:g} %" if 1 < number <= 100 else "write a number from 0 to 1"
        raise RowError(f"{shorten(value)} is not a probability", todo, at)
    return number


def _number(value: Any, at: tuple[str | int, ...]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        todo = "remove the quotes" if isinstance(value, str) and value.replace(".", "", 1).isdigit() else "write a number such as 0.3"
        raise RowError(f"{shorten(value)} is not a number", number_slip(value) or todo, at)
    return float(value)


def _cells(raw: Any, outcomes: Sequence[str]) -> dict[str, Any]:
    """Return the value written for each outcome, from a list aligned with the outcomes or from a map."""
    if isinstance(raw, list):
        if len(raw) == 2 * len(outcomes) and all(_is_digits(value) for value in raw):
            points = ", ".join(f"{whole}.{decimals}" for whole, decimals in zip(raw[::2], raw[1::2], strict=True))
            raise RowError(f"has {len(raw)} values for {len(outcomes)} outcomes", f"write decimals with a point, not a comma: [{points}]")
        if len(raw) != len(outcomes):
            raise RowError(f"has {len(raw)} values for {len(outcomes)} outcomes", f"give one each, in this order: {join_names(outcomes)}")
        return dict(zip(outcomes, raw, strict=True))
    if not isinstance(raw, Mapping):
        raise RowError(f"{shorten(raw)} is not a row", SHARE_TODO)
    for name in raw:
        if name not in outcomes:
            raise RowError(f'"{name}" is not an outcome of this question', suggest(name, outcomes, f"use {join_names(outcomes)}"), (name,))
    return dict(raw)


def _is_digits(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _complete(cells: Mapping[str, Any], outcomes: Sequence[str]) -> list[Any]:
    missing = [name for name in outcomes if name not in cells]
    if missing:
        raise RowError(f"says nothing for {join_names(missing)}", "give every outcome a number")
    return [cells[name] for name in outcomes]


def _cell_paths(raw: Any, outcomes: Sequence[str]) -> list[tuple[str | int, ...]]:
    """Return the path of each cell below the row."""
    return [(at,) for at in range(len(outcomes))] if isinstance(raw, list) else [(name,) for name in outcomes]


def _shares(values: Sequence[Any], kind: QuestionType, places: Sequence[tuple[str | int, ...]]) -> Shares:
    shares = tuple(probability(value, at) for value, at in zip(values, places, strict=True))
    if kind == "multiple":
        return Shares(shares)
    total = fsum(shares)
    if abs(total - 1) > TOLERANCE:
        raise RowError(f"adds up to {total:.7g}, not 1", SHARE_TODO)
    return Shares(normalised(shares))


def _words(cells: Mapping[str, Any], raw: Any, outcomes: Sequence[str]) -> Words:
    places = dict(zip(outcomes, _cell_paths(raw, outcomes), strict=True))
    words = {name: "0" if cells.get(name, 0) in (0, "0") else cells[name] for name in outcomes}
    # Check words before numbers: the message then names the wrong word.
    for name in sorted(outcomes, key=lambda name: not isinstance(words[name], str)):
        if words[name] not in WORDS:
            wrong = f"{shorten(words[name])} is not one of {join_names(WORDS)}"
            raise RowError(wrong, number_slip(words[name]) or "use these words, or numbers without quotes", places[name])
    return Words(tuple(words.values()))


def _counts(raw: Mapping[str, Any], kind: QuestionType, outcomes: Sequence[str]) -> Counts:
    _refuse_unknown(raw, ("counts", "of"))
    cells = raw["counts"]
    values = _complete(_cells(cells, outcomes), outcomes)
    counts = []
    for value, at in zip(values, _cell_paths(cells, outcomes), strict=True):
        counts.append(_number(value, ("counts", *at)))
        if counts[-1] < 0:
            raise RowError(f"{shorten(value)} is less than nobody", "counts start at 0", ("counts", *at))
        if counts[-1] > MOST_PEOPLE:
            raise RowError(f"{shorten(value)} is more people than there are", "write how many gave this answer", ("counts", *at))
    if kind != "multiple":
        if "of" in raw:
            raise RowError("has of, which only counts of a multiple question need", "remove it: the counts add up to it", ("of",))
        if not any(counts):
            raise RowError("has counted nobody", "give at least one answer, or words such as ++ and --")
        return Counts(tuple(counts))
    if "of" not in raw:
        raise RowError("does not say how many were asked", "add of, such as {counts: [18, 4], of: 20}")
    asked = _number(raw["of"], ("of",))
    if not 0 < asked <= MOST_PEOPLE or asked < max(counts):
        raise RowError(
            f"says {shorten(raw['of'])} were asked, which cannot be", "of is how many were asked, no fewer than ticked any option", ("of",)
        )
    return Counts(tuple(counts), asked)


def _distribution(raw: Any) -> Normal | LogNormal:
    if isinstance(raw, Mapping) and {"mean", "sd"} & set(raw):
        return _normal(raw)
    if not isinstance(raw, Mapping) or not {"median", "spread"} & set(raw):
        raise RowError(f"{shorten(raw)} is not a row of a number question", NUMBER_FORMS)
    _refuse_unknown(raw, ("median", "spread"))
    median, spread = (_number(_required(raw, name), (name,)) for name in ("median", "spread"))
    if median <= 0:
        raise RowError(f"{shorten(median)} is not more than 0", "a median that can be 0 or less needs {mean, sd}", ("median",))
    if spread <= 1:
        raise RowError(
            f"{shorten(spread)} is not more than 1", "two thirds answer between median / spread and median * spread", ("spread",)
        )
    return LogNormal(median, spread)


def _normal(raw: Mapping[str, Any]) -> Normal:
    _refuse_unknown(raw, ("mean", "sd"))
    mean, sd = (_number(_required(raw, name), (name,)) for name in ("mean", "sd"))
    if sd <= 0:
        raise RowError(f"{shorten(sd)} is not more than 0", "two thirds answer between mean - sd and mean + sd", ("sd",))
    return Normal(mean, sd)


def _required(raw: Mapping[str, Any], name: str) -> Any:
    if name not in raw:
        raise RowError(f"has no {name}", f"add {name}: and a number")
    return raw[name]


def _refuse_unknown(raw: Mapping[str, Any], known: Sequence[str]) -> None:
    for name in raw:
        if name not in known:
            raise RowError(f'"{name}" is not a field of this', suggest(name, known, f"use {join_names(known)}"), (name,))
