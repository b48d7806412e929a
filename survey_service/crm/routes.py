"""Connections to CRMs over HTTP."""

from typing import Any

from survey_service.banks.schemas import PageQuerySchema
from survey_service.crm import connections
from survey_service.crm import dry_run as dry_runs
from survey_service.crm.adapters.client import call
from survey_service.crm.adapters.protocol import ConnectionConfig, Request, Response
from survey_service.crm.schemas import (
    ConnectionPageSchema,
    ConnectionPatchSchema,
    ConnectionPostSchema,
    ConnectionSchema,
    DryRunSchema,
    SetUpSchema,
    TestedSchema,
    WouldSendSchema,
)
from survey_service.egress.addresses import Policy
from survey_service.web.api import ApiBlueprint
from survey_service.web.api_keys import requires
from survey_service.web.context import parts

EXAMPLE = {
    "kind": "http",
    "bank": "car-buyers",
    "url": "https://crm.example.com/people/{{external_id}}",
    "identity": ["external_id"],
    "template": {"method": "PATCH", "body": {"persona": "{{persona_top}}"}},
}

blueprint = ApiBlueprint("connections", __name__, url_prefix="/api/v1", description="CRMs that get personas through their own API")


@blueprint.post("/connections")
@requires("admin")
@blueprint.arguments(ConnectionPostSchema, example=EXAMPLE)
@blueprint.response(201, ConnectionSchema)
def add(given: dict[str, Any]) -> dict[str, Any]:
    """Add a connection. Missing fields get the usual values of their kind. It starts disabled: test it, then set its state to active."""
    p = parts()
    with p.store.writing() as session:
        return connections.view(session, connections.add(session, p.settings, p.banks, given, p.now()))


@blueprint.get("/connections")
@requires("read")
@blueprint.arguments(PageQuerySchema, location="query")
@blueprint.response(200, ConnectionPageSchema)
def list_connections(page: dict[str, Any]) -> dict[str, Any]:
    """List the connections, oldest first."""
    with parts().store.reading() as session:
        found = connections.page(session, page.get("after"), page["limit"] + 1)
        items = connections.views(session, found[: page["limit"]])
    return {"items": items, "next": items[-1]["id"] if len(found) > page["limit"] else None}


@blueprint.get("/connections/<string:connection>")
@requires("read")
@blueprint.response(200, ConnectionSchema)
def read(connection: str) -> dict[str, Any]:
    """Show one connection."""
    with parts().store.reading() as session:
        return connections.view(session, connections.find(session, connection))


@blueprint.patch("/connections/<string:connection>")
@requires("admin")
@blueprint.arguments(ConnectionPatchSchema, required=False)
@blueprint.response(200, ConnectionSchema)
def change(given: dict[str, Any], connection: str) -> dict[str, Any]:
    """Change the named fields; a paused connection resumes at once. Disabling drops what has not been delivered.

    A disabled connection is tested before its state becomes active: 409 `connection_not_ready` names what is missing in the CRM.
    """
    p = parts()
    return dry_runs.change(p.store, p.settings, p.banks, connection, given, _ask, p.now())


@blueprint.delete("/connections/<string:connection>")
@requires("admin")
@blueprint.response(204)
def remove(connection: str) -> None:
    """Remove a connection and its credentials; what was sent stays on record."""
    p = parts()
    with p.store.writing() as session:
        connections.remove(session, connection, p.now())


@blueprint.post("/connections/<string:connection>/test")
@requires("admin")
@blueprint.response(200, TestedSchema)
def test(connection: str) -> dict[str, Any]:
    """Name everything that is missing in the CRM. Changes nothing, sends no data about anybody."""
    problems = dry_runs.missing(*_config_of(connection), ask=_ask)
    return {"ok": not problems, "problems": problems}


@blueprint.post("/connections/<string:connection>/set-up")
@requires("admin")
@blueprint.response(200, SetUpSchema)
def set_up(connection: str) -> dict[str, Any]:
    """Create the fields that are missing (HubSpot)."""
    return {"done": dry_runs.set_up(*_config_of(connection), ask=_ask)}


@blueprint.post("/connections/<string:connection>/dry-run")
@requires("admin")
@blueprint.arguments(DryRunSchema, required=False)
@blueprint.response(200, WouldSendSchema)
def dry_run(given: dict[str, Any], connection: str) -> dict[str, Any]:
    """Show the exact requests for some contacts, or for those who changed last. Sends nothing."""
    p = parts()
    with p.store.reading() as session:
        return dry_runs.dry_run(session, p.banks, p.keys, connection, given["contacts"], given["limit"], p.now)


def _config_of(connection: str) -> tuple[str, ConnectionConfig]:
    p = parts()
    with p.store.reading() as session:
        return dry_runs.config(session, p.banks, p.keys, connection)


def _ask(request: Request) -> Response:
    return call(request, Policy(parts().settings.allow_private_targets))
