"""Any other system: one request a contact, made from a template without logic.

A placeholder ``{{persona_top}}`` is replaced by a value of ours. A JSON string that is only a placeholder becomes the value itself, so
that a number stays a number; inside a longer string it becomes text. In the URL it is percent-encoded.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from survey_service.crm.adapters.contact_values import ATTRIBUTE, is_name, names
from survey_service.crm.adapters.contact_values import IDENTITIES as ALL
from survey_service.crm.adapters.protocol import Ask, ConnectionConfig, Record, Request, judge_by_status, no_token_request

__all__ = ["CREDENTIALS", "IDENTITIES", "MOST", "URL"]

MOST = 10
URL = ""
CREDENTIALS = (frozenset[str](), frozenset({"headers"}))
IDENTITIES = ALL
METHODS = ("POST", "PUT", "PATCH")
JSON_TYPE = {"content-type": "application/json"}
PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
ORIGIN = re.compile(r"[a-z]+://[^/?#{}]+[/?]")

token_request = no_token_request
judge = judge_by_status


def default_mapping(personas: Sequence[str]) -> dict[str, str]:
    return {}


def requests(config: ConnectionConfig, token: str | None, records: Sequence[Record]) -> list[Request]:
    template = config.template or {}
    headers = {**JSON_TYPE, **template.get("headers", {}), **config.credentials.get("headers", {})}
    return [
        Request(template.get("method", "POST"), _address(config.url, record), headers, filled(template.get("body"), record), (record,))
        for record in records
    ]


def missing(config: ConnectionConfig, token: str | None, ask: Ask) -> list[str]:
    """Return nothing: an unknown system cannot be asked. The dry run shows what it would be sent."""
    return []


def filled(template: Any, record: Record) -> Any:
    """Return the JSON of a template with its values; unknown ones are null."""
    if isinstance(template, str):
        whole = PLACEHOLDER.fullmatch(template)
        return record.ours.get(whole[1]) if whole else PLACEHOLDER.sub(lambda found: _text(record.ours.get(found[1])), template)
    if isinstance(template, Mapping):
        return {name: filled(inner, record) for name, inner in template.items()}
    return [filled(inner, record) for inner in template] if isinstance(template, list) else template


def placeholders(template: Any) -> Iterator[str]:
    """Return the names that a template refers to, in order."""
    if isinstance(template, str):
        yield from PLACEHOLDER.findall(template)
    elif isinstance(template, Mapping | list):
        for inner in template.values() if isinstance(template, Mapping) else template:
            yield from placeholders(inner)


def wrong(url: str, template: Mapping[str, Any], personas: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Return path and problem of everything in a template that is not possible."""
    for path, part in (("url", url), ("template.body", template.get("body")), ("template.headers", template.get("headers"))):
        if path == "template.headers" and list(placeholders(part)):
            yield path, "takes no placeholders: they belong in the address or the body"
            continue
        for name in placeholders(part):
            if not is_name(name, personas):
                known = ", ".join((*names(personas), f"{ATTRIBUTE}NAME"))
                yield path, f'"{name}" is not a value that we have: choose from {known}'
    if PLACEHOLDER.search(url) and not ORIGIN.match(url):
        yield "url", "a placeholder may stand behind the host name only"


def _address(url: str, record: Record) -> str:
    return PLACEHOLDER.sub(lambda found: quote(_text(record.ours.get(found[1])), safe=""), url)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
