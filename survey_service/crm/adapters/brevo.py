"""Brevo: one contact a request. Attributes have names in capitals and must exist there beforehand."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from marshmallow import fields

from survey_service.crm.adapters.answers import AnswerSchema, judge_documented, read, read_if_it_fits
from survey_service.crm.adapters.contact_values import IDENTITIES as ALL
from survey_service.crm.adapters.contact_values import STATE, field_of, kind_of_value
from survey_service.crm.adapters.protocol import (
    Accepted,
    Ask,
    ConnectionConfig,
    Judgement,
    Pause,
    Record,
    Refused,
    Request,
    Response,
    mapped_fields,
    no_token_request,
)

MOST = 15
URL = "https://api.brevo.com"
CREDENTIALS = (frozenset({"token"}),)
IDENTITIES = ALL
TYPES = {"record_id": "contact_id", "external_id": "ext_id", "email": "email_id"}
NAMES = {"external_id": "ext_id", "email": "email"}
RESET = "x-sib-ratelimit-reset"
"""The header that says in how many seconds the limit is over."""


class ErrorSchema(AnswerSchema):
    code = fields.String(required=True)
    message = fields.String(load_default="", allow_none=True)


class CreatedSchema(AnswerSchema):
    id = fields.Integer(required=True)


class AttributeSchema(AnswerSchema):
    name = fields.String(required=True)
    category = fields.String(load_default="")
    type = fields.String(load_default="", allow_none=True)


class AttributesSchema(AnswerSchema):
    attributes = fields.List(fields.Nested(AttributeSchema), required=True)


CREATED, ERROR, ATTRIBUTES = CreatedSchema(), ErrorSchema(), AttributesSchema()

token_request = no_token_request


def default_mapping(personas: Sequence[str]) -> dict[str, str]:
    return {name.upper(): name for name in (*STATE, *(field_of(persona) for persona in personas))}


def requests(config: ConnectionConfig, token: str | None, records: Sequence[Record]) -> list[Request]:
    return [_request(config, token, record) for record in records]


def judge(request: Request, response: Response, now: datetime) -> Judgement:
    """Return the verdict. An updated contact is answered by 204 without a body, a new one by 201 with its id."""
    if response.status == 201:
        read(CREATED, response)
        return {record.trace: Accepted() for record in request.records}
    if response.status == 429 and RESET in response.headers and "retry-after" not in response.headers:
        response = Response(response.status, {**response.headers, "retry-after": response.headers[RESET]})
    error = read_if_it_fits(ERROR, response) if response.status in (400, 422) else None
    if error is None:
        return judge_documented(request, response, now)
    named = mapped_fields(request.records, re.findall(r"\w+", error["message"] or ""))
    if named:
        return Pause(f"attribute {', '.join(named)}: {error['code'][:60]}; test the connection")
    return {record.trace: Refused(error["code"].lower()[:60], response.body) for record in request.records}


def missing(config: ConnectionConfig, token: str | None, ask: Ask) -> list[str]:
    """Return the attributes that are missing or of another type."""
    answer = ask(Request("GET", f"{config.url}/v3/contacts/attributes", _headers(token)))
    if answer.status == 401:
        return ["credentials: Brevo does not take the API key from here; are there blocked addresses in its security settings?"]
    if answer.status != 200:
        return [f"attributes: Brevo answered {answer.status}"]
    there = {attribute["name"]: attribute for attribute in read(ATTRIBUTES, answer)["attributes"] if attribute["category"] == "normal"}
    problems = [line for theirs, ours in sorted(config.ours.items()) for line in _wrong(theirs, ours, there.get(theirs))]
    gone = sorted(theirs for theirs in config.when_created if theirs not in there)
    return problems + [f"attribute {theirs}: is missing; make it in Contacts, Settings, Contact attributes" for theirs in gone]


def _request(config: ConnectionConfig, token: str | None, record: Record) -> Request:
    """Return a value for Brevo, which empties an attribute that is given an empty text."""
    identity, attributes = record.identity, {name: "" if value is None else value for name, value in record.values.items()}
    if record.may_create:
        body: dict[str, Any] = {NAMES[identity.by]: identity.value, "attributes": attributes, "updateEnabled": True}
        return Request("POST", f"{config.url}/v3/contacts", _headers(token), body, (record,))
    url = f"{config.url}/v3/contacts/{quote(identity.value, safe='')}?identifierType={TYPES[identity.by]}"
    return Request("PUT", url, _headers(token), {"attributes": attributes}, (record,))


def _headers(token: str | None) -> dict[str, str]:
    return {"api-key": token or "", "accept": "application/json"}


def _wrong(theirs: str, ours: str, found: Mapping[str, Any] | None) -> list[str]:
    needed = {"number": "float", "boolean": "boolean"}.get(kind_of_value(ours), "text")
    if found is None:
        return [f"attribute {theirs}: is missing; make it in Contacts, Settings, Contact attributes, as {needed}"]
    fits = (needed, "category", "date") if needed == "text" else (needed,)
    is_of = found["type"] or needed
    return [] if is_of in fits else [f"attribute {theirs}: is of type {is_of}, {ours} needs {needed}"]
