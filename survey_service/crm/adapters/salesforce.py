"""Salesforce: contacts by record id or by an external id field, two hundred at a time; created only where that is wanted."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from urllib.parse import quote

from survey_service.crm.adapters.client import FORM
from survey_service.crm.adapters.contact_values import NUMBERS, PERSONA, STATE, field_of
from survey_service.crm.adapters.protocol import (
    RATE_LIMITED,
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
    Verdict,
    bearer,
    judge_by_status,
)

MOST = 200
MOST_IN_A_BATCH = 25
URL = ""  # every account has its own host
CREDENTIALS = (frozenset({"client_id", "client_secret"}),)
IDENTITIES = ("record_id", "external_id")
VERSION = "v59.0"
DATA = f"/services/data/{VERSION}"
OBJECT = "Contact"
DAY_USED_UP = "REQUEST_LIMIT_EXCEEDED"
TRANSIENT = ("UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "PROCESSING_HALTED", DAY_USED_UP)
TYPES = {"number": ("double", "percent", "int", "currency"), "text": ("string", "textarea", "picklist", "email")}


def default_mapping(personas: Sequence[str]) -> dict[str, str]:
    names = (*STATE, *(field_of(persona) for persona in personas))
    return {"_".join(part.capitalize() for part in name.split("_")) + "__c": name for name in names}


def token_request(config: ConnectionConfig) -> Request | None:
    body = {"grant_type": "client_credentials", **config.credentials}
    return Request("POST", f"{config.url}/services/oauth2/token", {"content-type": FORM}, body)


def requests(config: ConnectionConfig, token: str | None, records: Sequence[Record]) -> list[Request]:
    """Return the requests. Upserting a collection creates missing contacts, so external ids that must not be created are single updates."""
    made: list[Request] = []
    for (by_id, may_create), group in groupby(sorted(records, key=_kind), key=_kind):
        some = tuple(group)
        if by_id:
            made.append(_collection(config, token, "", [{**_fields(item), "id": item.identity.value} for item in some], some))
        elif may_create:
            field = config.external_id["field"]
            made.append(
                _collection(config, token, f"/{OBJECT}/{field}", [{**_fields(item), field: item.identity.value} for item in some], some)
            )
        else:
            parts = [some[start : start + MOST_IN_A_BATCH] for start in range(0, len(some), MOST_IN_A_BATCH)]
            made += [_updates(config, token, part) for part in parts]
    return made


def judge(request: Request, response: Response, now: datetime) -> Judgement:
    answer = response.json
    if response.status == 403 and DAY_USED_UP.encode() in response.body:
        return Pause(f"{RATE_LIMITED}: the calls of 24 hours are used up", timedelta(hours=1))
    if response.status != 200:
        return judge_by_status(request, response, now)
    results = answer.get("results", []) if isinstance(answer, dict) else answer
    verdicts = [_verdict(result) for result in results]
    missing = [Later("not_in_answer")] * (len(request.records) - len(verdicts))
    return {record.trace: verdict for record, verdict in zip(request.records, [*verdicts, *missing], strict=False)}


def missing(config: ConnectionConfig, token: str | None, ask: Ask) -> list[str]:
    """Return the fields that are missing, not writable or of another type, and an external id that is none."""
    answer = ask(Request("GET", f"{config.url}{DATA}/sobjects/{OBJECT}/describe", bearer(token)))
    if answer.status != 200:
        return [f"{OBJECT}: Salesforce answered {answer.status}; may the connected app use the API, and its user see contacts?"]
    there = {field["name"]: field for field in answer.json.get("fields", ())}
    problems = [line for theirs, ours in sorted(config.mapping.items()) for line in _wrong(theirs, ours, there.get(theirs))]
    if "external_id" in config.identity and not there.get(config.external_id["field"], {}).get("externalId"):
        problems.append(f"field {config.external_id['field']}: is missing, or not marked as an external id")
    return problems


def _kind(record: Record) -> tuple[bool, bool]:
    return record.identity.by == "record_id", record.may_create


def _fields(record: Record) -> dict[str, Any]:
    return {"attributes": {"type": OBJECT}, **record.values}


def _collection(config: ConnectionConfig, token: str | None, path: str, records: list[dict[str, Any]], some: tuple[Record, ...]) -> Request:
    body = {"allOrNone": False, "records": records}
    return Request("PATCH", f"{config.url}{DATA}/composite/sobjects{path}", bearer(token), body, some)


def _updates(config: ConnectionConfig, token: str | None, some: tuple[Record, ...]) -> Request:
    path = f"{VERSION}/sobjects/{OBJECT}/{config.external_id['field']}"
    parts = [
        {"method": "PATCH", "url": f"{path}/{quote(item.identity.value, safe='')}?updateOnly=true", "richInput": dict(item.values)}
        for item in some
    ]
    return Request("POST", f"{config.url}{DATA}/composite/batch", bearer(token), {"haltOnError": False, "batchRequests": parts}, some)


def _verdict(result: Mapping[str, Any]) -> Verdict:
    """Return the verdict of one record: a collection says `success`, a batch `statusCode`. Only the codes: messages may quote the
    contact.
    """
    if result.get("success") or 200 <= result.get("statusCode", 0) < 300:
        return Accepted()
    errors = result.get("errors") or result.get("result") or [{}]
    first = errors[0] if isinstance(errors, list) else errors
    code = str(first.get("statusCode") or first.get("errorCode") or "unknown")
    return Later(code.lower()) if code in TRANSIENT else Refused(code.lower()[:60])


def _wrong(theirs: str, ours: str, found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return [f"field {theirs}: is missing on {OBJECT}, or the user of the connected app may not see it"]
    if not found.get("updateable"):
        return [f"field {theirs}: the user of the connected app may not write it"]
    kind = (
        "number"
        if ours in NUMBERS or ours.startswith(PERSONA)
        else "text"
        if ours not in ("persona_updated_at", "persona_is_decided")
        else ""
    )
    if kind and found["type"] not in TYPES[kind]:
        return [f"field {theirs}: is of type {found['type']}, {ours} needs one of {', '.join(TYPES[kind])}"]
    return []
