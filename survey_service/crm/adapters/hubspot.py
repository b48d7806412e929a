"""HubSpot: contacts updated, or created where that is wanted, a hundred at a time."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from marshmallow import fields

from survey_service.crm.adapters.answers import (
    UNEXPECTED,
    AnswerSchema,
    Objects,
    judge_documented,
    parse_each,
    part,
    read,
    read_if_it_fits,
)
from survey_service.crm.adapters.client import FORM
from survey_service.crm.adapters.contact_values import IDENTITIES as ALL
from survey_service.crm.adapters.contact_values import STATE, field_of
from survey_service.crm.adapters.hubspot_properties import missing
from survey_service.crm.adapters.protocol import (
    NOT_FOUND,
    RATE_LIMITED,
    REFUSALS,
    UNAUTHORISED,
    Accepted,
    ConnectionConfig,
    Held,
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
    mapped_fields,
    option_not_allowed,
)

__all__ = ["CREDENTIALS", "IDENTITIES", "MOST", "URL", "default_mapping", "judge", "missing", "requests", "token_request"]

MOST = 100
URL = "https://api.hubapi.com"
CREDENTIALS = (frozenset({"token"}), frozenset({"client_id", "client_secret", "refresh_token"}))
IDENTITIES = ALL
BATCH = "/crm/v3/objects/contacts/batch"
TRANSIENT = ("RATE_LIMITS", "INTERNAL_ERROR", "TIMEOUT")
MISSING = ("OBJECT_NOT_FOUND", "CONTACT_NOT_FOUND")
NO_PROPERTY = "PROPERTY_DOESNT_EXIST"
NO_OPTION = ("INVALID_OPTION", "one of the allowed options")
INVALID = "VALIDATION_ERROR"


class ResultSchema(AnswerSchema):
    """A contact that was written. The id is that of the record as it is now, which is not the one that was asked for after a merge."""

    id = fields.String(required=True)
    trace = fields.String(load_default="", allow_none=True, data_key="objectWriteTraceId")
    properties = fields.Dict(keys=fields.String(), values=fields.Raw(allow_none=True), load_default=dict, allow_none=True)


class DetailSchema(AnswerSchema):
    message = fields.String(load_default="", allow_none=True)
    code = fields.String(load_default="", allow_none=True)
    context = fields.Raw(load_default=None, allow_none=True)


class ErrorSchema(AnswerSchema):
    """An error of a whole request, or of one record in a 207."""

    category = fields.String(load_default="", allow_none=True)
    message = fields.String(load_default="", allow_none=True)
    policy = fields.String(load_default="", allow_none=True, data_key="policyName")
    context = fields.Dict(keys=fields.String(), values=fields.List(fields.String()), load_default=dict, allow_none=True)
    errors = Objects(load_default=list, allow_none=True)


class BatchSchema(AnswerSchema):
    results = Objects(required=True)
    errors = Objects(load_default=list, allow_none=True)


RESULT, DETAIL, ERROR, BATCH_ANSWER = ResultSchema(), DetailSchema(), ErrorSchema(), BatchSchema()


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
        return _judge_each(request.records, response)
    error = read_if_it_fits(ERROR, response) or ERROR.load({})
    if response.status == 429 and "retry-after" not in response.headers and error["policy"] == "DAILY":
        return Pause(f"{RATE_LIMITED}: the day's calls are used up", _until_midnight(now))
    if response.status == 403:
        return Pause(f"{UNAUTHORISED}: a scope is missing, test the connection to see which")
    if response.status in REFUSALS:
        judge_documented(request, response, now)  # raises where the answer is not HubSpot's
        verdict = _verdict(error, request.records, f"refused_{response.status}", response.body if len(request.records) == 1 else b"")
        if response.status == 404 and isinstance(verdict, Refused):
            verdict = replace(verdict, problem=NOT_FOUND)
        return verdict if isinstance(verdict, Pause) else Split(verdict)  # one bad record has a whole batch refused: halving finds it
    return judge_documented(request, response, now)


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


def _judge_each(records: Sequence[Record], response: Response) -> dict[str, Verdict | Pause]:
    """Return a verdict for each record. A record that the response does not mention is sent again."""
    answer = read(BATCH_ANSWER, response)
    verdicts: dict[str, Verdict | Pause] = {}
    for entry, error in zip(answer["errors"] or (), parse_each(ERROR, answer["errors"] or ()), strict=True):
        for record in _meant_by(error, records) if error is not None else ():
            verdicts[record.trace] = _verdict(error, [record], "unknown", part(entry))
    rest = [record for record in records if record.trace not in verdicts]
    return verdicts | _correlated(rest, answer["results"])


def _meant_by(error: Mapping[str, Any], records: Sequence[Record]) -> Sequence[Record]:
    context = error["context"] or {}
    traces, ids = context.get("objectWriteTraceId", ()), context.get("ids", ())
    hit = [record for record in records if record.trace in traces or record.identity.value in ids]
    return hit if hit or len(records) > 1 else records


def _correlated(records: Sequence[Record], entries: Sequence[Any]) -> dict[str, Verdict | Pause]:
    """Tell by the results which records have arrived: by trace id, else by identity, else by position.

    After a merge HubSpot answers under the id of the record that was made of both, and a contact that is found by a second address under
    its first one. So when as many results as records are left, they are these records.
    """
    results = parse_each(RESULT, entries)
    fits = [result for result in results if result is not None]
    arrived = {result["trace"] for result in fits}
    rest = [record for record in records if record.trace not in arrived]
    left = [result for result in fits if result["trace"] not in {record.trace for record in records}]
    for record in list(rest):
        own = next((result for result in left if _is_about(result, record)), None)
        if own is not None:
            left.remove(own)
            rest.remove(record)
    unsaid = [result for result in left if not result["trace"]]
    problem = UNEXPECTED if len(fits) < len(results) else "not_in_answer"
    late: list[Record] = [] if len(unsaid) == len(rest) else rest
    return {record.trace: Later(problem) if record in late else Accepted() for record in records}


def _is_about(result: Mapping[str, Any], record: Record) -> bool:
    """Whether a result without a trace id has the identity that the request named."""
    if result["trace"]:
        return False
    _, id_property = _kind(record)
    found = (result["properties"] or {}).get(id_property) if id_property else result["id"]
    return str(found).lower() == record.identity.value.lower()


def _verdict(error: Mapping[str, Any], records: Sequence[Record], unnamed: str, answer: bytes) -> Later | Refused | Held | Pause:
    """Return what an error means. Its category and the names of properties are kept and nothing else: the message may quote the contact."""
    category = str(error["category"] or unnamed)
    said = "\n".join(_said(error))
    named = mapped_fields(records, re.findall(r"\w+", said))
    if NO_PROPERTY in said:
        return Pause(f"property {', '.join(named) or 'of the mapping'}: is missing in HubSpot; test the connection to see which")
    if named and any(sign in said for sign in NO_OPTION):
        return Held(option_not_allowed(named), answer=answer)
    if named and category == INVALID:
        return Pause(f"property {', '.join(named)}: HubSpot refuses its value, its type or rules were changed; test the connection")
    if category in TRANSIENT:
        return Later(category.lower(), answer)
    return Refused(NOT_FOUND if category in MISSING else category.lower()[:60], answer)


def _said(error: Mapping[str, Any]) -> Iterator[str]:
    """Return everything that an error says: in its message, in its context and in its details."""
    yield error["message"] or ""
    yield str(error["context"] or "")
    for detail in parse_each(DETAIL, error["errors"] or ()):
        if detail is not None:
            yield from (detail["message"] or "", detail["code"] or "", str(detail["context"] or ""))


def _until_midnight(now: datetime) -> timedelta:
    """Wait until midnight UTC: the account's own midnight is not known. Where it is later, HubSpot refuses again and we wait again."""
    tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return tomorrow - now
