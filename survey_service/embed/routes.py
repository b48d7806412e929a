"""The widget, and the demo shop that embeds it."""

import json
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, render_template, request

from survey_service.embed.assets import Asset, asset, widget
from survey_service.embed.demo_words import WORDS
from survey_service.embed.seen_by_crm import seen
from survey_service.errors import BadToken, NotFound
from survey_service.parts import parts
from survey_service.respondent.course import spoken

DEMO_SURVEY = "website"
DEMO_FILES = ("demo.css", "demo.js")

blueprint = Blueprint("embed", __name__)
demo_blueprint = Blueprint("demo", __name__, url_prefix="/demo", template_folder="templates")


@blueprint.get("/embed/v1/widget.js")
def newest() -> Response:
    """One ES module, the newest there is: a page that loads it gets every repair."""
    return _for_everybody(_sent(widget(), "public, max-age=300"))


@blueprint.get("/embed/v1/widget-<string:fingerprint>.js")
def pinned(fingerprint: str) -> Response:
    """The same module at an address that never stands for other bytes. Raises NotFound where the service has others."""
    if fingerprint != widget().etag:
        raise NotFound("This version of the widget is not here any more: /embed/v1/widget.json says which one is.")
    return _for_everybody(_sent(widget(), "public, max-age=31536000, immutable"))


@blueprint.get("/embed/v1/widget.json")
def tag() -> Response:
    """What a page needs to pin the widget: its address and what the browser shall demand of it."""
    response = Response(json.dumps(pinned_tag(parts().settings.base_url)), content_type="application/json")
    response.headers["Cache-Control"] = "no-cache"
    return _for_everybody(response)


@blueprint.get("/embed/v1/<any('widget.d.ts', 'widget-react.d.ts'):name>")
def types(name: str) -> Response:
    """The element and its events for TypeScript."""
    return _for_everybody(_sent(asset(name), "public, max-age=300"))


def pinned_tag(host: str) -> dict[str, str]:
    """Address and integrity of the widget as this service sends it."""
    return {"url": f"{host.rstrip('/')}/embed/v1/widget-{widget().etag}.js", "integrity": widget().integrity}


@demo_blueprint.get("")
def shop() -> Response:
    """A page after a purchase: the survey on one side, what becomes of the answers on the other."""
    wanted = request.args.get("lang") or request.accept_languages.best
    language = spoken(wanted, tuple(WORDS))
    receiver = parts().settings.demo_receiver or ""
    page = render_template("demo.html", words=WORDS[language], lang=language, survey=DEMO_SURVEY, receiver=receiver, pinned=pinned_tag(""))
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


@demo_blueprint.get("/<string:name>")
def file(name: str) -> Response:
    """The page's style and script."""
    if name not in DEMO_FILES:
        raise NotFound
    return _sent(asset(f"demo/{name}"), "no-cache")


@demo_blueprint.get("/state")
def state() -> Response | dict[str, Any]:
    """What a CRM may know of a session; for the demo only, and only with the session's own token."""
    token = request.args.get("token")
    if not token:
        raise BadToken
    p = parts()
    with p.store.reading() as session:
        return seen(session, p.banks, request.args.get("session", ""), token, p.now())


def _for_everybody(response: Response) -> Response:
    """A page of another site may load it, which for a module needs CORS."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _sent(one: Asset, caching: str) -> Response:
    """The asset in the form that the browser takes, or 304 where it has it already."""
    zipped = request.accept_encodings["gzip"] > 0
    response = Response(one.gzipped if zipped else one.plain, content_type=one.kind)
    if zipped:
        response.content_encoding = "gzip"
    response.set_etag(f"{one.etag}-gz" if zipped else one.etag)
    response.vary.add("Accept-Encoding")
    response.headers["Cache-Control"] = caching
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.make_conditional(request)
    return response


def _origin(url: str) -> str:
    address = urlsplit(url)
    return f"{address.scheme}://{address.netloc}"
