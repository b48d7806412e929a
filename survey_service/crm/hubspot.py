"""HubSpot: contacts updated, or made where that is wanted, a hundred at a time."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from survey_service.crm.adapter import (
    AUTHORISATION_WAIT,
    RATE_LIMITED,
    UNAUTHORISED,
    Accepted,
    Judgement,
    Later,
    Pause,
    Record,
    Refused,
    Request,
    Response,
    Split,
    Verdict,
    Wiring,
    bearer,
    judge_by_status,
)
from survey_service.crm.calling import FORM
from survey_service.crm.facts import IDENTITIES as ALL
from survey_service.crm.facts import STATE, field_of
from survey_service.crm.hubspot_properties import missing

__all__ = ["CREDENTIALS", "IDENTITIES", "MOST", "URL", "default_mapping", "judge", "missing", "requests", "token_request"]

MOST = 100
URL = "https://api.hubapi.com"
CREDENTIALS = (frozenset({"token"}), frozenset({"client_id", "client_secret", "refresh_token"}))
IDENTITIES = ALL
BATCH = "/crm/v3/objects/contacts/batch"
TRANSIENT = ("RATE_LIMITS", "INTERNAL_ERROR", "TIMEOUT")
NO_PROPERTY = b"PROPERTY_DOESNT_EXIST"


def default_mapping(personas: Sequence[str]) -> dict[str, str]:
    return {name: name for name in (*STATE, *(field_of(one) for one in personas))}


def token_request(wiring: Wiring) -> Request | None:
    if "token" in wiring.credentials:
        return None
    body = {"grant_type": "refresh_token", **wiring.credentials}
    return Request("POST", f"{wiring.url}/oauth/v1/token", {"content-type": FORM}, body)


def requests(wiring: Wiring, token: str | None, records: Sequence[Record]) -> list[Request]:
    """Upsert makes what is not there, so contacts that must not be made are updated. One kind of identity a request."""
    made = []
    for (may_create, id_property), group in groupby(sorted(records, key=_kind), key=_kind):
        some = tuple(group)
        inputs = [_input(one, id_property) for one in some]
        url = f"{wiring.url}{BATCH}/{'upsert' if may_create else 'update'}"
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
        return Split("refused")  # HubSpot refuses a whole batch for one bad record: it is found by halving
    return judge_by_status(request, response, now)


def _kind(record: Record) -> tuple[bool, str]:
    identity = record.identity
    return record.may_create, {"record_id": "", "email": "email"}.get(identity.by, identity.field)


def _input(record: Record, id_property: str) -> dict[str, Any]:
    properties = {name: _text(value) for name, value in record.values.items()}
    named = {"idProperty": id_property} if id_property else {}
    return {**named, "id": record.identity.value, "objectWriteTraceId": record.trace, "properties": properties}


def _text(value: Any) -> str:
    """HubSpot takes nothing but strings, and empties a property that is given an empty one."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _judge_each(records: Sequence[Record], answer: Mapping[str, Any]) -> dict[str, Verdict]:
    """What the answer does not mention is sent again."""
    verdicts: dict[str, Verdict] = {}
    for error in answer.get("errors") or ():
        context = error.get("context") or {}
        hit = [one for one in records if one.trace in context.get("objectWriteTraceId", ()) or one.identity.value in context.get("ids", ())]
        for one in hit if hit or len(records) > 1 else records:
            verdicts[one.trace] = _refusal(error)
    results = answer.get("results") or ()
    for one in records:
        if one.trace not in verdicts:
            verdicts[one.trace] = Accepted() if any(_is_about(result, one) for result in results) else Later("not_in_answer")
    return verdicts


def _is_about(result: Mapping[str, Any], record: Record) -> bool:
    """By trace id where the answer has one, else by what the contact was asked for by."""
    if result.get("objectWriteTraceId"):
        return bool(result["objectWriteTraceId"] == record.trace)
    _, id_property = _kind(record)
    found = result.get("properties", {}).get(id_property) if id_property else result.get("id")
    return str(found).lower() == record.identity.value.lower()


def _refusal(error: Mapping[str, Any]) -> Verdict:
    """The category and nothing else: the message may quote the contact."""
    category = str(error.get("category") or "unknown")
    return Later(category.lower()) if category in TRANSIENT else Refused(category.lower()[:60])


def _until_midnight(now: datetime) -> timedelta:
    """The account's own midnight is not told; where it is a later one, HubSpot says so again and we wait again."""
    tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return tomorrow - now
