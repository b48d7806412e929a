"""Salesforce: contacts by record id or by an external id field, two hundred at a time; created only where that is wanted."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from urllib.parse import quote

from marshmallow import fields

from survey_service.crm.adapters.answers import (
    UNEXPECTED,
    AnswerSchema,
    Objects,
    json_of,
    judge_documented,
    parse,
    parse_each,
    part,
    read_if_it_fits,
)
from survey_service.crm.adapters.client import FORM
from survey_service.crm.adapters.contact_values import STATE, field_of
from survey_service.crm.adapters.protocol import (
    NOT_FOUND,
    RATE_LIMITED,
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
from survey_service.crm.adapters.salesforce_fields import DATA, OBJECT, VERSION, missing

__all__ = ["CREDENTIALS", "IDENTITIES", "MOST", "URL", "default_mapping", "judge", "missing", "requests", "token_request"]

MOST = 200
MOST_IN_A_BATCH = 25
URL = ""  # every account has its own host
CREDENTIALS = (frozenset({"client_id", "client_secret"}),)
IDENTITIES = ("record_id", "external_id")

DAY_USED_UP = "REQUEST_LIMIT_EXCEEDED"
DAY_IS_USED_UP = Pause(f"{RATE_LIMITED}: the calls of 24 hours are used up", timedelta(hours=1))
TRANSIENT = ("UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "PROCESSING_HALTED", "API_CURRENTLY_DISABLED")
GONE = ("NOT_FOUND", "INVALID_CROSS_REFERENCE_KEY")
NO_PERMISSION = ("API_DISABLED_FOR_ORG", "INVALID_TYPE")
OF_THIS_CONTACT = {
    "ENTITY_IS_LOCKED": "locked: in an approval process",
    "INSUFFICIENT_ACCESS_OR_READONLY": f"{UNAUTHORISED}: the user of the connected app may not write this contact",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": f"{UNAUTHORISED}: the user of the connected app may not write this contact",
}
"""Codes of a contact that waits until somebody releases or shares it. Others may be writable all the same."""
REQUIRED = "REQUIRED_FIELD_MISSING"
NO_FIELD = {
    "INVALID_FIELD": "is gone, or the user of the connected app may not see it",
    "INVALID_FIELD_FOR_INSERT_UPDATE": "may not be written by the user of the connected app",
    "JSON_PARSER_ERROR": "has another type than its value",
}
OF_FIELDS = {
    "INVALID_TYPE_ON_FIELD_IN_RECORD": "has another type than its value",
    "STRING_TOO_LONG": "is too short for its value",
    "NUMBER_OUTSIDE_VALID_RANGE": "is too small for its value",
    REQUIRED: "is required for new contacts",
}
"""Codes that are the connection's fault when they name a field of the mapping, by what they say of the field."""
NO_OPTION = "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
AMBIGUOUS = "DUPLICATE_EXTERNAL_ID"
RECORD_ID = re.compile(r"\b003[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?\b")


class ErrorSchema(AnswerSchema):
    """An error of any resource. Collections call its code `statusCode`, all others `errorCode`."""

    status_code = fields.String(load_default="", allow_none=True, data_key="statusCode")
    error_code = fields.String(load_default="", allow_none=True, data_key="errorCode")
    message = fields.String(load_default="", allow_none=True)
    fields_ = fields.List(fields.String(), load_default=list, data_key="fields", allow_none=True)


class CollectionResultSchema(AnswerSchema):
    """One record of a collection."""

    success = fields.Boolean(required=True, truthy={True}, falsy={False})
    errors = Objects(load_default=list, allow_none=True)


class BatchResultSchema(AnswerSchema):
    """One part of a composite batch."""

    status = fields.Integer(required=True, strict=True, data_key="statusCode")
    result = fields.Raw(load_default=None, allow_none=True)


class BatchSchema(AnswerSchema):
    results = Objects(required=True)


ERROR, COLLECTION_RESULT, BATCH, BATCH_RESULT = (
    ErrorSchema(),
    CollectionResultSchema(),
    BatchSchema(),
    BatchResultSchema(),
)
ERRORS = ErrorSchema(many=True)


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
    if response.status == 200:
        return _judge_each(request.records, response)
    errors = read_if_it_fits(ERRORS, response) or []
    if response.status == 403 and any(_code(error) == DAY_USED_UP for error in errors):
        return DAY_IS_USED_UP
    if response.status == 404:  # of the whole request: a contact that is missing is reported in its part of a 200
        return Pause(f"url: Salesforce has no {OBJECT} with this external id field here; test the connection")
    if response.status == 400 and errors:
        verdict = _verdict_of_errors(request.records, errors, b"")
        return verdict if isinstance(verdict, Pause) else Split(verdict)
    return judge_documented(request, response, now)


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


def _judge_each(records: Sequence[Record], response: Response) -> dict[str, Verdict | Pause]:
    """Return a verdict for each record, by position: Salesforce keeps the order. A collection answers a list, a composite batch an
    object.
    """
    answer = json_of(response)
    if isinstance(answer, list):
        entries, parsed, judge_one = answer, parse_each(COLLECTION_RESULT, answer), _of_collection
    else:
        entries = parse(BATCH, answer)["results"]
        parsed, judge_one = parse_each(BATCH_RESULT, entries), _of_batch
    verdicts: dict[str, Verdict | Pause] = {record.trace: Later("not_in_answer") for record in records}
    for record, entry, result in zip(records, entries, parsed, strict=False):
        verdicts[record.trace] = Later(UNEXPECTED, part(entry)) if result is None else judge_one(record, result, part(entry))
    return verdicts


def _of_collection(record: Record, result: Mapping[str, Any], answer: bytes) -> Verdict | Pause:
    return Accepted() if result["success"] else _verdict_of_errors([record], _errors(result["errors"]), answer)


def _of_batch(record: Record, result: Mapping[str, Any], answer: bytes) -> Verdict | Pause:
    """Return the verdict of one update. 300 means that several contacts have this external id, and lists their addresses."""
    status = result["status"]
    if 200 <= status < 300:
        return Accepted()
    if status == 300:
        return Refused(_ambiguous(answer.decode(errors="replace")), answer)
    errors = _errors(result["result"] if isinstance(result["result"], list) else [result["result"]])
    if status >= 500 and not any(map(_code, errors)):
        return Later(f"status_{status}", answer)
    return _verdict_of_errors([record], errors, answer)


def _errors(entries: Any) -> list[Mapping[str, Any]]:
    return [error for error in parse_each(ERROR, entries or []) if error is not None]


def _verdict_of_errors(records: Sequence[Record], errors: Sequence[Mapping[str, Any]], answer: bytes) -> Later | Refused | Held | Pause:
    """Return what the first error means. Only its code and names of fields are kept: the message may quote the contact."""
    if not errors:
        return Later(UNEXPECTED, answer)
    error = errors[0]
    code, named = _code(error) or "unknown", _at_fault(records, error)
    if pause := _pause_for(code, named):
        return pause
    if code in TRANSIENT:
        return Later(code.lower(), answer)
    if code in OF_THIS_CONTACT or (code == NO_OPTION and named):
        return Held(option_not_allowed(named) if code == NO_OPTION else OF_THIS_CONTACT[code], answer=answer)
    return Refused(_refusal(code, error["message"] or ""), answer)


def _refusal(code: str, message: str) -> str:
    if code == AMBIGUOUS:
        return _ambiguous(message)
    return NOT_FOUND if code in GONE else code.lower()[:60]


def _pause_for(code: str, named: Sequence[str]) -> Pause | None:
    """Return the pause when the connection is to blame. `named` are the fields of the mapping that the error names."""
    fields_named = f"field {', '.join(named) or 'of the mapping'}"
    if code == DAY_USED_UP:
        return DAY_IS_USED_UP
    if code in NO_PERMISSION:
        return Pause(f"{UNAUTHORISED}: {code.lower()}: the user of the connected app may not do this")
    if code in NO_FIELD or (code in OF_FIELDS and named):
        return Pause(f"{fields_named}: {(NO_FIELD | OF_FIELDS)[code]}; test the connection")
    if code in GONE and named:  # it names the external id field, and not the contact
        return Pause(f"{fields_named}: is gone, or no external id any more; test the connection")
    return None


def _at_fault(records: Sequence[Record], error: Mapping[str, Any]) -> list[str]:
    """Return the fields for which the connection is to blame: those of the mapping, and required ones that it does not give."""
    if _code(error) == REQUIRED:
        needed = error["fields_"] or re.findall(r"\w+", (error["message"] or "").partition("[")[2])
        return sorted(name for name in needed if all(name not in record.values for record in records))
    return mapped_fields(records, [*(error["fields_"] or ()), *re.findall(r"\w+", error["message"] or "")])


def _code(error: Mapping[str, Any]) -> str:
    return str(error["status_code"] or error["error_code"] or "")


def _ambiguous(text: str) -> str:
    """Name the records that have the same external id: their ids are no data of the contact."""
    found = list(dict.fromkeys(RECORD_ID.findall(text)))
    return "external_id_not_unique" + (f": {', '.join(found[:5])}" if found else "")
