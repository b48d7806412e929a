"""What CRMs answer, read by schemas: what does not fit is named, and nothing is guessed from it."""

import json
from datetime import datetime
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields

from survey_service.crm.adapters.protocol import REFUSALS, Judgement, Request, Response, judge_by_status

UNEXPECTED = "unexpected_answer"
"""The problem of a record whose answer has another shape than the CRM documents."""
NO_CONTENT = 204
LONGEST_PART = 4 * 1024


class UnexpectedAnswer(Exception):
    """The answer has another shape than the CRM documents. `where` says what does not fit, and quotes nothing of it."""

    def __init__(self, where: str) -> None:
        super().__init__(f"{UNEXPECTED}: {where}")
        self.where = where


class AnswerSchema(Schema):
    """Part of an answer. CRMs add fields as they like."""

    class Meta:
        unknown = EXCLUDE


class Objects(fields.List[Any]):
    """A list of entries that are parsed one by one later: an entry that does not fit is the failure of its own record."""

    def __init__(self, **more: Any) -> None:
        super().__init__(fields.Raw(allow_none=True), **more)


class TokenSchema(AnswerSchema):
    """The answer of an OAuth token endpoint (RFC 6749, section 5.1)."""

    access_token = fields.String(required=True, validate=lambda token: token.isascii() and token.isprintable() and token != "")


def json_of(response: Response) -> Any:
    """Return the body read as JSON. Raises UnexpectedAnswer."""
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        raise UnexpectedAnswer("the whole: it is no JSON") from None


def parse(schema: Schema, answer: Any) -> Any:
    """Return a part of an answer as its schema loads it. Raises UnexpectedAnswer."""
    try:
        return schema.load(answer)
    except ValidationError as wrong:
        raise UnexpectedAnswer(_where(wrong.normalized_messages())) from None


def read(schema: Schema, response: Response) -> Any:
    """Return a whole answer as its schema loads it. Raises UnexpectedAnswer."""
    return parse(schema, json_of(response))


def parse_each(schema: Schema, entries: Any) -> list[Any]:
    """Return every entry as its schema loads it, None for one that does not fit."""
    return [_or_none(schema, entry) for entry in entries]


def read_if_it_fits(schema: Schema, response: Response) -> Any:
    """Return a whole answer as its schema loads it, None where it does not fit: the status has decided, the body would only explain it."""
    try:
        return read(schema, response)
    except UnexpectedAnswer:
        return None


def judge_documented(request: Request, response: Response, now: datetime) -> Judgement:
    """Return the verdict by status, for a CRM that answers nothing but JSON and, by 204, nothing at all.

    A page of HTML comes from something on the way to the CRM: it must make no contact dead, and none delivered. Raises UnexpectedAnswer.
    """
    if 200 <= response.status < 300 and response.status != NO_CONTENT:
        raise UnexpectedAnswer(f"status {response.status}")
    if response.status in REFUSALS and response.body and not isinstance(json_of(response), dict | list):
        raise UnexpectedAnswer("the whole: it is no object")
    return judge_by_status(request, response, now)


def part(entry: Any) -> bytes:
    """Return the beginning of one entry as bytes, for the operator's eyes."""
    return json.dumps(entry, ensure_ascii=False).encode(errors="replace")[:LONGEST_PART]


def _or_none(schema: Schema, entry: Any) -> Any:
    try:
        return parse(schema, entry)
    except UnexpectedAnswer:
        return None


def _where(messages: Any, path: str = "") -> str:
    """Return the path of the first problem and the problem, which names types and quotes no values."""
    if isinstance(messages, dict) and messages:
        name, inner = next(iter(messages.items()))
        return _where(inner, path if name == "_schema" else f"{path}.{name}".lstrip("."))
    first = messages[0] if isinstance(messages, list) and messages else messages
    return f"{path or 'the whole'}: {first}"
