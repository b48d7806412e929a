"""What was told of contacts, over HTTP, for authors who write signals."""

from typing import Any

from marshmallow import fields, validate

from survey_service.authoring.guard import requires
from survey_service.http import ApiBlueprint, StrictSchema
from survey_service.intake.counting import counted
from survey_service.paging import cursor, place_of
from survey_service.parts import parts

blueprint = ApiBlueprint("events", __name__, url_prefix="/api/v1/events", description="What contacts did, as the intake heard it")


class EventQuerySchema(StrictSchema):
    after = fields.String(metadata={"description": "`next` of the page before"})
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class EventSchema(StrictSchema):
    kind = fields.String()
    label = fields.String(metadata={"description": "The name of the event, or the path of the page"})
    events = fields.Integer()
    contacts = fields.Integer()
    last_at = fields.String()
    signals = fields.List(fields.String(), metadata={"description": "bank/signal that match; none: no bank knows what to make of it"})


class EventPageSchema(StrictSchema):
    items = fields.List(fields.Nested(EventSchema))
    next = fields.String(allow_none=True)


@blueprint.get("")
@requires("read")
@blueprint.arguments(EventQuerySchema, location="query")
@blueprint.response(200, EventPageSchema)
def page(query: dict[str, Any]) -> dict[str, Any]:
    """Kinds of events by name, with the signals that match them."""
    p, limit = parts(), query["limit"]
    after = place_of(query["after"], 2) if "after" in query else None
    with p.store.reading() as session:
        found = counted(session, p.banks, after, limit + 1)
    return {"items": found[:limit], "next": cursor(found[limit - 1]["kind"], found[limit - 1]["label"]) if len(found) > limit else None}
