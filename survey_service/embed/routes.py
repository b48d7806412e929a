"""Routes that serve the widget and its TypeScript types."""

import json

from flask import Blueprint, Response, request

from survey_service.embed import assets
from survey_service.embed.assets import Asset, widget
from survey_service.errors import NotFound
from survey_service.web.context import parts

blueprint = Blueprint("embed", __name__)


@blueprint.get("/embed/v1/widget.js")
def newest() -> Response:
    """Serve the newest widget, an ES module. A page that loads it gets every fix."""
    return _allow_all_origins(send_asset(widget(), "public, max-age=300"))


@blueprint.get("/embed/v1/widget-<string:fingerprint>.js")
def pinned(fingerprint: str) -> Response:
    """Serve the widget at an address whose content never changes. Raises NotFound where the service has another version."""
    if fingerprint != widget().etag:
        raise NotFound("This version of the widget is not here any more: /embed/v1/widget.json says which one is.")
    return _allow_all_origins(send_asset(widget(), "public, max-age=31536000, immutable"))


@blueprint.get("/embed/v1/widget.json")
def tag() -> Response:
    """Return what a page needs to pin the widget: its address and its integrity value."""
    response = Response(json.dumps(pinned_tag(parts().settings.base_url)), content_type="application/json")
    response.headers["Cache-Control"] = "no-cache"
    return _allow_all_origins(response)


@blueprint.get("/embed/v1/<any('widget.d.ts', 'widget-react.d.ts'):name>")
def types(name: str) -> Response:
    """Serve the TypeScript types of the element and its events."""
    return _allow_all_origins(send_asset(assets.asset(assets.HERE / name), "public, max-age=300"))


def pinned_tag(host: str) -> dict[str, str]:
    """Return the address and the integrity value of the widget that this service serves."""
    return {"url": f"{host.rstrip('/')}/embed/v1/widget-{widget().etag}.js", "integrity": widget().integrity}


def _allow_all_origins(response: Response) -> Response:
    """Allow pages of other sites to load the response. Browsers load ES modules with CORS."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def send_asset(asset: Asset, caching: str) -> Response:
    """Return the asset, compressed if the browser accepts gzip, or 304 where the browser has it already."""
    use_gzip = request.accept_encodings["gzip"] > 0 and asset.gzipped is not asset.plain
    response = Response(asset.gzipped if use_gzip else asset.plain, content_type=asset.kind)
    if use_gzip:
        response.content_encoding = "gzip"
    response.set_etag(f"{asset.etag}-gz" if use_gzip else asset.etag)
    response.vary.add("Accept-Encoding")
    response.headers["Cache-Control"] = caching
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.make_conditional(request)
    return response
