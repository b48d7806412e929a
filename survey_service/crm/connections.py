"""Connections: endpoints that use a CRM's own API. Credentials are stored encrypted and are never shown."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from survey_service.crm.adapters import contact_values, http_template
from survey_service.crm.adapters.protocol import ConnectionConfig
from survey_service.crm.adapters.registry import ADAPTERS
from survey_service.crm.batches import connection_config
from survey_service.crypto import Keyring
from survey_service.egress.addresses import AddressRefused, Policy, vet_url
from survey_service.errors import Invalid, NotFound
from survey_service.outbox import messages
from survey_service.outbox.events import CROSSINGS, ERASED, UPDATED
from survey_service.settings import Settings
from survey_service.store.banks import Banks
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.webhooks import BY_OWNER, NEW, Connection, Endpoint
from survey_service.webhooks import endpoint_health

RESERVED = ("host", "connection", "transfer-encoding", "te", "upgrade", "accept-encoding", "user-agent", "expect", "trailer")
RESERVED_BEGINNINGS = ("content-", "proxy-", "webhook-")
CONTENT_TYPE = "content-type"

Problems = Iterator[tuple[str, str]]


def validate(given: Mapping[str, Any], personas: Sequence[str], settings: Settings) -> None:
    """Check a connection. Raises Invalid with every field named."""
    problems = [
        *_credentials(given),
        *_address(given, settings),
        *_identity(given),
        *_mapping(given, contact_values.mapped_names(personas)),
        *_options(given, personas),
        *_template(given, personas),
    ]
    if problems:
        raise Invalid(errors=[{"path": path, "message": message} for path, message in problems])


def _credentials(given: Mapping[str, Any]) -> Problems:
    choices, found = ADAPTERS[given["kind"]].CREDENTIALS, given["credentials"]
    if frozenset(found) not in choices:
        yield "credentials", "give " + ", or ".join(" and ".join(sorted(choice)) or "nothing" for choice in choices)
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
        yield "identity", f"is empty: choose from {', '.join(possible)}, the most reliable first"
    for number, item in enumerate(given["identity"]):
        if item not in possible:
            yield f"identity.{number}", f'"{item}" is not possible here: choose from {", ".join(possible)}'
    if "external_id" in given["identity"] and given["kind"] not in ("http", "klaviyo", "brevo") and not given["external_id"].get("field"):
        yield "external_id.field", "is missing: the name of the CRM's field that holds your ids of contacts"
    if given["kind"] == "klaviyo" and not given["create_contacts"] and set(given["identity"]) != {"record_id"}:
        yield (
            "create_contacts",
            "Klaviyo makes profiles that it does not know by e-mail or external id: set this, or identify by record_id alone",
        )


def _mapping(given: Mapping[str, Any], known: Sequence[str]) -> Problems:
    for theirs, ours in given["mapping"].items():
        if isinstance(ours, Mapping):
            yield from _of_new_contacts(given, theirs, ours)
        elif given["kind"] == "brevo" and theirs.upper() == "EMAIL":
            yield f"mapping.{theirs}", "is Brevo's own address: writing it subscribes a contact again who is on the blocklist"
        elif ours not in known:
            yield f"mapping.{theirs}", f'"{ours}" is not a value that we have: choose from {", ".join(known)}'
    if not any(isinstance(ours, str) for ours in given["mapping"].values()) and given["kind"] != "http":
        yield "mapping", "has none of our values: nothing would be sent"


def _of_new_contacts(given: Mapping[str, Any], theirs: str, source: Mapping[str, Any]) -> Problems:
    """Check what a field of a new contact gets: {"attribute": NAME}, {"constant": VALUE}, or both."""
    path = f"mapping.{theirs}"
    if not source or source.keys() - {"attribute", "constant"}:
        yield path, 'give the name of our value, or {"attribute": NAME}, {"constant": VALUE}, or both'
    if "attribute" in source and (not isinstance(source["attribute"], str) or not source["attribute"]):
        yield f"{path}.attribute", "is the name of an attribute of the contact: give a word"
    if "constant" in source and not isinstance(source["constant"], contact_values.SCALARS):
        yield f"{path}.constant", "give a text, a number, true or false"
    if given["kind"] == "http":
        yield path, "belongs into the template: write the constant there, or {{attribute.NAME}}"
    elif given["kind"] == "klaviyo":
        yield path, "is not possible: Klaviyo does not tell new profiles from others, so that every profile would get it"
    elif not given["create_contacts"]:
        yield path, "is for new contacts only: set create_contacts, or leave it out"


def _options(given: Mapping[str, Any], personas: Sequence[str]) -> Problems:
    for field, words in given["options"].items():
        if field not in given["mapping"]:
            yield f"options.{field}", "is not a field of the mapping"
        elif given["mapping"][field] == "persona_top":
            for persona in personas:
                if persona not in words:
                    yield f"options.{field}.{persona}", "is missing: every persona needs an option"


def _template(given: Mapping[str, Any], personas: Sequence[str]) -> Problems:
    if given["kind"] != "http":
        if given["template"] is not None:
            yield "template", "is for connections of the kind http"
    elif given["template"] is None:
        yield "template", "is missing: it describes the request for each contact"
    else:
        yield from http_template.wrong(given["url"], given["template"], personas)
        yield from _headers("template.headers", given["template"].get("headers", {}))


CONNECTION = "cn"
"""How the ids of connections begin."""
OF_ENDPOINT = ("url", "when", "description", "state")
PERSONAL = "email"

Pair = tuple[Endpoint, Connection]


def add(session: Session, settings: Settings, banks: Banks, given: Mapping[str, Any], now: datetime) -> Pair:
    """Create a connection, disabled until it is enabled after its test. Missing fields get the usual values of their kind.

    Raises Invalid with every problem, or NotFound for a bank.
    """
    personas = banks.latest(session, given["bank"])[0].personas
    adapter = ADAPTERS[given["kind"]]
    whole = {
        "url": adapter.URL,
        "when": "material",
        "description": "",
        "identity": list(adapter.IDENTITIES[:1]),
        "external_id": {},
        "mapping": adapter.default_mapping(personas),
        "options": {},
        "template": None,
        "create_contacts": False,
        "credentials": {},
        **given,
    }
    validate(whole, personas, settings)
    endpoint = Endpoint(
        id=new_id(CONNECTION),
        url=whole["url"],
        events=_events(whole["mapping"]),
        when=whole["when"],
        secrets=[_encrypted(settings, whole["credentials"])],
        secret_prefix="",
        description=whole["description"],
        state="disabled",
        disabled_because=NEW,
        created_at=now,
        updated_at=now,
    )
    own = ("kind", "bank", "identity", "external_id", "mapping", "options", "template", "create_contacts")
    connection = Connection(endpoint_id=endpoint.id, **{name: whole[name] for name in own})
    endpoint.include_pii = _is_personal(endpoint, connection)
    session.add(endpoint)
    session.flush()
    session.add(connection)
    session.flush()
    return endpoint, connection


def find(session: Session, connection_id: str, *, lock: bool = False) -> Pair:
    """Return a connection. Raises NotFound, for a removed one too."""
    endpoint = session.get(Endpoint, connection_id, with_for_update={"key_share": True} if lock else None)
    connection = session.get(Connection, connection_id)
    if endpoint is None or connection is None or endpoint.state == "removed":
        raise NotFound(f'There is no connection "{connection_id}".')
    return endpoint, connection


def page(session: Session, after: str | None, limit: int) -> list[Pair]:
    """Return up to `limit` connections, oldest first, after the one called `after`."""
    rows = select(Endpoint, Connection).join(Connection).where(Endpoint.state != "removed", col(Endpoint.id) > (after or ""))
    return [(endpoint, connection) for endpoint, connection in session.exec(rows.order_by(col(Endpoint.id)).limit(limit))]


def change(session: Session, settings: Settings, banks: Banks, connection_id: str, given: Mapping[str, Any], now: datetime) -> Pair:
    """Change the given fields and resume at once what was paused: a changed connection counts as repaired.

    Whether it may be enabled is for the caller to test.
    """
    endpoint, connection = find(session, connection_id, lock=True)
    config_after(session, settings, banks, (endpoint, connection), given)
    for name, value in given.items():
        if name == "credentials":
            endpoint.secrets = [_encrypted(settings, value)]
        else:
            setattr(endpoint if name in OF_ENDPOINT else connection, name, value)
    if "state" in given:
        endpoint.disabled_because = BY_OWNER if given["state"] == "disabled" else None
    if endpoint.state == "disabled":
        endpoint_health.drop_and_mark(session, endpoint, now)
    connection.token, connection.paused_because, endpoint.paused_until = None, None, None
    messages.retry_now(session, endpoint, now)
    endpoint.include_pii, endpoint.updated_at = _is_personal(endpoint, connection), now
    endpoint.events = _events(connection.mapping)
    session.add_all([endpoint, connection])
    return endpoint, connection


def _events(mapping: Mapping[str, Any]) -> list[str]:
    """Return the events that a connection needs: assignments by attributes only where the mapping names them."""
    return [UPDATED, ERASED, *(CROSSINGS if contact_values.maps_attributed(mapping) else ())]


def config_after(session: Session, settings: Settings, banks: Banks, pair: Pair, given: Mapping[str, Any]) -> ConnectionConfig:
    """Return what the adapter of a connection will need once it is changed. Raises Invalid with every problem of the change."""
    endpoint, connection = pair
    personas = banks.latest(session, connection.bank)[0].personas
    config = connection_config(endpoint, connection, personas, Keyring(settings.secret_keys))
    names = ("url", "credentials", "identity", "external_id", "mapping", "options", "template", "create_contacts")
    after = {name: given.get(name, getattr(config, name)) for name in names}
    validate({"kind": connection.kind, "when": endpoint.when, **after}, personas, settings)
    return replace(config, **after)


def remove(session: Session, connection_id: str, now: datetime) -> None:
    """Remove a connection and its credentials. What was sent stays on record."""
    endpoint, connection = find(session, connection_id, lock=True)
    messages.drop_pending(session, endpoint, now)
    endpoint.state, endpoint.url, endpoint.secrets, endpoint.updated_at = "removed", "", [], now
    connection.token, connection.template = None, None
    session.add_all([endpoint, connection])


def views(session: Session, found: Sequence[Pair]) -> list[dict[str, Any]]:
    """Return connections as the API shows them, without credentials or their names, and with how many records wait for what."""
    waiting = messages.count_waiting(session, [endpoint.id for endpoint, _ in found])
    return [{**_view(endpoint, connection), "waiting": waiting.get(endpoint.id, {})} for endpoint, connection in found]


def view(session: Session, pair: Pair) -> dict[str, Any]:
    """Return one connection as `views` does."""
    return views(session, [pair])[0]


def _view(endpoint: Endpoint, connection: Connection) -> dict[str, Any]:
    names = ("kind", "bank", "identity", "external_id", "mapping", "options", "template", "create_contacts", "paused_because")
    shared = ("id", "url", "when", "description", "state", "disabled_because")
    moments = {name: getattr(endpoint, name) for name in ("paused_until", "created_at", "updated_at")}
    return (
        {name: getattr(endpoint, name) for name in shared}
        | {name: getattr(connection, name) for name in names}
        | {name: moment and moment.isoformat() for name, moment in moments.items()}
    )


def _encrypted(settings: Settings, credentials: Mapping[str, Any]) -> dict[str, Any]:
    return {"encrypted": Keyring(settings.secret_keys).encrypt(json.dumps(credentials)), "expires_at": None}


def _is_personal(endpoint: Endpoint, connection: Connection) -> bool:
    """Whether the CRM gets e-mail addresses: only where they identify contacts or are mapped to a field."""
    mapped = [ours for ours in connection.mapping.values() if isinstance(ours, str)]
    asked = [*connection.identity, *mapped, json.dumps(connection.template), endpoint.url]
    return any(PERSONAL in call.replace("email_sha256", "") for call in asked)
