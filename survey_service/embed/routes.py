"""The widget as browsers load it, and its types for TypeScript."""

import json

from flask import Blueprint, Response, request

from survey_service.embed import assets
from survey_service.embed.assets import Asset, widget
from survey_service.errors import NotFound
from survey_service.web.context import parts

blueprint = Blueprint("embed", __name__)


@blueprint.get("/embed/v1/widget.js")
def newest() -> Response:
    """One ES module, the newest there is: a page that loads it gets every repair."""
    return _for_everybody(send_asset(widget(), "public, max-age=300"))


@blueprint.get("/embed/v1/widget-<string:fingerprint>.js")
def pinned(fingerprint: str) -> Response:
    """The same module at an address that never stands for other bytes. Raises NotFound where the service has others."""
    if fingerprint != widget().etag:
        raise NotFound("This version of the widget is not here any more: /embed/v1/widget.json says which one is.")
    return _for_everybody(send_asset(widget(), "public, max-age=31536000, immutable"))


@blueprint.get("/embed/v1/widget.json")
def tag() -> Response:
    """What a page needs to pin the widget: its address and what the browser shall demand of it."""
    response = Response(json.dumps(pinned_tag(parts().settings.base_url)), content_type="application/json")
    response.headers["Cache-Control"] = "no-cache"
    return _for_everybody(response)


@blueprint.get("/embed/v1/<any('widget.d.ts', 'widget-react.d.ts'):name>")
def types(name: str) -> Response:
    """The element and its events for TypeScript."""
    return _for_everybody(send_asset(assets.asset(assets.HERE / name), "public, max-age=300"))


def pinned_tag(host: str) -> dict[str, str]:
    """Address and integrity of the widget as this service sends it."""
    return {"url": f"{host.rstrip('/')}/embed/v1/widget-{widget().etag}.js", "integrity": widget().integrity}


def _for_everybody(response: Response) -> Response:
    """A page of another site may load it, which for a module needs CORS."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def send_asset(asset: Asset, caching: str) -> Response:
    """The asset in the form that the browser takes, or 304 where it has it already."""
    zipped = request.accept_encodings["gzip"] > 0
    response = Response(asset.gzipped if zipped else asset.plain, content_type=asset.kind)
    if zipped:
        response.content_encoding = "gzip"
    response.set_etag(f"{asset.etag}-gz" if zipped else asset.etag)
    response.vary.add("Accept-Encoding")
    response.headers["Cache-Control"] = caching
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.make_conditional(request)
    return response
