"""The API reference as a page, rendered from the OpenAPI document on the server, without scripts or resources of other hosts."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, current_app, render_template

from survey_service.web.cors import new_nonce

METHODS = ("get", "post", "put", "patch", "delete")
LIMITS = {"minimum": "from", "maximum": "to", "maxLength": "at most"}
DEPTH = 2
"""How deep the table of a body shows fields inside fields."""
ALTERNATIVES = frozenset({"allOf", "anyOf", "oneOf"})
API = "discern.api"

blueprint = Blueprint("reference", __name__, template_folder="templates")


@blueprint.get("/api/v1/docs")
def reference() -> Response:
    """Show every call with its fields."""
    document: Mapping[str, Any] = current_app.extensions[API].document()
    nonce = new_nonce()
    response = Response(render_template("reference.html", nonce=nonce, title=document["info"]["title"], rooms=groups_of(document)))
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'nonce-{nonce}'"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def groups_of(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the calls by their tag, in the order of the document."""
    rooms = {tag["name"]: {"name": tag["name"], "what": tag.get("description", ""), "calls": []} for tag in document["tags"]}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                rooms[item[method]["tags"][0]]["calls"].append(_call(document, method, path, item))
    return [room for room in rooms.values() if room["calls"]]


def _call(document: Mapping[str, Any], method: str, path: str, item: Mapping[str, Any]) -> dict[str, Any]:
    operation = item[method]
    given = [*item.get("parameters", []), *operation.get("parameters", [])]
    answers = {status: _schema(document, answer) for status, answer in operation["responses"].items() if status.startswith("2")}
    return {
        "method": method.upper(),
        "path": path,
        "id": f"{method}{path}".replace("/", "-").replace("{", "").replace("}", ""),
        "summary": operation.get("summary", ""),
        "what": operation.get("description", ""),
        "parameters": [_field(document, parameter["name"], parameter, parameter.get("required", False)) for parameter in given],
        "body": _fields(document, _schema(document, operation.get("requestBody", {}))),
        "answers": [(status, _fields(document, schema)) for status, schema in sorted(answers.items())],
    }


def _schema(document: Mapping[str, Any], carrier: Mapping[str, Any]) -> Mapping[str, Any]:
    content = _resolved(document, carrier).get("content", {})
    first: Mapping[str, Any] = next(iter(content.values()), {})
    return _resolved(document, first.get("schema", {}))


def _fields(document: Mapping[str, Any], schema: Mapping[str, Any], within: str = "", deeper: int = DEPTH) -> list[dict[str, Any]]:
    """Return a row for each field, followed by the rows of the fields inside it."""
    required = schema.get("required", ())
    rows = []
    for name, carried in schema.get("properties", {}).items():
        rows.append(_field(document, within + name, {"schema": carried}, name in required))
        inner = _resolved(document, carried)
        inside, mark = (_resolved(document, inner["items"]), "[].") if "items" in inner else (inner, ".")
        if deeper:
            rows += _fields(document, inside, f"{within}{name}{mark}", deeper - 1)
    return rows


def _field(document: Mapping[str, Any], name: str, carrier: Mapping[str, Any], required: bool) -> dict[str, Any]:
    schema = _resolved(document, carrier.get("schema", {}))
    what = carrier.get("description") or carrier.get("schema", {}).get("description") or schema.get("description", "")
    kinds = [_kind(document, _resolved(document, item)) for item in carrier.get("schema", {}).get("anyOf", ())]
    return {"name": name, "type": " or ".join(dict.fromkeys(kinds)) or _kind(document, schema), "required": required, "what": what}


def _kind(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    kind = schema.get("type", "any")
    shown = " or ".join(kind) if isinstance(kind, list) else str(kind)
    if "enum" in schema:
        shown = " | ".join("null" if item is None else str(item) for item in schema["enum"])
    if shown.startswith("array"):
        shown = f"list of {_kind(document, _resolved(document, schema.get('items', {})))}"
    limits = [f"{word} {schema[name]}" for name, word in LIMITS.items() if name in schema]
    return f"{shown}, {' '.join(limits)}" if limits else shown


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Resolve a reference. Of alternatives return the first, where nothing is said about all of them."""
    while "properties" not in schema and ("$ref" in schema or ALTERNATIVES.intersection(schema)):
        if "$ref" in schema:
            found: Any = document
            for name in schema["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            schema = found
        else:
            schema = schema[next(name for name in schema if name in ALTERNATIVES)][0]
    return schema
