"""Infer the belief about a contact outside a survey: after a signal, a label, a merge or a withdrawal."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from adaptive import believe
from question_bank.compile import CompiledBank
from survey_service.belief.belief import InferredBelief, previous_beliefs
from survey_service.belief.evidence import evidence_about_all
from survey_service.store.banks import Banks
from survey_service.store.tables.core import Answer, Belief, Contact


def infer_belief(session: Session, contact: Contact, bank: CompiledBank, version: int, now: datetime) -> InferredBelief:
    """Return the belief about a contact from all stored evidence. The contact's row must be locked."""
    return infer_beliefs(session, [contact], bank, version, now)[0]


def infer_beliefs(session: Session, contacts: Sequence[Contact], bank: CompiledBank, version: int, now: datetime) -> list[InferredBelief]:
    """As `infer_belief` for several contacts, in as many statements as for one. Their rows must be locked."""
    evidence = evidence_about_all(session, contacts, bank, now)
    previous = previous_beliefs(session, contacts, bank)
    return [
        InferredBelief(known, version, believe(bank.tables, known.evidence)[0], previous.get(contact.id))
        for contact, known in zip(contacts, evidence, strict=True)
    ]


def infer_under_stored_version(session: Session, banks: Banks, contact: Contact, bank: str, version: int, now: datetime) -> InferredBelief:
    """Return the belief under the bank version of the stored belief, or under `version` where there is none yet."""
    belief = session.get(Belief, (contact.id, bank))
    version = version if belief is None else belief.bank_version
    return infer_belief(session, contact, banks.version(session, bank, version), version, now)


def banks_of(session: Session, banks: Banks, *contacts: Contact) -> list[tuple[CompiledBank, int]]:
    """Return the newest version of each bank under which any of the contacts has a belief, an answer or a label."""
    ids = [contact.id for contact in contacts]
    believed = session.exec(select(Belief.bank).where(col(Belief.contact_id).in_(ids)))
    answered = session.exec(select(Answer.bank).where(col(Answer.contact_id).in_(ids)).distinct())
    labelled = [bank for contact in contacts for bank in contact.labels]
    return banks.newest(session, sorted({*believed, *answered, *labelled}))


def restore_replaced_answers(session: Session, contact: Contact, bank: str, questions: Sequence[str]) -> None:
    """Make the contact's last replaced answer to each of `questions` current again."""
    replaced = select(Answer).where(Answer.contact_id == contact.id, Answer.bank == bank, Answer.state == "replaced")
    for question in questions:
        last = session.exec(replaced.where(Answer.question == question).order_by(col(Answer.id).desc())).first()
        if last is not None:
            last.state = "current"
            session.add(last)
    session.flush()
