"""Ingest Segment messages: store each event once, and update beliefs where a bank has a signal for it."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlmodel import Session, select

from question_bank.compile import CompiledBank
from survey_service.belief.evidence import signal_events
from survey_service.belief.outcomes import request_checks
from survey_service.belief.recompute import infer_beliefs
from survey_service.contacts import directory
from survey_service.contacts.directory import ContactErased, email_hash
from survey_service.contacts.merging import merge
from survey_service.crypto import Keyring
from survey_service.errors import Conflict
from survey_service.inbound.barometers import plan_questions
from survey_service.inbound.segment import Identity, SegmentMessage, UnusableMessage
from survey_service.outbox import messages, publish
from survey_service.outbox.subscribers import all_endpoints
from survey_service.store.banks import Banks
from survey_service.store.bulk import insert_given, text_of, to_parameter
from survey_service.store.contact_locks import lock_contacts
from survey_service.store.session import Prepared
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.core import OWN_SYSTEM, Contact, ExternalId
from survey_service.store.tables.metadata import metadata

ANONYMOUS = "anonymous"
"""The system of ids that browsers generate."""


EVENTS = ("track", "page", "screen")


class LeftOut(NamedTuple):
    """Why a message was left out: a code, and the reason in words that quote nothing of the message."""

    code: str
    reason: str


ERASED = LeftOut("contact_erased", "the contact was erased")
NO_PROFILE = LeftOut("no_profile", "the contact does not want a profile")


@dataclass
class IngestResult:
    """The number of new events of a batch, and the messages that were left out."""

    events: int = 0
    left_out: list[LeftOut] = field(default_factory=list)


def ingest(session: Session, keys: Keyring, banks: Banks, source: str, messages: Sequence[SegmentMessage], now: datetime) -> IngestResult:
    """Store new events and update the beliefs that they change, in one transaction. A message that was ingested before changes nothing.

    The number of statements does not grow with the number of messages, only with that of new identities and of changed beliefs.
    """
    result = IngestResult()
    contacts = _resolve_all(session, keys, banks, messages, now)
    rows: dict[str, dict[str, Any]] = {}
    for message in in_lock_order(messages):
        contact = contacts[message.identity]
        if isinstance(contact, LeftOut):
            result.left_out.append(contact)
        elif contact.consent.get("profiling") is False:
            result.left_out.append(NO_PROFILE)
        else:
            _set_attributes(session, contact, message, now)
            if message.kind in EVENTS:
                row = _event_row(contact, source, message, now)
                rows.setdefault(row["message_id"], row)
    new_events = _store_events(session, list(rows.values()))
    result.events = len(new_events)
    newest = banks.newest(session) if new_events else []
    plan_questions(session, newest, new_events, now)
    if any(bank.bank.journeys for bank, _ in newest):
        request_checks(session, dict.fromkeys(new_events.values(), now))
    _update_beliefs(session, newest, new_events, [item for item in contacts.values() if isinstance(item, Contact)], now)
    return result


def in_lock_order(messages: Sequence[SegmentMessage]) -> list[SegmentMessage]:
    """Return the messages sorted by contact. Every batch takes contacts in this order, so that two batches seldom wait for each other."""
    return sorted(messages, key=lambda message: message.user or message.anonymous or "")


def _resolve_all(
    session: Session, keys: Keyring, banks: Banks, messages: Sequence[SegmentMessage], now: datetime
) -> dict[Identity, Contact | LeftOut]:
    """Return the contact of each identity, locked and created if it is new, or why its messages are left out.

    The anonymous ids of a known contact are merged into it.
    """
    identities = dict.fromkeys(message.identity for message in in_lock_order(messages))
    users = directory.find_or_create_all(session, keys, sorted({item.user for item in identities if item.user}), now)
    alone = sorted({str(item.anonymous) for item in identities if item.user is None})
    devices = directory.find_or_create_all(session, keys, alone, now, ANONYMOUS)
    owners = directory.owners_of(session, ANONYMOUS, sorted({name for item in identities for name in item.others}))
    owners |= _attach_new_ids(session, keys, users, identities, owners)
    found: dict[Identity, Contact | LeftOut] = {}
    for identity in identities:
        contact = devices.get(str(identity.anonymous)) if identity.user is None else users.get(identity.user)
        found[identity] = ERASED if contact is None else contact
        if contact is None:
            continue
        try:
            for name in identity.others:
                if owners.get(name) != contact.id:
                    _attach_anonymous_id(session, keys, banks, contact, name, now)
        except UnusableMessage as error:
            found[identity] = LeftOut(error.code, str(error))
    merged = {item.merged_into for item in found.values() if isinstance(item, Contact) and item.merged_into is not None}
    kept = lock_contacts(session, merged)  # by this batch: they are locked already
    return {identity: kept.get(item.merged_into or "", item) if isinstance(item, Contact) else item for identity, item in found.items()}


def _attach_new_ids(
    session: Session, keys: Keyring, users: Mapping[str, Contact], identities: Iterable[Identity], owners: Mapping[str, str]
) -> dict[str, str]:
    """Give the anonymous ids that nobody has to the first user who comes with them. Return our id of the contact that has each id."""
    wanted: dict[str, str] = {}
    for identity in identities:
        if (user := users.get(identity.user or "")) is not None:
            wanted |= {name: user.id for name in identity.others if name not in owners and name not in wanted}
    customers = directory.owners_of(session, OWN_SYSTEM, sorted(wanted))
    free = {name: contact_id for name, contact_id in wanted.items() if name not in customers}
    return directory.add_external_ids(session, keys, ANONYMOUS, free, "anonymousId")


def _set_attributes(session: Session, contact: Contact, message: SegmentMessage, now: datetime) -> None:
    """Set attributes that the contact does not have yet. The key in a browser is public, so it must not overwrite data of the CRM."""
    new = {name: value for name, value in message.traits.items() if name not in contact.attributes} if message.kind == "identify" else {}
    if message.kind == "identify" and message.email and contact.email is None and "@" in message.email:
        contact.email, contact.email_sha256, contact.updated_at = message.email, email_hash(message.email), now
        session.add(contact)
        messages.wake(session, contact, now)
    if new:
        contact.attributes, contact.updated_at = {**contact.attributes, **new}, now
        session.add(contact)


def _event_row(contact: Contact, source: str, message: SegmentMessage, now: datetime) -> dict[str, Any]:
    return {
        "contact_id": contact.id,
        "source": source,
        "message_id": message.message_id or new_id("msg"),
        "kind": message.kind,
        "name": message.name,
        "path": message.path,
        "channel": message.channel,
        "topic": message.topic,
        "value": message.value,
        "currency": message.currency,
        "subject": message.subject,
        "terms": message.terms,
        "at": message.at,
        "received_at": now,
    }


def _store_events(session: Session, rows: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Store the events that are new, and return the contact of each by its id. Those of one batch have different message ids."""
    if not rows:
        return {}
    times = ({name: text_of(row[name]) for name in ("at", "received_at")} for row in rows)
    given = to_parameter([{**row, **moments} for row, moments in zip(rows, times, strict=True)])
    return dict(_INSERT_EVENTS.rows(session, {"given": given}))


def _insert_events(dialect: str) -> Any:
    rows = insert_given(dialect, _EVENT, [column.name for column in _EVENT.c if column.name != "id"])
    new = rows.on_conflict_do_nothing(index_elements=["source", "message_id"])
    return new.returning(_EVENT.c.id, _EVENT.c.contact_id)


_EVENT = metadata.tables["contact_event"]
_INSERT_EVENTS = Prepared(_insert_events)


def _update_beliefs(
    session: Session, newest: Sequence[tuple[CompiledBank, int]], new_events: Mapping[int, str], locked: Sequence[Contact], now: datetime
) -> None:
    """Infer and publish the belief of every contact for whom a new event is a signal. All of them are among `locked`."""
    by_id, ids = {contact.id: contact for contact in locked}, sorted(set(new_events.values()))
    endpoints = all_endpoints(session) if ids else []
    for bank, version in newest:
        seen = signal_events(session, ids, bank, now)
        changed = [contact_id for contact_id, found in seen.items() if any(sighting.event_id in new_events for sighting in found)]
        contacts = [by_id[contact_id] for contact_id in sorted(changed)]
        inferred = list(zip(contacts, infer_beliefs(session, contacts, bank, version, now), strict=True))
        publish.store_and_publish_all(session, inferred, "signal", now, endpoints=endpoints)


def has_crm_id(session: Session, contact: Contact) -> bool:
    """Return whether the contact has an id of the CRM, and not only of browsers."""
    crm_ids = select(ExternalId).where(ExternalId.contact_id == contact.id, ExternalId.system == OWN_SYSTEM)
    return session.exec(crm_ids).first() is not None


def _attach_anonymous_id(session: Session, keys: Keyring, banks: Banks, contact: Contact, name: str, now: datetime) -> None:
    """Give an anonymous id and its events to the contact, unless it is another customer's (two may share a computer) or was erased.

    Raises UnusableMessage where the id is a CRM id of a customer.
    """
    owner = directory.find(session, name, system=ANONYMOUS)
    if owner is None and directory.find(session, name) is not None:
        raise UnusableMessage("an anonymousId or previousId is another customer's userId: merge the two with POST /api/v1/contacts/merge")
    with suppress(ContactErased, Conflict):  # so it became while this waited for its lock; the message is about the contact all the same
        if owner is None:
            directory.add_external_id(session, keys, contact, ANONYMOUS, name, "anonymousId")
        elif owner.id != contact.id and not has_crm_id(session, owner):
            merge(session, banks, owner.id, contact.id, now)
