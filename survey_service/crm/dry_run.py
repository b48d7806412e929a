"""Checks before anything is sent: what is missing in the CRM, and the exact requests."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from survey_service.belief.belief import BeliefChange, explanation
from survey_service.belief.evidence import evidence_about
from survey_service.contacts import directory
from survey_service.contacts.views import external_ids_of
from survey_service.crm import connections
from survey_service.crm.adapters import hubspot_properties
from survey_service.crm.adapters.answers import UnexpectedAnswer
from survey_service.crm.adapters.client import Unanswered
from survey_service.crm.adapters.contact_values import record_of
from survey_service.crm.adapters.protocol import ConnectionConfig, Record, Request, Response
from survey_service.crm.adapters.registry import ADAPTERS
from survey_service.crm.batches import connection_config
from survey_service.crm.connections import find
from survey_service.crm.sync import token_of
from survey_service.crypto import Keyring
from survey_service.errors import Conflict, Invalid
from survey_service.outbox import events
from survey_service.outbox.messages import NO_IDENTITY
from survey_service.settings import Settings
from survey_service.store.banks import Banks
from survey_service.store.session import Store
from survey_service.store.tables.core import Belief, Contact
from survey_service.web.context import Clock

HIDDEN = "(hidden)"
SECRET_HEADERS = ("authorization", "api-key")

Ask = Callable[[Request], Response]


class NotReady(Conflict):
    """This connection is not enabled, because its test finds something that is missing in the CRM: make it there and enable it again."""

    code = "connection_not_ready"


def config(session: Session, banks: Banks, keys: Keyring, connection_id: str) -> tuple[str, ConnectionConfig]:
    """Return the kind of a connection and everything its adapter needs. Raises NotFound."""
    endpoint, connection = find(session, connection_id)
    return connection.kind, connection_config(endpoint, connection, banks.latest(session, connection.bank)[0].personas, keys)


def missing(kind: str, wired: ConnectionConfig, ask: Ask) -> list[str]:
    """Return what has to be done in the CRM before this connection can work, one line each."""
    try:
        token = _token(kind, wired, ask)
        if token is None and ADAPTERS[kind].token_request(wired) is not None:
            return ["credentials: the CRM gives no token for them"]
        return ADAPTERS[kind].missing(wired, token, ask)
    except Unanswered as wrong:
        return [f"url: no answer ({wrong.problem})"]
    except UnexpectedAnswer as wrong:
        return [f"url: what answers there is not {kind} ({wrong.where})"]


def change(
    store: Store, settings: Settings, banks: Banks, connection_id: str, given: Mapping[str, Any], ask: Ask, now: datetime
) -> dict[str, Any]:
    """Change a connection and return it. One that is to be enabled is tested first, as it will be. Raises NotReady, Invalid, NotFound."""
    if given.get("state") == "active":
        with store.reading() as session:
            pair = endpoint, connection = connections.find(session, connection_id)
            wired = connections.config_after(session, settings, banks, pair, given)
        problems = missing(connection.kind, wired, ask) if endpoint.state != "active" else []
        if problems:
            raise NotReady(errors=[{"path": "state", "message": problem} for problem in problems])
    with store.writing() as session:
        return connections.view(session, connections.change(session, settings, banks, connection_id, given, now))


def set_up(kind: str, wired: ConnectionConfig, ask: Ask) -> list[str]:
    """Create the fields that are missing, where the CRM allows it. Return a line for each. Raises Invalid for other kinds."""
    if kind != "hubspot":
        raise Invalid(f"Fields of {kind} are made by hand: the test of the connection names them.")
    try:
        return hubspot_properties.set_up(wired, _token(kind, wired, ask), ask)
    except Unanswered as wrong:
        return [f"url: no answer ({wrong.problem})"]
    except UnexpectedAnswer as wrong:
        return [f"url: what answers there is not {kind} ({wrong.where})"]


def dry_run(
    session: Session, banks: Banks, keys: Keyring, connection_id: str, contacts: Sequence[str], most: int, clock: Clock
) -> dict[str, Any]:
    """Return the requests about some contacts as they are now, by their CRM ids or the latest ones. Sends nothing."""
    kind, wired = config(session, banks, keys, connection_id)
    _, connection = find(session, connection_id)
    chosen, skipped = _chosen(session, connection.bank, contacts, most)
    records: list[Record] = []
    for contact, belief in chosen:
        known = evidence_about(session, contact, banks.version(session, belief.bank, belief.bank_version), clock())
        change = BeliefChange(
            contact,
            belief,
            known.bank,
            "dry_run",
            belief.updated_at,
            is_material=False,
            newly_decided=False,
            explanation=explanation(known),
        )
        names = [events.ExternalName(n["system"], n["type"], n["id"]) for n in external_ids_of(session, [contact])[contact.id]]
        facts = events.persona_facts(events.UPDATED, change, names, belief.sequence)
        facts["contact"] |= {"attributes": contact.attributes}
        record = record_of(kind, wired, f"evt_dry_run_{len(records)}", facts)
        if record is None:
            skipped.append({"contact": contact.id, "problem": NO_IDENTITY})
        else:
            records.append(record)
    updates = [replace(record, may_create=False) if record.when_created else record for record in records]
    creations = [replace(record, values={**record.values, **record.when_created}) for record in records if record.when_created]
    made = [item for some in (updates, creations) if some for item in ADAPTERS[kind].requests(wired, HIDDEN, some)]
    return {"requests": [_shown(item, wired) for item in made], "skipped": skipped}


def _chosen(session: Session, bank: str, names: Sequence[str], most: int) -> tuple[list[tuple[Contact, Belief]], list[dict[str, str]]]:
    if not names:
        rows = (
            select(Contact, Belief).join(Belief).where(Belief.bank == bank).order_by(col(Belief.updated_at).desc(), col(Belief.contact_id))
        )
        return [(contact, belief) for contact, belief in session.exec(rows.limit(most))], []
    chosen, skipped = [], []
    for name in dict.fromkeys(names):
        contact = directory.find(session, name)
        belief = session.get(Belief, (contact.id, bank)) if contact else None
        if contact is None or belief is None:
            skipped.append({"contact": name, "problem": "unknown" if contact is None else "nothing_believed"})
        else:
            chosen.append((contact, belief))
    return chosen, skipped


def _shown(request: Request, wired: ConnectionConfig) -> dict[str, Any]:
    """Return a request as it would be sent, without its credentials."""
    secret = {*SECRET_HEADERS, *(name.lower() for name in wired.credentials.get("headers", {}))}
    headers: Mapping[str, str] = {"content-type": "application/json", **request.headers}
    shown = {name: HIDDEN if name.lower() in secret else value for name, value in headers.items()}
    return {"method": request.method, "url": request.url, "headers": shown, "body": request.body}


def _token(kind: str, wired: ConnectionConfig, ask: Ask) -> str | None:
    request = ADAPTERS[kind].token_request(wired)
    return wired.credentials.get("token") if request is None else token_of(ask(request))
