"""The bodies of the webhooks API."""

from marshmallow import fields, validate

from survey_service.egress.addresses import LONGEST_URL
from survey_service.outbox.debounce import SEND_WHEN
from survey_service.outbox.events import EVENT_TYPES, FORMATS, FULL
from survey_service.web.api import StrictSchema
from survey_service.web.strict_json import Moment, Number, Truth, Whole
from survey_service.webhooks.deliveries import STATES
from survey_service.webhooks.endpoints import LONGEST_VALUE, MOST_HEADERS, NAME, VALUE

MOST_DAYS_OF_OVERLAP = 7
LARGEST_ID = 2**63 - 1


ADDRESS = {"pattern": "^https?://", "example": "https://crm.example.com/hooks/discern"}
HEADERS = {
    "propertyNames": {"pattern": f"^(?:{NAME})$"},
    "description": "Sent with every message, stored encrypted and never shown again; replaces all earlier headers",
}
EVENT = fields.String(validate=validate.Length(max=100), metadata={"enum": EVENT_TYPES})


class EndpointPatchSchema(StrictSchema):
    url = fields.String(validate=validate.Length(min=1, max=LONGEST_URL), metadata=ADDRESS)
    events = fields.List(
        EVENT,
        validate=validate.Length(max=50),
        metadata={"description": "Empty: all"},
    )
    when = fields.String(validate=validate.OneOf(SEND_WHEN), metadata={"description": "How soon to send a change of persona"})
    description = fields.String(validate=validate.Length(max=200))
    include_pii = Truth(metadata={"description": "Send e-mail addresses and free text too?"})
    format = fields.String(validate=validate.OneOf(FORMATS), metadata={"description": "flat: one level, for a CRM that maps only scalars"})
    headers = fields.Dict(
        keys=fields.String(),
        values=fields.String(metadata={"pattern": f"^(?:{VALUE})$", "maxLength": LONGEST_VALUE}),
        validate=validate.Length(max=MOST_HEADERS),
        metadata=HEADERS,
    )
    bulk = Truth(metadata={"description": "Send bulk messages, about all contacts? If not, read GET /contacts?updated_since= instead"})
    per_second = Number(
        allow_none=True,
        validate=validate.Range(0.01, 10_000),
        metadata={"description": "Maximum of messages per second; null: no limit"},
    )
    state = fields.String(validate=validate.OneOf(["active", "disabled"]))


class EndpointPostSchema(EndpointPatchSchema):
    class Meta:
        exclude = ("state",)

    url = fields.String(required=True, validate=validate.Length(min=1, max=LONGEST_URL), metadata=ADDRESS)
    events = fields.List(
        EVENT,
        load_default=list,
        validate=validate.Length(max=50),
    )
    when = fields.String(load_default="material", validate=validate.OneOf(SEND_WHEN))


class EndpointSchema(StrictSchema):
    id = fields.String()
    url = fields.String()
    events = fields.List(fields.String())
    when = fields.String()
    description = fields.String()
    include_pii = fields.Boolean()
    format = fields.String()
    header_names = fields.List(fields.String())
    bulk = fields.Boolean()
    per_second = fields.Float(allow_none=True)
    state = fields.String()
    disabled_because = fields.String(allow_none=True, metadata={"description": "owner; gone: it answered 410; failing: for five days"})
    awaits_ping = fields.Boolean(metadata={"description": "Enabled again: nothing is sent until a ping has arrived"})
    paused_until = fields.String(allow_none=True)
    failing_since = fields.String(allow_none=True)
    probe_at = fields.String(allow_none=True, metadata={"description": "The endpoint keeps failing: the next attempt is at this time"})
    clock_off = fields.Float(
        allow_none=True, metadata={"description": "Seconds that our clock is ahead of the receiver's, if at least a minute"}
    )
    secret_prefix = fields.String()
    created_at = fields.String()
    updated_at = fields.String()


class EndpointMadeSchema(EndpointSchema):
    secret = fields.String(metadata={"description": "Signs every message; shown this once"})


class EndpointPageSchema(StrictSchema):
    items = fields.List(fields.Nested(EndpointSchema))
    next = fields.String(allow_none=True)


class RotateSchema(StrictSchema):
    overlap_hours = Whole(
        load_default=24,
        validate=validate.Range(0, 24 * MOST_DAYS_OF_OVERLAP),
        metadata={"description": "How long the old secret still signs; 0 if it has leaked"},
    )


class PingedSchema(StrictSchema):
    delivery = fields.Integer()
    event_id = fields.String()


class ResyncSchema(StrictSchema):
    since = Moment(metadata={"description": "Only contacts whose persona has changed since then"})
    untold = Truth(load_default=False, metadata={"description": "Only contacts with a change that the endpoint missed"})


class ResyncedSchema(StrictSchema):
    contacts = fields.Integer(metadata={"description": "How many contacts are going to be sent"})


class RetryManySchema(StrictSchema):
    endpoint = fields.String(required=True)
    type = fields.String(validate=validate.OneOf(EVENT_TYPES))
    state = fields.String(load_default="dead", validate=validate.OneOf(["dead"]))
    start = Moment(data_key="from", metadata={"description": "Created at this time or later"})
    end = Moment(data_key="to", metadata={"description": "Created before this time"})


class RetriedSchema(StrictSchema):
    retried = fields.Integer()
    left = fields.Integer(metadata={"description": "Call again while this is not 0"})


class SchemaQuerySchema(StrictSchema):
    format = fields.String(load_default=FULL, validate=validate.OneOf(FORMATS))


class SchemaNameSchema(StrictSchema):
    type = fields.String()
    format = fields.String()


class SchemaListSchema(StrictSchema):
    items = fields.List(fields.Nested(SchemaNameSchema))


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
    lane = fields.String()
    due = fields.String(allow_none=True)
    last_error = fields.String(allow_none=True)
    created_at = fields.String()
    settled_at = fields.String(allow_none=True)
    attempts = fields.List(fields.Nested(AttemptSchema))


class DeliveryPageSchema(StrictSchema):
    items = fields.List(fields.Nested(DeliverySchema))
    next = fields.String(allow_none=True)
