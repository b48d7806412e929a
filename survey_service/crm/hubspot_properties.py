"""The contact properties that a HubSpot connection writes: what is missing there, and making it."""

from collections.abc import Mapping, Sequence
from typing import Any

from survey_service.crm.adapter import Ask, Request, Wiring, bearer
from survey_service.crm.facts import NAMES, NUMBERS, PERSONA, STATE

PROPERTIES = "/crm/v3/properties/contacts"
TOKEN_INFO = "/oauth/v2/private-apps/get/access-token-info"  # noqa: S105
SCOPES = ("crm.objects.contacts.write", "crm.schemas.contacts.read")
SCOPE_TO_SET_UP = "crm.schemas.contacts.write"
GROUP = {"name": "discern", "label": "Persona (Discern)"}
TEXTS = ("string", "enumeration")
BUILT_IN = "hs_"


def missing(wiring: Wiring, token: str | None, ask: Ask) -> list[str]:
    """Scopes, properties, their types and options, and what makes the contacts unique."""
    answer = ask(Request("GET", wiring.url + PROPERTIES, bearer(token)))
    if answer.status == 401:
        return ["credentials: HubSpot does not take the token"]
    if answer.status == 403:
        return ["scope crm.schemas.contacts.read: the app does not have it, so its properties cannot be looked at"]
    if answer.status != 200:
        return [f"properties: HubSpot answered {answer.status}"]
    there = {one["name"]: one for one in answer.json.get("results", ())}
    problems = _missing_scopes(wiring, token, ask)
    problems += [line for theirs, ours in sorted(wiring.mapping.items()) for line in _wrong(wiring, theirs, ours, there.get(theirs))]
    if "external_id" in wiring.identity:
        name = wiring.external_id["field"]
        if name not in there:
            problems.append(f"property {name}: is missing; make it with unique values, it holds your ids of contacts")
        elif not there[name].get("hasUniqueValue"):
            problems.append(f"property {name}: does not have unique values, so HubSpot cannot find contacts by it")
    return problems


def set_up(wiring: Wiring, token: str | None, ask: Ask) -> list[str]:
    """Make the group and the properties that are missing, never an option of a property that is there. Returns a line for each."""
    there = {one["name"] for one in ask(Request("GET", wiring.url + PROPERTIES, bearer(token))).json.get("results", ())}
    wanted = [
        definition(theirs, ours) for theirs, ours in wiring.mapping.items() if theirs not in there and not theirs.startswith(BUILT_IN)
    ]
    if not wanted:
        return []
    group = ask(Request("POST", f"{wiring.url}{PROPERTIES}/groups", bearer(token), GROUP))
    if group.status not in (200, 201, 409):
        return [f"group {GROUP['name']}: HubSpot answered {group.status}; the app needs the scope {SCOPE_TO_SET_UP}"]
    return [_made(one, ask(Request("POST", wiring.url + PROPERTIES, bearer(token), one)).status) for one in wanted]


def definition(theirs: str, ours: str) -> dict[str, Any]:
    """A property that holds a value of ours."""
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
    if ours in NUMBERS or ours.startswith(PERSONA):
        return "number"
    return {"persona_updated_at": "datetime", "persona_is_decided": "bool"}.get(ours, "string")


def _wrong(wiring: Wiring, theirs: str, ours: str, found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return [f"property {theirs}: is missing; make it with type {_type_of(ours)}, or run the set-up of this connection"]
    if found["type"] == "enumeration" and _type_of(ours) == "string":
        return _wrong_options(wiring, theirs, ours, found.get("options", ()))
    fits = TEXTS if ours in (*STATE, *NAMES) and _type_of(ours) == "string" else (_type_of(ours), "string")
    if found["type"] not in fits:
        return [f"property {theirs}: is of type {found['type']}, {ours} needs {_type_of(ours)}"]
    return []


def _wrong_options(wiring: Wiring, theirs: str, ours: str, options: Sequence[Mapping[str, Any]]) -> list[str]:
    there = {one["value"] for one in options}
    shown = ", ".join(f'{one["value"]} ("{one["label"]}")' for one in options) or "none yet"
    words = wiring.options.get(theirs)
    if words is None and ours == "persona_top":
        words = {one: one for one in wiring.personas}
    lacking = sorted({word for word in (words or {}).values() if word not in there})
    return [f"property {theirs}: has no option {word}; it has {shown}: make it there, or choose with options.{theirs}" for word in lacking]


def _missing_scopes(wiring: Wiring, token: str | None, ask: Ask) -> list[str]:
    if "token" in wiring.credentials:
        answer = ask(Request("POST", wiring.url + TOKEN_INFO, bearer(token), {"tokenKey": token}))
    else:
        answer = ask(Request("GET", f"{wiring.url}/oauth/v1/access-tokens/{token}", bearer(token)))
    if answer.status != 200:
        return [f"scopes: HubSpot answered {answer.status} when asked what the token may do"]
    return [f"scope {one}: the app does not have it" for one in SCOPES if one not in answer.json.get("scopes", ())]


def _made(wanted: Mapping[str, Any], status: int) -> str:
    return f"property {wanted['name']}: " + ("made" if status in (200, 201) else f"HubSpot answered {status}")
