"""Believing anew outside a survey: when something was seen, said, merged or taken back."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, select

from adaptive import believe
from question_bank.compiling import CompiledBank
from survey_service.contacts.beliefs import Change, now_believes
from survey_service.contacts.evidence import evidence_about
from survey_service.store.banks import Banks
from survey_service.store.records import Answer, Belief, Contact


def believe_again(session: Session, contact: Contact, bank: CompiledBank, version: int, reason: str, now: datetime) -> Change:
    """The belief about a contact from everything known now. The contact's row must be locked."""
    known = evidence_about(session, contact, bank, now)
    probabilities = believe(bank.tables, known.evidence)[0]
    return now_believes(session, contact, bank, version, probabilities, known, threshold=None, reason=reason, now=now)


def banks_of(session: Session, banks: Banks, contact: Contact) -> list[tuple[CompiledBank, int]]:
    """The newest version of each bank under which anything is believed about the contact, or was answered."""
    believed = session.exec(select(Belief.bank).where(Belief.contact_id == contact.id))
    answered = session.exec(select(Answer.bank).where(Answer.contact_id == contact.id).distinct())
    return banks.newest(session, sorted({*believed, *answered, *contact.labels}))


def believe_all_again(session: Session, banks: Banks, contact: Contact, reason: str, now: datetime) -> Sequence[Change]:
    """The belief under each bank that knows the contact."""
    return [believe_again(session, contact, bank, version, reason, now) for bank, version in banks_of(session, banks, contact)]
