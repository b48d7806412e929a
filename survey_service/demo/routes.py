"""Routes of the demonstration shop: a page that embeds the survey and shows what a CRM would receive."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, render_template, request

from question_bank.languages import negotiate
from survey_service.demo.crm_view import session_view
from survey_service.demo.words import WORDS
from survey_service.embed.assets import asset
from survey_service.embed.routes import pinned_tag, send_asset
from survey_service.errors import BadToken, NotFound
from survey_service.web.context import parts

DEMO_SURVEY = "website"
STATIC = Path(__file__).resolve().parent / "static"
DEMO_FILES = ("demo.css", "demo.js")


blueprint = Blueprint("demo", __name__, url_prefix="/demo", template_folder="templates")


@blueprint.get("")
def shop() -> Response:
    """Show the page after a purchase, with the survey on one side and the CRM's view on the other."""
    preferred = request.args.get("lang") or request.headers.get("Accept-Language")
    language = negotiate(preferred, tuple(WORDS))
    receiver = parts().settings.demo_receiver or ""
    with parts().store.reading() as session:
        questions = len(parts().banks.current(session, DEMO_SURVEY)[0].bank.survey(DEMO_SURVEY).questions)
    values = {"words": WORDS[language], "lang": language, "survey": DEMO_SURVEY, "receiver": receiver, "pinned": pinned_tag("")}
    page = render_template("demo.html", **values, questions=questions)
    response = Response(page)
    response.headers.update(
        {
            "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
            f"connect-src 'self' {_origin(receiver)}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
            "require-trusted-types-for 'script'; trusted-types 'none'",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }
    )
    return response


@blueprint.get("/<string:name>")
def file(name: str) -> Response:
    """Serve the page's style sheet and script."""
    if name not in DEMO_FILES:
        raise NotFound
    return send_asset(asset(STATIC / name), "no-cache")


@blueprint.get("/state")
def state() -> Response | dict[str, Any]:
    """Return what a CRM may know of a session. It is for the demo only, and requires the session's token."""
    token = request.args.get("token")
    if not token:
        raise BadToken
    p = parts()
    with p.store.reading() as session:
        return session_view(session, p.banks, request.args.get("session", ""), token, p.now())


def _origin(url: str) -> str:
    address = urlsplit(url)
    return f"{address.scheme}://{address.netloc}"
