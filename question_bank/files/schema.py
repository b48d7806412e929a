"""The schema of a bank file: each field reports one message, ``what is wrong → what to do``.

Rules across fields are in the `*_rules` modules. Loading returns plain mappings, from which `build` makes definitions once every check
has passed.
"""

from collections.abc import Iterator
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from adaptive.stopping import Endgame
from question_bank.addresses import ADDRESS, PORT
from question_bank.definitions import AttributeKind, Objective, ProfilingConsent, QuestionType
from question_bank.files.fields import (
    Choice,
    Flag,
    Line,
    Lines,
    LinesByKey,
    MapOf,
    MatchOrWords,
    Number,
    NumbersByKey,
    Selection,
    Slug,
    Slugs,
    Table,
    Words,
)
from question_bank.files.problems import Finding, Path, join_names, suggest
from question_bank.journeys import BarometerKind, Order, ShippedStage

EXPECTATIONS = ("advice", "autonomy", "responsiveness")
CHANNELS = ("email", "sms", "phone", "web", "agent")
SIGNAL_FIELDS = ("event", "page", "channel", "topic")
LANGUAGE = r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*"
MOST_LOGO = 64_000
MOST_WEIGHT = 1.5
LOGO = rf"data:image/(png|jpeg|webp|gif|svg\+xml);base64,[A-Za-z0-9+/=]{{1,{MOST_LOGO}}}"
COLOURS = r"#[0-9A-Fa-f]{6}|light-dark\(#[0-9A-Fa-f]{6}, ?#[0-9A-Fa-f]{6}\)"
STAGE = r"[a-z0-9][a-z0-9_-]*/[a-z0-9][a-z0-9_-]*"
ORIGIN = rf"\*|https?://[A-Za-z0-9.-]+(?::{PORT})?|https?://\[[0-9A-Fa-f:]+\](?::{PORT})?"


class StrictSchema(Schema):
    """A schema whose errors for unknown fields suggest the closest known one."""

    error_messages = {"type": "is not a map of fields → write field: value lines here", "unknown": "unknown"}  # noqa: RUF012

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.error_messages["unknown"] = UnknownField(sorted(self.load_fields))  # type: ignore[assignment]


class UnknownField:
    """A placeholder for the message about an unknown field, whose name marshmallow does not pass."""

    def __init__(self, known: list[str]) -> None:
        self.known = known

    def message(self, name: str) -> str:
        return f"is not a field of this → {suggest(name, self.known, f'remove it; the fields are {join_names(self.known, 40)}')}"


def _nested_list(shape: type[StrictSchema], **options: Any) -> fields.Nested:
    message = "is not a list → start each item on its own line with a dash"
    return fields.Nested(lambda: shape(many=True), error_messages={"type": message, **REQUIRED_MESSAGES}, **options)


def _nested(shape: type[StrictSchema]) -> fields.Nested:
    return fields.Nested(shape, error_messages=REQUIRED_MESSAGES)


REQUIRED_MESSAGES: dict[str, str | list[Any] | dict[Any, Any]] = {
    "required": "is missing → add it",
    "null": "is empty → write a value, or remove the line",
}


class StyleSchema(StrictSchema):
    id = Slug(required=True)
    share = Number(above=0, most=1e9, hint="write the share of the persona, such as 0.6")


class PersonaSchema(StrictSchema):
    id = Slug(required=True)
    name = Words()
    prior = Number(above=0, most=1e9, hint="write the share of the population, such as 0.3")
    value = Number(least=0, hint="write what one such customer is worth, such as 900")
    description = Words()
    needs = Words()
    expectations = NumbersByKey(EXPECTATIONS, least=0, most=1)
    channels = NumbersByKey(CHANNELS, least=0, most=1)
    image = Line()
    styles = _nested_list(StyleSchema)


class BrandSchema(StrictSchema):
    name = Words()
    logo = Line(
        pattern=LOGO, todo=f"write the image as a data URI (data:image/png;base64,…) of at most {MOST_LOGO // 1000} kB: pages load nothing"
    )
    accent = Line(pattern=COLOURS, todo='write "#1f4fd8", or "light-dark(#1f4fd8, #a3bcff)" for two schemes')
    radius = Line(pattern=r"\d{1,2}(\.\d{1,3})?(px|em|rem)", todo="write a length, such as 8px or 0.5em")
    font = Line(pattern=r"[A-Za-z0-9 ,'\"_-]{1,200}", todo="write fonts that devices have, such as Georgia, serif")


class OptionSchema(StrictSchema):
    id = Slug(required=True)
    text = Words(required=True)


class QuestionSchema(StrictSchema):
    id = Slug(required=True)
    type = Choice(QuestionType, required=True)
    text = Words(required=True)
    help = Words()
    topic = Line()
    parent = Slug()
    pilot = Flag()
    seconds = Number(least=0, hint="write the seconds an answer takes, such as 8")
    options = _nested_list(OptionSchema)
    min = Number(hint="write a number such as 1")
    max = Number(hint="write a number such as 10")
    labels = MapOf(Words)
    unit = Words(one_line=True)
    likelihood = Table()
    no_answer = Table(or_number=True)
    ask_if = MapOf(Slugs)
    required = Flag()
    evidence_weight = Number(above=0, most=MOST_WEIGHT, hint="write 1 to count its answer in full, 0.5 to count it half")


class SignalSchema(StrictSchema):
    id = Slug(required=True)
    match = MatchOrWords(SIGNAL_FIELDS, required=True)
    likelihood = Table(required=True)
    half_life_days = Number(above=0, hint="write days, such as 60")
    at_most = Number(least=1, most=10_000, whole=True, hint="write a whole number such as 3")


class StopSchema(StrictSchema):
    confidence = Number(above=0, below=1, hint="write a probability such as 0.85")
    at_most = Number(least=1, most=10_000, whole=True, hint="write a whole number of questions such as 6")
    at_least = Number(least=0, whole=True, hint="write a whole number of questions such as 1")
    gain_below = Number(least=0, hint="write bits, such as 0.02")
    seconds = Number(above=0, hint="write seconds, such as 90")
    endgame = Choice(Endgame)


class DropOutSchema(StrictSchema):
    base = Number(required=True, hint="write log odds, such as -4")
    position = Number(hint="write log odds a question, such as 0.1")
    seconds = Number(hint="write log odds a second, such as 0.02")
    new_topic = Number(hint="write log odds, such as 0.3")


class ConsentSchema(StrictSchema):
    text = Words(required=True)
    required = Flag()


class ResultSchema(StrictSchema):
    text = Words()
    redirect = Line(pattern=ADDRESS, todo="write a whole address such as https://shop.example/thanks")


class SurveySchema(StrictSchema):
    id = Slug(required=True)
    title = Words()
    questions = Selection()
    objective = Choice(Objective)
    actions = MapOf(Table)
    stop = _nested(StopSchema)
    effort = Number(least=0, most=2, hint="write 1 for gain per second, 0 to ignore effort")
    explore = Number(least=0, most=1, hint="write a share of sessions such as 0.1")
    drop_out = _nested(DropOutSchema)
    first = Slugs()
    consent = _nested(ConsentSchema)
    origins = fields.List(
        Line(pattern=ORIGIN, todo="write https://shop.example, without a path or a / at the end"),
        error_messages={"invalid": 'is not a list → write ["https://shop.example"]', **REQUIRED_MESSAGES},
    )
    reveal = Flag()
    result = MapOf(lambda: _nested(ResultSchema))


class AttributionSchema(StrictSchema):
    attributes = MapOf(lambda: Choice(AttributeKind), required=True)
    never = Lines()
    target = Number(least=0.5, below=1, hint="write the share of assignments that must be right, such as 0.8")
    hysteresis = Number(least=0, most=0.5, hint="write how far the confidence may fall before an assignment ends, such as 0.05")
    consent = Choice(ProfilingConsent)


class StageSchema(StrictSchema):
    id = Slug(required=True)
    title = Words()
    match = LinesByKey(SIGNAL_FIELDS)
    answer = MapOf(Slugs)
    attribute = MapOf(Slugs)
    stage = Choice(ShippedStage)
    unless = LinesByKey(SIGNAL_FIELDS)
    after_hours = Number(above=0, most=8760, hint="write hours, such as 24")


class JourneySchema(StrictSchema):
    id = Slug(required=True)
    title = Words()
    stages = _nested_list(StageSchema, required=True)
    within_days = Number(above=0, most=366, hint="write days, such as 30")
    order = Choice(Order)


class BarometerSchema(StrictSchema):
    id = Slug(required=True)
    title = Words()
    question = Slug(required=True)
    kind = Choice(BarometerKind, required=True)
    after = LinesByKey(SIGNAL_FIELDS, required=True)
    delay_hours = Number(least=0, most=8760, hint="write hours, such as 24")
    every_days = Number(least=0, most=3660, hint="write days, such as 30")


class PlaySchema(StrictSchema):
    persona = Slug()
    stage = Line(pattern=STAGE, todo="write journey/stage, such as purchase/quote")
    channel = Line()
    content = Words()
    agent = Words()
    bot = Words()


class BankSchema(StrictSchema):
    bank = Slug(required=True)
    title = Words()
    languages = fields.List(
        Line(pattern=LANGUAGE, todo="write a tag such as en, fr or pt-BR"),
        validate=validate.Length(min=1, max=100, error="names no language, or too many → name one at least, such as [en]"),
        error_messages={"invalid": "is not a list → write [en] or [en, fr]", **REQUIRED_MESSAGES},
    )
    personas = _nested_list(PersonaSchema, required=True)
    questions = _nested_list(QuestionSchema, required=True)
    signals = _nested_list(SignalSchema)
    surveys = _nested_list(SurveySchema)
    evidence_weight = Number(above=0, most=MOST_WEIGHT, hint="write 1 to trust the tables, less to trust them less")
    repeat_weight = Number(least=0, most=1, hint="write 0.5 to halve a second answer of one topic")
    answer_correlation = Number(least=0, most=1, hint="write 0 where the answers of one persona are independent, such as 0.1 where not")
    half_life_days = Number(above=0, hint="write the days in which an answer loses half of its weight, such as 365")
    lapse = Number(least=0, most=0.5, hint="write the share of answers given without reading, such as 0.02")
    outliers = Number(least=0, most=0.5, hint="write the share of numbers that say nothing about the persona, such as 0.05")
    attribution = _nested(AttributionSchema)
    journeys = _nested_list(JourneySchema)
    barometers = _nested_list(BarometerSchema)
    plays = _nested_list(PlaySchema)
    brand = _nested(BrandSchema)


def load_fields(data: dict[str, Any]) -> tuple[dict[str, Any], list[Finding]]:
    """Return the fields of a bank that could be read, and findings about those that could not."""
    try:
        return BankSchema().load(data), []
    except ValidationError as error:
        read = error.valid_data if isinstance(error.valid_data, dict) else {}
        return read, list(_findings(error.messages, ()))


def _findings(messages: Any, path: Path) -> Iterator[Finding]:
    if isinstance(messages, dict):
        for key, below in messages.items():
            yield from _findings(below, path if key == "_schema" else (*path, key))
        return
    message = messages[0]
    if isinstance(message, UnknownField):
        message = message.message(str(path[-1]))
    wrong, _, todo = message.partition(" → ")
    yield Finding(path, wrong, todo)
