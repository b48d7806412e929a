"""What is wrong with a connection, all of it at once, before it is stored."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from survey_service.crm import facts, http_template
from survey_service.crm.kinds import ADAPTERS
from survey_service.errors import Invalid
from survey_service.settings import Settings
from survey_service.webhooks.addresses import AddressRefused, Policy, vet_url

RESERVED = ("host", "connection", "transfer-encoding", "te", "upgrade", "accept-encoding", "user-agent", "expect", "trailer")
RESERVED_BEGINNINGS = ("content-", "proxy-", "webhook-")
CONTENT_TYPE = "content-type"

Problems = Iterator[tuple[str, str]]


def check(given: Mapping[str, Any], personas: Sequence[str], settings: Settings) -> None:
    """Raises Invalid with every field named."""
    problems = [
        *_credentials(given),
        *_address(given, settings),
        *_identity(given),
        *_mapping(given, facts.names(personas)),
        *_options(given, personas),
        *_template(given, facts.names(personas)),
    ]
    if problems:
        raise Invalid(errors=[{"path": path, "message": message} for path, message in problems])


def _credentials(given: Mapping[str, Any]) -> Problems:
    choices, found = ADAPTERS[given["kind"]].CREDENTIALS, given["credentials"]
    if frozenset(found) not in choices:
        yield "credentials", "give " + ", or ".join(" and ".join(sorted(one)) or "nothing" for one in choices)
    for name, value in found.items():
        if name == "headers" and isinstance(value, dict):
            yield from _headers("credentials.headers", value)
        elif not isinstance(value, str) or not value.isprintable() or not value.isascii() or not value:
            yield f"credentials.{name}", "is not a word of printable ASCII characters"


def _headers(path: str, headers: Mapping[str, Any]) -> Problems:
    for name, value in headers.items():
        low = name.lower()
        reserved = low in RESERVED or low.startswith(RESERVED_BEGINNINGS)
        if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii() or (reserved and low != CONTENT_TYPE):
            yield f"{path}.{name}", "is not a header that can be set"
        if not isinstance(value, str) or not value.isprintable() or not value.isascii():
            yield f"{path}.{name}", "has a value that no header can hold: write one line of ASCII text"


def _address(given: Mapping[str, Any], settings: Settings) -> Problems:
    url = given["url"]
    if not url:
        yield "url", "is missing: an address such as https://acme.my.salesforce.com"
        return
    try:
        vet_url(http_template.PLACEHOLDER.sub("x", url), Policy(settings.allow_private_targets))
    except AddressRefused as wrong:
        yield "url", wrong.detail
    if given["kind"] != "http" and url.endswith("/"):
        yield "url", "ends with a slash: give the address up to the host name"


def _identity(given: Mapping[str, Any]) -> Problems:
    possible = ADAPTERS[given["kind"]].IDENTITIES
    if not given["identity"]:
        yield "identity", f"is empty: choose from {', '.join(possible)}, the surest first"
    for number, one in enumerate(given["identity"]):
        if one not in possible:
            yield f"identity.{number}", f'"{one}" is not possible here: choose from {", ".join(possible)}'
    if "external_id" in given["identity"] and given["kind"] not in ("http", "klaviyo", "brevo") and not given["external_id"].get("field"):
        yield "external_id.field", "is missing: the name of the field over there that holds your ids of contacts"
    if given["kind"] == "klaviyo" and not given["create_contacts"] and set(given["identity"]) != {"record_id"}:
        yield (
            "create_contacts",
            "Klaviyo makes profiles that it does not know by e-mail or external id: set this, or identify by record_id alone",
        )


def _mapping(given: Mapping[str, Any], known: Sequence[str]) -> Problems:
    for theirs, ours in given["mapping"].items():
        if ours not in known:
            yield f"mapping.{theirs}", f'"{ours}" is nothing that we have: choose from {", ".join(known)}'
    if not given["mapping"] and given["kind"] != "http":
        yield "mapping", "is empty: nothing would be sent"


def _options(given: Mapping[str, Any], personas: Sequence[str]) -> Problems:
    for field, words in given["options"].items():
        if field not in given["mapping"]:
            yield f"options.{field}", "is not a field of the mapping"
        elif given["mapping"][field] == "persona_top":
            for one in personas:
                if one not in words:
                    yield f"options.{field}.{one}", "is missing: every persona needs an option"


def _template(given: Mapping[str, Any], known: Sequence[str]) -> Problems:
    if given["kind"] != "http":
        if given["template"] is not None:
            yield "template", "is for connections of the kind http"
    elif given["template"] is None:
        yield "template", "is missing: the request that each contact is told with"
    else:
        yield from http_template.wrong(given["url"], given["template"], known)
        yield from _headers("template.headers", given["template"].get("headers", {}))
