"""Every sent message fits its published JSON Schema, and the schema names every field of the message."""

from copy import deepcopy

import jsonschema
import pytest

from survey_service.outbox.event_schemas import schema_of
from survey_service.outbox.events import EVENT_TYPES, FORMATS
from tests.survey_service.outbox.every_event import every_event


def strict(schema):
    """Return the schema with unknown fields forbidden: a new field has to be added to the schema."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: strict(inner) for name, inner in schema.items()}
    if "required" in closed:
        closed["additionalProperties"] = False
    return closed


@pytest.mark.parametrize("form", FORMATS)
def test_every_event_fits_its_schema_field_by_field(world, form):
    """All eleven event types fit in both forms."""
    sent = every_event(world, form)

    assert {delivery.message["type"] for delivery in sent} == set(EVENT_TYPES)
    for delivery in sent:
        schema = schema_of(delivery.message["type"], form)
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(delivery.message, strict(deepcopy(schema)), jsonschema.Draft202012Validator)
        assert len(delivery.body) < 20_000
        assert form == "full" or not any(isinstance(value, list | dict) for value in delivery.data.values())


def test_a_schema_takes_what_is_added_later_and_refuses_what_is_missing(world):
    """A validator accepts added fields, which is what additive changes promise."""
    sent = next(sent for sent in every_event(world, "full") if sent.message["type"] == "contact.persona.updated")
    schema = schema_of("contact.persona.updated")
    jsonschema.validate(sent.message | {"data": sent.data | {"new": 1}}, schema)

    for gone in ("sequence", "probabilities", "previous"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(sent.message | {"data": {name: value for name, value in sent.data.items() if name != gone}}, schema)


def test_schemas_are_public_and_may_be_cached(call):
    """The schemas need no key: the author of a receiver may not have one yet."""
    listed = call("get", "/events/schemas", scope=None)
    assert {(item["type"], item["format"]) for item in listed.json["items"]} == {
        (event_type, form) for event_type in EVENT_TYPES for form in FORMATS
    }

    for item in listed.json["items"]:
        answer = call("get", f"/events/schemas/{item['type']}?format={item['format']}", scope=None)
        assert (answer.json, answer.headers["Cache-Control"]) == (schema_of(item["type"], item["format"]), "public, max-age=3600")
    assert call("get", "/events/schemas/nothing", scope=None).status_code == 404
    assert call("get", "/events/schemas/endpoint.ping?format=xml", scope=None).status_code == 422
