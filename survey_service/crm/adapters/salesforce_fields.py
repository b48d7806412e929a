"""Salesforce's fields: what is missing for a connection, and what new contacts need."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from survey_service.crm.adapters.answers import AnswerSchema, read
from survey_service.crm.adapters.contact_values import kind_of_value
from survey_service.crm.adapters.protocol import Ask, ConnectionConfig, Request, bearer

VERSION = "v59.0"
DATA = f"/services/data/{VERSION}"
OBJECT = "Contact"
TYPES = {"number": ("double", "percent", "int", "currency"), "text": ("string", "textarea", "picklist", "email")}


class FieldSchema(AnswerSchema):
    name = fields.String(required=True)
    type = fields.String(required=True)
    updateable = fields.Boolean(load_default=False)
    createable = fields.Boolean(load_default=True)
    nillable = fields.Boolean(load_default=True)
    has_default = fields.Boolean(load_default=False, data_key="defaultedOnCreate")
    is_external_id = fields.Boolean(load_default=False, data_key="externalId")
    unique = fields.Boolean(load_default=True)


class DescribeSchema(AnswerSchema):
    fields_ = fields.List(fields.Nested(FieldSchema), required=True, data_key="fields")


DESCRIBE = DescribeSchema()


def missing(config: ConnectionConfig, token: str | None, ask: Ask) -> list[str]:
    """Return the fields that are missing, not writable or of another type, an external id that is none, and fields that new contacts
    need.
    """
    answer = ask(Request("GET", f"{config.url}{DATA}/sobjects/{OBJECT}/describe", bearer(token)))
    if answer.status != 200:
        return [f"{OBJECT}: Salesforce answered {answer.status}; may the connected app use the API, and its user see contacts?"]
    there = {field["name"]: field for field in read(DESCRIBE, answer)["fields_"]}
    problems = [line for theirs, ours in sorted(config.ours.items()) for line in _wrong(theirs, ours, there.get(theirs))]
    problems += [line for theirs in sorted(config.when_created) for line in _not_creatable(theirs, there.get(theirs))]
    if "external_id" in config.identity:
        problems += _wrong_external_id(config.external_id["field"], there)
    return problems + (_required(config, there) if config.create_contacts else [])


def _wrong(theirs: str, ours: str, found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return [f"field {theirs}: is missing on {OBJECT}, or the user of the connected app may not see it"]
    if not found["updateable"]:
        return [f"field {theirs}: the user of the connected app may not write it"]
    kind = kind_of_value(ours)
    if kind in TYPES and found["type"] not in TYPES[kind]:
        return [f"field {theirs}: is of type {found['type']}, {ours} needs one of {', '.join(TYPES[kind])}"]
    return []


def _not_creatable(theirs: str, found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return [f"field {theirs}: is missing on {OBJECT}, or the user of the connected app may not see it"]
    return [] if found["createable"] else [f"field {theirs}: the user of the connected app may not set it for a new contact"]


def _wrong_external_id(name: str, there: Mapping[str, Mapping[str, Any]]) -> list[str]:
    found = there.get(name)
    if found is None or not found["is_external_id"]:
        return [f"field {name}: is missing, or not marked as an external id"]
    return [] if found["unique"] else [f"field {name}: is not marked as unique, so that two contacts may have the same id"]


def _required(config: ConnectionConfig, there: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the fields without which Salesforce creates no contact and that the mapping does not give."""
    given = {*config.mapping, config.external_id.get("field")}
    required = (field["name"] for field in there.values() if field["createable"] and not field["nillable"] and not field["has_default"])
    example = '{"attribute": "last_name", "constant": "Unknown"}'
    return [
        f"field {name}: Salesforce creates no contact without it; add it to the mapping, for example as {example}"
        for name in sorted(required)
        if name not in given
    ]
