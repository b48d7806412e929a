"""The opt-outs of an email: "this is not me", "do not ask me again", and "no profile of me"."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, select

from survey_service.belief.belief import store_belief
from survey_service.belief.recompute import infer_under_stored_version, restore_replaced_answers
from survey_service.contacts.priors import end_profile
from survey_service.links.lookup import revoke
from survey_service.outbox import publish
from survey_service.outbox.messages import next_sequence
from survey_service.store.banks import Banks
from survey_service.store.bulk import is_one_of
from survey_service.store.contact_locks import lock_contacts
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.core import Answer, Contact, SurveySession
from survey_service.store.tables.links import Link, LinkSession


def stop_asking(session: Session, link: Link, now: datetime) -> None:
    """Record that the contact does not want to be asked again. Their links stop working, and no new link is created."""
    contact = _lock_contact(session, link)
    contact.consent = {**contact.consent, "asking": False, "recorded_at": now.isoformat()}
    contact.updated_at = now
    session.add(contact)


def stop_profiling(session: Session, banks: Banks, link: Link, now: datetime) -> None:
    """Record that the contact objects to a profile, and delete what was derived from other data than answers."""
    contact = _lock_contact(session, link)
    contact.consent = {**contact.consent, "profiling": False, "recorded_at": now.isoformat()}
    contact.updated_at = now
    end_profile(session, banks, contact, "objection", now)


def unlink_wrong_recipient(session: Session, banks: Banks, link: Link, now: datetime) -> None:
    """Revoke a link that reached the wrong person, and move the answers given through it to a new, anonymous contact."""
    revoke(session, link, "not_me", now)
    rows = select(SurveySession).join(LinkSession).where(LinkSession.link_id == link.id)
    sessions = session.exec(rows).all()
    if not sessions:
        return
    contact = _lock_contact(session, link)
    stranger = Contact(id=new_id("ct"), created_at=now, updated_at=now)
    session.add(stranger)
    session.flush()
    for row in sessions:
        row.contact_id = stranger.id
        session.add(row)
    questions = _move_answers(session, sessions, stranger)
    restore_replaced_answers(session, contact, link.bank, questions)
    for person in (contact, stranger) if questions else ():
        inferred = infer_under_stored_version(session, banks, person, link.bank, link.bank_version, now)
        if person is contact:
            publish.store_and_publish(session, contact, inferred, "withdrawn", now, ended=True)
        else:
            store_belief(session, stranger, inferred, next_sequence(session, stranger, after=inferred.previous), "withdrawn", now)


def _lock_contact(session: Session, link: Link) -> Contact:
    return lock_contacts(session, [link.contact_id])[link.contact_id]


def _move_answers(session: Session, sessions: Sequence[SurveySession], stranger: Contact) -> list[str]:
    """Move the answers of the sessions to `stranger`, and return the questions whose current answers these were."""
    answers = session.exec(select(Answer).where(is_one_of(session, Answer.session_id, [row.id for row in sessions]))).all()
    for answer in answers:
        answer.contact_id = stranger.id
        session.add(answer)
    session.flush()
    return [answer.question for answer in answers if answer.state == "current"]
