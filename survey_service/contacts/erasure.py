"""Erase a contact: delete their data, keep digests of their ids so that the ids stay refused, and publish the erasure."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, delete, select

from survey_service.contacts.directory import record_erased_ids
from survey_service.contacts.looks import forget_contact
from survey_service.contacts.views import external_ids_of
from survey_service.crypto import Keyring
from survey_service.links.lookup import revoke_links
from survey_service.outbox import messages, publish
from survey_service.store.tables.attribution import Attribution, Probe
from survey_service.store.tables.core import OWN_SYSTEM, Answer, Belief, Contact, ExternalId, SurveySession
from survey_service.store.tables.figures import AnnouncedPlay, AttributeOutcome, ContactReadiness, HeldPersona, StageCheck
from survey_service.store.tables.inbound import ContactEvent, IntakeBatch, PlannedQuestion
from survey_service.store.tables.links import CampaignContact, Link, LinkOpen, LinkSession
from survey_service.store.tables.reviews import QuoteApproval, Review
from survey_service.store.tables.webhooks import Acknowledged


def erase(session: Session, keys: Keyring, contact: Contact, now: datetime) -> None:
    """Delete everything about the contact, whose row must be locked. Data that arrives under one of their ids later is refused."""
    external_ids = external_ids_of(session, [contact])[contact.id]
    record_erased_ids(session, keys, [(external["system"], external["id"]) for external in external_ids], now)
    revoke_links(session, contact.id, "erased", now)
    forget_contact(session, keys, contact)
    session.flush()
    messages.drop_all(session, contact, now)
    _delete_rows(session, contact)
    _delete_waiting_messages(session, external_ids)
    contact.email = contact.email_sha256 = None
    contact.attributes, contact.consent, contact.labels, contact.priors, contact.merged_from = {}, {}, {}, {}, []
    contact.erased_at = contact.updated_at = now
    session.add(contact)
    session.flush()
    publish.publish_erasure(session, contact, external_ids, now)
    messages.wait_for_dropped(session, contact, now)


def _delete_rows(session: Session, contact: Contact) -> None:
    links = select(Link.id).where(Link.contact_id == contact.id)
    session.execute(delete(LinkOpen).where(col(LinkOpen.link_id).in_(links)))
    sessions = select(SurveySession.id).where(SurveySession.contact_id == contact.id)
    session.execute(delete(LinkSession).where(col(LinkSession.session_id).in_(sessions)))
    for table in OF_CONTACT:
        session.execute(delete(table).where(col(table.contact_id) == contact.id))


OF_CONTACT: tuple[Any, ...] = (
    *(Answer, SurveySession, ContactEvent, PlannedQuestion, Belief, Attribution, Probe, Acknowledged, ExternalId),
    *(StageCheck, HeldPersona, AnnouncedPlay, ContactReadiness, CampaignContact, Review, QuoteApproval, AttributeOutcome),
)
"""The tables whose rows of a contact are deleted with it, after those that refer to them."""


def _delete_waiting_messages(session: Session, external_ids: Sequence[Mapping[str, str]]) -> None:
    """Delete the messages of the intake that are about the contact and are not evaluated yet, and its ids from messages about others.

    A batch that a worker evaluates at this moment is left alone: its messages wait for the contact's row, and then find the id erased.
    """
    names = {external["id"] for external in external_ids}
    users = {external["id"] for external in external_ids if external["system"] == OWN_SYSTEM}
    for name in sorted(names):
        holds = col(IntakeBatch.content).contains(json.dumps(name, ensure_ascii=False), autoescape=True)
        mine = select(IntakeBatch).where(holds).order_by(col(IntakeBatch.id)).with_for_update(skip_locked=True)
        for batch in session.exec(mine).all():
            kept = [_without(message, names) for message in json.loads(batch.content) if not _is_about(message, users, names)]
            batch.content, batch.number = json.dumps(kept, ensure_ascii=False), len(kept)
            session.add(batch)
    session.flush()


def _is_about(message: Mapping[str, Any], users: Collection[str], names: Collection[str]) -> bool:
    """Whether a message of the intake is about the contact that has these ids: its user decides, without one the anonymous id.

    An alias says nothing but that its two ids belong to one person, so it is about both.
    """
    if message["kind"] == "alias" and message.get("former") in names:
        return True
    return message["user"] in users if "user" in message else message.get("anonymous") in names


def _without(message: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return the message without the ids of an erased contact, with which another customer has used the same browser."""
    return {key: value for key, value in message.items() if key not in ("anonymous", "former") or value not in names}
