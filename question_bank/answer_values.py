"""The canonical form of an answer to each type of question; anything else is refused with the reason and a remedy."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from question_bank.definitions import Question
from question_bank.typed_numbers import UnreadableNumber, read_number

LONGEST_TEXT = 4000
"""Unicode code points of a text answer, without the space around it. A line break is one."""

Value = str | int | float | list[str] | dict[str, Any]


class ImpossibleValue(ValueError):
    """This answer is not one of the possible ones.

    `key` says what is wrong with it: choose, number, plain (a number that can be read in two ways), outside, write or too_long.
    """

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message)
        self.message = message
        self.key = key


def canonical(question: Question, given: object, language: str | None = None) -> Value:
    """Return the canonical form in which an answer is stored and counted.

    single: the option id. multiple: the ticked ids in bank order, or ``{"ticked", "seen"}`` where some options were not seen.
    scale: an int. number: a float, or ``{"from", "to"}`` with at least one end. text: the text as `plain_text` returns it.
    A string in place of a number is read as typed in `language`; without a language it is refused. Raises ImpossibleValue.
    """
    if language is not None and question.type in ("scale", "number"):
        given = _as_typed(question, given, language)
    return _READERS[question.type](question, given)


def plain_text(given: str) -> str:
    """Return a text with each line break as one line feed, and without the space around it."""
    return given.replace("\r\n", "\n").replace("\r", "\n").strip()


def _as_typed(question: Question, given: object, language: str) -> object:
    """Return the number in place of a string, in the ends of an interval too."""
    if isinstance(given, Mapping):
        return {name: _as_typed(question, end, language) for name, end in given.items()}
    if not isinstance(given, str):
        return given
    try:
        return read_number(given, language)
    except UnreadableNumber as unreadable:
        if unreadable.key == "plain":
            raise ImpossibleValue(f"{_quoted(given)} can be read in two ways: send the digits without separators", "plain") from None
        raise _not_a_number(question, given) from None


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
        raise ImpossibleValue("none of the options it was about exists any more", "choose")
    return canonical(question, kept)


def _single(question: Question, given: object) -> Value:
    if isinstance(given, str) and given in question.outcomes:
        return given
    raise ImpossibleValue(f"{_quoted(given)} is not an option: give one of {', '.join(question.outcomes)}", "choose")


def _multiple(question: Question, given: object) -> Value:
    ids = question.outcomes
    if isinstance(given, Mapping):
        if unknown := set(given) - {"ticked", "seen"}:
            raise ImpossibleValue(f"{_quoted(sorted(map(str, unknown))[0])} is not known here: give ticked and seen", "choose")
        ticked = _option_ids(question, given.get("ticked", []))
        seen = _option_ids(question, given.get("seen", list(ids)))
        if unseen := [option for option in ticked if option not in seen]:
            raise ImpossibleValue(f'"{unseen[0]}" is ticked but not seen: list it in seen too', "choose")
        return ticked if len(seen) == len(ids) else {"ticked": ticked, "seen": seen}
    return _option_ids(question, given)


def _option_ids(question: Question, given: object) -> list[str]:
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise ImpossibleValue(f"{_quoted(given)} is not a list: give a list of option ids, empty for none", "choose")
    for answer in given:
        if not isinstance(answer, str) or answer not in question.outcomes:
            raise ImpossibleValue(f"{_quoted(answer)} is not an option: choose from {', '.join(question.outcomes)}", "choose")
    return [option for option in question.outcomes if option in given]


def _finite(question: Question, given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise _not_a_number(question, given)
    return float(given)


def _not_a_number(question: Question, given: object) -> ImpossibleValue:
    return ImpossibleValue(f"{_quoted(given)} is not a number", "choose" if question.type == "scale" else "number")


def _scale(question: Question, given: object) -> Value:
    point = _finite(question, given)
    if point not in question.points:
        ends = f"{question.points[0]} to {question.points[-1]}"
        raise ImpossibleValue(f"{point:g} is not on the scale: give a whole number from {ends}", "outside")
    return int(point)


def _number(question: Question, given: object) -> Value:
    if not isinstance(given, Mapping):
        return _within(question, _finite(question, given))
    if unknown := set(given) - {"from", "to"}:
        raise ImpossibleValue(f"{_quoted(sorted(map(str, unknown))[0])} is not known here: give from, to or both", "number")
    ends = {end: _within(question, _finite(question, given[end])) for end in ("from", "to") if given.get(end) is not None}
    if not ends:
        raise ImpossibleValue("an interval needs at least one end: give from, to or both", "number")
    if ends.get("from", -math.inf) >= ends.get("to", math.inf):
        raise ImpossibleValue(f"the interval from {ends['from']:g} to {ends['to']:g} is empty: from must be below to", "number")
    return dict(ends)


def _within(question: Question, number: float) -> float:
    low = -math.inf if question.minimum is None else question.minimum
    high = math.inf if question.maximum is None else question.maximum
    if not low <= number <= high:
        raise ImpossibleValue(f"{number:.10g} is outside {low:.10g} to {high:.10g}", "outside")
    return number


def _text(_question: Question, given: object) -> Value:
    text = plain_text(given) if isinstance(given, str) else ""
    if not text:
        raise ImpossibleValue(f"{_quoted(given)} is not a text: write something, or send kind skip", "write")
    if len(text) > LONGEST_TEXT:
        raise ImpossibleValue(f"the text has {len(text)} characters: at most {LONGEST_TEXT} are kept", "too_long")
    if "\x00" in text or any(0xD800 <= ord(letter) <= 0xDFFF for letter in text):
        raise ImpossibleValue("the text has characters that cannot be stored: send plain Unicode", "write")
    return text


def _quoted(given: object) -> str:
    words = repr(given) if not isinstance(given, str) else f'"{given}"'
    return words if len(words) <= 60 else words[:57] + "..."


_READERS = {"single": _single, "multiple": _multiple, "scale": _scale, "number": _number, "text": _text}
