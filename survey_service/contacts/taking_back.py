"""Answers that do not count any more: what they had replaced counts again, and the belief is made anew from what is left."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from survey_service.contacts.beliefs import Change
from survey_service.contacts.believing import believe_again
from survey_service.store.banks import Banks
from survey_service.store.records import Answer, Belief, Contact


def restore(session: Session, contact: Contact, bank: str, questions: Sequence[str]) -> None:
    """The last answer of the contact to each of `questions` that was replaced is current again."""
    mine = select(Answer).where(Answer.contact_id == contact.id, Answer.bank == bank, Answer.state == "replaced")
    for question in questions:
        before = session.exec(mine.where(Answer.question == question).order_by(col(Answer.id).desc())).first()
        if before is not None:
            before.state = "current"
            session.add(before)
    session.flush()


def believe_without(session: Session, banks: Banks, contact: Contact, bank: str, version: int, now: datetime) -> Change:
    """The belief under a bank from what is left, stored; `version` is used where there was no belief yet."""
    belief = session.get(Belief, (contact.id, bank))
    version = version if belief is None else belief.bank_version
    return believe_again(session, contact, banks.version(session, bank, version), version, "withdrawn", now)
