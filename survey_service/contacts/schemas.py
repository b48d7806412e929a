"""The bodies of the contacts API."""

from typing import Any

from marshmallow import ValidationError, fields, validate

from survey_service.http import StrictSchema

MOST_ATTRIBUTES = 200


def _attributes(values: dict[str, Any]) -> None:
    if len(values) > MOST_ATTRIBUTES:
        raise ValidationError(f"has {len(values)} entries: at most {MOST_ATTRIBUTES} are kept")
    for name, value in values.items():
        if not isinstance(value, str | int | float | bool | None) or len(str(value)) > 2000 or not 0 < len(name) <= 100:
            raise ValidationError(f"{name[:100]}: give a text, a number, true, false, or null to remove it")


class ConsentSchema(StrictSchema):
    profiling = fields.Boolean(required=True, metadata={"description": "May a persona be derived and stored?"})
    version = fields.String(validate=validate.Length(max=100))
    asking = fields.Boolean(metadata={"description": "False: the contact asked not to be asked again; kept until you say otherwise"})


class ContactPutSchema(StrictSchema):
    email = fields.Email(allow_none=True, validate=validate.Length(max=320))
    attributes = fields.Dict(keys=fields.String(), validate=_attributes)
    consent = fields.Nested(ConsentSchema)


class ExternalIdSchema(StrictSchema):
    system = fields.String()
    type = fields.String()
    id = fields.String()


class ContactSchema(StrictSchema):
    id = fields.String()
    external_ids = fields.List(fields.Nested(ExternalIdSchema))
    email = fields.String(allow_none=True)
    attributes = fields.Dict()
    consent = fields.Dict()
    sequence = fields.Integer(metadata={"description": "Counts the changes told to CRMs; only grows"})
    beliefs = fields.Dict(keys=fields.String(), values=fields.Dict(), metadata={"description": "By bank id"})
    created_at = fields.String()
    updated_at = fields.String()


class IdentitySchema(StrictSchema):
    identity = fields.String(metadata={"description": "For the `identity` attribute of the embed; valid for a day"})
