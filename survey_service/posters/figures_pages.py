"""Pages of figures: where personas are lost on journeys, and whom of the base the persona is known."""

from datetime import date
from functools import partial

from flask import Blueprint, Response, g, request

from survey_service.attribution.runs import start_run
from survey_service.banks.publishing import newest_versions
from survey_service.console.access import access, go_to, guard, language, may, page
from survey_service.errors import Invalid
from survey_service.posters.figures_view import Weeks, base_page, journeys_page
from survey_service.web.context import parts

MOST_BANKS = 200

blueprint = Blueprint("console_figures", __name__, url_prefix="/console")
guard(blueprint)


@blueprint.get("/j", defaults={"kind": "j"})
@blueprint.get("/a", defaults={"kind": "a"})
@access("read")
def banks(kind: str) -> Response:
    """Lead to the page of the only bank, or list the banks."""
    with parts().store.reading() as session:
        rows = newest_versions(session, None, MOST_BANKS)
    if len(rows) == 1:
        return go_to(f"/console/{kind}/{rows[0].bank}")
    return page("persona_banks.html", banks=rows, kind=kind)


@blueprint.get("/j/<string:bank>")
@access("read")
def journeys(bank: str) -> Response:
    """Show where the personas of a bank are lost: stages, barometers, what they complain about, and whom to call."""
    p, weeks = parts(), _weeks()
    with p.store.reading() as session:
        view = journeys_page(session, p.banks, bank, weeks, language(), contacts=may(g.account, "read", contacts=True))
    return page("journeys.html", **view)


@blueprint.get("/a/<string:bank>")
@access("read")
def base(bank: str) -> Response:
    """Show whom of the base the persona can be known: forecast, risk and coverage, shares, attributes, and their quality."""
    p = parts()
    with p.store.reading() as session:
        view = base_page(session, p.banks, bank, language())
    return page("base_contacts.html", **view)


@blueprint.post("/a/<string:bank>/run")
@access("write")
def run(bank: str) -> Response:
    """Request a run of attribution. A worker does it."""
    p = parts()
    p.transact(partial(start_run, banks=p.banks, bank=bank, allow=(), now=p.now()))
    return go_to(f"/console/a/{bank}")


def _weeks() -> Weeks:
    """Return the filters of the address. Raises Invalid for what is no day."""
    days: dict[str, date | None] = {"from": None, "to": None}
    errors = []
    for name in days:
        given = request.args.get(name, "").strip()
        try:
            days[name] = date.fromisoformat(given) if given else None
        except ValueError:
            errors.append({"path": name, "message": "is not a day, such as 2026-01-31"})
    if errors:
        raise Invalid(errors=errors)
    return Weeks(days["from"], days["to"], request.args.get("channel", "").strip()[:100] or None)
