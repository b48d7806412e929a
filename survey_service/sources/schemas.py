"""The bodies of the sources API."""

from marshmallow import fields, validate

from survey_service.http import StrictSchema
from survey_service.store.source_records import SOURCE_KINDS

WORD = validate.Length(min=1, max=255)


class SourcePostSchema(StrictSchema):
    kind = fields.String(required=True, validate=validate.OneOf(SOURCE_KINDS))
    secret = fields.String(validate=WORD, metadata={"description": "Of the app that sends; made here for the kind signed"})
    survey = fields.String(metadata={"description": "shopify: what buyers are asked"})
    delay_hours = fields.Integer(strict=True, validate=validate.Range(0, 24 * 90), metadata={"description": "shopify: how long after; 72"})
    id_property = fields.String(validate=WORD, metadata={"description": "hubspot: the property that holds your ids of contacts"})
    attributes = fields.Dict(
        keys=fields.String(validate=WORD),
        values=fields.String(validate=WORD),
        metadata={"description": "hubspot: by their property, the attribute it fills"},
    )


class SourceSchema(SourcePostSchema):
    class Meta:
        exclude = ("secret",)

    id = fields.String()
    url = fields.String(metadata={"description": "Where it sends its events: paste this over there"})
    created_at = fields.String()


class SourceMadeSchema(SourceSchema):
    class Meta:
        exclude = ()

    secret = fields.String(allow_none=True, metadata={"description": "Of the kind signed, shown this once"})


class SourceListSchema(StrictSchema):
    items = fields.List(fields.Nested(SourceSchema))
