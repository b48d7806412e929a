"""Request and response bodies of the links API."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from survey_service.contacts.directory import LONGEST_ID
from survey_service.contacts.schemas import ContactPutSchema
from survey_service.email_links.campaigns import CURRENCY, NAME
from survey_service.email_links.create import Recipient
from survey_service.respondent.side_data import LONGEST_LANGUAGE
from survey_service.web.api import StrictSchema
from survey_service.web.strict_json import Number, Whole

MOST_CONTACTS = 500
LONGEST_LIFETIME_DAYS = 366
MOST_COST = 1e9


class RecipientSchema(ContactPutSchema):
    """A contact by its id. Other fields are stored as by `PUT /contacts/{external_id}`."""

    external_id = fields.String(required=True, validate=validate.Length(min=1, max=LONGEST_ID))
    language = fields.String(
        metadata={"description": f"A language, or a list with weights. One of more than {LONGEST_LANGUAGE} characters is left out"}
    )

    @post_load
    def _to_request(self, data: dict[str, Any], **_: Any) -> Recipient:
        return Recipient(data.pop("external_id"), data.pop("language", None), data)


def _check_unique(contacts: list[Recipient]) -> None:
    ids = [contact.external_id for contact in contacts]
    repeated = {index: ["stands there twice: name each contact once"] for index, id in enumerate(ids) if id in ids[:index]}
    if repeated:
        raise ValidationError(repeated)


@dataclass(frozen=True)
class CampaignRequest:
    """A campaign, and the share of its contacts that a lot holds out."""

    name: str
    hold_out: float
    cost: float | None = None
    currency: str | None = None


class CampaignOfLinksSchema(StrictSchema):
    request = CampaignRequest

    name = fields.String(required=True, validate=validate.Regexp(f"^{NAME.pattern}$"))
    hold_out = Number(
        required=True,
        validate=validate.Range(0, 0.9, min_inclusive=False),
        metadata={"description": "Share of the contacts that get no link, by lot", "exclusiveMinimum": 0},
    )
    cost = Number(
        validate=validate.Range(0, MOST_COST, min_inclusive=False), metadata={"description": "Of one contact", "exclusiveMinimum": 0}
    )
    currency = fields.String(validate=validate.Regexp(f"^{CURRENCY.pattern}$"))

    @validates_schema
    def _check_cost(self, data: dict[str, Any], **_: Any) -> None:
        if ("cost" in data) != ("currency" in data):
            raise ValidationError("give cost and currency, or neither of them")


@dataclass(frozen=True)
class LinksRequest:
    """The body of a call that creates links for the contacts of a mailing."""

    survey: str
    contacts: Sequence[Recipient]
    expires_in_days: int = 60
    question: str | None = None
    campaign: CampaignRequest | None = None


class LinksSchema(StrictSchema):
    request = LinksRequest

    survey = fields.String(required=True)
    contacts = fields.List(
        fields.Nested(RecipientSchema), required=True, validate=[validate.Length(min=1, max=MOST_CONTACTS), _check_unique]
    )
    expires_in_days = Whole(load_default=60, validate=validate.Range(min=1, max=LONGEST_LIFETIME_DAYS))
    question = fields.String(metadata={"description": "Ask every contact this question; left out, each gets the most informative one"})
    campaign = fields.Nested(CampaignOfLinksSchema, metadata={"description": "Hold contacts out, to measure what the mailing changes"})


class MadeSchema(StrictSchema):
    external_id = fields.String(required=True)
    url = fields.String(metadata={"description": "Asks the question on a page"})
    options = fields.Dict(keys=fields.String(), values=fields.String(), metadata={"description": "By option, or by point of a scale"})
    html = fields.String(metadata={"description": "The question for the body of an email"})
    text = fields.String(metadata={"description": "The same for its plain-text part"})
    question = fields.String()
    language = fields.String()
    leave = fields.String(metadata={"description": "The opt-out page: not me, or do not ask me again"})
    expires_at = fields.String()
    refused = fields.String(
        validate=validate.OneOf(["asked_to_be_left_alone", "nothing_to_ask", "erased", "held_out"]),
        metadata={"description": "Why there is no link"},
    )


class MadeListSchema(StrictSchema):
    items = fields.List(fields.Nested(MadeSchema), required=True)
    next = fields.String(allow_none=True)


class FunnelSchema(StrictSchema):
    survey = fields.String()
    sent = fields.Integer()
    opens = fields.Integer(metadata={"description": "Includes mail filters and previews"})
    opened = fields.Integer(metadata={"description": "Links opened at least once, by a person or a machine"})
    robots = fields.Integer(metadata={"description": "Links that a machine opened"})
    confirmed = fields.Integer(metadata={"description": "Links through which a person acted"})
    answered = fields.Integer(metadata={"description": "Links with at least one answer"})
    answers = fields.Integer()
    trapped = fields.Integer(metadata={"description": "Answers sent with the hidden field filled in; they are no evidence"})
    revoked = fields.Integer()
