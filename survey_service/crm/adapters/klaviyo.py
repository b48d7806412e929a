"""Klaviyo: one profile a request. Its properties need no set-up: they are created by the first write, and have no types."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from marshmallow import fields

from survey_service.crm.adapters.answers import AnswerSchema, Objects, judge_documented, read, read_if_it_fits
from survey_service.crm.adapters.contact_values import IDENTITIES as ALL
from survey_service.crm.adapters.contact_values import STATE, field_of
from survey_service.crm.adapters.protocol import (
    Accepted,
    Ask,
    ConnectionConfig,
    Judgement,
    Record,
    Refused,
    Request,
    Response,
    no_token_request,
)

MOST = 15
URL = "https://a.klaviyo.com"
CREDENTIALS = (frozenset({"token"}),)
IDENTITIES = ALL
REVISION = "2026-10-15"
JSON_API = "application/vnd.api+json"


class ProfileSchema(AnswerSchema):
    id = fields.String(required=True)


class DocumentSchema(AnswerSchema):
    """An answer with one profile (JSON:API)."""

    data = fields.Nested(ProfileSchema, required=True)


class ProfilesSchema(AnswerSchema):
    data = Objects(required=True)


class ErrorSchema(AnswerSchema):
    code = fields.String(required=True)


class ErrorsSchema(AnswerSchema):
    errors = fields.List(fields.Nested(ErrorSchema), required=True, validate=lambda errors: len(errors) > 0)


DOCUMENT, PROFILES, ERRORS = DocumentSchema(), ProfilesSchema(), ErrorsSchema()

token_request = no_token_request


def default_mapping(personas: Sequence[str]) -> dict[str, str]:
    return {name: name for name in (*STATE, *(field_of(persona) for persona in personas))}


def requests(config: ConnectionConfig, token: str | None, records: Sequence[Record]) -> list[Request]:
    """Return the requests. The import creates unknown profiles; an update by Klaviyo's own id does not."""
    return [_request(config, token, record) for record in records]


def judge(request: Request, response: Response, now: datetime) -> Judgement:
    """Return the verdict: the profile is answered by 200, or 201 where it is new. Other errors than by status are named by their code."""
    if response.status in (200, 201):
        read(DOCUMENT, response)
        return {record.trace: Accepted() for record in request.records}
    errors = read_if_it_fits(ERRORS, response) if response.status in (400, 409, 422) else None
    if errors is None:
        return judge_documented(request, response, now)
    code = errors["errors"][0]["code"].lower()[:60]
    return {record.trace: Refused(code, response.body) for record in request.records}


def missing(config: ConnectionConfig, token: str | None, ask: Ask) -> list[str]:
    """Return whether the key is accepted. Profile properties need no set-up, and Klaviyo does not say what else a key may do."""
    answer = ask(Request("GET", f"{config.url}/api/profiles?page%5Bsize%5D=1", _headers(token)))
    if answer.status == 401:
        return ["credentials: Klaviyo does not take the API key"]
    if answer.status == 403:
        return ["scope profiles: give the API key full access to profiles"]
    if answer.status != 200:
        return [f"profiles: Klaviyo answered {answer.status}"]
    read(PROFILES, answer)
    return []


def _request(config: ConnectionConfig, token: str | None, record: Record) -> Request:
    identity = record.identity
    attributes: dict[str, Any] = {"properties": {name: value for name, value in record.values.items() if value is not None}}
    data: dict[str, Any] = {"type": "profile", "attributes": attributes}
    emptied = [name for name, value in record.values.items() if value is None]
    if emptied:
        data["meta"] = {"patch_properties": {"unset": emptied}}
    if identity.by == "record_id":
        url = f"{config.url}/api/profiles/{quote(identity.value, safe='')}"
        return Request("PATCH", url, _headers(token), {"data": {**data, "id": identity.value}}, (record,))
    attributes[identity.by] = identity.value
    return Request("POST", f"{config.url}/api/profile-import", _headers(token), {"data": data}, (record,))


def _headers(token: str | None) -> dict[str, str]:
    return {"authorization": f"Klaviyo-API-Key {token}", "revision": REVISION, "content-type": JSON_API, "accept": JSON_API}
