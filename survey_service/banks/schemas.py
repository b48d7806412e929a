"""Request and response bodies of the author API."""

from dataclasses import dataclass

from marshmallow import fields, validate

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


class BankPageSchema(StrictSchema):
    items = fields.List(fields.Nested(BankItemSchema))
    next = fields.String(allow_none=True)


class BankSchema(BankItemSchema):
    definition = fields.Dict(metadata={"description": "The bank in the shape of its file"})


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
