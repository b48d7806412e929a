"""Ingest Segment messages: store each event once, and update beliefs where a bank has a signal for it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from survey_service.belief.evidence import signal_events
from survey_service.belief.recompute import infer_belief
from survey_service.contacts import directory
from survey_service.contacts.directory import OWN_SYSTEM, ContactErased, email_hash, find_erased_ids
from survey_service.contacts.merging import merge
from survey_service.crypto import Keyring
from survey_service.errors import Conflict
from survey_service.inbound.segment import SegmentMessage, UnusableMessage
from survey_service.outbox import messages, publish
from survey_service.store.banks import Banks
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.core import Contact, ExternalId
from survey_service.store.tables.inbound import ContactEvent

ANONYMOUS = "anonymous"
"""The system of ids that browsers generate."""


EVENTS = ("track", "page", "screen")


@dataclass
class IngestResult:
    """The number of new events of a batch, and why messages were skipped."""

    events: int = 0
    skipped: list[str] = field(default_factory=list)


def ingest(session: Session, keys: Keyring, banks: Banks, source: str, messages: Sequence[SegmentMessage], now: datetime) -> IngestResult:
    """Store new events and update the beliefs that they change, in one transaction. A message that was ingested before changes nothing."""
    result, new_events, contacts = IngestResult(), dict[int, Contact](), dict[tuple[str | None, ...], Contact]()
    for message in _in_lock_order(messages):
        ids = message.user, message.anonymous, message.former
        try:
            contact = contacts[ids] if ids in contacts else resolve_contact(session, keys, banks, message, now)
        except (ContactErased, UnusableMessage, Conflict) as error:
            result.skipped.append(str(error) or type(error).__name__)
            continue
        contacts[ids] = contact
        if contact.consent.get("profiling") is False:
            result.skipped.append("the contact does not want a profile")
            continue
        _set_attributes(session, contact, message, now)
        event_id = _store_event(session, contact, source, message, now) if message.kind in EVENTS else None
        if event_id is not None:
            new_events[event_id] = contact
    result.events = len(new_events)
    _update_beliefs(session, banks, new_events, now)
    return result


def _in_lock_order(messages: Sequence[SegmentMessage]) -> list[SegmentMessage]:
    """Return the messages sorted by contact. Every batch locks contacts in this order, so that two batches never deadlock."""
    messages_of: dict[str, list[SegmentMessage]] = defaultdict(list)
    for message in messages:
        messages_of[message.user or message.anonymous or ""].append(message)
    return [message for contact in sorted(messages_of) for message in messages_of[contact]]


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


def _store_event(session: Session, contact: Contact, source: str, message: SegmentMessage, now: datetime) -> int | None:
    """Store the event and return its id, None where it was stored before."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    row = {
        "contact_id": contact.id,
        "source": source,
        "message_id": message.message_id or new_id("msg"),
        "kind": message.kind,
        "name": message.name,
        "path": message.path,
        "channel": message.channel,
        "topic": message.topic,
        "at": message.at,
        "received_at": now,
    }
    statement = insert(ContactEvent).values(row).on_conflict_do_nothing(index_elements=["source", "message_id"])
    return session.scalars(statement.returning(col(ContactEvent.id))).first()


def _update_beliefs(session: Session, banks: Banks, new_events: Mapping[int, Contact], now: datetime) -> None:
    """Infer and publish the belief of every contact for whom a new event is a signal."""
    contacts = {contact.id: contact for contact in new_events.values() if contact.merged_into is None}
    for bank, version in banks.newest(session) if contacts else []:
        for contact_id, sightings in signal_events(session, sorted(contacts), bank, now).items():
            if any(sighting.event_id in new_events for sighting in sightings):
                contact = contacts[contact_id]
                publish.store_and_publish(session, contact, infer_belief(session, contact, bank, version, now), "signal", now)


def resolve_contact(session: Session, keys: Keyring, banks: Banks, message: SegmentMessage, now: datetime) -> Contact:
    """Return the contact of a message, locked, and create it if it is new. Its anonymous ids are merged into it.

    Raises ContactErased, UnusableMessage, Conflict.
    """
    if message.user is None:
        contact, _ = directory.find_or_create(session, keys, str(message.anonymous), now, ANONYMOUS)
        return contact
    contact, _ = directory.find_or_create(session, keys, message.user, now)
    for anonymous_id in (message.anonymous, message.former):
        if anonymous_id is not None and anonymous_id != message.user:
            _attach_anonymous_id(session, keys, banks, contact, anonymous_id, now)
    return contact


def has_crm_id(session: Session, contact: Contact) -> bool:
    """Return whether the contact has an id of the CRM, and not only of browsers."""
    crm_ids = select(ExternalId).where(ExternalId.contact_id == contact.id, ExternalId.system == OWN_SYSTEM)
    return session.exec(crm_ids).first() is not None


def _attach_anonymous_id(session: Session, keys: Keyring, banks: Banks, contact: Contact, name: str, now: datetime) -> None:
    """Give an anonymous id and its events to the contact, unless the id belongs to another customer: two may share a computer.

    Raises UnusableMessage where the id is a CRM id of a customer.
    """
    owner = directory.find(session, name, system=ANONYMOUS)
    if owner is None and directory.find(session, name) is not None:
        raise UnusableMessage(f'"{name[:100]}" and "{contact.id}" are both known customers: merge them with POST /api/v1/contacts/merge')
    if owner is None:
        if not find_erased_ids(session, keys, [(ANONYMOUS, name)]):
            directory.add_external_id(session, keys, contact, ANONYMOUS, name, "anonymousId")
    elif owner.id != contact.id and not has_crm_id(session, owner):
        merge(session, banks, owner.id, contact.id, now)
