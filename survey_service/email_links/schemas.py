"""The bodies of the links API."""

from typing import Any

from marshmallow import ValidationError, fields, validate

from survey_service.contacts.directory import LONGEST_ID
from survey_service.contacts.schemas import ContactPutSchema
from survey_service.web.api import StrictSchema
from survey_service.web.strict_json import Whole

MOST_CONTACTS = 500
LONGEST_LIFETIME_DAYS = 366


class RecipientSchema(ContactPutSchema):
    """A contact by its id; what else is given is stored as by `PUT /contacts/{external_id}`."""

    external_id = fields.String(required=True, validate=validate.Length(min=1, max=LONGEST_ID))
    language = fields.String(validate=validate.Length(min=1, max=35))


def _each_once(contacts: list[dict[str, Any]]) -> None:
    names = [contact.get("external_id") for contact in contacts]
    twice = {place: ["stands there twice: name each contact once"] for place, name in enumerate(names) if name in names[:place]}
    if twice:
        raise ValidationError(twice)


class LinksSchema(StrictSchema):
    survey = fields.String(required=True)
    contacts = fields.List(fields.Nested(RecipientSchema), required=True, validate=[validate.Length(min=1, max=MOST_CONTACTS), _each_once])
    expires_in_days = Whole(load_default=60, validate=validate.Range(min=1, max=LONGEST_LIFETIME_DAYS))
    question = fields.String(metadata={"description": "Ask everybody this one; left out, each gets the one that tells most about them"})


class MadeSchema(StrictSchema):
    external_id = fields.String(required=True)
    url = fields.String(metadata={"description": "Asks the question on a page"})
    options = fields.Dict(keys=fields.String(), values=fields.String(), metadata={"description": "By option, or by point of a scale"})
    html = fields.String(metadata={"description": "The question for the body of an email"})
    text = fields.String(metadata={"description": "The same for its plain-text part"})
    question = fields.String()
    language = fields.String()
    leave = fields.String(metadata={"description": "Where a person says: not me, or do not ask me again"})
    expires_at = fields.String()
    refused = fields.String(
        validate=validate.OneOf(["asked_to_be_left_alone", "nothing_to_ask", "erased"]), metadata={"description": "Why there is no link"}
    )


class MadeListSchema(StrictSchema):
    items = fields.List(fields.Nested(MadeSchema), required=True)
    next = fields.String(allow_none=True)


class FunnelSchema(StrictSchema):
    survey = fields.String()
    sent = fields.Integer()
    opens = fields.Integer(metadata={"description": "Raw: mail filters and previews are in it"})
    opened = fields.Integer(metadata={"description": "Links opened at least once, by whatever opened them"})
    robots = fields.Integer(metadata={"description": "Links that something opened as only machines do"})
    confirmed = fields.Integer(metadata={"description": "Links by which a person acted"})
    answered = fields.Integer(metadata={"description": "Links that brought an answer"})
    answers = fields.Integer()
    trapped = fields.Integer(metadata={"description": "Answers that came with something that people cannot see; they count as no evidence"})
    revoked = fields.Integer()
