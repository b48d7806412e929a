"""Which sites may embed a survey: CORS for the API, frame-ancestors for the page. There is no cookie, so no credentials are involved."""

import re
import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit

from flask import Response, g, request
from sqlmodel import Session, select

from question_bank.definitions import Bank, Survey
from survey_service.errors import NotFound, OriginNotAllowed
from survey_service.store.tables.core import SurveySession
from survey_service.web.context import Parts, parts

ANYBODY = "*"
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Max-Age": "7200",
}
HEADER_NAMES = re.compile(r"[A-Za-z0-9-]+(?:, *[A-Za-z0-9-]+){0,30}")


def check_origin() -> Response | None:
    """Refuse a page of a site that the survey does not list, before a respondent call, and answer its preflight."""
    origin = request.headers.get("Origin")
    if origin is None or origin == _own_origin(parts()):
        return None
    if request.method == "OPTIONS":
        return Response(status=204)
    allowed = allowed_origins(parts(), request.view_args or {})
    if origin not in allowed and ANYBODY not in allowed:
        raise OriginNotAllowed
    g.allowed_origin = ANYBODY if ANYBODY in allowed else origin
    return None


def add_cors(response: Response) -> Response:
    """Let the page read the response, after a respondent call.

    A page of any site may read an error, so that its developer sees the reason instead of a failed request. For the same reason every
    preflight passes: the call itself is refused. It may have any header, because scripts of a page often add their own.
    """
    origin = request.headers.get("Origin")
    readable_by_all = origin is not None and (request.method == "OPTIONS" or response.status_code >= 400)
    if allowed := g.get("allowed_origin") or (readable_by_all and origin):
        response.headers["Access-Control-Allow-Origin"] = allowed
    if request.method == "OPTIONS":
        response.headers.update(PREFLIGHT)
        asked = request.headers.get("Access-Control-Request-Headers", "")
        response.headers["Access-Control-Allow-Headers"] = asked if HEADER_NAMES.fullmatch(asked) else "Authorization, Content-Type"
    response.vary.add("Origin")
    response.headers["Cache-Control"] = "no-store"
    return response


def allowed_origins(p: Parts, address: Mapping[str, str]) -> tuple[str, ...]:
    """Return the origins of the survey that a URL names, directly or by a session; any origin where there is no such survey."""
    with p.store.reading() as session:
        try:
            return survey_at(session, p, address)[1].origins
        except NotFound:
            return (ANYBODY,)  # so that the page can read the 404


def survey_at(session: Session, p: Parts, address: Mapping[str, str]) -> tuple[Bank, Survey]:
    """Return the survey of a session in its pinned version, or the current version of a survey id. Raises NotFound."""
    if "session_id" not in address:
        bank = p.banks.current(session, address.get("survey", ""))[0].bank
        return bank, bank.survey(address["survey"])
    columns = select(SurveySession.survey, SurveySession.bank, SurveySession.bank_version)
    found = session.exec(columns.where(SurveySession.id == address["session_id"])).first()
    if found is None:
        raise NotFound
    survey, bank_id, version = found
    bank = p.banks.version(session, bank_id, version).bank
    return bank, bank.survey(survey)


def new_nonce() -> str:
    """Return a value that allows the style sheet of one page."""
    return secrets.token_urlsafe(12)


def protected(response: Response, nonce: str, origins: tuple[str, ...], *, runs_script: bool = False) -> Response:
    """Return a page that loads nothing, runs nothing, is not cached, and may be framed by these origins only. Images stand in the page.

    With `runs_script` it runs the script that has the nonce.
    """
    ancestors = " ".join(origins) or "'none'"
    script = f"script-src 'nonce-{nonce}'; " if runs_script else ""
    loads = f"default-src 'none'; {script}style-src 'nonce-{nonce}'; img-src data:"
    policy = f"{loads}; form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
    response.headers.update(
        {
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "X-Robots-Tag": "noindex",
            "X-Content-Type-Options": "nosniff",
        }
    )
    return response


def _own_origin(p: Parts) -> str:
    base = urlsplit(p.settings.base_url)
    return f"{base.scheme}://{base.netloc}"
