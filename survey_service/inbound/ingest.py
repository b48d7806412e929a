"""Taking messages in: each once, into one line of events per contact, and into the belief where a bank has a signal for them."""

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
from survey_service.outbox import publish
from survey_service.store.banks import Banks
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.core import Contact, ExternalId
from survey_service.store.tables.inbound import ContactEvent

ANONYMOUS = "anonymous"
"""The system whose names browsers make up."""


def resolve_contact(session: Session, keys: Keyring, banks: Banks, message: SegmentMessage, now: datetime) -> Contact:
    """The contact, locked, made where nobody knew it. What it did under a browser's name becomes its own. Raises ContactErased."""
    if message.user is None:
        contact, _ = directory.find_or_create(session, keys, str(message.anonymous), now, ANONYMOUS)
        return contact
    contact, _ = directory.find_or_create(session, keys, message.user, now)
    for name in (message.anonymous, message.former):
        if name is not None and name != message.user:
            contact = _also(session, keys, banks, contact, name, now)
    return contact


def has_crm_id(session: Session, contact: Contact) -> bool:
    """Whether the CRM has a name for it: not only a browser."""
    mine = select(ExternalId).where(ExternalId.contact_id == contact.id, ExternalId.system == OWN_SYSTEM)
    return session.exec(mine).first() is not None


def _also(session: Session, keys: Keyring, banks: Banks, contact: Contact, name: str, now: datetime) -> Contact:
    """The browser called `name` is the contact's, unless it is known to be somebody else's: two customers may share a computer."""
    owner = directory.find(session, name, system=ANONYMOUS)
    if owner is None and directory.find(session, name) is not None:
        raise UnusableMessage(f'"{name[:100]}" and "{contact.id}" are both known customers: merge them with POST /api/v1/contacts/merge')
    if owner is None:
        if not find_erased_ids(session, keys, [(ANONYMOUS, name)]):
            directory.add_external_id(session, keys, contact, ANONYMOUS, name, "anonymousId")
    elif owner.id != contact.id and not has_crm_id(session, owner):
        merge(session, banks, owner.id, contact.id, now)
    return contact


EVENTS = ("track", "page", "screen")


@dataclass
class IngestResult:
    """What became of a batch: events that were new, and why others were left out."""

    events: int = 0
    left_out: list[str] = field(default_factory=list)


def ingest(session: Session, keys: Keyring, banks: Banks, source: str, messages: Sequence[SegmentMessage], now: datetime) -> IngestResult:
    """Keep what is new and believe anew where it matters, all in one transaction; the same message again changes nothing."""
    taken, fresh, met = IngestResult(), dict[int, Contact](), dict[tuple[str | None, ...], Contact]()
    for message in _in_order(messages):
        names = message.user, message.anonymous, message.former
        try:
            contact = met[names] if names in met else resolve_contact(session, keys, banks, message, now)
        except (ContactErased, UnusableMessage, Conflict) as why:
            taken.left_out.append(str(why) or type(why).__name__)
            continue
        met[names] = contact
        if contact.consent.get("profiling") is False:
            taken.left_out.append("the contact does not want a profile")
            continue
        _learn(session, contact, message, now)
        event = _keep(session, contact, source, message, now) if message.kind in EVENTS else None
        if event is not None:
            fresh[event] = contact
    taken.events = len(fresh)
    _believe(session, banks, fresh, now)
    return taken


def _in_order(messages: Sequence[SegmentMessage]) -> list[SegmentMessage]:
    """Contact by contact in the order of their names, as every batch takes them, so that two batches never wait for each other."""
    whose: dict[str, list[SegmentMessage]] = defaultdict(list)
    for message in messages:
        whose[message.user or message.anonymous or ""].append(message)
    return [message for name in sorted(whose) for message in whose[name]]


def _learn(session: Session, contact: Contact, message: SegmentMessage, now: datetime) -> None:
    """Fill what nobody has said yet. A key in a browser is public: it must not overwrite what the CRM knows."""
    new = {name: value for name, value in message.traits.items() if name not in contact.attributes} if message.kind == "identify" else {}
    if message.kind == "identify" and message.email and contact.email is None and "@" in message.email:
        contact.email, contact.email_sha256, contact.updated_at = message.email, email_hash(message.email), now
    if new:
        contact.attributes, contact.updated_at = {**contact.attributes, **new}, now
    session.add(contact)


def _keep(session: Session, contact: Contact, source: str, message: SegmentMessage, now: datetime) -> int | None:
    """Write the event down; its number, None where it is known already."""
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
    new = insert(ContactEvent).values(row).on_conflict_do_nothing(index_elements=["source", "message_id"])
    return session.scalars(new.returning(col(ContactEvent.id))).first()


def _believe(session: Session, banks: Banks, fresh: Mapping[int, Contact], now: datetime) -> None:
    """Anew about everybody for whom one of the `fresh` events is a signal that counts."""
    contacts = {contact.id: contact for contact in fresh.values() if contact.merged_into is None}
    for bank, version in banks.newest(session) if contacts else []:
        for contact_id, sightings in signal_events(session, sorted(contacts), bank, now).items():
            if any(sighting.event_id in fresh for sighting in sightings):
                contact = contacts[contact_id]
                publish.store_and_publish(session, contact, infer_belief(session, contact, bank, version, now), "signal", now)
