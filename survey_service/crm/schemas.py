"""The bodies of the connections API."""

from marshmallow import fields, validate

from survey_service.egress.addresses import LONGEST_URL
from survey_service.outbox.debounce import SEND_WHEN
from survey_service.store.tables.webhooks import KINDS
from survey_service.web.api import StrictSchema
from survey_service.web.strict_json import Truth, Whole

WORD = validate.Length(min=1, max=255)
MOST_FIELDS = 500
CREDENTIAL = ({"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}})
"""A word, or the headers of a connection of the kind http."""
SCALAR = {"type": ["string", "number", "boolean"]}
MAPPED = (
    {"type": "string"},
    {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": False,
        "properties": {"attribute": {"type": "string"}, "constant": SCALAR},
    },
)
"""The name of a value of ours; or what new contacts get: an attribute of the contact, a constant, or a constant where there is none."""


class ExternalIdFieldSchema(StrictSchema):
    field = fields.String(validate=WORD, metadata={"description": "The CRM's field that holds your ids of contacts"})
    system = fields.String(validate=WORD, metadata={"description": "Which of a contact's external ids it holds; crm if not given"})


class TemplateSchema(StrictSchema):
    method = fields.String(load_default="POST", validate=validate.OneOf(["POST", "PUT", "PATCH"]))
    headers = fields.Dict(keys=fields.String(validate=WORD), values=fields.String(validate=validate.Length(max=2000)), load_default=dict)
    body = fields.Raw(
        required=True,
        metadata={
            "description": 'JSON with placeholders such as "{{persona_top}}"',
            "type": ["object", "array", "string", "number", "boolean"],
        },
    )


class ConnectionPatchSchema(StrictSchema):
    url = fields.String(
        validate=validate.Length(min=1, max=LONGEST_URL), metadata={"description": "Scheme and host name; of the kind http, the whole URL"}
    )
    credentials = fields.Dict(
        keys=fields.String(),
        values=fields.Raw(metadata={"anyOf": CREDENTIAL}),
        metadata={"description": "Stored encrypted and never shown"},
    )
    identity = fields.List(fields.String(), metadata={"description": "How contacts are found, the most reliable first"})
    external_id = fields.Nested(ExternalIdFieldSchema)
    mapping = fields.Dict(
        keys=fields.String(validate=WORD),
        values=fields.Raw(metadata={"anyOf": MAPPED}, validate=validate.NoneOf([None])),
        validate=validate.Length(max=MOST_FIELDS),
        metadata={"description": "By the name of the CRM's field: the name of our value, or what a new contact gets"},
    )
    options = fields.Dict(keys=fields.String(), values=fields.Dict(keys=fields.String(), values=fields.String(validate=WORD)))
    template = fields.Nested(TemplateSchema)
    create_contacts = Truth(metadata={"description": "May missing contacts be created?"})
    when = fields.String(validate=validate.OneOf(SEND_WHEN))
    description = fields.String(validate=validate.Length(max=200))
    state = fields.String(validate=validate.OneOf(["active", "disabled"]))


class ConnectionPostSchema(ConnectionPatchSchema):
    class Meta:
        exclude = ("state",)

    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    bank = fields.String(required=True, metadata={"description": "The bank whose personas are sent"})


class ConnectionSchema(StrictSchema):
    id = fields.String()
    kind = fields.String()
    bank = fields.String()
    url = fields.String()
    identity = fields.List(fields.String())
    external_id = fields.Dict()
    mapping = fields.Dict()
    options = fields.Dict()
    template = fields.Dict(allow_none=True)
    create_contacts = fields.Boolean()
    when = fields.String()
    description = fields.String()
    state = fields.String()
    disabled_because = fields.String(allow_none=True)
    paused_because = fields.String(allow_none=True)
    paused_until = fields.String(allow_none=True)
    waiting = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"description": "How many records wait, by the reason; no_identity: the contact has no id by which the CRM finds it"},
    )
    created_at = fields.String()
    updated_at = fields.String()


class ConnectionPageSchema(StrictSchema):
    items = fields.List(fields.Nested(ConnectionSchema))
    next = fields.String(allow_none=True)


class TestedSchema(StrictSchema):
    ok = fields.Boolean()
    problems = fields.List(fields.String())


class SetUpSchema(StrictSchema):
    done = fields.List(fields.String())


class DryRunSchema(StrictSchema):
    contacts = fields.List(fields.String(), load_default=list, validate=validate.Length(max=100))
    limit = Whole(load_default=3, validate=validate.Range(1, 100))


class WouldSendSchema(StrictSchema):
    requests = fields.List(fields.Dict())
    skipped = fields.List(fields.Dict())
