"""The main path: from one answer to the next question, the stored belief and the message to the CRM, in one transaction.

The functions take plain values and a database session and return an interview or a view. They know nothing of HTTP. The view of an
interview is made after the transaction.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlmodel import Session

from question_bank.compile import ObservedAnswer
from survey_service.belief.belief import InferredBelief, store_belief
from survey_service.contacts.directory import OWN_SYSTEM, follow
from survey_service.contacts.merging import merge
from survey_service.contacts.views import names_of
from survey_service.errors import Conflict
from survey_service.links.unconfirmed import ask_to_confirm
from survey_service.outbox import publish
from survey_service.respondent.answers import accept, withdraw
from survey_service.respondent.flow import ask_next, close, nearest_language, new_interview
from survey_service.respondent.state import GivenAnswer, Interview, Start, digest, open_interview
from survey_service.respondent.view import view_of
from survey_service.store.banks import Banks
from survey_service.store.rows import save
from survey_service.store.tables.core import SurveySession


def preview_start(session: Session, banks: Banks, survey_id: str, given: Start, now: datetime) -> dict[str, Any]:
    """Return the view that a new respondent would see first. Writes nothing, because robots open pages as well."""
    interview = new_interview(session, banks, survey_id, given, now)
    ask_next(interview, now)
    return view_of(interview, now)


def start(session: Session, banks: Banks, survey_id: str, given: Start, now: datetime) -> tuple[Interview, str]:
    """Start a survey for a known or a new anonymous contact. Return the interview and the session's token."""
    interview = new_interview(session, banks, survey_id, given, now)
    token = secrets.token_urlsafe(32)
    interview.row.token_digest = digest(token)
    ask_next(interview, now)
    if interview.claimed is not None and interview.row.status != "open":
        ask_to_confirm(interview.row, interview.claimed)
    session.add(interview.contact)
    session.flush()
    save(session, interview.row)
    session.flush()
    return interview, token


def exists(session: Session, session_id: str) -> bool:
    """Whether the session exists."""
    return session.get(SurveySession, session_id) is not None


def look(
    session: Session,
    banks: Banks,
    session_id: str,
    token: str | None,
    now: datetime,
    claimed: ObservedAnswer | None = None,
    language: str | None = None,
) -> dict[str, Any]:
    """Return the view of a session, in another `language` if one is named, and with `claimed` as if it were confirmed. Writes nothing."""
    interview = open_interview(session, banks, session_id, token, now, lock=False)
    if language:
        interview.row.language = nearest_language(language, (interview.row.language, *interview.bank.bank.languages))
    if claimed is not None and interview.status(now) == "open":
        interview = replace(interview, claimed=claimed)
        ask_next(interview, now)
    _leave_closed_question(interview, now)
    return view_of(interview, now)


def record_answers(
    session: Session, banks: Banks, session_id: str, token: str | None, given: Sequence[GivenAnswer], now: datetime
) -> Interview:
    """Store the answers, update the contact's belief, publish the change, and choose the next question.

    An `answer_id` that was stored before is skipped. Either all answers of `given` are stored or none. Raises NotFound, BadToken,
    SessionClosed, SessionExpired, AnswerIdReused, and Invalid naming every wrong field.
    """
    interview = open_interview(session, banks, session_id, token, now)
    _leave_closed_question(interview, now)
    accepted = accept(session, interview, given, now)
    if accepted is None:
        return interview
    _store_and_publish(session, accepted, "answer", now)
    return accepted


def go_back(session: Session, banks: Banks, session_id: str, token: str | None, answer_id: str, now: datetime) -> Interview:
    """Withdraw the last answer of the session and ask its question again, with that answer filled in."""
    interview = open_interview(session, banks, session_id, token, now)
    if answer_id in [answer.withdrawn_by for answer in interview.log_of_session]:
        return interview
    interview.require_open(now)
    if not interview.settled:
        raise Conflict("There is no answer to go back to.")
    last = interview.settled[-1]
    withdraw(session, last, answer_id)
    interview.row.withdrawn_answer = last.id
    interview = replace(interview, answers=[answer for answer in interview.answers if answer.id != last.id], withdrawn=last)
    _store_and_publish(session, interview, "withdrawn", now)
    return interview


def change_language(session: Session, banks: Banks, session_id: str, language: str, now: datetime) -> None:
    """Continue the session in another language, if the bank has it."""
    row = open_interview(session, banks, session_id, None, now).row
    row.language = nearest_language(language, (row.language, *banks.version(session, row.bank, row.bank_version).bank.languages))
    save(session, row)


def finish(session: Session, banks: Banks, session_id: str, token: str | None, now: datetime, reason: str | None = None) -> Interview:
    """End the session at the respondent's wish. What was answered counts. Ending it twice changes nothing."""
    interview = open_interview(session, banks, session_id, token, now)
    if interview.status(now) == "open":
        close(interview, "finished", "respondent", now)
        interview.row.finish_reason = reason
        save(session, interview.row)
        _publish_end(session, interview, now)
    return interview


def _store_and_publish(session: Session, interview: Interview, reason: str, now: datetime) -> None:
    """Choose the next question, store the belief that it was chosen by, and publish the change where there are subscribers."""
    step = ask_next(interview, now)
    save(session, interview.row)
    previous, ended = interview.log.before if interview.log else None, interview.row.status != "open"
    confidence = interview.survey.stop.confidence
    inferred = InferredBelief(interview.certain_evidence, interview.row.bank_version, step.belief[0], previous, confidence)
    if not interview.has_subscribers:
        sequence = 1 if previous is None else previous.sequence + 1  # the contact's own sequence numbers messages
        store_belief(session, interview.contact, inferred, sequence, reason, now, explain=False)
        return
    publish.store_and_publish(session, interview.contact, inferred, reason, now, ended=ended)
    if ended:
        _publish_end(session, interview, now)


def _leave_closed_question(interview: Interview, now: datetime) -> None:
    """Choose another question where an answer in another session has closed the one that was asked."""
    asked = interview.row.question
    if interview.status(now) == "open" and asked and not interview.opens[interview.bank.index[asked]]:
        ask_next(interview, now)


def _publish_end(session: Session, interview: Interview, now: datetime) -> None:
    publish.publish_response(session, interview.row, interview.contact, interview.bank, interview.own, "completed", now)


class OtherContact(Conflict):
    """This session belongs to another known contact: begin a new one."""

    code = "somebody_else"


def identify(
    session: Session, banks: Banks, session_id: str, token: str, contact_id: Callable[[Session], str], now: datetime
) -> dict[str, Any]:
    """Continue the session as that of a known contact. Doing it again changes nothing. Raises SomebodyElse, ContactErased, and the errors
    of tokens.
    """
    interview = open_interview(session, banks, session_id, token, now, lock=False)
    # After the check of the token: otherwise this call would tell anybody whether a link is valid.
    contact = follow(session, contact_id(session))
    if interview.contact.id != contact.id:
        if any(name["system"] == OWN_SYSTEM for name in names_of(session, [interview.contact])[interview.contact.id]):
            raise OtherContact
        merge(session, banks, interview.contact.id, contact.id, now)
        session.flush()
    return look(session, banks, session_id, token, now)
