"""JSON text as plain values, read so that every other reader understands the same, and so that all of it can be stored."""

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from marshmallow import ValidationError, fields, validate

from question_bank.files.json_source import parse
from question_bank.files.source import Unreadable
from survey_service.errors import MalformedBody


class Truth(fields.Boolean):
    """A field for true or false."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Number(fields.Float):
    """A field for a number. A boolean or a text that looks like a number is refused."""

    def _validated(self, value: Any) -> Any:
        if isinstance(value, bool | str):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class Whole(fields.Integer):
    """A field for an integer. 3.0 is one, in JSON as in JSON Schema."""

    def _validated(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float) or value % 1:
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class Moment(fields.AwareDateTime):
    """A field for a time with its zone, as UTC. A time that has no UTC is refused: a zone can move it out of the years 1 to 9999."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> datetime:
        given: datetime = super()._deserialize(value, attr, data, **more)
        try:
            return given.astimezone(UTC)
        except OverflowError:
            raise ValidationError("is outside of the years 1 to 9999 in UTC: write a time such as 2026-01-05T10:00:00Z") from None


def text_like(
    pattern: str, error: str | None = None, most: int | None = None, *, allow_none: bool = False, **metadata: Any
) -> fields.String:
    """Return a field for a text that matches `pattern` as a whole; ``$`` alone would let a line feed follow."""
    checks: list[Any] = [validate.Regexp(rf"(?:{pattern})\Z", error=error)]
    if most is not None:
        checks.append(validate.Length(max=most))
    return fields.String(validate=checks, allow_none=allow_none, metadata={"pattern": f"^(?:{pattern})$", **metadata})


INTEGERS = range(-(2**63), 2**64)
"""Integers of 64 bits, with a sign or without: other systems have ids like these."""

LONGEST_INTEGER = 20
DEEPEST = 64
TOO_DEEP = f"The body is nested more than {DEEPEST} levels deep."
NUL = "\x00"
MESSAGES = {"repeated": "is written twice in one object: keep one of the two", "not_finite": "is not a number that can be stored"}


def read_json(body: bytes) -> Any:
    """Return JSON text as plain values. Raises MalformedBody for what cannot be stored: NaN, infinities, lone surrogates, NUL.

    It also refuses a name that is repeated in an object, which readers understand in two ways, and unlimited nesting. Every fault is named
    with its path.
    """
    try:
        text = body.decode()
        read = _DECODER.decode(text)
        if _may_be_odd(body):
            json.dumps(read, ensure_ascii=False).encode()
    except RecursionError:
        raise MalformedBody(TOO_DEEP) from None
    except UnicodeError:
        raise MalformedBody("The body is not UTF-8 text, or has half of a surrogate pair.") from None
    except ValueError as wrong:
        raise _malformed(text, wrong) from None
    if _may_be_odd(body) and any(NUL in text for text in _texts(read)):
        raise MalformedBody("The body has a NUL character, which cannot be stored.")
    return read


def _malformed(text: str, wrong: ValueError) -> MalformedBody:
    """Return the error for a text that was refused, with every fault. The text is read again, now with paths, which takes longer."""
    try:
        faults = parse(text, number, DEEPEST).faults
    except Unreadable:
        return MalformedBody(TOO_DEEP)
    except (ValueError, RecursionError):
        faults = ()
    errors = [{"path": _encodable(".".join(map(str, fault.path))), "message": MESSAGES[fault.kind]} for fault in faults]
    return MalformedBody(_encodable(f"The body is not readable JSON: {wrong}."), errors=errors)


def _encodable(text: str) -> str:
    """Return a text that quotes a body, with "?" for halves of surrogate pairs: no response can have them."""
    return text.encode(errors="replace").decode()


def _may_be_odd(body: bytes) -> bool:
    """Whether the text needs the full check: only an escape can write NUL or a lone surrogate, and only many brackets nest deeply."""
    return b"\\u" in body or body.count(b"[") + body.count(b"{") > DEEPEST


def _texts(value: Any) -> Iterator[str]:
    """Return every string in a JSON value, names included. Raises MalformedBody where the value is nested too deeply."""
    for inner, depth in walk(value):
        if depth > DEEPEST:
            raise MalformedBody(TOO_DEEP)
        if isinstance(inner, str):
            yield inner


def walk(value: Any) -> Iterator[tuple[Any, int]]:
    """Yield every value and name inside `value`, level by level, with its depth. It ends one level below the deepest that is allowed."""
    level, depth = [value], 0
    while level and depth <= DEEPEST + 1:
        inside: list[Any] = []
        for item in level:
            yield item, depth
            if isinstance(item, dict):
                yield from ((name, depth) for name in item)
                inside += item.values()
            elif isinstance(item, list):
                inside += item
        level, depth = inside, depth + 1


def _refuse_repeated_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f'"{next(name for name in names if names.count(name) > 1)[:100]}" stands twice in one object')
    return read


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def number(digits: str) -> int | float:
    """Return a number. Integers beyond 64 bits become floats, as in every browser. Raises ValueError where a float cannot hold it."""
    if len(digits) <= LONGEST_INTEGER and digits.lstrip("-").isdigit() and (whole := int(digits)) in INTEGERS:
        return whole
    read = float(digits)
    if not math.isfinite(read):
        raise ValueError(f"{digits[:40]} is larger than any number that can be stored")
    return read


_DECODER = json.JSONDecoder(object_pairs_hook=_refuse_repeated_names, parse_constant=_refuse_constant, parse_int=number, parse_float=number)
