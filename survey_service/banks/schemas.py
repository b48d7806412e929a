"""Request and response bodies of the author API."""

from dataclasses import dataclass

from marshmallow import fields, validate

from survey_service.banks.simulation import MOST_RESPONDENTS, SimulationRequest
from survey_service.web.api import StrictSchema

BANK = {
    "schema": {"type": "object", "required": ["bank", "personas", "questions"], "description": "A bank in the shape of its file"},
    "example": {
        "bank": "hats",
        "personas": [{"id": "sun"}, {"id": "rain"}],
        "questions": [
            {
                "id": "umbrella",
                "type": "single",
                "text": "Do you own an umbrella?",
                "options": [{"id": "yes", "text": "Yes"}, {"id": "no", "text": "No"}],
                "likelihood": {"sun": {"yes": 0.2, "no": 0.8}, "rain": {"yes": 0.9, "no": 0.1}},
            }
        ],
        "surveys": [{"id": "hat-shop"}],
    },
}


class PublishedSchema(StrictSchema):
    bank = fields.String()
    version = fields.Integer()
    fingerprint = fields.String(metadata={"description": "SHA-256 of the bank's content; formatting does not change it"})
    warnings = fields.List(fields.String())


class BankItemSchema(StrictSchema):
    bank = fields.String()
    version = fields.Integer()
    fingerprint = fields.String()
    published_at = fields.String()
    author = fields.String(allow_none=True, metadata={"description": "Who published it; null where that was not stored yet"})


class BankPageSchema(StrictSchema):
    items = fields.List(fields.Nested(BankItemSchema))
    next = fields.String(allow_none=True)


class BankSchema(BankItemSchema):
    definition = fields.Dict(metadata={"description": "The bank in the shape of its file"})
    source = fields.String(allow_none=True, metadata={"description": "The text as it was published, with its comments"})


@dataclass(frozen=True)
class BankQuery:
    """The query of a list of banks."""

    after: str | None = None
    limit: int = 50


class PageQuerySchema(StrictSchema):
    after = fields.String(metadata={"description": "`next` of the previous page"})
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class BankQuerySchema(PageQuerySchema):
    request = BankQuery


@dataclass(frozen=True)
class VersionQuery:
    """The query of a list of versions, newest first: those before the version `after`."""

    after: int | None = None
    limit: int = 50


class VersionQuerySchema(StrictSchema):
    request = VersionQuery

    after = fields.Integer(validate=validate.Range(1, 2**31 - 1), metadata={"description": "`next` of the previous page"})
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class BankProblemSchema(StrictSchema):
    line = fields.Integer()
    path = fields.String(metadata={"description": "Where in the bank, for example questions.3.likelihood.driver"})
    where = fields.String(metadata={"description": "The same by ids, for people"})
    wrong = fields.String()
    todo = fields.String(metadata={"description": "What to do about it"})


class CheckSchema(StrictSchema):
    errors = fields.List(fields.Nested(BankProblemSchema), metadata={"description": "Empty: the bank can be published"})
    warnings = fields.List(fields.Nested(BankProblemSchema))


class SimulationQuerySchema(StrictSchema):
    request = SimulationRequest

    survey = fields.String(validate=validate.Length(1, 64), metadata={"description": "May be left out where the bank has one survey"})
    respondents = fields.Integer(
        validate=validate.Range(1, MOST_RESPONDENTS),
        metadata={"description": "1000 where it is left out, or as many as a bank of this size allows"},
    )
    seed = fields.Integer(load_default=1, validate=validate.Range(0, 2**31 - 1))


class SimulatedSchema(StrictSchema):
    bank = fields.String()
    survey = fields.String()
    respondents = fields.Integer()
    seed = fields.Integer()
    skip = fields.Float()
    drop_out = fields.Float(allow_none=True)
    questions = fields.Dict(metadata={"description": "How many questions were asked: mean, sd, median, p90, distribution"})
    seconds = fields.Dict(metadata={"description": "mean, sd, median, p90"})
    stopped_because = fields.Dict(keys=fields.String(), values=fields.Float())
    accuracy = fields.Dict(metadata={"description": "Share of respondents whose persona was found: mean, standard_error"})
    confidence = fields.Float()
    calibration_error = fields.Float()
    reliability = fields.List(fields.Dict())
    personas = fields.List(fields.Dict())
    asked = fields.List(fields.Dict(), metadata={"description": "Each question that was asked: share, gain_bits, place, silent, left"})
    never_asked = fields.List(fields.String())
    lost = fields.Dict()
    sure = fields.List(fields.Float(), metadata={"description": "Share of respondents who are known after 0, 1, 2, … questions"})


class DraftSchema(CheckSchema):
    bank = fields.String()
    base = fields.Integer(metadata={"description": "The version that the draft takes into account; 0: the bank has none"})
    author = fields.String(metadata={"description": "Who changed it last"})
    updated_at = fields.String()
    source = fields.String(metadata={"description": "The text, with its comments"})


@dataclass(frozen=True)
class DraftPutQuery:
    """The version that a text takes into account, if it is another than before."""

    base: int | None = None


class DraftPutQuerySchema(StrictSchema):
    request = DraftPutQuery

    base = fields.Integer(validate=validate.Range(0, 2**31 - 1), metadata={"description": "The version that this text takes into account"})


class ChangeSchema(StrictSchema):
    kind = fields.String(metadata={"enum": ["meaning", "words"], "description": "words: what people read; it moves no belief"})
    path = fields.List(fields.String(), metadata={"description": "By ids, for example questions, reasons, likelihood, driver, safety"})
    before = fields.Raw(allow_none=True, metadata={"description": "null: it is new"})
    after = fields.Raw(allow_none=True, metadata={"description": "null: it was removed"})


class AnswersThatStaySchema(StrictSchema):
    given = fields.Integer()
    stay = fields.Integer(metadata={"description": "Still mean something in the draft"})


class MovedSchema(StrictSchema):
    inferred = fields.Integer(metadata={"description": "Contacts whose belief was inferred under the draft"})
    moved = fields.Integer(metadata={"description": "Of these, whose likeliest persona would be another"})
    is_sample = fields.Boolean(metadata={"description": "There are more: these changed last"})


class DiffSchema(StrictSchema):
    bank = fields.String()
    base = fields.Integer()
    version = fields.Integer(metadata={"description": "The newest version, with which the draft is compared; 0: there is none"})
    changes = fields.List(fields.Nested(ChangeSchema))
    answers = fields.Dict(
        keys=fields.String(), values=fields.Nested(AnswersThatStaySchema), metadata={"description": "Of each changed question"}
    )
    contacts = fields.Nested(MovedSchema)


class SurveySchema(StrictSchema):
    survey = fields.String()
    bank = fields.String()
    version = fields.Integer()
    title = fields.String(allow_none=True)
    languages = fields.List(fields.String())
    questions = fields.Integer(metadata={"description": "How many it can ask"})
    state = fields.String(metadata={"description": "active, or paused: it begins no session"})


class SurveyPatchSchema(StrictSchema):
    state = fields.String(required=True, validate=validate.OneOf(["active", "paused"]))


class SurveyPageSchema(StrictSchema):
    items = fields.List(fields.Nested(SurveySchema))
    next = fields.String(allow_none=True)
