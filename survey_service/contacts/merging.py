"""Two contacts who turn out to be one person: everything goes to one of them, and every answer counts once."""

from datetime import datetime
from typing import Any

from sqlmodel import Session, col, delete, select, update

from survey_service.belief.recompute import banks_of, infer_belief
from survey_service.contacts.views import external_ids_of
from survey_service.outbox import messages, publish
from survey_service.store.banks import Banks
from survey_service.store.tables.core import Answer, Belief, Contact, ExternalId, SurveySession
from survey_service.store.tables.inbound import ContactEvent
from survey_service.store.tables.links import Link
from survey_service.store.tables.webhooks import Acknowledged

LONG_AGO = "0001-01-01T00:00:00+00:00"


def merge(session: Session, banks: Banks, gone_id: str, kept_id: str, now: datetime) -> bool:
    """Let `kept` be both. False where they are one already.

    What is known afterwards does not depend on which of them is kept, and merging again changes nothing. Of two answers to one question
    the later one counts; of what can have only one value, the contact that changed last has it.
    """
    pair = lock_pair(session, gone_id, kept_id)
    gone, kept = pair[gone_id], pair[kept_id]
    if kept.id in (gone.id, gone.merged_into):
        return False
    concerned = banks_of(session, banks, gone, kept)
    former = {"id": gone.id, "external_ids": external_ids_of(session, [gone])[gone.id]}
    _join(gone, kept, now)
    messages.move_to(session, gone, kept, now)  # first: who settles a message about `gone` writes what its endpoint knows
    _move(session, gone, kept)
    publish.publish_merge(session, kept, former, now)
    for bank, version in concerned:
        publish.store_and_publish(session, kept, infer_belief(session, kept, bank, version, now), "merge", now, ended=True)
    return True


def lock_pair(session: Session, item: str, other: str) -> dict[str, Contact]:
    """Both contacts, locked in the order in which everybody locks: sessions first, contacts by their ids."""
    sessions = select(SurveySession.id).where(col(SurveySession.contact_id).in_([item, other])).order_by(col(SurveySession.id))
    session.exec(sessions.with_for_update()).all()
    pair = select(Contact).where(col(Contact.id).in_([item, other])).order_by(col(Contact.id)).with_for_update(key_share=True)
    return {contact.id: contact for contact in session.exec(pair.execution_options(populate_existing=True))}


def _join(gone: Contact, kept: Contact, now: datetime) -> None:
    """One row for both, and nothing left in the other."""
    older, newer = sorted((gone, kept), key=lambda contact: (contact.updated_at, contact.id))
    kept.sequence = max(gone.sequence, kept.sequence)
    kept.email, kept.email_sha256 = (newer.email, newer.email_sha256) if newer.email else (older.email, older.email_sha256)
    kept.attributes = {**older.attributes, **newer.attributes}
    kept.consent = _consent(older.consent, newer.consent)
    kept.labels = _latest(older.labels, newer.labels)
    kept.merged_from = sorted({*kept.merged_from, *gone.merged_from, gone.id})
    kept.created_at, kept.updated_at = min(gone.created_at, kept.created_at), now
    gone.email = gone.email_sha256 = None
    gone.attributes, gone.consent, gone.labels, gone.merged_from = {}, {}, {}, []
    gone.merged_into, gone.updated_at = kept.id, now


def _consent(item: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The later word; but who asked not to be asked, in either place, is not asked."""
    later = max(item, other, key=lambda consent: (consent.get("recorded_at", LONG_AGO), consent.get("profiling") is not True))
    return {**later, "asking": False} if False in (item.get("asking"), other.get("asking")) else later


def _latest(item: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    both = {**item, **other}
    return {bank: max((labels[bank] for labels in (item, other) if bank in labels), key=lambda label: label["at"]) for bank in both}


def _move(session: Session, gone: Contact, kept: Contact) -> None:
    session.add_all([gone, kept])
    session.flush()
    counting = select(Answer).where(col(Answer.contact_id).in_([gone.id, kept.id]), Answer.state == "current")
    last: dict[tuple[str, str], Answer] = {}
    answers = sorted(session.exec(counting), key=lambda answer: (answer.given_at, answer.id or 0))
    for answer in answers:
        last[answer.bank, answer.question] = answer
    for answer in answers:
        if last[answer.bank, answer.question] is not answer:
            answer.state = "replaced"
            session.add(answer)
    session.flush()  # before the answers meet: at most one of them may count
    for table in (Answer, SurveySession, ContactEvent, Link, ExternalId):
        session.execute(update(table).where(col(table.contact_id) == gone.id).values(contact_id=kept.id))
    session.execute(update(Contact).where(col(Contact.merged_into) == gone.id).values(merged_into=kept.id))
    for told in (Belief, Acknowledged):
        session.execute(delete(told).where(col(told.contact_id) == gone.id))
