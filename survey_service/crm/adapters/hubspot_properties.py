"""HubSpot's properties: what is missing for a connection, and how they are created."""

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import fields

from survey_service.crm.adapters.answers import AnswerSchema, read
from survey_service.crm.adapters.contact_values import NAMES, PERSONA, STATE, kind_of_value
from survey_service.crm.adapters.protocol import Ask, ConnectionConfig, Request, bearer

PROPERTIES = "/crm/v3/properties/contacts"
TOKEN_INFO = "/oauth/v2/private-apps/get/access-token-info"  # noqa: S105
SCOPES = ("crm.objects.contacts.write", "crm.schemas.contacts.read")
SCOPE_TO_SET_UP = "crm.schemas.contacts.write"
GROUP = {"name": "discern", "label": "Persona (Discern)"}
TEXTS = ("string", "enumeration")
BUILT_IN = "hs_"


class OptionSchema(AnswerSchema):
    value = fields.String(required=True)
    label = fields.String(load_default="", allow_none=True)


class PropertySchema(AnswerSchema):
    name = fields.String(required=True)
    type = fields.String(required=True)
    is_unique = fields.Boolean(load_default=False, allow_none=True, data_key="hasUniqueValue")
    options = fields.List(fields.Nested(OptionSchema), load_default=list, allow_none=True)


class PropertiesSchema(AnswerSchema):
    results = fields.List(fields.Nested(PropertySchema), required=True)


class ScopesSchema(AnswerSchema):
    scopes = fields.List(fields.String(), required=True)


PROPERTY_LIST, SCOPE_LIST = PropertiesSchema(), ScopesSchema()


def missing(config: ConnectionConfig, token: str | None, ask: Ask) -> list[str]:
    """Return missing scopes, properties with their types and options, and a missing unique property."""
    answer = ask(Request("GET", config.url + PROPERTIES, bearer(token)))
    if answer.status == 401:
        return ["credentials: HubSpot does not take the token"]
    if answer.status == 403:
        return ["scope crm.schemas.contacts.read: the app does not have it, so its properties cannot be looked at"]
    if answer.status != 200:
        return [f"properties: HubSpot answered {answer.status}"]
    there = {result["name"]: result for result in read(PROPERTY_LIST, answer)["results"]}
    problems = _missing_scopes(config, token, ask)
    problems += [line for theirs, ours in sorted(config.ours.items()) for line in _wrong(config, theirs, ours, there.get(theirs))]
    problems += [f"property {theirs}: is missing; make it, new contacts get it" for theirs in sorted(config.when_created.keys() - there)]
    if "external_id" in config.identity:
        name = config.external_id["field"]
        if name not in there:
            problems.append(f"property {name}: is missing; make it with unique values, it holds your ids of contacts")
        elif not there[name]["is_unique"]:
            problems.append(f"property {name}: does not have unique values, so HubSpot cannot find contacts by it")
    return problems


def set_up(config: ConnectionConfig, token: str | None, ask: Ask) -> list[str]:
    """Create the group and the properties that are missing; options of existing properties are left alone. Return a line for each.

    Raises UnexpectedAnswer.
    """
    answer = ask(Request("GET", config.url + PROPERTIES, bearer(token)))
    if answer.status != 200:
        return [f"properties: HubSpot answered {answer.status}; test the connection"]
    there = {result["name"] for result in read(PROPERTY_LIST, answer)["results"]}
    wanted = [definition(theirs, ours) for theirs, ours in config.ours.items() if theirs not in there and not theirs.startswith(BUILT_IN)]
    if not wanted:
        return []
    group = ask(Request("POST", f"{config.url}{PROPERTIES}/groups", bearer(token), GROUP))
    if group.status not in (200, 201, 409):
        return [f"group {GROUP['name']}: HubSpot answered {group.status}; the app needs the scope {SCOPE_TO_SET_UP}"]
    return [_made(item, ask(Request("POST", config.url + PROPERTIES, bearer(token), item)).status) for item in wanted]


def definition(theirs: str, ours: str) -> dict[str, Any]:
    """Return the definition of a property for a value of ours."""
    kind = _type_of(ours)
    field = {"number": "number", "datetime": "date", "bool": "booleancheckbox"}.get(kind, "text")
    label = theirs.replace("_", " ").capitalize()
    made = {"name": theirs, "label": label, "groupName": GROUP["name"], "type": kind, "fieldType": field}
    if ours.startswith(PERSONA) or ours in ("persona_confidence", "persona_margin"):
        made["numberDisplayHint"] = "probability"
    if kind == "bool":
        pairs = (("Yes", "true"), ("No", "false"))
        return {
            **made,
            "options": [{"label": label, "value": value, "displayOrder": i, "hidden": False} for i, (label, value) in enumerate(pairs)],
        }
    return made


def _type_of(ours: str) -> str:
    return {"number": "number", "time": "datetime", "boolean": "bool"}.get(kind_of_value(ours), "string")


def _wrong(config: ConnectionConfig, theirs: str, ours: str, found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return [f"property {theirs}: is missing; make it with type {_type_of(ours)}, or run the set-up of this connection"]
    if found["type"] == "enumeration" and _type_of(ours) == "string":
        return _wrong_options(config, theirs, ours, found["options"] or ())
    fits = TEXTS if ours in (*STATE, *NAMES) and _type_of(ours) == "string" else (_type_of(ours), "string")
    if found["type"] not in fits:
        return [f"property {theirs}: is of type {found['type']}, {ours} needs {_type_of(ours)}"]
    return []


def _wrong_options(config: ConnectionConfig, theirs: str, ours: str, options: Sequence[Mapping[str, Any]]) -> list[str]:
    there = {option["value"] for option in options}
    shown = ", ".join(f'{option["value"]} ("{option["label"]}")' for option in options) or "none yet"
    words = config.options.get(theirs)
    if words is None and ours == "persona_top":
        words = {persona: persona for persona in config.personas}
    lacking = sorted({word for word in (words or {}).values() if word not in there})
    return [f"property {theirs}: has no option {word}; it has {shown}: make it there, or choose with options.{theirs}" for word in lacking]


def _missing_scopes(config: ConnectionConfig, token: str | None, ask: Ask) -> list[str]:
    if "token" in config.credentials:
        answer = ask(Request("POST", config.url + TOKEN_INFO, bearer(token), {"tokenKey": token}))
    else:
        answer = ask(Request("GET", f"{config.url}/oauth/v1/access-tokens/{token}", bearer(token)))
    if answer.status != 200:
        return [f"scopes: HubSpot answered {answer.status} when asked what the token may do"]
    scopes = read(SCOPE_LIST, answer)["scopes"]
    return [f"scope {scope}: the app does not have it" for scope in SCOPES if scope not in scopes]


def _made(wanted: Mapping[str, Any], status: int) -> str:
    return f"property {wanted['name']}: " + ("made" if status in (200, 201) else f"HubSpot answered {status}")
