"""The bodies of the respondent API."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, post_load, pre_load, validate, validates_schema

from survey_service.respondent.side_data import CHANNEL, MOST_HIDDEN, SideData, read_side_data
from survey_service.respondent.state import SHORTEST_START_ID, GivenAnswer
from survey_service.web.api import StrictSchema
from survey_service.web.openapi import one_of
from survey_service.web.strict_json import Truth

KINDS = ("answer", "skip", "dont_know", "refuse")
MOST_ANSWERS = 100
LONGEST_SECONDS = 86_400


def _short(most: int, **more: Any) -> fields.String:
    return fields.String(validate=validate.Length(min=1, max=most), **more)


def _at_most(most: int, **more: Any) -> fields.String:
    return fields.String(validate=validate.Length(max=most), **more)


@dataclass(frozen=True)
class StartRequest:
    """The body of the call that starts a session."""

    start_id: str | None = None
    link: str | None = None
    identity: str | None = None
    side: SideData = field(default_factory=SideData)
    consent: bool | None = None
    words: bool = False


EMPTY = {"anyOf": [{"type": "null"}, {"maxLength": 0}]}
SIDE_DATA = "Where it cannot be stored it is left out, and the view names it in `left_out`"


class StartSchema(StrictSchema):
    also: ClassVar[Mapping[str, Any]] = {"anyOf": [{"properties": {name: EMPTY}} for name in ("link", "identity")]}

    start_id = fields.String(
        validate=validate.Length(min=SHORTEST_START_ID, max=200),
        metadata={
            "description": "Made by the client, at random and long enough not to be guessed. The same start again leads to the same session"
        },
    )
    link = _at_most(200, allow_none=True, metadata={"description": "Token of an email link: the session is that of its contact"})
    identity = _at_most(2000, allow_none=True, metadata={"description": "Signed identity of a known contact"})
    language = fields.Raw(
        allow_none=True, metadata={"description": f"One tag such as fr-CA, or a list with weights as in Accept-Language. {SIDE_DATA}"}
    )
    channel = fields.Raw(allow_none=True, metadata={"description": f"Matches {CHANNEL}. {SIDE_DATA}"})
    hidden = fields.Raw(
        allow_none=True, metadata={"description": f"At most {MOST_HIDDEN} short texts, numbers or truth values by name. {SIDE_DATA}"}
    )
    page = fields.Raw(allow_none=True, metadata={"description": f"The address of the page. {SIDE_DATA}"})
    consent = Truth(
        allow_none=True,
        metadata={
            "description": "true: the respondent has agreed. false: the respondent was not asked yet: if consent is required nothing is "
            "stored, and the view comes without session and token. Left out: the client handles consent"
        },
    )

    words = Truth(metadata={"description": "Include the texts of the interface in the view"})

    @validates_schema
    def _one_contact(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("link") and data.get("identity"):
            raise ValidationError("identifies the contact, and so does identity: send one of them", "link")

    @post_load
    def _to_request(self, data: dict[str, Any], **_: Any) -> StartRequest:
        main = {name: data[name] or None for name in ("start_id", "link", "identity") if name in data}
        return StartRequest(**main, side=read_side_data(data), consent=data.get("consent"), words=data.get("words", False))


class TokenSchema(StrictSchema):
    token = fields.String(metadata={"description": "The session token, where no Authorization header is sent"})


@dataclass(frozen=True)
class IdentityRequest:
    """Who the respondent is: a signed identity, or else the token of an email link."""

    identity: str | None = None
    link: str | None = None
    token: str | None = None


class WhoSchema(TokenSchema):
    request = IdentityRequest
    also = one_of("identity", "link")

    identity = _short(2000, metadata={"description": "Signed identity of a known contact"})
    link = _short(200, metadata={"description": "Or the token of an email link"})

    @validates_schema
    def _one(self, data: dict[str, Any], **_: Any) -> None:
        if ("link" in data) == ("identity" in data):
            raise ValidationError("give either identity or link", "identity")


STRING_VALUE = (
    "the option of a single question, the words of a text question (at most 4000 code points, a line break is one), "
    "or the number of a scale or number question as the respondent typed it, read in the language of the session"
)
VALUES = (
    {"type": "string", "description": STRING_VALUE},
    {"type": "number", "description": "of a scale or number question"},
    {"type": "array", "items": {"type": "string"}, "description": "the options ticked in a multiple question"},
    {
        "type": "object",
        "properties": {name: {"type": "array", "items": {"type": "string"}} for name in ("ticked", "seen")},
        "additionalProperties": False,
        "description": "of a multiple question that did not show all its options",
    },
    {
        "type": "object",
        "properties": {name: {"type": ["number", "string", "null"]} for name in ("from", "to")},
        "minProperties": 1,
        "additionalProperties": False,
        "description": "an interval, open where an end is missing, of a number question",
    },
    {"type": "null"},
)
"""The forms that the value of an answer can have. The type of the question decides which of them is possible."""


def _usable_seconds(value: Any) -> float | None:
    """Return how long a question was shown, None where the client's figure is no time. A page that stayed open for days counts as a day."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return None
    return min(float(value), float(LONGEST_SECONDS))


class AnswerSchema(StrictSchema):
    also: ClassVar[Mapping[str, Any]] = {
        "oneOf": [
            {"properties": {"kind": {"const": "answer"}, "value": {"not": {"type": "null"}}}, "required": ["value"]},
            {"properties": {"kind": {"enum": [kind for kind in KINDS if kind != "answer"]}, "value": {"type": "null"}}},
        ]
    }

    answer_id = _short(100, required=True, metadata={"description": "Made by the client; the same id again changes nothing"})
    question = _short(100, required=True)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    value = fields.Raw(allow_none=True, metadata={"anyOf": VALUES})
    website = fields.Raw(
        allow_none=True, metadata={"description": "A field that people do not see: if it is filled, the answer counts as no evidence"}
    )
    seconds = fields.Raw(
        allow_none=True, metadata={"description": f"How long the question was shown, 0 to {LONGEST_SECONDS}; anything else is not used"}
    )
    draft = Truth(metadata={"description": "Not confirmed by the respondent: it counts, and its question is still asked"})

    @validates_schema
    def _value_with_answer(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("kind") == "answer" and data.get("value") is None:
            raise ValidationError("is missing: give the answer, or send another kind", "value")
        if data.get("kind") not in (None, "answer") and data.get("value") is not None:
            raise ValidationError(f"must be left out where kind is {data['kind']}", "value")

    @post_load
    def _to_request(self, data: dict[str, Any], **_: Any) -> GivenAnswer:
        trap, seconds = data.pop("website", ""), data.pop("seconds", None)
        return GivenAnswer(**data, seconds=_usable_seconds(seconds), trapped=bool(trap))


class OneAnswerSchema(AnswerSchema, TokenSchema):
    """An answer on its own."""


@dataclass(frozen=True)
class AnswersRequest:
    """The answers of one act of the respondent."""

    answers: Sequence[GivenAnswer]
    token: str | None = None


class AnswersSchema(TokenSchema):
    """One answer with its fields at the top, or several under `answers`."""

    request = AnswersRequest

    answers = fields.List(fields.Nested(AnswerSchema), required=True, validate=validate.Length(min=1, max=MOST_ANSWERS))

    @classmethod
    def described(cls, fields_of_several: dict[str, Any], name_of: Callable[[type[Schema]], dict[str, Any]]) -> dict[str, Any]:
        return {"oneOf": [name_of(OneAnswerSchema), fields_of_several]}

    @pre_load
    def _one_or_many(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, dict) or "answers" in data:
            return data
        item = {name: value for name, value in data.items() if name != "token"}
        return {"answers": [item], **({"token": data["token"]} if "token" in data else {})}


@dataclass(frozen=True)
class BackRequest:
    """The respondent goes back; `answer_id` identifies the act."""

    answer_id: str
    token: str | None = None


class BackSchema(TokenSchema):
    request = BackRequest

    answer_id = _short(100, required=True)


@dataclass(frozen=True)
class FinishRequest:
    """The respondent ends the survey, and perhaps says why."""

    reason: str | None = None
    token: str | None = None


class FinishSchema(TokenSchema):
    request = FinishRequest

    reason = _short(200)


def _lang(of: str) -> fields.String:
    return fields.String(metadata={"description": f"The language of {of}, where it is not that of the session for want of a translation"})


class ChoiceSchema(StrictSchema):
    id = fields.String(required=True)
    text = fields.String(required=True)
    lang = _lang("text")
    label = fields.String(metadata={"description": "Of a point: what screen readers say, where words stand below it"})


class QuestionSchema(StrictSchema):
    id = fields.String(required=True)
    type = fields.String(required=True, validate=validate.OneOf(["single", "multiple", "scale", "number", "text"]))
    text = fields.String(required=True)
    lang = _lang("text")
    help = fields.String()
    help_lang = _lang("help")
    options = fields.List(fields.Nested(ChoiceSchema), metadata={"description": "Of a scale: its points, where nearly all have words"})
    columns = fields.String(metadata={"description": "Of a scale: the grid-template-columns of its points"})
    ends = fields.List(fields.Nested(ChoiceSchema), metadata={"description": "Of a scale: the words under its points"})
    min = fields.Float(allow_none=True)
    max = fields.Float(allow_none=True)
    labels = fields.Dict(keys=fields.String(), values=fields.String())
    labels_lang = fields.Dict(
        keys=fields.String(), values=fields.String(), metadata={"description": "By point, the language of a label without a translation"}
    )
    unit = fields.String()
    unit_lang = _lang("unit")
    required = fields.Boolean()
    given = fields.Raw(allow_none=True)
    can_go_back = fields.Boolean()


class ProgressSchema(StrictSchema):
    answered = fields.Integer(required=True)
    at_most = fields.Integer(required=True, metadata={"description": "Upper bound of questions still to come; only falls"})


class ResultSchema(StrictSchema):
    text = fields.String(allow_none=True)
    lang = _lang("text")
    redirect = fields.String(allow_none=True)


class ViewSchema(StrictSchema):
    """The view that `view_of` returns. It consists of plain values already, so there is nothing to dump."""

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        return obj

    session = fields.String(metadata={"description": "Missing as long as consent is required and not given"})
    token = fields.String(metadata={"description": "Only in the answer that starts the session"})
    survey = fields.String(required=True)
    bank_version = fields.Integer(required=True)
    status = fields.String(required=True, validate=validate.OneOf(["open", "complete", "finished", "expired"]))
    stopped_because = fields.String(allow_none=True)
    language = fields.String(required=True)
    question = fields.Nested(QuestionSchema, allow_none=True)
    ahead = fields.Dict(keys=fields.String(), values=fields.String(allow_none=True))
    next_questions = fields.Dict(keys=fields.String(), values=fields.Nested(QuestionSchema))
    progress = fields.Nested(ProgressSchema)
    result = fields.Nested(ResultSchema, allow_none=True)
    left_out = fields.List(
        fields.Dict(keys=fields.String(), values=fields.String()),
        metadata={"description": "Only in the answer that starts the session: side data that was not stored, as path and message"},
    )
    claimed = fields.Dict(metadata={"description": "The click of an email link: question, value, text; the first act confirms it"})
    consent = fields.Dict(
        metadata={
            "description": "Text, its `lang` where it is not translated, and whether it is required. Until the first answer, if the survey "
            "asks for consent"
        }
    )
    words = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        metadata={"description": "The interface in the language of the session, for the widget"},
    )
    belief = fields.Raw(metadata={"description": "With an API key the whole belief; in the browser only if the survey reveals it"})
    explanation = fields.List(fields.Dict(), metadata={"description": "With an API key: weights of evidence in bits"})
    log = fields.List(fields.Dict(), metadata={"description": "With an API key: every answer, skip and withdrawal"})
    manner = fields.Dict(metadata={"description": "With an API key: median pace, as a multiple of the least time, and straight_lining"})
