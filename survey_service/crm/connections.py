"""Connections: endpoints that speak a CRM's own API. Credentials are kept encrypted and are shown to nobody, not even once."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from survey_service.crm.checks import check
from survey_service.crm.kinds import ADAPTERS
from survey_service.crm.wiring import wiring_of
from survey_service.crypto import Keyring
from survey_service.errors import NotFound
from survey_service.settings import Settings
from survey_service.store.banks import Banks
from survey_service.store.columns import new_id
from survey_service.store.connection_records import Connection
from survey_service.store.webhook_records import Endpoint
from survey_service.webhooks import queue, standing
from survey_service.webhooks.endpoints import OWNER
from survey_service.webhooks.events import ERASED, UPDATED

CONNECTION = "cn"
"""How ids of connections begin."""
OF_ENDPOINT = ("url", "when", "description", "state")
PERSONAL = "email"

Pair = tuple[Endpoint, Connection]


def add(session: Session, settings: Settings, banks: Banks, given: Mapping[str, Any], now: datetime) -> Pair:
    """A new connection. What is not given is what its kind usually needs. Raises Invalid, with every problem, or NotFound for a bank."""
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
    check(whole, personas, settings)
    endpoint = Endpoint(
        id=new_id(CONNECTION),
        url=whole["url"],
        events=[UPDATED, ERASED],
        when=whole["when"],
        secrets=[_sealed(settings, whole["credentials"])],
        secret_prefix="",
        description=whole["description"],
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
    """Raises NotFound, for a removed one too."""
    endpoint = session.get(Endpoint, connection_id, with_for_update={"key_share": True} if lock else None)
    connection = session.get(Connection, connection_id)
    if endpoint is None or connection is None or endpoint.state == "removed":
        raise NotFound(f'There is no connection "{connection_id}".')
    return endpoint, connection


def page(session: Session, after: str | None, limit: int) -> list[Pair]:
    """Up to `limit` connections, oldest first, behind the one called `after`."""
    rows = select(Endpoint, Connection).join(Connection).where(Endpoint.state != "removed", col(Endpoint.id) > (after or ""))
    return [(endpoint, connection) for endpoint, connection in session.exec(rows.order_by(col(Endpoint.id)).limit(limit))]


def change(session: Session, settings: Settings, banks: Banks, connection_id: str, given: Mapping[str, Any], now: datetime) -> Pair:
    """Set what is given, and try again at once what was paused: who changes a connection has repaired it."""
    endpoint, connection = find(session, connection_id, lock=True)
    personas = banks.latest(session, connection.bank)[0].personas
    keys = Keyring(settings.secret_keys)
    wiring = wiring_of(endpoint, connection, personas, keys)
    before = {
        name: getattr(wiring, name)
        for name in ("url", "credentials", "identity", "external_id", "mapping", "options", "template", "create_contacts")
    }
    check({"kind": connection.kind, "when": endpoint.when, **before, **given}, personas, settings)
    for name, value in given.items():
        if name == "credentials":
            endpoint.secrets = [_sealed(settings, value)]
        else:
            setattr(endpoint if name in OF_ENDPOINT else connection, name, value)
    if "state" in given:
        endpoint.disabled_because = OWNER if given["state"] == "disabled" else None
    if endpoint.state == "disabled":
        standing.put_to_rest(session, endpoint, now)
    connection.token, connection.paused_because, endpoint.paused_until = None, None, None
    endpoint.include_pii, endpoint.updated_at = _is_personal(endpoint, connection), now
    session.add_all([endpoint, connection])
    return endpoint, connection


def remove(session: Session, connection_id: str, now: datetime) -> None:
    """Send nothing more and forget the credentials; what was sent stays on record."""
    endpoint, connection = find(session, connection_id, lock=True)
    queue.drop_pending(session, endpoint, now)
    endpoint.state, endpoint.url, endpoint.secrets, endpoint.updated_at = "removed", "", [], now
    connection.token, connection.template = None, None
    session.add_all([endpoint, connection])


def view(endpoint: Endpoint, connection: Connection) -> dict[str, Any]:
    """A connection as the API shows it: of credentials not even their names."""
    told = ("kind", "bank", "identity", "external_id", "mapping", "options", "template", "create_contacts", "paused_because")
    shared = ("id", "url", "when", "description", "state", "disabled_because")
    moments = {name: getattr(endpoint, name) for name in ("paused_until", "created_at", "updated_at")}
    return (
        {name: getattr(endpoint, name) for name in shared}
        | {name: getattr(connection, name) for name in told}
        | {name: one and one.isoformat() for name, one in moments.items()}
    )


def _sealed(settings: Settings, credentials: Mapping[str, Any]) -> dict[str, Any]:
    return {"encrypted": Keyring(settings.secret_keys).encrypt(json.dumps(credentials)), "expires_at": None}


def _is_personal(endpoint: Endpoint, connection: Connection) -> bool:
    """Whether the CRM is told e-mail addresses: only where they are what it knows contacts by, or a field is to hold them."""
    asked = [*connection.identity, *connection.mapping.values(), json.dumps(connection.template), endpoint.url]
    return any(PERSONAL in one.replace("email_sha256", "") for one in asked)
