"""Routes of the author API: publish, read, check and simulate banks, and their drafts."""

import json
from collections.abc import Mapping
from typing import Any

from flask import g, request
from sqlmodel import Session

from question_bank.definitions import Bank, in_language
from question_bank.files.load import Report, check_bank, load_stored
from question_bank.files.problems import Problem
from survey_service.banks.consequences import consequences
from survey_service.banks.drafts import discard_draft, etag_of, get_draft, publish_draft, require_bank, save_draft
from survey_service.banks.publishing import (
    get_version,
    latest_version,
    newest_versions,
    pause_survey,
    publish,
    published_surveys,
    resume_survey,
    versions_of,
)
from survey_service.banks.schemas import (
    BANK,
    BankPageSchema,
    BankQuery,
    BankQuerySchema,
    BankSchema,
    CheckSchema,
    DiffSchema,
    DraftPutQuery,
    DraftPutQuerySchema,
    DraftSchema,
    PublishedSchema,
    SimulatedSchema,
    SimulationQuerySchema,
    SurveyPageSchema,
    SurveyPatchSchema,
    SurveySchema,
    VersionQuery,
    VersionQuerySchema,
)
from survey_service.banks.simulation import SimulationRequest, simulate_bank
from survey_service.errors import Invalid, NotFound
from survey_service.store.tables.core import ApiKey, BankDraft, BankVersion, SurveyRow
from survey_service.web.api import ApiBlueprint, read_body
from survey_service.web.api_keys import requires
from survey_service.web.context import parts

LARGEST_BANK = 1024 * 1024
BODY = {"required": True, "content": dict.fromkeys(("application/yaml", "application/json"), BANK)}
TEXT = {"type": "string", "description": "A bank as YAML, also one that has mistakes"}
ETAG = {"in": "header", "name": "If-Match", "schema": {"type": "string"}, "description": "The ETag of the draft that you read"}

blueprint = ApiBlueprint("banks", __name__, url_prefix="/api/v1/banks", description="Personas, questions and surveys")
surveys = ApiBlueprint("surveys", __name__, url_prefix="/api/v1/surveys", description="Published surveys")


@blueprint.post("")
@requires("write")
@blueprint.response(201, PublishedSchema)
@blueprint.alt_response(200, schema=PublishedSchema)
@blueprint.doc(requestBody=BODY)
def publish_bank() -> Any:
    """Publish a bank given as YAML or JSON. Unchanged content keeps its version."""
    text = read_body(LARGEST_BANK)
    report = check_bank(text, "bank")
    bank, p = require_bank(report), parts()
    with p.store.writing() as session:
        published = publish(session, bank, p.now(), author=_author(session), text=text.decode())
    body = {
        "bank": published.bank,
        "version": published.version,
        "fingerprint": published.fingerprint,
        "warnings": [str(warning) for warning in report.warnings],
    }
    return body, 201 if published.is_new else 200


@blueprint.post("/check")
@requires("read")
@blueprint.response(200, CheckSchema)
@blueprint.doc(requestBody=BODY)
def check() -> dict[str, Any]:
    """Report every error and warning of a bank given as YAML or JSON. Nothing is stored."""
    return _findings(check_bank(read_body(LARGEST_BANK), "bank"))


@blueprint.post("/simulate")
@requires("read")
@blueprint.arguments(SimulationQuerySchema, location="query")
@blueprint.response(200, SimulatedSchema)
@blueprint.doc(requestBody=BODY)
def simulate(query: SimulationRequest) -> dict[str, Any]:
    """Simulate a survey of a bank given as YAML or JSON, with respondents drawn from its tables. Nothing is stored."""
    return simulate_bank(require_bank(check_bank(read_body(LARGEST_BANK), "bank")), query)


@blueprint.get("")
@requires("read")
@blueprint.arguments(BankQuerySchema, location="query")
@blueprint.response(200, BankPageSchema)
def list_banks(query: BankQuery) -> dict[str, Any]:
    """List the latest version of every bank, by id."""
    with parts().store.reading() as session:
        found = newest_versions(session, query.after, query.limit + 1)
    items = [_version_view(row) for row in found[: query.limit]]
    return {"items": items, "next": items[-1]["bank"] if len(found) > query.limit else None}


@blueprint.get("/<string:bank>")
@requires("read")
@blueprint.response(200, BankSchema)
def read_latest(bank: str) -> dict[str, Any]:
    """Return the latest version of a bank."""
    with parts().store.reading() as session:
        row = latest_version(session, bank)
    if row is None:
        raise NotFound(f'There is no bank "{bank}".')
    return _whole(row)


@blueprint.get("/<string:bank>/versions")
@requires("read")
@blueprint.arguments(VersionQuerySchema, location="query")
@blueprint.response(200, BankPageSchema)
def list_versions(query: VersionQuery, bank: str) -> dict[str, Any]:
    """List the versions of a bank, newest first."""
    with parts().store.reading() as session:
        found = versions_of(session, bank, query.after, query.limit + 1)
    items = [_version_view(row) for row in found[: query.limit]]
    return {"items": items, "next": str(items[-1]["version"]) if len(found) > query.limit else None}


@blueprint.get("/<string:bank>/versions/<int:version>")
@requires("read")
@blueprint.response(200, BankSchema)
def read_version(bank: str, version: int) -> dict[str, Any]:
    """Return a version of a bank as it was published."""
    with parts().store.reading() as session:
        return _whole(get_version(session, bank, version))


@blueprint.get("/<string:bank>/draft")
@requires("read")
@blueprint.response(200, DraftSchema)
def read_draft(bank: str) -> Any:
    """Return the draft of a bank, with what is wrong with it. Its ETag goes into If-Match of what changes it."""
    with parts().store.reading() as session:
        return _draft_view(get_draft(session, bank))


@blueprint.put("/<string:bank>/draft")
@requires("write")
@blueprint.arguments(DraftPutQuerySchema, location="query")
@blueprint.response(200, DraftSchema)
@blueprint.alt_response(412, description="Somebody else has changed the draft; nothing was stored")
@blueprint.doc(parameters=[ETAG], requestBody={"required": True, "content": {"application/yaml": {"schema": TEXT}}})
def put_draft(query: DraftPutQuery, bank: str) -> Any:
    """Store a text as the draft of a bank, whatever mistakes it has. A draft that exists needs If-Match."""
    text, p = read_body(LARGEST_BANK), parts()
    with p.store.writing() as session:
        return _draft_view(save_draft(session, bank, text, _author(session), p.now(), expected=_expected(), base=query.base))


@blueprint.delete("/<string:bank>/draft")
@requires("write")
@blueprint.response(204)
@blueprint.alt_response(412, description="Somebody else has changed the draft; nothing was deleted")
@blueprint.doc(parameters=[ETAG])
def delete_draft(bank: str) -> None:
    """Delete the draft of a bank. Needs If-Match."""
    with parts().store.writing() as session:
        discard_draft(session, bank, _expected())


@blueprint.get("/<string:bank>/draft/diff")
@requires("read")
@blueprint.response(200, DiffSchema)
def diff_draft(bank: str) -> dict[str, Any]:
    """Compare the draft with the newest version: what changes in meaning and in words, which answers stay, and who would be believed
    somebody else.
    """
    p = parts()
    with p.store.reading() as session:
        draft, latest = get_draft(session, bank), latest_version(session, bank)
        old = None if latest is None else load_stored(latest.source)
        found = consequences(session, old, require_bank(check_bank(draft.text, "bank")), p.now())
    return {"bank": bank, "base": draft.base, "version": 0 if latest is None else latest.version, **found.as_json()}


@blueprint.post("/<string:bank>/draft/publish")
@requires("admin")
@blueprint.response(201, PublishedSchema)
@blueprint.alt_response(200, schema=PublishedSchema)
@blueprint.alt_response(412, description="Somebody else has changed the draft; nothing was published")
@blueprint.doc(parameters=[ETAG])
def publish_the_draft(bank: str) -> Any:
    """Publish the draft as the next version. Needs If-Match, so that what is published is what you read."""
    p = parts()
    with p.store.writing() as session:
        published = publish_draft(session, bank, _expected(), _author(session), p.now())
    view = {"bank": published.bank, "version": published.version, "fingerprint": published.fingerprint, "warnings": []}
    return view, 201 if published.is_new else 200


@surveys.get("")
@requires("read")
@surveys.arguments(BankQuerySchema, location="query")
@surveys.response(200, SurveyPageSchema)
def list_surveys(query: BankQuery) -> dict[str, Any]:
    """List the published surveys, by id, with the bank and version that each stands for now."""
    p = parts()
    with p.store.reading() as session:
        found = published_surveys(session, query.after, query.limit + 1)
        items = [_survey_view(row, p.banks.version(session, row.bank, row.version).bank) for row in found[: query.limit]]
    return {"items": items, "next": items[-1]["survey"] if len(found) > query.limit else None}


@surveys.patch("/<string:survey>")
@requires("admin")
@surveys.arguments(SurveyPatchSchema)
@surveys.response(200, SurveySchema)
def change_survey(given: dict[str, str], survey: str) -> dict[str, Any]:
    """Pause a survey, which then begins no session, or let it begin sessions again. Open sessions go on."""
    p = parts()
    with p.store.writing() as session:
        row = resume_survey(session, survey) if given["state"] == "active" else pause_survey(session, survey, p.now())
        found = row.bank, row.version
    with p.store.reading() as session:
        return _survey_view(row, p.banks.version(session, *found).bank)


def _survey_view(row: SurveyRow, bank: Bank) -> dict[str, Any]:
    survey = bank.survey(row.id)
    return {
        "survey": row.id,
        "bank": bank.id,
        "version": row.version,
        "title": in_language(survey.title, bank.language, bank.language),
        "languages": list(bank.languages),
        "questions": len(survey.questions),
        "state": row.state,
    }


def _author(session: Session) -> str:
    """Return the name of the API key of this request."""
    key = session.get_one(ApiKey, g.api_key)
    return f"API key {key.name or key.prefix}"


def _expected() -> str | None:
    """Return the ETag of If-Match, None where there is none. Raises Invalid for several, or one that is no ETag."""
    given = request.headers.get("If-Match")
    if given is None or given.strip() == "*":
        return given and "*"
    tags = request.if_match.as_set()
    if len(tags) != 1 or None in tags:  # werkzeug reads empty quotes as None
        raise Invalid(errors=[{"path": "If-Match", "message": "give the ETag of the draft, in its quotes"}])
    return tags.pop()


def _version_view(row: BankVersion) -> dict[str, Any]:
    return {
        "bank": row.bank,
        "version": row.version,
        "fingerprint": row.fingerprint,
        "published_at": row.published_at.isoformat(),
        "author": row.author,
    }


def _whole(row: BankVersion) -> dict[str, Any]:
    return {**_version_view(row), "definition": json.loads(row.source), "source": row.text}


def _draft_view(draft: BankDraft) -> tuple[Mapping[str, Any], int, dict[str, str]]:
    view = {
        "bank": draft.bank,
        "base": draft.base,
        "author": draft.author,
        "updated_at": draft.updated_at.isoformat(),
        "source": draft.text,
        **_findings(check_bank(draft.text, "bank")),
    }
    return view, 200, {"ETag": f'"{etag_of(draft)}"'}


def _findings(report: Report) -> dict[str, Any]:
    return {"errors": [_finding(problem) for problem in report.errors], "warnings": [_finding(problem) for problem in report.warnings]}


def _finding(problem: Problem) -> dict[str, Any]:
    return {"line": problem.line, "path": problem.path, "where": problem.where, "wrong": problem.wrong, "todo": problem.todo}
