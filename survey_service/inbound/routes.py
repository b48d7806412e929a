"""Routes of sources: create, list and remove them, and receive the events that they send."""

from typing import Any

from flask import Blueprint, Response, jsonify, request

from survey_service.inbound import sources
from survey_service.inbound.receiver import SignedRequest
from survey_service.inbound.schemas import SourceListSchema, SourceMadeSchema, SourcePostSchema, SourceRequest
from survey_service.web.api import ApiBlueprint, read_body
from survey_service.web.api_keys import requires
from survey_service.web.context import parts

LARGEST_POST = 1024 * 1024
"""Bytes; an order with a thousand lines fits."""

blueprint = ApiBlueprint("sources", __name__, url_prefix="/api/v1", description="Systems that send their events")
inbound = Blueprint("inbound", __name__, url_prefix="/in")


@blueprint.post("/sources")
@requires("admin")
@blueprint.arguments(SourcePostSchema, example={"kind": "signed"})
@blueprint.response(201, SourceMadeSchema)
def add(body: SourceRequest) -> dict[str, Any]:
    """Add a source."""
    p = parts()
    with p.store.writing() as session:
        source, secret = sources.add(session, p.keys, p.banks, body, p.now())
        view = sources.view(source, p.settings.base_url)
    return {**view, "secret": secret} if secret else view


@blueprint.get("/sources")
@requires("read")
@blueprint.response(200, SourceListSchema)
def list_sources() -> dict[str, Any]:
    """List all sources, the oldest first."""
    p = parts()
    with p.store.reading() as session:
        return {"items": [sources.view(source, p.settings.base_url) for source in sources.list_all(session)]}


@blueprint.delete("/sources/<string:source>")
@requires("admin")
@blueprint.response(204)
def remove(source: str) -> None:
    """Remove a source. Its events are refused from then on."""
    p = parts()
    with p.store.writing() as session:
        sources.remove(session, source, p.now())


@inbound.post("/<string:source>")
def receive(source: str) -> Response:
    """Verify the signature and store the new events. The worker handles them, since senders wait for the response only briefly."""
    p = parts()
    body = read_body(LARGEST_POST)
    with p.store.reading() as session:
        row = sources.find(session, source)
    headers = {name.lower(): value for name, value in request.headers.items()}
    signed = SignedRequest(sources.source_url(row.id, p.settings.base_url), headers, body)
    events = sources.RECEIVERS[row.kind].verify(p.keys.decrypt(row.secret), signed, p.now())
    if events:
        with p.store.writing() as session:
            sources.store_events(session, row, events, p.now())
    return jsonify({"taken": len(events)})
