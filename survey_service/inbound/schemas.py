"""The bodies of the sources API."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import fields, validate

from survey_service.store.tables.inbound import SOURCE_KINDS
from survey_service.web.api import StrictSchema
from survey_service.web.openapi import without
from survey_service.web.strict_json import Whole

WORD = validate.Length(min=1, max=255)


OF_SHOPIFY, OF_HUBSPOT = ("survey", "delay_hours"), ("id_property", "attributes")


class SourcePostSchema(StrictSchema):
    also: ClassVar[Mapping[str, Any]] = {
        "oneOf": [
            {"allOf": [{"properties": {"kind": {"const": "hubspot"}}, "required": ["secret"]}, without(*OF_SHOPIFY)]},
            {"allOf": [{"properties": {"kind": {"const": "shopify"}}, "required": ["secret", "survey"]}, without(*OF_HUBSPOT)]},
            {"allOf": [{"properties": {"kind": {"const": "signed"}}}, without("secret", *OF_SHOPIFY, *OF_HUBSPOT)]},
        ]
    }

    kind = fields.String(required=True, validate=validate.OneOf(SOURCE_KINDS))
    secret = fields.String(validate=WORD, metadata={"description": "Of the app that sends; made here for the kind signed"})
    survey = fields.String(metadata={"description": "shopify: what buyers are asked"})
    delay_hours = Whole(validate=validate.Range(0, 24 * 90), metadata={"description": "shopify: how long after; 72"})
    id_property = fields.String(validate=WORD, metadata={"description": "hubspot: the property that holds your ids of contacts"})
    attributes = fields.Dict(
        keys=fields.String(validate=WORD),
        values=fields.String(validate=WORD),
        metadata={"description": "hubspot: by their property, the attribute it fills"},
    )


class SourceSchema(SourcePostSchema):
    also: ClassVar[Mapping[str, Any]] = {}

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
