"""Routes of the author API: publish and read banks."""

import json
from typing import Any

from sqlalchemy import and_, func
from sqlmodel import col, select

from question_bank.files.load import check_bank
from survey_service.banks.publishing import latest_version, publish
from survey_service.banks.schemas import BANK, BankPageSchema, BankQuery, BankQuerySchema, BankSchema, PublishedSchema
from survey_service.errors import Invalid, NotFound
from survey_service.store.tables.core import BankVersion
from survey_service.web.api import ApiBlueprint, read_body
from survey_service.web.api_keys import requires
from survey_service.web.context import parts

LARGEST_BANK = 1024 * 1024
MOST_PROBLEMS = 200

blueprint = ApiBlueprint("banks", __name__, url_prefix="/api/v1/banks", description="Personas, questions and surveys")


class BankRejected(Invalid):
    """The bank has mistakes; nothing was published."""

    code = "bank_invalid"


@blueprint.post("")
@requires("write")
@blueprint.response(201, PublishedSchema)
@blueprint.alt_response(200, schema=PublishedSchema)
@blueprint.doc(requestBody={"required": True, "content": dict.fromkeys(("application/yaml", "application/json"), BANK)})
def publish_bank() -> Any:
    """Publish a bank given as YAML or JSON. Unchanged content keeps its version."""
    report = check_bank(read_body(LARGEST_BANK), "bank")
    if report.bank is None:
        errors = [{"path": error.path, "message": str(error)} for error in report.errors[:MOST_PROBLEMS]]
        raise BankRejected(f"The bank has {len(report.errors)} mistakes; nothing was published.", errors=errors)
    p = parts()
    with p.store.writing() as session:
        published = publish(session, report.bank, p.now())
    body = {
        "bank": published.bank,
        "version": published.version,
        "fingerprint": published.fingerprint,
        "warnings": [str(warning) for warning in report.warnings],
    }
    return body, 201 if published.is_new else 200


@blueprint.get("")
@requires("read")
@blueprint.arguments(BankQuerySchema, location="query")
@blueprint.response(200, BankPageSchema)
def list_banks(query: BankQuery) -> dict[str, Any]:
    """List the latest version of every bank, by id."""
    newest = select(BankVersion.bank, func.max(BankVersion.version).label("version")).group_by(BankVersion.bank).subquery()
    rows = select(BankVersion).join(newest, and_(col(BankVersion.bank) == newest.c.bank, col(BankVersion.version) == newest.c.version))
    if query.after is not None:
        rows = rows.where(BankVersion.bank > query.after)
    with parts().store.reading() as session:
        versions = list(session.exec(rows.order_by(col(BankVersion.bank)).limit(query.limit + 1)))
    items = [_version_view(row) for row in versions[: query.limit]]
    return {"items": items, "next": items[-1]["bank"] if len(versions) > query.limit else None}


@blueprint.get("/<string:bank>")
@requires("read")
@blueprint.response(200, BankSchema)
def read_latest(bank: str) -> dict[str, Any]:
    """Return the latest version of a bank."""
    with parts().store.reading() as session:
        row = latest_version(session, bank)
    if row is None:
        raise NotFound(f'There is no bank "{bank}".')
    return {**_version_view(row), "definition": json.loads(row.source)}


@blueprint.get("/<string:bank>/versions/<int:version>")
@requires("read")
@blueprint.response(200, BankSchema)
def read_version(bank: str, version: int) -> dict[str, Any]:
    """Return a version of a bank as it was published."""
    with parts().store.reading() as session:
        row = session.get(BankVersion, (bank, version)) if version < 2**31 else None
    if row is None:
        raise NotFound(f'There is no version {version} of a bank "{bank}".')
    return {**_version_view(row), "definition": json.loads(row.source)}


def _version_view(row: BankVersion) -> dict[str, Any]:
    return {"bank": row.bank, "version": row.version, "fingerprint": row.fingerprint, "published_at": row.published_at.isoformat()}
