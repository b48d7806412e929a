"""Klaviyo: one profile a request."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from survey_service.crm.adapters.contact_values import IDENTITIES as ALL
from survey_service.crm.adapters.contact_values import STATE, field_of
from survey_service.crm.adapters.protocol import Ask, ConnectionConfig, Record, Request, judge_by_status, no_token_request

MOST = 15
URL = "https://a.klaviyo.com"
CREDENTIALS = (frozenset({"token"}),)
IDENTITIES = ALL
REVISION = "2026-10-15"
JSON_API = "application/vnd.api+json"

token_request = no_token_request
judge = judge_by_status


def default_mapping(personas: Sequence[str]) -> dict[str, str]:
    return {name: name for name in (*STATE, *(field_of(persona) for persona in personas))}


def requests(config: ConnectionConfig, token: str | None, records: Sequence[Record]) -> list[Request]:
    """Return the requests. The import creates unknown profiles; an update by Klaviyo's own id does not."""
    return [_request(config, token, record) for record in records]


def missing(config: ConnectionConfig, token: str | None, ask: Ask) -> list[str]:
    """Return whether the key is accepted. Profile properties need no set-up, and Klaviyo does not say what else a key may do."""
    answer = ask(Request("GET", f"{config.url}/api/profiles?page%5Bsize%5D=1", _headers(token)))
    if answer.status == 401:
        return ["credentials: Klaviyo does not take the API key"]
    if answer.status == 403:
        return ["scope profiles: give the API key full access to profiles"]
    return [] if answer.status == 200 else [f"profiles: Klaviyo answered {answer.status}"]


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
