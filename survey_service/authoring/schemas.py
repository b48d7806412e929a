"""The bodies of the author API."""

from marshmallow import fields, validate

from survey_service.http import StrictSchema


class PublishedSchema(StrictSchema):
    bank = fields.String()
    version = fields.Integer()
    fingerprint = fields.String(metadata={"description": "SHA-256 of what the bank says, whatever its formatting"})
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


class PageQuerySchema(StrictSchema):
    after = fields.String(metadata={"description": "`next` of the page before"})
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))
