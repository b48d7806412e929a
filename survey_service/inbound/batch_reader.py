"""Read the body of an intake request: unpack it, and keep a message that cannot be stored from taking the others of its batch with it."""

import gzip
import io
import json
import re
import zlib
from typing import Any, NamedTuple

import orjson

from survey_service.errors import MalformedBody, TooLarge
from survey_service.web.strict_json import DEEPEST, NUL, number, read_json, walk

LARGEST_UNPACKED = 4 * 1024 * 1024
LARGEST_MESSAGE = 32 * 1024
"""Bytes of a message in UTF-8, without blanks between its values."""

ENCODINGS = "gzip, deflate"


class _Repeated(dict[str, Any]):
    """An object in which a name is written twice."""


class _NotFinite:
    """Stands for NaN, infinity, or a number beyond every float."""


class ReadBody(NamedTuple):
    """The JSON value in a body. Where it is not `is_storable`, `fault_of` finds in which part there is something that cannot be stored."""

    content: Any
    is_storable: bool


def read_messages(body: bytes) -> ReadBody:
    """Return the JSON value in a body. Raises MalformedBody where it is no JSON."""
    try:
        return ReadBody(read_json(body), is_storable=True)
    except MalformedBody as refused:
        try:
            return ReadBody(_decode(body.decode(errors="surrogateescape")), is_storable=False)
        except (ValueError, RecursionError):
            raise refused from None


DEEPEST_READ = DEEPEST + 10
"""Levels of a body that are read: enough for a message to be found too deep by `fault_of`, and few enough for the decoder."""
MOST_BRACKETS = 100_000
"""A body with more is refused whole where the decoder cannot follow its nesting: to scan it would take longer than all else."""
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


def _decode(text: str) -> Any:
    """Return the JSON value in a text, without what is nested too deeply to be read. Raises ValueError, RecursionError."""
    try:
        return _DECODER.decode(text)
    except RecursionError:
        if text.count("[") + text.count("{") > MOST_BRACKETS:
            raise
        return _DECODER.decode(_without_depths(text))


def _without_depths(text: str) -> str:
    """Return JSON text without what is inside of brackets that are nested more than `DEEPEST_READ` levels deep."""
    kept: list[str] = []
    depth = start = 0
    for token in _TOKENS.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth == DEEPEST_READ + 1:
                kept.append(text[start : token.end()])
        elif token[0] in "]}":
            if depth == DEEPEST_READ + 1:
                start = token.start()
            depth -= 1
    return "".join([*kept, text[start:]]) if depth <= DEEPEST_READ else ""


def fault_of(value: Any) -> str | None:
    """Return why this part of a body cannot be stored, in words that follow "it"; None where it can be."""
    for inner, depth in walk(value):
        if depth > DEEPEST:
            return f"is nested more than {DEEPEST} levels deep"
        if isinstance(inner, _Repeated):
            return "writes a name twice in one object: keep one of the two"
        if isinstance(inner, _NotFinite):
            return "has a number that is not finite"
        if isinstance(inner, str) and NUL in inner:
            return "has a NUL character"
        if isinstance(inner, str) and not _is_utf8(inner):
            return "has half of a surrogate pair, or is not UTF-8"
    return None


def size_fault_of(value: Any) -> str | None:
    """The same as `fault_of`, for a message that can be stored and may be too large."""
    size = len(orjson.dumps(value))
    return f"has more than {LARGEST_MESSAGE // 1024} kB" if size > LARGEST_MESSAGE else None


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def unpack(body: bytes, encoding: str) -> bytes:
    """Return the body without its Content-Encoding: gzip with any number of members, deflate with or without the frame of zlib.

    Raises MalformedBody for another encoding or a body that is not what it says, and TooLarge.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    try:
        if name in ("gzip", "x-gzip"):
            plain = gzip.GzipFile(fileobj=io.BytesIO(body)).read(LARGEST_UNPACKED + 1)
        elif name == "deflate":
            plain = _inflate(body)
        else:
            raise MalformedBody(f"The Content-Encoding {encoding[:40]!r} is not read here: send {ENCODINGS}, or no encoding.")
    except EOFError:
        raise MalformedBody(f"The {name} body broke off.") from None
    except (OSError, zlib.error):
        raise MalformedBody(f"The body says that it is {name}, and is not.") from None
    if len(plain) > LARGEST_UNPACKED:
        raise TooLarge(f"At most {LARGEST_UNPACKED // 1024**2} MB are unpacked.")
    return plain


def _inflate(body: bytes) -> bytes:
    """Return a deflate body. RFC 9110 means the format of zlib; many clients send the bare stream. Raises zlib.error, EOFError."""
    has_frame = len(body) > 1 and body[0] & 0x0F == zlib.DEFLATED and (body[0] << 8 | body[1]) % 31 == 0
    stream = zlib.decompressobj(zlib.MAX_WBITS if has_frame else -zlib.MAX_WBITS)
    plain = stream.decompress(body, LARGEST_UNPACKED + 1)
    if not stream.eof and not stream.unconsumed_tail and len(plain) <= LARGEST_UNPACKED:
        raise EOFError
    return plain


def _mark_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    return read if len(read) == len(pairs) else _Repeated(read)


def _mark_number(digits: str) -> Any:
    try:
        return number(digits)
    except ValueError:
        return _NotFinite()


_DECODER = json.JSONDecoder(
    object_pairs_hook=_mark_repeated, parse_constant=lambda _: _NotFinite(), parse_int=_mark_number, parse_float=_mark_number
)
