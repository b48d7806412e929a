"""Is this process alive, and can it serve?"""

from flask import Blueprint
from sqlalchemy import text

from survey_service.parts import parts
from survey_service.store.versions import at_head

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@blueprint.get("/readyz")
def ready() -> tuple[dict[str, str], int]:
    """The database answers and has the tables that this version expects."""
    store = parts().store
    with store.reading() as session:
        session.connection().execute(text("SELECT 1"))
    if not at_head(store.engine):
        return {"status": "waiting", "why": "the database is not migrated: run discern migrate"}, 503
    return {"status": "ok"}, 200
