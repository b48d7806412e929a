"""The bodies of the webhooks API."""

from marshmallow import fields, validate

from survey_service.http import StrictSchema
from survey_service.webhooks.addresses import LONGEST_URL
from survey_service.webhooks.deliveries import STATES
from survey_service.webhooks.events import EVENT_TYPES
from survey_service.webhooks.timing import WISHES

MOST_DAYS_OF_OVERLAP = 7
LARGEST_ID = 2**63 - 1


class EndpointPatchSchema(StrictSchema):
    url = fields.String(validate=validate.Length(min=1, max=LONGEST_URL))
    events = fields.List(
        fields.String(validate=validate.Length(max=100)),
        validate=validate.Length(max=50),
        metadata={"description": f"Empty: all. {', '.join(EVENT_TYPES)}"},
    )
    when = fields.String(validate=validate.OneOf(WISHES), metadata={"description": "How soon to hear of a change of persona"})
    description = fields.String(validate=validate.Length(max=200))
    include_pii = fields.Boolean(metadata={"description": "Send e-mail addresses and free text too?"})
    state = fields.String(validate=validate.OneOf(["active", "disabled"]))


class EndpointPostSchema(EndpointPatchSchema):
    class Meta:
        exclude = ("state",)

    url = fields.String(required=True, validate=validate.Length(min=1, max=LONGEST_URL))
    events = fields.List(fields.String(validate=validate.Length(max=100)), load_default=list, validate=validate.Length(max=50))
    when = fields.String(load_default="material", validate=validate.OneOf(WISHES))


class EndpointSchema(StrictSchema):
    id = fields.String()
    url = fields.String()
    events = fields.List(fields.String())
    when = fields.String()
    description = fields.String()
    include_pii = fields.Boolean()
    state = fields.String()
    disabled_because = fields.String(allow_none=True)
    paused_until = fields.String(allow_none=True)
    secret_prefix = fields.String()
    created_at = fields.String()
    updated_at = fields.String()


class EndpointMadeSchema(EndpointSchema):
    secret = fields.String(metadata={"description": "Signs every message; shown this once"})


class EndpointPageSchema(StrictSchema):
    items = fields.List(fields.Nested(EndpointSchema))
    next = fields.String(allow_none=True)


class RotateSchema(StrictSchema):
    overlap_hours = fields.Integer(
        load_default=24,
        strict=True,
        validate=validate.Range(0, 24 * MOST_DAYS_OF_OVERLAP),
        metadata={"description": "How long the outgoing secret still signs; 0 when it has leaked"},
    )


class PingedSchema(StrictSchema):
    delivery = fields.Integer()
    event_id = fields.String()


class DeliveryQuerySchema(StrictSchema):
    endpoint = fields.String()
    state = fields.String(validate=validate.OneOf(STATES))
    contact = fields.String(metadata={"description": "As your CRM calls it"})
    after = fields.Integer(validate=validate.Range(1, LARGEST_ID), metadata={"description": "`next` of the page before"})
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class AttemptSchema(StrictSchema):
    number = fields.Integer()
    started_at = fields.String()
    finished_at = fields.String(allow_none=True, metadata={"description": "null: under way, or the worker died"})
    outcome = fields.String(allow_none=True)
    status = fields.Integer(allow_none=True)
    error = fields.String(allow_none=True)
    manual = fields.Boolean()
    excerpt = fields.String(metadata={"description": "Of what the receiver answered; for admin keys only"})


class DeliverySchema(StrictSchema):
    id = fields.Integer()
    event_id = fields.String()
    event_type = fields.String()
    endpoint = fields.String()
    contact = fields.String(allow_none=True)
    sequence = fields.Integer(allow_none=True)
    state = fields.String()
    due = fields.String(allow_none=True)
    last_error = fields.String(allow_none=True)
    created_at = fields.String()
    settled_at = fields.String(allow_none=True)
    attempts = fields.List(fields.Nested(AttemptSchema))


class DeliveryPageSchema(StrictSchema):
    items = fields.List(fields.Nested(DeliverySchema))
    next = fields.String(allow_none=True)
