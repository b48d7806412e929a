"""Brevo: one contact a request. Attributes have names in capitals and must exist there beforehand."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from survey_service.crm.adapters.contact_values import IDENTITIES as ALL
from survey_service.crm.adapters.contact_values import NUMBERS, PERSONA, STATE, field_of
from survey_service.crm.adapters.protocol import Ask, ConnectionConfig, Record, Request, judge_by_status, no_token_request

MOST = 15
URL = "https://api.brevo.com"
CREDENTIALS = (frozenset({"token"}),)
IDENTITIES = ALL
TYPES = {"record_id": "contact_id", "external_id": "ext_id", "email": "email_id"}
NAMES = {"external_id": "ext_id", "email": "email"}

token_request = no_token_request
judge = judge_by_status


def default_mapping(personas: Sequence[str]) -> dict[str, str]:
    return {name.upper(): name for name in (*STATE, *(field_of(persona) for persona in personas))}


def requests(config: ConnectionConfig, token: str | None, records: Sequence[Record]) -> list[Request]:
    return [_request(config, token, record) for record in records]


def missing(config: ConnectionConfig, token: str | None, ask: Ask) -> list[str]:
    """Return the attributes that are missing or of another type."""
    answer = ask(Request("GET", f"{config.url}/v3/contacts/attributes", _headers(token)))
    if answer.status == 401:
        return ["credentials: Brevo does not take the API key from here; are there blocked addresses in its security settings?"]
    if answer.status != 200:
        return [f"attributes: Brevo answered {answer.status}"]
    there = {attribute["name"]: attribute for attribute in answer.json.get("attributes", ()) if attribute.get("category") == "normal"}
    return [line for theirs, ours in sorted(config.mapping.items()) for line in _wrong(theirs, ours, there.get(theirs))]


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
    needed = "float" if ours in NUMBERS or ours.startswith(PERSONA) else "boolean" if ours == "persona_is_decided" else "text"
    if found is None:
        return [f"attribute {theirs}: is missing; make it in Contacts, Settings, Contact attributes, as {needed}"]
    fits = (needed, "category", "date") if needed == "text" else (needed,)
    return [] if found.get("type", needed) in fits else [f"attribute {theirs}: is of type {found['type']}, {ours} needs {needed}"]
