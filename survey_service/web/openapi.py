"""What the OpenAPI document says beyond the fields of a body: rules between fields, names of properties, who may call."""

from collections.abc import Mapping
from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import fields, validate

from survey_service.web.api import StrictSchema

KEY, SESSION = "key", "session"
"""The two kinds of bearer token."""
SECURITY = {
    KEY: {"type": "http", "scheme": "bearer", "description": "An API key, made with `discern key create`"},
    SESSION: {"type": "http", "scheme": "bearer", "description": "The token of a session; it may stand in the body instead"},
}
ANYBODY: list[dict[str, list[str]]] = []
OF_A_SESSION: list[dict[str, list[str]]] = [{SESSION: []}, {}]
OF_A_SESSION_OR_KEY: list[dict[str, list[str]]] = [{KEY: []}, {SESSION: []}]


class Converter(OpenAPIConverter):
    """Converts schemas to JSON Schema, with what they say of themselves: see `api.StrictSchema`."""

    def schema2jsonschema(self, schema: Any) -> dict[str, Any]:
        document: dict[str, Any] = super().schema2jsonschema(schema)  # type: ignore[no-untyped-call]  # apispec is typed in part
        return schema.described(document, self.resolve_nested_schema) if isinstance(schema, StrictSchema) else document


class Description(MarshmallowPlugin):
    """The apispec plugin with which flask-smorest describes bodies."""

    Converter = Converter

    def init_spec(self, spec: Any) -> None:
        super().init_spec(spec)
        assert self.converter is not None  # noqa: S101  (made by the line above)
        self.converter.add_attribute_function(_names_and_number_of_properties)

    def operation_helper(self, path: Any = None, operations: Any = None, **more: Any) -> None:
        """Give each operation the id "blueprint.function"."""
        super().operation_helper(path, operations, **more)
        for operation in (operations or {}).values():
            operation["operationId"] = more["rule"].endpoint


def plain_values(most: int, longest_name: int, longest_text: int) -> dict[str, Any]:
    """Return the metadata of a mapping from short names to texts, numbers, true, false or null."""
    return {
        "maxProperties": most,
        "propertyNames": {"minLength": 1, "maxLength": longest_name},
        "additionalProperties": {"type": ["string", "number", "boolean", "null"], "maxLength": longest_text},
    }


def one_of(*names: str) -> dict[str, Any]:
    """Return the rule that exactly one of these fields is present."""
    return {"oneOf": [{"required": [name]} for name in names]}


def without(*names: str) -> dict[str, Any]:
    """Return the rule that none of these fields is present."""
    return {"properties": {name: {"not": {}} for name in names}}


def _names_and_number_of_properties(_converter: Any, field: "fields.Field[Any]", ret: dict[str, Any]) -> dict[str, Any]:
    """Describe the names and number of a mapping's properties: apispec describes only its values, and its size as that of a text."""
    if not isinstance(field, fields.Dict):
        return {}
    document: dict[str, Any] = {}
    ret.pop("maxLength", None)
    if isinstance(names := field.metadata.get("propertyNames"), Mapping):
        document["propertyNames"] = dict(names)
    elif field.key_field is not None:
        lengths = [validator for validator in field.key_field.validators if isinstance(validator, validate.Length)]
        limits = {
            name: value for length in lengths for name, value in (("minLength", length.min), ("maxLength", length.max)) if value is not None
        }
        document |= {"propertyNames": limits} if limits else {}
    sizes = [validator.max for validator in field.validators if isinstance(validator, validate.Length) and validator.max is not None]
    return document | ({"maxProperties": min(sizes)} if sizes else {})
