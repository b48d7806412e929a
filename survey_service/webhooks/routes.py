"""Endpoints and deliveries over HTTP."""

from datetime import timedelta
from typing import Any

from flask import Response, g, jsonify
from sqlmodel import Session

from survey_service.banks.schemas import PageQuerySchema
from survey_service.errors import NotFound
from survey_service.outbox import event_schemas
from survey_service.outbox.events import EVENT_TYPES
from survey_service.store.tables.core import ApiKey
from survey_service.store.tables.webhooks import Endpoint
from survey_service.web.api import ApiBlueprint
from survey_service.web.api_keys import requires
from survey_service.web.context import parts
from survey_service.web.openapi import ANYBODY
from survey_service.webhooks import deliveries, endpoints
from survey_service.webhooks.schemas import (
    LARGEST_ID,
    DeliveryPageSchema,
    DeliveryQuerySchema,
    DeliverySchema,
    EndpointMadeSchema,
    EndpointPageSchema,
    EndpointPatchSchema,
    EndpointPostSchema,
    EndpointSchema,
    PingedSchema,
    ResyncedSchema,
    ResyncSchema,
    RetriedSchema,
    RetryManySchema,
    RotateSchema,
    SchemaListSchema,
    SchemaQuerySchema,
)

FIELDS = (
    *("id", "url", "events", "when", "description", "include_pii", "format", "bulk", "per_second", "state", "disabled_because"),
    *("awaits_ping", "clock_off", "secret_prefix"),
)
MOMENTS = ("paused_until", "failing_since", "probe_at", "created_at", "updated_at")

blueprint = ApiBlueprint("webhooks", __name__, url_prefix="/api/v1", description="Endpoints that get messages, and the deliveries to them")


@blueprint.post("/endpoints")
@requires("admin")
@blueprint.arguments(EndpointPostSchema)
@blueprint.response(201, EndpointMadeSchema)
def add(given: dict[str, Any]) -> dict[str, Any]:
    """Add an endpoint. Its secret is in this response and in no other."""
    p = parts()
    with p.store.writing() as session:
        endpoint, secret = endpoints.add(session, p.settings, now=p.now(), **given)
    return {**_view(endpoint), "secret": secret}


@blueprint.get("/endpoints")
@requires("read")
@blueprint.arguments(PageQuerySchema, location="query")
@blueprint.response(200, EndpointPageSchema)
def list_endpoints(page: dict[str, Any]) -> dict[str, Any]:
    """List the endpoints, oldest first."""
    with parts().store.reading() as session:
        found = endpoints.page(session, page.get("after"), page["limit"] + 1)
    items = [_view(row) for row in found[: page["limit"]]]
    return {"items": items, "next": items[-1]["id"] if len(found) > page["limit"] else None}


@blueprint.get("/endpoints/<string:endpoint>")
@requires("read")
@blueprint.response(200, EndpointSchema)
def read(endpoint: str) -> dict[str, Any]:
    """Show one endpoint."""
    with parts().store.reading() as session:
        return _view(endpoints.find(session, endpoint))


@blueprint.patch("/endpoints/<string:endpoint>")
@requires("admin")
@blueprint.arguments(EndpointPatchSchema, required=False)
@blueprint.response(200, EndpointSchema)
def change(given: dict[str, Any], endpoint: str) -> dict[str, Any]:
    """Change the named fields. Disabling drops what has not been delivered."""
    p = parts()
    with p.store.writing() as session:
        return _view(endpoints.change(session, p.settings, endpoint, given, p.now()))


@blueprint.delete("/endpoints/<string:endpoint>")
@requires("admin")
@blueprint.response(204)
def remove(endpoint: str) -> None:
    """Remove an endpoint: what has not been delivered is dropped, what was sent stays on record."""
    p = parts()
    with p.store.writing() as session:
        endpoints.remove(session, endpoint, p.now())


@blueprint.post("/endpoints/<string:endpoint>/ping")
@requires("admin")
@blueprint.response(202, PingedSchema)
def ping(endpoint: str) -> dict[str, Any]:
    """Send a test message. Its delivery shows how it went."""
    p = parts()
    with p.store.writing() as session:
        row = endpoints.ping(session, endpoint, p.now())
    return {"delivery": row.id, "event_id": row.event_id}


@blueprint.post("/endpoints/<string:endpoint>/rotate")
@requires("admin")
@blueprint.arguments(RotateSchema, required=False)
@blueprint.response(200, EndpointMadeSchema)
def rotate(given: dict[str, Any], endpoint: str) -> dict[str, Any]:
    """Create a new secret. Until the overlap is over, messages carry a signature of each."""
    p = parts()
    with p.store.writing() as session:
        changed, secret = endpoints.rotate(session, p.settings, endpoint, p.now(), timedelta(hours=given["overlap_hours"]))
    return {**_view(changed), "secret": secret}


@blueprint.post("/endpoints/<string:endpoint>/resync")
@requires("write")
@blueprint.arguments(ResyncSchema, required=False)
@blueprint.response(202, ResyncedSchema)
def resync(given: dict[str, Any], endpoint: str) -> dict[str, Any]:
    """Send the present state of every contact, of those that changed since, or of those that the endpoint missed."""
    with parts().store.writing() as session:
        return {"contacts": endpoints.resync(session, endpoint, given.get("since"), given["untold"])}


@blueprint.post("/deliveries/retry")
@requires("write")
@blueprint.arguments(RetryManySchema)
@blueprint.response(200, RetriedSchema)
def retry_many(given: dict[str, Any]) -> dict[str, Any]:
    """Send dead messages again: up to 500 a call, oldest first."""
    p = parts()
    wanted = (given["endpoint"], given.get("type"), given.get("start"), given.get("end"))
    with p.store.writing() as session:
        retried, left = deliveries.retry_many(session, *wanted, p.now())
    return {"retried": retried, "left": left}


@blueprint.get("/events/schemas")
@blueprint.response(200, SchemaListSchema)
@blueprint.doc(security=ANYBODY)
def list_schemas() -> Response:
    """List the messages that have a JSON Schema. Public."""
    return _cacheable({"items": event_schemas.all_schemas()})


@blueprint.get("/events/schemas/<string:event_type>")
@blueprint.arguments(SchemaQuerySchema, location="query")
@blueprint.response(200, description="JSON Schema, 2020-12")
@blueprint.doc(security=ANYBODY)
def read_schema(query: dict[str, Any], event_type: str) -> Response:
    """Show the JSON Schema of a message. Public; within a version fields are only added."""
    if event_type not in EVENT_TYPES:
        raise NotFound(f'There is no event "{event_type}": choose from {", ".join(EVENT_TYPES)}.')
    return _cacheable(event_schemas.schema_of(event_type, query["format"]))


@blueprint.get("/deliveries")
@requires("read")
@blueprint.arguments(DeliveryQuerySchema, location="query")
@blueprint.response(200, DeliveryPageSchema)
def list_deliveries(query: dict[str, Any]) -> dict[str, Any]:
    """List messages with their attempts, newest first."""
    wanted = {name: query.get(name) for name in ("endpoint", "state", "contact", "after")}
    with parts().store.reading() as session:
        found = deliveries.page(session, **wanted, limit=query["limit"] + 1)
        items = deliveries.views(session, found[: query["limit"]], with_excerpts=_is_admin(session))
    return {"items": items, "next": str(items[-1]["id"]) if len(found) > query["limit"] else None}


@blueprint.post(f"/deliveries/<int(max={LARGEST_ID}):delivery>/retry")
@requires("write")
@blueprint.response(200, DeliverySchema)
def retry(delivery: int) -> dict[str, Any]:
    """Send a message again now: the same webhook-id and body, in one more attempt."""
    p = parts()
    with p.store.writing() as session:
        row = deliveries.retry(session, delivery, p.now())
        return deliveries.views(session, [row], with_excerpts=_is_admin(session))[0]


def _cacheable(view: dict[str, Any]) -> Response:
    response = jsonify(view)
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response


def _is_admin(session: Session) -> bool:
    return session.get_one(ApiKey, g.api_key).scope == "admin"


def _view(endpoint: Endpoint) -> dict[str, Any]:
    moments = {name: getattr(endpoint, name) for name in MOMENTS}
    view = {name: getattr(endpoint, name) for name in FIELDS} | {name: moment and moment.isoformat() for name, moment in moments.items()}
    return {**view, "header_names": sorted(endpoint.headers)}
