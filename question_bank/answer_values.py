"""The canonical form of an answer to each type of question; anything else is refused with the reason and a remedy."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from question_bank.definitions import Question

LONGEST_TEXT = 4000

Value = str | int | float | list[str] | dict[str, Any]


class ImpossibleValue(ValueError):
    """This answer is not one of the possible ones."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def canonical(question: Question, given: object) -> Value:
    """Return the canonical form in which an answer is stored and counted.

    single: the option id. multiple: the ticked ids in bank order, or ``{"ticked", "seen"}`` where some options were not seen.
    scale: an int. number: a float, or ``{"from", "to"}`` with at least one end. text: the text, stripped.
    Raises ImpossibleValue.
    """
    return _READERS[question.type](question, given)


def to_store(question: Question, value: Value) -> Value:
    """Return the stored form of a canonical value: ticks include the options seen, because a later version may offer more."""
    return {"ticked": value, "seen": list(question.outcomes)} if question.type == "multiple" and isinstance(value, list) else value


def from_store(question: Question, stored: object) -> Value:
    """Return a stored value under this version of its question, without the options that were removed.

    Raises ImpossibleValue if none of its options exists any more.
    """
    if question.type != "multiple" or not isinstance(stored, Mapping):
        return canonical(question, stored)
    kept = {part: [option for option in stored.get(part, ()) if option in question.outcomes] for part in ("ticked", "seen")}
    if not kept["seen"]:
        raise ImpossibleValue("none of the options it was about exists any more")
    return canonical(question, kept)


def _single(question: Question, given: object) -> Value:
    if isinstance(given, str) and given in question.outcomes:
        return given
    raise ImpossibleValue(f"{_quoted(given)} is not an option: give one of {', '.join(question.outcomes)}")


def _multiple(question: Question, given: object) -> Value:
    ids = question.outcomes
    if isinstance(given, Mapping):
        if unknown := set(given) - {"ticked", "seen"}:
            raise ImpossibleValue(f"{_quoted(sorted(map(str, unknown))[0])} is not known here: give ticked and seen")
        ticked = _option_ids(question, given.get("ticked", []))
        seen = _option_ids(question, given.get("seen", list(ids)))
        if unseen := [option for option in ticked if option not in seen]:
            raise ImpossibleValue(f'"{unseen[0]}" is ticked but not seen: list it in seen too')
        return ticked if len(seen) == len(ids) else {"ticked": ticked, "seen": seen}
    return _option_ids(question, given)


def _option_ids(question: Question, given: object) -> list[str]:
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise ImpossibleValue(f"{_quoted(given)} is not a list: give a list of option ids, empty for none")
    for answer in given:
        if not isinstance(answer, str) or answer not in question.outcomes:
            raise ImpossibleValue(f"{_quoted(answer)} is not an option: choose from {', '.join(question.outcomes)}")
    return [option for option in question.outcomes if option in given]


def _finite(given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise ImpossibleValue(f"{_quoted(given)} is not a number")
    return float(given)


def _scale(question: Question, given: object) -> Value:
    point = _finite(given)
    if point not in question.points:
        raise ImpossibleValue(f"{point:g} is not on the scale: give a whole number from {question.points[0]} to {question.points[-1]}")
    return int(point)


def _number(question: Question, given: object) -> Value:
    if not isinstance(given, Mapping):
        return _within(question, _finite(given))
    if unknown := set(given) - {"from", "to"}:
        raise ImpossibleValue(f"{_quoted(sorted(map(str, unknown))[0])} is not known here: give from, to or both")
    ends = {end: _within(question, _finite(given[end])) for end in ("from", "to") if given.get(end) is not None}
    if not ends:
        raise ImpossibleValue("an interval needs at least one end: give from, to or both")
    if ends.get("from", -math.inf) >= ends.get("to", math.inf):
        raise ImpossibleValue(f"the interval from {ends['from']:g} to {ends['to']:g} is empty: from must be below to")
    return dict(ends)


def _within(question: Question, number: float) -> float:
    low = -math.inf if question.minimum is None else question.minimum
    high = math.inf if question.maximum is None else question.maximum
    if not low <= number <= high:
        raise ImpossibleValue(f"{number:g} is outside {low:g} to {high:g}")
    return number


def _text(_question: Question, given: object) -> Value:
    if not isinstance(given, str) or not given.strip():
        raise ImpossibleValue(f"{_quoted(given)} is not a text: write something, or send kind skip")
    if len(given) > LONGEST_TEXT:
        raise ImpossibleValue(f"the text has {len(given)} characters: at most {LONGEST_TEXT} are kept")
    if "\x00" in given or any(0xD800 <= ord(letter) <= 0xDFFF for letter in given):
        raise ImpossibleValue("the text has characters that cannot be stored: send plain Unicode")
    return given.strip()


def _quoted(given: object) -> str:
    words = repr(given) if not isinstance(given, str) else f'"{given}"'
    return words if len(words) <= 60 else words[:57] + "..."


_READERS = {"single": _single, "multiple": _multiple, "scale": _scale, "number": _number, "text": _text}
