"""Request and response bodies of the sources API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from marshmallow import fields, validate

from survey_service.store.tables.inbound import SOURCE_KINDS
from survey_service.web.api import StrictSchema
from survey_service.web.openapi import without
from survey_service.web.strict_json import Whole

SHORT_TEXT = validate.Length(min=1, max=255)


SHOPIFY_OPTIONS, HUBSPOT_OPTIONS = ("survey", "delay_hours"), ("id_property", "attributes")


@dataclass(frozen=True)
class SourceRequest:
    """The body of a call that adds a source. The options of another kind of source are refused."""

    kind: str
    secret: str | None = None
    survey: str | None = None
    delay_hours: int | None = None
    id_property: str | None = None
    attributes: Mapping[str, str] | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The options that were given."""
        given = {name: getattr(self, name) for name in (*SHOPIFY_OPTIONS, *HUBSPOT_OPTIONS)}
        return {name: value for name, value in given.items() if value is not None}


class SourcePostSchema(StrictSchema):
    request = SourceRequest
    also: ClassVar[Mapping[str, Any]] = {
        "oneOf": [
            {"allOf": [{"properties": {"kind": {"const": "hubspot"}}, "required": ["secret"]}, without(*SHOPIFY_OPTIONS)]},
            {"allOf": [{"properties": {"kind": {"const": "shopify"}}, "required": ["secret", "survey"]}, without(*HUBSPOT_OPTIONS)]},
            {"allOf": [{"properties": {"kind": {"const": "signed"}}}, without("secret", *SHOPIFY_OPTIONS, *HUBSPOT_OPTIONS)]},
        ]
    }

    kind = fields.String(required=True, validate=validate.OneOf(SOURCE_KINDS))
    secret = fields.String(validate=SHORT_TEXT, metadata={"description": "Of the app that sends; generated here for the kind signed"})
    survey = fields.String(metadata={"description": "shopify: the survey that buyers are asked"})
    delay_hours = Whole(validate=validate.Range(0, 24 * 90), metadata={"description": "shopify: the delay after a purchase; 72"})
    id_property = fields.String(validate=SHORT_TEXT, metadata={"description": "hubspot: the property that holds your ids of contacts"})
    attributes = fields.Dict(
        keys=fields.String(validate=SHORT_TEXT),
        values=fields.String(validate=SHORT_TEXT),
        metadata={"description": "hubspot: by property, the attribute it fills"},
    )


class SourceSchema(SourcePostSchema):
    also: ClassVar[Mapping[str, Any]] = {}

    class Meta:
        exclude = ("secret",)

    id = fields.String()
    url = fields.String(metadata={"description": "The address to enter in the other system"})
    created_at = fields.String()


class SourceMadeSchema(SourceSchema):
    class Meta:
        exclude = ()

    secret = fields.String(allow_none=True, metadata={"description": "Secret of a source of the kind signed, shown only once"})


class SourceListSchema(StrictSchema):
    items = fields.List(fields.Nested(SourceSchema))
