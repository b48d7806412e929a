"""Liveness and readiness: whether this process is alive, and whether it can serve."""

from typing import Any

from flask import Blueprint

from survey_service.ops.doctor import LATE
from survey_service.ops.heartbeat import is_stale, last_seen, oldest_due
from survey_service.store.versions import is_usable
from survey_service.web.context import parts

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> dict[str, str]:
    """Respond while the process is alive."""
    return {"status": "ok"}


@blueprint.get("/readyz")
def ready() -> tuple[dict[str, Any], int]:
    """Report whether the service can serve: the database answers, has the tables of this version, and takes answers.

    Without a live worker it says "degraded" and still 200: taking the web servers out would not help.
    """
    p = parts()
    if not is_usable(p.store.engine):
        return {"status": "waiting", "why": "the database is not migrated: run discern migrate"}, 503
    if not p.store.takes_writes():
        return {"status": "waiting", "why": "the database is read-only: nobody can answer"}, 503
    now = p.now()
    with p.store.reading() as session:
        seen, waited = last_seen(session), oldest_due(session, now)
    return {
        "status": "degraded" if is_stale(seen, now) or waited > LATE else "ok",
        "worker_seen_seconds_ago": None if seen is None else round((now - seen).total_seconds()),
        "oldest_due_seconds": round(waited.total_seconds()),
    }, 200
