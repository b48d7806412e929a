"""Request and response bodies of the contacts API."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validate, validates_schema

from survey_service.contacts.sessions import STATUSES, SessionQuery
from survey_service.web.api import StrictSchema
from survey_service.web.openapi import one_of, plain_values
from survey_service.web.strict_json import Moment, Number, Truth, text_like

MOST_ATTRIBUTES = 200
LONGEST_NAME = 100
LONGEST_TEXT = 2000
LONGEST_EMAIL = 320
_PART = r"[^@.\x00-\x20\x7f]+"
EMAIL = rf"{_PART}(\.{_PART})*@{_PART}(\.{_PART})+"
"""Addresses may have characters beyond ASCII. Whether an address exists is not checked."""


def _attributes(values: dict[str, Any]) -> None:
    if len(values) > MOST_ATTRIBUTES:
        raise ValidationError(f"has {len(values)} entries: at most {MOST_ATTRIBUTES} are kept")
    for name, value in values.items():
        if not isinstance(value, str | int | float | bool | None) or len(str(value)) > LONGEST_TEXT or not 0 < len(name) <= LONGEST_NAME:
            raise ValidationError(f"{name[:LONGEST_NAME]}: give a text, a number, true, false, or null to remove it")


class ConsentSchema(StrictSchema):
    profiling = Truth(required=True, metadata={"description": "May a persona be derived and stored?"})
    version = fields.String(validate=validate.Length(max=100))
    quoting = Truth(metadata={"description": "May its texts be quoted? Without true they are not"})
    asking = Truth(metadata={"description": "False: the contact asked not to be asked again; kept until you say otherwise"})


@dataclass(frozen=True)
class SystemQuery:
    """The query of a call about a contact: the system whose id the path contains."""

    system: str = "crm"


class SystemSchema(StrictSchema):
    request: ClassVar[type | None] = SystemQuery

    system = fields.String(load_default="crm", validate=validate.Length(1, 100), metadata={"description": "The system whose id it is"})


class NameSchema(StrictSchema):
    system = fields.String(required=True, validate=validate.Length(1, 100))
    type = fields.String(load_default="id", validate=validate.Length(1, 100))
    id = fields.String(required=True, validate=validate.Length(1, 255))


@dataclass(frozen=True)
class PriorRequest:
    """A prior under one bank; without `probabilities` it is taken back. `reliability` is the exponent on its odds."""

    bank: str
    probabilities: Mapping[str, float] | None
    source: str = "crm"
    reliability: float = 1.0


class PriorSchema(StrictSchema):
    request = PriorRequest

    bank = fields.String(required=True, validate=validate.Length(1, 64))
    probabilities = fields.Dict(
        keys=fields.String(),
        values=Number(validate=validate.Range(0, 1)),
        required=True,
        allow_none=True,
        metadata={"description": "Of every persona; null takes the prior back"},
    )
    source = fields.String(load_default="crm", validate=validate.Length(1, 100), metadata={"description": "Where it comes from"})
    reliability = Number(
        load_default=1.0, validate=validate.Range(0, 1), metadata={"description": "1 takes the probabilities as they are, 0 ignores them"}
    )


class ContactPutSchema(StrictSchema):
    external_ids = fields.List(fields.Nested(NameSchema), validate=validate.Length(max=50), metadata={"description": "To be added"})
    email = text_like(EMAIL, error="Not a valid email address.", most=LONGEST_EMAIL, allow_none=True, example="zoe@example.com")
    attributes = fields.Dict(keys=fields.String(), validate=_attributes, metadata=plain_values(MOST_ATTRIBUTES, LONGEST_NAME, LONGEST_TEXT))
    consent = fields.Nested(ConsentSchema)
    prior = fields.Nested(PriorSchema, metadata={"description": "What another system says about the persona"})


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
    labels = fields.Dict(metadata={"description": "By bank, the persona that people assigned"})
    priors = fields.Dict(metadata={"description": "By bank, what another system says about the persona"})
    attribution = fields.Dict(metadata={"description": "By bank, what attributes say about the persona, and why"})
    merged_from = fields.List(fields.String(), metadata={"description": "Our ids of the contacts that were merged into this one"})
    sequence = fields.Integer(metadata={"description": "Counts the changes published to CRMs; only grows"})
    beliefs = fields.Dict(keys=fields.String(), values=fields.Dict(), metadata={"description": "By bank id"})
    created_at = fields.String()
    updated_at = fields.String()


class IdentitySchema(StrictSchema):
    identity = fields.String(metadata={"description": "For the `identity` attribute of the embed; valid for a day"})


@dataclass(frozen=True)
class ContactReference:
    """A contact, given by an external id or by a session it answered in."""

    external_id: str | None = None
    system: str = "crm"
    session: str | None = None


class ReferenceSchema(StrictSchema):
    request = ContactReference
    also = one_of("external_id", "session")
    external_id = fields.String(validate=validate.Length(1, 255), metadata={"description": "The contact's id in `system`"})
    system = fields.String(load_default="crm", validate=validate.Length(1, 100))
    session = fields.String(metadata={"description": "Or a session that the contact answered in"})

    @validates_schema
    def _check_exactly_one(self, data: dict[str, Any], **_: Any) -> None:
        if ("external_id" in data) == ("session" in data):
            raise ValidationError("give either external_id or session")


@dataclass(frozen=True)
class MergeRequest:
    """The body of a merge: the contact that is kept, and the contact that is merged into it."""

    into: ContactReference
    from_: ContactReference


class MergeSchema(StrictSchema):
    request = MergeRequest

    into = fields.Nested(ReferenceSchema, required=True)
    from_ = fields.Nested(ReferenceSchema, required=True, data_key="from")


@dataclass(frozen=True)
class LabelRequest:
    """The body of a label: a persona of a bank, and how reliable such labels are."""

    bank: str
    persona: str
    reliability: float = 0.9


class LabelSchema(StrictSchema):
    request = LabelRequest

    bank = fields.String(required=True)
    persona = fields.String(required=True)
    reliability = Number(
        load_default=0.9,
        validate=validate.Range(0, 0.999, min_inclusive=False),
        metadata={"description": "The share of your labels that are right", "exclusiveMinimum": 0},
    )


@dataclass(frozen=True)
class ContactQuery:
    """The query of a list of beliefs about contacts, or of contacts on a journey by their priority."""

    order: str = "updated"
    bank: str | None = None
    persona: str | None = None
    min_confidence: float | None = None
    updated_since: datetime | None = None
    email: str | None = None
    after: str | None = None
    limit: int = 50


class ContactQuerySchema(StrictSchema):
    request = ContactQuery

    order = fields.String(
        load_default="updated",
        validate=validate.OneOf(("updated", "priority")),
        metadata={"description": "priority: contacts on a journey of `bank`, whom to call first; one in twenty is left out, by lot"},
    )
    bank = fields.String()
    persona = fields.String(metadata={"description": "The most probable persona"})
    min_confidence = fields.Float(validate=validate.Range(0, 1))
    updated_since = Moment(default_timezone=UTC)
    email = fields.String(
        validate=validate.Length(3, LONGEST_EMAIL),
        metadata={"description": "Only contacts with this address, also those without a belief, on one page by id"},
    )
    after = fields.String(metadata={"description": "`next` of the previous page"})
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class PrioritySchema(StrictSchema):
    bank = fields.String()
    journey = fields.String()
    stage = fields.String(metadata={"description": "journey/stage: where the contact is"})
    next_stage = fields.String()
    probability = fields.Float(metadata={"description": "That it reaches the next stage within the days of the journey"})
    probability_low = fields.Float(metadata={"description": "The 95 % interval reaches from `_low` to `_high`"})
    probability_high = fields.Float()
    value = fields.Float(metadata={"description": "Mean value of the journey's last stage, by the contact's personas"})
    currency = fields.String(allow_none=True)
    priority = fields.Float(metadata={"description": "probability x value"})
    priority_low = fields.Float()
    priority_high = fields.Float()
    is_ready = fields.Boolean()
    updated_at = fields.String()


class ContactLineSchema(StrictSchema):
    id = fields.String()
    external_ids = fields.List(fields.Nested(ExternalIdSchema))
    email_sha256 = fields.String(allow_none=True)
    belief = fields.Dict(allow_none=True, metadata={"description": "null where there is none yet"})
    priority = fields.Nested(PrioritySchema, metadata={"description": "Only with `order=priority`"})


class ContactPageSchema(StrictSchema):
    items = fields.List(fields.Nested(ContactLineSchema))
    next = fields.String(allow_none=True)


class ExportSchema(StrictSchema):
    contact = fields.Nested(ContactSchema)
    sessions = fields.List(fields.Dict())
    answers = fields.List(fields.Dict())
    events = fields.List(fields.Dict())
    links = fields.List(fields.Dict())
    link_openings = fields.List(fields.Dict())
    link_sessions = fields.List(fields.Dict())
    probes = fields.List(fields.Dict())
    planned_questions = fields.List(fields.Dict())
    campaigns = fields.List(fields.Dict())
    outcomes = fields.List(fields.Dict())
    reviews = fields.List(fields.Dict())
    quote_approvals = fields.List(fields.Dict())
    held_personas = fields.List(fields.Dict())
    announced_plays = fields.List(fields.Dict())
    readiness = fields.List(fields.Dict())
    looks = fields.List(fields.Dict())
    messages = fields.List(fields.Dict())


@dataclass(frozen=True)
class TimelineQuery(SystemQuery):
    """The query of a timeline. `after` is a cursor, or a time."""

    after: str | None = None
    limit: int = 50


class TimelineQuerySchema(SystemSchema):
    request = TimelineQuery

    after = fields.String(metadata={"description": "`next` of the previous page"})
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class TimelineSchema(StrictSchema):
    items = fields.List(fields.Dict())
    next = fields.String(allow_none=True)


class SessionQuerySchema(StrictSchema):
    request = SessionQuery

    survey = fields.String(validate=validate.Length(1, 64))
    status = fields.String(validate=validate.OneOf(STATUSES))
    version = fields.Integer(validate=validate.Range(1, 2**31 - 1), metadata={"description": "Of the bank"})
    channel = fields.String(validate=validate.Length(1, 100))
    language = fields.String(validate=validate.Length(1, 35))
    contact = fields.String(validate=validate.Length(1, 64), metadata={"description": "Our id of a contact"})
    after = fields.String(metadata={"description": "`next` of the previous page"})
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class SessionLineSchema(StrictSchema):
    session = fields.String()
    contact = fields.String(metadata={"description": "Our id of the contact"})
    survey = fields.String()
    bank = fields.String()
    bank_version = fields.Integer()
    status = fields.String(metadata={"enum": STATUSES})
    stopped_because = fields.String(allow_none=True)
    language = fields.String()
    channel = fields.String()
    started_at = fields.String()
    ended_at = fields.String(allow_none=True)


class SessionPageSchema(StrictSchema):
    items = fields.List(fields.Nested(SessionLineSchema))
    next = fields.String(allow_none=True)


class LookSchema(StrictSchema):
    at = fields.String()
    viewer = fields.String(metadata={"description": "The id of an API key, or of a person of the console"})
    name = fields.String()
    what = fields.String()


class LooksSchema(StrictSchema):
    items = fields.List(fields.Nested(LookSchema), metadata={"description": "The last 200, newest first"})
