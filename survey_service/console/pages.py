"""Pages of the console: the welcome page, what needs attention, surveys, and deliveries."""

from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, abort, g, request
from sqlmodel import Session

from survey_service.banks.drafts import all_drafts
from survey_service.banks.publishing import get_version, newest_versions, pause_survey, resume_survey
from survey_service.banks.simulation import promise, promise_without
from survey_service.console.access import access, go_to, guard, language, may, page, rendered
from survey_service.console.html import STATIC, static_file
from survey_service.console.survey_view import Filters, survey_lines, survey_page, weakest
from survey_service.crm import connections, dry_run
from survey_service.crm.adapters.client import call
from survey_service.egress.addresses import Policy
from survey_service.embed.routes import pinned_tag, send_asset
from survey_service.errors import Invalid, NotFound
from survey_service.web.accounts import all_accounts
from survey_service.web.context import Parts, parts
from survey_service.webhooks import deliveries, endpoints

MOST_FAILED = 100
MOST_SHOWN = 25
MOST_RECEIVERS = 200
A_YEAR = "public, max-age=31536000, immutable"

start = Blueprint("start", __name__)
blueprint = Blueprint("console", __name__, url_prefix="/console")
guard(start)
guard(blueprint)


@start.get("/")
@access(None)
def welcome() -> Response:
    """Welcome whoever comes, and lead on."""
    p = parts()
    with p.store.reading() as session:
        surveys = survey_lines(session, p.banks, language())
        someone = bool(all_accounts(session))
    return page("welcome.html", surveys=surveys, demo=bool(p.settings.demo_receiver), someone=someone)


@blueprint.get("/static/<string:name>")
@access(None)
def static(name: str) -> Response:
    """Serve a file for browsers. Its address changes with its content."""
    if name not in STATIC:
        abort(404)
    return send_asset(static_file(name), A_YEAR)


@blueprint.get("")
@access("read")
def overview() -> Response:
    """Show what needs attention: each survey in one sentence, what did not reach the CRM, drafts."""
    p = parts()
    with p.store.reading() as session:
        surveys = survey_lines(session, p.banks, language())
        failed = deliveries.failed(session, MOST_FAILED)
        stopped = [receiver for receiver in _receivers(session).values() if receiver.stopped]
        drafts = all_drafts(session)
        banks = newest_versions(session, None, 1)
    tag = pinned_tag(p.settings.base_url)
    views: dict[str, Any] = {"surveys": surveys, "failed": failed, "stopped": stopped, "drafts": drafts, "has_bank": bool(banks)}
    return page("overview.html", tag=tag, base_url=p.settings.base_url, most=MOST_FAILED, **views)


@blueprint.get("/s")
@access("read")
def surveys() -> Response:
    """Lead to the surveys, which the overview lists."""
    return go_to("/console")


@blueprint.get("/s/<string:survey>")
@access("read")
def survey(survey: str) -> Response:
    """Show whether a survey works: who is known, what was promised, what each question taught and cost."""
    p, filters = parts(), _filters()
    with p.store.reading() as session:
        view = survey_page(session, p.banks, survey, filters, language())
        failed = len(deliveries.failed(session, MOST_FAILED))
    return page("survey.html", **view, weakest=weakest(view["questions"]), failed=failed, base_url=p.settings.base_url)


@blueprint.post("/s/<string:survey>/state")
@access("admin")
def change_state(survey: str) -> Response:
    """Pause a survey, or let it begin sessions again."""
    p, state = parts(), request.form.get("state")
    if state not in ("active", "paused"):
        raise Invalid(errors=[{"path": "state", "message": "is neither active nor paused"}])
    with p.store.writing() as session:
        if state == "active":
            resume_survey(session, survey)
        else:
            pause_survey(session, survey, p.now())
    return go_to(f"/console/s/{quote(survey, safe='')}")


@blueprint.get("/s/<string:survey>/without/<string:question>")
@access("read")
def without(survey: str, question: str) -> Response:
    """Show what the simulation says of the survey without one of its questions: a part of the survey's page, and a page without scripts."""
    p = parts()
    with p.store.reading() as session:
        compiled, version = p.banks.current(session, survey)
        source = get_version(session, compiled.bank.id, version).source
    if question not in compiled.bank.question_by_id:
        raise NotFound(f'The bank has no question "{question}".')
    values: dict[str, Any] = {"survey": survey, "before": promise(source, survey), "after": promise_without(source, survey, question)}
    if request.headers.get("HX-Request"):
        return Response(rendered("without.html", **values))
    return page("without_page.html", **values)


@dataclass(frozen=True)
class Receiver:
    """Where messages go: a webhook endpoint or a connection to a CRM; `stopped` says why nothing is sent, None where something is."""

    id: str
    name: str
    stopped: str | None


def _receivers(session: Session) -> dict[str, Receiver]:
    """Return every receiver by its id."""
    hooks = [(endpoint, endpoint.description or endpoint.url) for endpoint in endpoints.page(session, None, MOST_RECEIVERS)]
    crms = [(endpoint, connection.kind) for endpoint, connection in connections.page(session, None, MOST_RECEIVERS)]
    return {
        endpoint.id: Receiver(endpoint.id, name, None if endpoint.state == "active" else endpoint.disabled_because or "owner")
        for endpoint, name in [*hooks, *crms]
    }


def _enable(p: Parts, receiver: str) -> None:
    """Enable a receiver. A connection to a CRM is tested before. Raises NotFound, and ConnectionNotReady with what is missing."""
    if receiver.startswith(f"{endpoints.WEBHOOK}_"):
        with p.store.writing() as session:
            endpoints.change(session, p.settings, receiver, {"state": "active"}, p.now())
    else:
        ask = partial(call, policy=Policy(p.settings.allow_private_targets))
        dry_run.change(p.store, p.settings, p.banks, receiver, {"state": "active"}, ask, p.now())


def _filters() -> Filters:
    """Return the filters of the address. Raises Invalid for what is none."""
    given = {name: value.strip() for name, value in request.args.items() if value.strip()}
    errors = []
    version: int | None = None
    since: date | None = None
    if "version" in given:
        if given["version"].isdecimal() and 0 < int(given["version"][:10]) < 2**31:
            version = int(given["version"])
        else:
            errors.append({"path": "version", "message": "is not a number of a version"})
    if "since" in given:
        try:
            since = date.fromisoformat(given["since"])
        except ValueError:
            errors.append({"path": "since", "message": "is not a day, such as 2026-01-31"})
    if errors:
        raise Invalid(errors=errors)
    return Filters(version, since, given.get("channel", "")[:100] or None, given.get("lang", "")[:35] or None)


@blueprint.get("/d")
@access("read")
def list_deliveries() -> Response:
    """Show what did not reach the CRM, then what waits and what was delivered."""
    p = parts()
    with p.store.reading() as session:
        known = _receivers(session)
        excerpts = may(g.account, "admin")
        failed = deliveries.views(session, deliveries.failed(session, MOST_FAILED), with_excerpts=excerpts)
        rows = deliveries.page(session, endpoint=None, state=None, contact=None, after=_after(), limit=MOST_SHOWN + 1)
        others = deliveries.views(session, rows[:MOST_SHOWN], with_excerpts=excerpts)
    following = others[-1]["id"] if len(rows) > MOST_SHOWN else None
    shown = [row for row in others if row["state"] != "dead"]
    return page("deliveries.html", failed=failed, rows=shown, receivers=known, following=following, again=request.args.get("again"))


def _after() -> int | None:
    given = request.args.get("after", "")
    return int(given) if given.isdecimal() and len(given) < 19 else None


@blueprint.post("/d/<int:delivery>/again")
@access("write")
def send_again(delivery: int) -> Response:
    """Send a message again with the same id. An admin enables its endpoint first, where that was disabled."""
    p = parts()
    if delivery >= 2**63:
        raise NotFound
    if request.form.get("enable") and may(g.account, "admin"):
        _enable(p, request.form["enable"])
    with p.store.writing() as session:
        deliveries.retry(session, delivery, p.now())
    return go_to(f"/console/d?again={delivery}")


@blueprint.get("/<path:rest>")
@access("read")
def nothing(rest: str) -> Response:
    """Say that there is no such page, as a page."""
    raise NotFound(f"There is no page /console/{rest[:100]}.")
