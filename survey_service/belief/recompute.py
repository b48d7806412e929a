"""Believing anew outside a survey: when something was seen, said, merged or taken back."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from adaptive import believe
from question_bank.compile import CompiledBank
from survey_service.belief.belief import BeliefChange, previous_belief, store_belief
from survey_service.belief.evidence import evidence_about
from survey_service.store.banks import Banks
from survey_service.store.tables.core import Answer, Belief, Contact


def recompute_belief(session: Session, contact: Contact, bank: CompiledBank, version: int, reason: str, now: datetime) -> BeliefChange:
    """The belief about a contact from everything known now. The contact's row must be locked."""
    known = evidence_about(session, contact, bank, now)
    probabilities = believe(bank.tables, known.evidence)[0]
    before = previous_belief(session, contact, bank)
    return store_belief(session, contact, bank, version, probabilities, known, threshold=None, reason=reason, now=now, before=before)


def banks_of(session: Session, banks: Banks, *contacts: Contact) -> list[tuple[CompiledBank, int]]:
    """The newest version of each bank under which anything is believed about any of the contacts, or was answered."""
    names = [contact.id for contact in contacts]
    believed = session.exec(select(Belief.bank).where(col(Belief.contact_id).in_(names)))
    answered = session.exec(select(Answer.bank).where(col(Answer.contact_id).in_(names)).distinct())
    labelled = [bank for contact in contacts for bank in contact.labels]
    return banks.newest(session, sorted({*believed, *answered, *labelled}))


def restore(session: Session, contact: Contact, bank: str, questions: Sequence[str]) -> None:
    """The last answer of the contact to each of `questions` that was replaced is current again."""
    mine = select(Answer).where(Answer.contact_id == contact.id, Answer.bank == bank, Answer.state == "replaced")
    for question in questions:
        before = session.exec(mine.where(Answer.question == question).order_by(col(Answer.id).desc())).first()
        if before is not None:
            before.state = "current"
            session.add(before)
    session.flush()


def recompute_after_withdrawal(session: Session, banks: Banks, contact: Contact, bank: str, version: int, now: datetime) -> BeliefChange:
    """The belief under a bank from what is left, stored; `version` is used where there was no belief yet."""
    belief = session.get(Belief, (contact.id, bank))
    version = version if belief is None else belief.bank_version
    return recompute_belief(session, contact, banks.version(session, bank, version), version, "withdrawn", now)
