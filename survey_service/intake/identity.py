"""Who a message is about: a customer, a browser, or a browser that turns out to be a customer's."""

from datetime import datetime

from sqlmodel import Session, select

from survey_service.contacts import directory
from survey_service.contacts.directory import OWN_SYSTEM, erased
from survey_service.contacts.merging import merge
from survey_service.crypto import Keyring
from survey_service.intake.messages import Message, NotUnderstood
from survey_service.store.banks import Banks
from survey_service.store.records import Contact, ExternalId

ANONYMOUS = "anonymous"
"""The system whose names browsers make up."""


def contact_of(session: Session, keys: Keyring, banks: Banks, message: Message, now: datetime) -> Contact:
    """The contact, locked, made where nobody knew it. What it did under a browser's name becomes its own. Raises ContactErased."""
    if message.user is None:
        contact, _ = directory.find_or_make(session, keys, str(message.anonymous), now, ANONYMOUS)
        return contact
    contact, _ = directory.find_or_make(session, keys, message.user, now)
    for name in (message.anonymous, message.former):
        if name is not None and name != message.user:
            contact = _also(session, keys, banks, contact, name, now)
    return contact


def is_known(session: Session, contact: Contact) -> bool:
    """Whether the CRM has a name for it: not only a browser."""
    mine = select(ExternalId).where(ExternalId.contact_id == contact.id, ExternalId.system == OWN_SYSTEM)
    return session.exec(mine).first() is not None


def _also(session: Session, keys: Keyring, banks: Banks, contact: Contact, name: str, now: datetime) -> Contact:
    """The browser called `name` is the contact's, unless it is known to be somebody else's: two customers may share a computer."""
    owner = directory.find(session, name, system=ANONYMOUS)
    if owner is None and directory.find(session, name) is not None:
        raise NotUnderstood(f'"{name[:100]}" and "{contact.id}" are both known customers: merge them with POST /api/v1/contacts/merge')
    if owner is None:
        if not erased(session, keys, [(ANONYMOUS, name)]):
            directory.give_name(session, keys, contact, ANONYMOUS, name, "anonymousId")
    elif owner.id != contact.id and not is_known(session, owner):
        merge(session, banks, owner.id, contact.id, now)
    return contact
