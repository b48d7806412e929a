"""Sources over HTTP: making them, and the address at which each of them sends its events."""

from typing import Any

from flask import Blueprint, Response, jsonify, request

from survey_service.inbound import sources
from survey_service.inbound.receiver import SignedRequest
from survey_service.inbound.schemas import SourceListSchema, SourceMadeSchema, SourcePostSchema
from survey_service.web.api import ApiBlueprint, read_body
from survey_service.web.api_keys import requires
from survey_service.web.context import parts

LARGEST_POST = 1024 * 1024
"""Bytes: an order with a thousand lines."""

blueprint = ApiBlueprint("sources", __name__, url_prefix="/api/v1", description="Systems that send us their events")
inbound = Blueprint("inbound", __name__, url_prefix="/in")


@blueprint.post("/sources")
@requires("admin")
@blueprint.arguments(SourcePostSchema, example={"kind": "signed"})
@blueprint.response(201, SourceMadeSchema)
def add(given: dict[str, Any]) -> dict[str, Any]:
    """Add a source."""
    p = parts()
    with p.store.writing() as session:
        source, secret = sources.add(session, p.keys, p.banks, given, p.now())
        shown = sources.view(source, p.settings.base_url)
    return {**shown, "secret": secret} if secret else shown


@blueprint.get("/sources")
@requires("read")
@blueprint.response(200, SourceListSchema)
def list_sources() -> dict[str, Any]:
    """All sources, oldest first."""
    p = parts()
    with p.store.reading() as session:
        return {"items": [sources.view(item, p.settings.base_url) for item in sources.list_all(session)]}


@blueprint.delete("/sources/<string:source>")
@requires("admin")
@blueprint.response(204)
def remove(source: str) -> None:
    """Remove a source: nothing more is taken from it."""
    p = parts()
    with p.store.writing() as session:
        sources.remove(session, source, p.now())


@inbound.post("/<string:source>")
def hear(source: str) -> Response:
    """Check the signature, keep what is new, answer. What is to be done about it is done by the worker: senders are impatient."""
    p = parts()
    body = read_body(LARGEST_POST)
    with p.store.reading() as session:
        known = sources.find(session, source)
    post = SignedRequest(sources.source_url(known.id, p.settings.base_url), {name.lower(): value for name, value in request.headers.items()}, body)
    events = sources.RECEIVERS[known.kind].verify(p.keys.decrypt(known.secret), post, p.now())
    if events:
        with p.store.writing() as session:
            sources.store_events(session, known, events, p.now())
    return jsonify({"taken": len(events)})
