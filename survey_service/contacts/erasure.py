"""Erasing a contact: nothing of them stays but a stone that their name is recognised by, and everybody who was told is told."""

from datetime import datetime

from sqlmodel import Session, col, delete, select

from survey_service.contacts.directory import record_erased_ids
from survey_service.contacts.views import external_ids_of
from survey_service.crypto import Keyring
from survey_service.links.lookup import revoke_links
from survey_service.outbox import messages, publish
from survey_service.store.tables.core import Answer, Belief, Contact, ExternalId, SurveySession
from survey_service.store.tables.inbound import ContactEvent
from survey_service.store.tables.links import Link, LinkOpen, LinkSession
from survey_service.store.tables.webhooks import Acknowledged


def erase(session: Session, keys: Keyring, contact: Contact, now: datetime) -> None:
    """Forget everything about the contact, whose row must be locked; what comes under one of their names later is refused."""
    names = external_ids_of(session, [contact])[contact.id]
    record_erased_ids(session, keys, [(name["system"], name["id"]) for name in names], now)
    revoke_links(session, contact.id, "erased", now)
    session.flush()
    messages.drop_all(session, contact, now)
    _delete(session, contact)
    contact.email = contact.email_sha256 = None
    contact.attributes, contact.consent, contact.labels, contact.merged_from = {}, {}, {}, []
    contact.erased_at = contact.updated_at = now
    session.add(contact)
    session.flush()
    publish.publish_erasure(session, contact, names, now)


def _delete(session: Session, contact: Contact) -> None:
    links = select(Link.id).where(Link.contact_id == contact.id)
    session.execute(delete(LinkOpen).where(col(LinkOpen.link_id).in_(links)))
    mine = select(SurveySession.id).where(SurveySession.contact_id == contact.id)
    session.execute(delete(LinkSession).where(col(LinkSession.session_id).in_(mine)))
    for table in (Answer, SurveySession, ContactEvent, Belief, Acknowledged, ExternalId):
        session.execute(delete(table).where(col(table.contact_id) == contact.id))
