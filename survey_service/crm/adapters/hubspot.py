"""HubSpot: contacts updated, or created where that is wanted, a hundred at a time."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from survey_service.crm.adapters.client import FORM
from survey_service.crm.adapters.contact_values import IDENTITIES as ALL
from survey_service.crm.adapters.contact_values import NAMES, NUMBERS, PERSONA, STATE, field_of
from survey_service.crm.adapters.protocol import (
    AUTHORISATION_WAIT,
    RATE_LIMITED,
    UNAUTHORISED,
    Accepted,
    Ask,
    ConnectionConfig,
    Judgement,
    Later,
    Pause,
    Record,
    Refused,
    Request,
    Response,
    Split,
    Verdict,
    bearer,
    judge_by_status,
)

PROPERTIES = "/crm/v3/properties/contacts"
TOKEN_INFO = "/oauth/v2/private-apps/get/access-token-info"  # noqa: S105
SCOPES = ("crm.objects.contacts.write", "crm.schemas.contacts.read")
SCOPE_TO_SET_UP = "crm.schemas.contacts.write"
GROUP = {"name": "discern", "label": "Persona (Discern)"}
TEXTS = ("string", "enumeration")
BUILT_IN = "hs_"


def missing(config: ConnectionConfig, token: str | None, ask: Ask) -> list[str]:
    """Return missing scopes, properties with their types and options, and a missing unique property."""
    answer = ask(Request("GET", config.url + PROPERTIES, bearer(token)))
    if answer.status == 401:
        return ["credentials: HubSpot does not take the token"]
    if answer.status == 403:
        return ["scope crm.schemas.contacts.read: the app does not have it, so its properties cannot be looked at"]
    if answer.status != 200:
        return [f"properties: HubSpot answered {answer.status}"]
    there = {result["name"]: result for result in answer.json.get("results", ())}
    problems = _missing_scopes(config, token, ask)
    problems += [line for theirs, ours in sorted(config.mapping.items()) for line in _wrong(config, theirs, ours, there.get(theirs))]
    if "external_id" in config.identity:
        name = config.external_id["field"]
        if name not in there:
            problems.append(f"property {name}: is missing; make it with unique values, it holds your ids of contacts")
        elif not there[name].get("hasUniqueValue"):
            problems.append(f"property {name}: does not have unique values, so HubSpot cannot find contacts by it")
    return problems


def set_up(config: ConnectionConfig, token: str | None, ask: Ask) -> list[str]:
    """Create the group and the properties that are missing; options of existing properties are left alone. Return a line for each."""
    there = {result["name"] for result in ask(Request("GET", config.url + PROPERTIES, bearer(token))).json.get("results", ())}
    wanted = [
        definition(theirs, ours) for theirs, ours in config.mapping.items() if theirs not in there and not theirs.startswith(BUILT_IN)
    ]
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
    if ours in NUMBERS or ours.startswith(PERSONA):
        return "number"
    return {"persona_updated_at": "datetime", "persona_is_decided": "bool"}.get(ours, "string")


def _wrong(config: ConnectionConfig, theirs: str, ours: str, found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return [f"property {theirs}: is missing; make it with type {_type_of(ours)}, or run the set-up of this connection"]
    if found["type"] == "enumeration" and _type_of(ours) == "string":
        return _wrong_options(config, theirs, ours, found.get("options", ()))
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
    return [f"scope {scope}: the app does not have it" for scope in SCOPES if scope not in answer.json.get("scopes", ())]


def _made(wanted: Mapping[str, Any], status: int) -> str:
    return f"property {wanted['name']}: " + ("made" if status in (200, 201) else f"HubSpot answered {status}")


__all__ = ["CREDENTIALS", "IDENTITIES", "MOST", "URL", "default_mapping", "judge", "missing", "requests", "token_request"]

MOST = 100
URL = "https://api.hubapi.com"
CREDENTIALS = (frozenset({"token"}), frozenset({"client_id", "client_secret", "refresh_token"}))
IDENTITIES = ALL
BATCH = "/crm/v3/objects/contacts/batch"
TRANSIENT = ("RATE_LIMITS", "INTERNAL_ERROR", "TIMEOUT")
NO_PROPERTY = b"PROPERTY_DOESNT_EXIST"


def default_mapping(personas: Sequence[str]) -> dict[str, str]:
    return {name: name for name in (*STATE, *(field_of(persona) for persona in personas))}


def token_request(config: ConnectionConfig) -> Request | None:
    if "token" in config.credentials:
        return None
    body = {"grant_type": "refresh_token", **config.credentials}
    return Request("POST", f"{config.url}/oauth/v1/token", {"content-type": FORM}, body)


def requests(config: ConnectionConfig, token: str | None, records: Sequence[Record]) -> list[Request]:
    """Return the requests. An upsert creates missing contacts, so contacts that must not be created are updated. One kind of identity a
    request.
    """
    made = []
    for (may_create, id_property), group in groupby(sorted(records, key=_kind), key=_kind):
        some = tuple(group)
        inputs = [_input(item, id_property) for item in some]
        url = f"{config.url}{BATCH}/{'upsert' if may_create else 'update'}"
        made.append(Request("POST", url, bearer(token), {"inputs": inputs}, some))
    return made


def judge(request: Request, response: Response, now: datetime) -> Judgement:
    if response.status in (200, 201, 207):
        return _judge_each(request.records, response.json)
    if response.status == 429 and "retry-after" not in response.headers and response.json.get("policyName") == "DAILY":
        return Pause(f"{RATE_LIMITED}: the day's calls are used up", _until_midnight(now))
    if response.status == 400 and NO_PROPERTY in response.body:
        return Pause("a property is missing in HubSpot: test the connection to see which", AUTHORISATION_WAIT)
    if response.status == 403:
        return Pause(f"{UNAUTHORISED}: a scope is missing, test the connection to see which", AUTHORISATION_WAIT)
    if response.status in (400, 409, 422) and len(request.records) > 1:
        return Split("refused")  # HubSpot refuses a whole batch for one bad record: halving finds it
    return judge_by_status(request, response, now)


def _kind(record: Record) -> tuple[bool, str]:
    identity = record.identity
    return record.may_create, {"record_id": "", "email": "email"}.get(identity.by, identity.field)


def _input(record: Record, id_property: str) -> dict[str, Any]:
    properties = {name: _text(value) for name, value in record.values.items()}
    named = {"idProperty": id_property} if id_property else {}
    return {**named, "id": record.identity.value, "objectWriteTraceId": record.trace, "properties": properties}


def _text(value: Any) -> str:
    """Return a value as a string: HubSpot takes nothing else, and empties a property that is given an empty one."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _judge_each(records: Sequence[Record], answer: Mapping[str, Any]) -> dict[str, Verdict]:
    """Return a verdict for each record. A record that the response does not mention is sent again."""
    verdicts: dict[str, Verdict] = {}
    for error in answer.get("errors") or ():
        context = error.get("context") or {}
        hit = [
            record
            for record in records
            if record.trace in context.get("objectWriteTraceId", ()) or record.identity.value in context.get("ids", ())
        ]
        for record in hit if hit or len(records) > 1 else records:
            verdicts[record.trace] = _refusal(error)
    results = answer.get("results") or ()
    for record in records:
        if record.trace not in verdicts:
            verdicts[record.trace] = Accepted() if any(_is_about(result, record) for result in results) else Later("not_in_answer")
    return verdicts


def _is_about(result: Mapping[str, Any], record: Record) -> bool:
    """Whether a result is about a record: by trace id where the response has one, else by the identity that the request named."""
    if result.get("objectWriteTraceId"):
        return bool(result["objectWriteTraceId"] == record.trace)
    _, id_property = _kind(record)
    found = result.get("properties", {}).get(id_property) if id_property else result.get("id")
    return str(found).lower() == record.identity.value.lower()


def _refusal(error: Mapping[str, Any]) -> Verdict:
    """Return the category and nothing else: the message may quote the contact."""
    category = str(error.get("category") or "unknown")
    return Later(category.lower()) if category in TRANSIENT else Refused(category.lower()[:60])


def _until_midnight(now: datetime) -> timedelta:
    """Wait until midnight UTC: the account's own midnight is not known. Where it is later, HubSpot refuses again and we wait again."""
    tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return tomorrow - now
