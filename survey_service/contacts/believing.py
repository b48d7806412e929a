"""Believing anew outside a survey: when something was seen, said, merged or taken back."""

from datetime import datetime

from sqlmodel import Session, col, select

from adaptive import believe
from question_bank.compile import CompiledBank
from survey_service.contacts.beliefs import Change, now_believes, stored
from survey_service.contacts.evidence import evidence_about
from survey_service.store.banks import Banks
from survey_service.store.records import Answer, Belief, Contact


def believe_again(session: Session, contact: Contact, bank: CompiledBank, version: int, reason: str, now: datetime) -> Change:
    """The belief about a contact from everything known now. The contact's row must be locked."""
    known = evidence_about(session, contact, bank, now)
    probabilities = believe(bank.tables, known.evidence)[0]
    before = stored(session, contact, bank)
    return now_believes(session, contact, bank, version, probabilities, known, threshold=None, reason=reason, now=now, before=before)


def banks_of(session: Session, banks: Banks, *contacts: Contact) -> list[tuple[CompiledBank, int]]:
    """The newest version of each bank under which anything is believed about any of the contacts, or was answered."""
    names = [contact.id for contact in contacts]
    believed = session.exec(select(Belief.bank).where(col(Belief.contact_id).in_(names)))
    answered = session.exec(select(Answer.bank).where(col(Answer.contact_id).in_(names)).distinct())
    labelled = [bank for contact in contacts for bank in contact.labels]
    return banks.newest(session, sorted({*believed, *answered, *labelled}))
