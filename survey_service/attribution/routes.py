"""Routes of attribution: request a run, follow it, cancel it, and read what it says about every contact."""

from dataclasses import dataclass
from typing import Any

from flask import Response, request
from marshmallow import fields, validate
from sqlmodel import Session

from survey_service.attribution import views
from survey_service.attribution.runs import NotInstalled, cancel_run, find_run, runs_page, start_run
from survey_service.banks.schemas import PageQuerySchema
from survey_service.web.api import ApiBlueprint, StrictSchema
from survey_service.web.api_keys import requires
from survey_service.web.context import parts
from survey_service.web.pagination import cursor, place_of

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"

FILES = {CSV: {"schema": {"type": "string"}}, PARQUET: {"schema": {"type": "string", "format": "binary"}}}

blueprint = ApiBlueprint("attribution", __name__, url_prefix="/api/v1/attribution", description="A persona for contacts who never answered")


@dataclass(frozen=True)
class RunRequest:
    """The body of a run: attributes that may explain nearly all of the persona, although that looks like a leak."""

    allow: tuple[str, ...] = ()


class RunRequestSchema(StrictSchema):
    request = RunRequest

    allow = fields.List(
        fields.String(validate=validate.Length(1, 100)),
        load_default=list,
        validate=validate.Length(max=100),
        metadata={"description": "Attributes that may explain nearly all of the persona"},
    )


@dataclass(frozen=True)
class PageQuery:
    """The query of a list."""

    after: str | None = None
    limit: int = 50


class RunQuerySchema(PageQuerySchema):
    request = PageQuery


class RunSchema(StrictSchema):
    id = fields.String()
    bank = fields.String()
    state = fields.String(metadata={"enum": ["queued", "running", "done", "failed", "cancelled"]})
    contacts = fields.Integer(metadata={"description": "How many contacts there are"})
    scored = fields.Integer(metadata={"description": "How many of them got probabilities; the others do not want a profile"})
    assigned = fields.Integer(metadata={"description": "How many of them are certain enough to be assigned to a persona"})
    progress = fields.Float(metadata={"description": "0 to 1"})
    problem = fields.String(allow_none=True)
    is_cancelled = fields.Boolean()
    created_at = fields.String()
    started_at = fields.String(allow_none=True)
    ended_at = fields.String(allow_none=True)


class RunDetailSchema(RunSchema):
    model = fields.Dict(allow_none=True, metadata={"description": "What the fit found: figures, gains of attributes, what was left out"})


class RunPageSchema(StrictSchema):
    items = fields.List(fields.Nested(RunSchema))
    next = fields.String(allow_none=True)


class AttributedSchema(StrictSchema):
    id = fields.String()
    external_id = fields.String(allow_none=True, metadata={"description": "The contact's id in your CRM"})
    vector = fields.Dict(keys=fields.String(), values=fields.Float(), metadata={"description": "P(persona)"})
    top = fields.String()
    confidence = fields.Float()
    is_assigned = fields.Boolean()
    assigned_to = fields.String(allow_none=True)


class AttributedPageSchema(StrictSchema):
    items = fields.List(fields.Nested(AttributedSchema))
    next = fields.String(allow_none=True)


@blueprint.post("/<string:bank>/runs")
@requires("write")
@blueprint.arguments(RunRequestSchema, required=False, example={})
@blueprint.response(202, RunSchema)
def start(body: RunRequest, bank: str) -> dict[str, Any]:
    """Request a run: the respondents' attributes are fitted, and every contact gets probabilities. A worker does it."""
    p = parts()

    def act(session: Session) -> dict[str, Any]:
        return views.run_view(session, start_run(session, p.banks, bank, body.allow, p.now()))

    return p.transact(act)


@blueprint.get("/<string:bank>/runs")
@requires("read")
@blueprint.arguments(RunQuerySchema, location="query")
@blueprint.response(200, RunPageSchema)
def list_runs(query: PageQuery, bank: str) -> dict[str, Any]:
    """List the runs of a bank, the newest first."""
    p, before = parts(), None if query.after is None else place_of(query.after, 1)[0]
    with p.store.reading() as session:
        runs = runs_page(session, p.banks, bank, before, query.limit + 1)
        items = [views.run_view(session, run) for run in runs[: query.limit]]
    return {"items": items, "next": cursor(items[-1]["id"]) if len(runs) > query.limit else None}


@blueprint.get("/<string:bank>/runs/<string:run>")
@requires("read")
@blueprint.response(200, RunDetailSchema)
def read_run(bank: str, run: str) -> dict[str, Any]:
    """Return a run with its progress, and what its fit found."""
    with parts().store.reading() as session:
        return views.run_view(session, find_run(session, bank, run), detailed=True)


@blueprint.post("/<string:bank>/runs/<string:run>/cancel")
@requires("write")
@blueprint.response(202, RunSchema)
def cancel(bank: str, run: str) -> dict[str, Any]:
    """Ask a run to end. What it has stored stays; a run that is finished stays as it is."""
    p = parts()
    return p.transact(lambda session: views.run_view(session, cancel_run(session, bank, run, p.now())))


@blueprint.get("/<string:bank>/runs/<string:run>/beliefs")
@requires("read")
@blueprint.arguments(RunQuerySchema, location="query")
@blueprint.response(200, AttributedPageSchema)
@blueprint.doc(
    responses={"200": {"content": {CSV: {"schema": {"type": "string"}}, PARQUET: {"schema": {"type": "string", "format": "binary"}}}}}
)
def beliefs(query: PageQuery, bank: str, run: str) -> Any:
    """List what the run says about every contact, page by page; with `Accept: text/csv` or Parquet, all of it as a file."""
    p = parts()
    wanted = request.accept_mimetypes.best_match([JSON, CSV, PARQUET], JSON)
    with p.store.reading() as session:
        row = find_run(session, bank, run)
        if wanted == JSON:
            items = views.belief_page(session, row, place_of(query.after, 1)[0] if query.after else "", query.limit + 1)
            return {"items": items[: query.limit], "next": cursor(items[query.limit - 1]["id"]) if len(items) > query.limit else None}
    if wanted == CSV:
        return Response(views.csv_of(p.store, row), content_type=f"{CSV}; charset=utf-8")
    try:
        return Response(views.parquet_of(p.store, row), content_type=PARQUET)
    except ImportError:
        raise NotInstalled from None
