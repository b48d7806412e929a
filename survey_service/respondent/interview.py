"""The main path: from one answer to the next question, the stored belief and the message to the CRM, in one transaction.

The functions take plain values and a database session and return an interview or a view. They know nothing of HTTP. The view of an
interview is made after the transaction.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from adaptive import REASONS, Step, next_questions, update_limit
from question_bank.compile import CompiledBank, ObservedAnswer
from question_bank.languages import negotiate
from survey_service.belief.belief import InferredBelief, store_belief
from survey_service.belief.evidence import current_answers, signal_events
from survey_service.belief.priors import prior_to_begin_with
from survey_service.contacts.directory import resolve
from survey_service.contacts.merging import lock_pair, merge
from survey_service.contacts.views import external_ids_of
from survey_service.errors import Conflict
from survey_service.links.unconfirmed import reopen_for_confirmation
from survey_service.outbox import publish
from survey_service.respondent.answers import accept, with_own_id, withdraw
from survey_service.respondent.state import GivenAnswer, Interview, SessionKey, Start, digest, open_interview, session_key
from survey_service.respondent.view import view_of, view_of_question
from survey_service.store.banks import Banks
from survey_service.store.session import lock_by_name, save
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.core import OWN_SYSTEM, Contact, SurveySession

SESSION_LIFETIME = timedelta(hours=24)


def preview_start(session: Session, banks: Banks, survey_id: str, given: Start, now: datetime) -> dict[str, Any]:
    """Return the view that a new respondent would see first. Writes nothing, because robots open pages as well. Raises SurveyPaused."""
    interview = new_interview(session, banks.starting(session, survey_id, given.pinned), survey_id, given, now)
    ask_next(interview, now)
    return view_of(interview, now)


def start(session: Session, banks: Banks, survey_id: str, given: Start, now: datetime) -> tuple[Interview, str]:
    """Start a survey for a known or a new anonymous contact. Return the interview and the session's token.

    The same start again, as its `start_id` shows, returns the session that it began, in its present state. Raises OtherContact where that
    session belongs to another contact meanwhile, and SurveyPaused.
    """
    key = session_key(given.start_id, survey_id, given.person)
    if started := started_before(session, banks, key, given, now):
        return started, key.token
    given = replace(given, session_id=key.session_id or given.session_id)
    interview = new_interview(session, banks.starting(session, survey_id, given.pinned), survey_id, given, now)
    interview.row.token_digest = digest(key.token)
    ask_next(interview, now)
    if interview.claimed is not None and interview.row.status != "open":
        reopen_for_confirmation(interview.row, interview.claimed)
    session.add(interview.contact)
    session.flush()
    save(session, interview.row)
    session.flush()
    return interview, key.token


def started_before(session: Session, banks: Banks, key: SessionKey, given: Start, now: datetime) -> Interview | None:
    """Return the session that the same start began earlier, None where there is none. Keeps other starts with this key out.

    Raises OtherContact where the session belongs to another contact than the one that `given` names.
    """
    if key.session_id is None:
        return None
    lock_by_name(session, key.session_id)
    if not exists(session, key.session_id):
        return None
    interview = open_interview(session, banks, key.session_id, key.token, now, lock=False)
    if given.contact_id is not None:
        is_same = resolve(session, given.contact_id).id == interview.contact.id
    else:
        is_same = not external_ids_of(session, [interview.contact])[interview.contact.id]
    if not is_same:
        raise OtherContact
    if given.page_language and interview.status(now) == "open":
        interview.row.language = negotiate(given.page_language, (interview.row.language, *interview.bank.bank.languages))
        save(session, interview.row)
    _leave_closed_question(interview, now)
    return interview


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
    question: str | None = None,
) -> dict[str, Any]:
    """Return the view of a session, in another `language` if one is named, and with `claimed` as if it were confirmed. Writes nothing.

    With `question` the view shows that question of the session, if it is open, instead of the one that is asked.
    """
    interview = open_interview(session, banks, session_id, token, now, lock=False)
    if language:
        interview.row.language = negotiate(language, (interview.row.language, *interview.bank.bank.languages))
    if claimed is not None and interview.status(now) == "open":
        interview = replace(interview, claimed=claimed)
        ask_next(interview, now)
    _leave_closed_question(interview, now)
    view = view_of(interview, now)
    return view if question is None else view_of_question(interview, view, question)


def record_answers(
    session: Session, banks: Banks, session_id: str, token: str | None, given: Sequence[GivenAnswer], now: datetime
) -> Interview:
    """Store the answers, update the contact's belief, publish the change, and choose the next question.

    An `answer_id` that was stored before is skipped. Either all answers of `given` are stored or none. Raises NotFound, BadToken,
    SessionClosed, SessionExpired, AnswerIdReused, and Invalid naming every wrong field.
    """
    return _record(session, open_interview(session, banks, session_id, token, now), given, now)


def record_form(session: Session, banks: Banks, session_id: str, given: GivenAnswer, now: datetime) -> Interview:
    """Store the answer of a form, which a browser may submit again with another answer: then it replaces its own earlier answer.

    Raises as `record_answers` does.
    """
    interview = open_interview(session, banks, session_id, None, now)
    return _record(session, interview, [with_own_id(interview, given)], now)


def _record(session: Session, interview: Interview, given: Sequence[GivenAnswer], now: datetime) -> Interview:
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
    row.language = negotiate(language, (row.language, *banks.version(session, row.bank, row.bank_version).bank.languages))
    save(session, row)


def finish(session: Session, banks: Banks, session_id: str, token: str | None, now: datetime, reason: str | None = None) -> Interview:
    """End the session at the respondent's wish. What was answered counts. Ending it twice changes nothing."""
    interview = open_interview(session, banks, session_id, token, now)
    if interview.status(now) == "open":
        close(interview, "finished", "respondent", now)
        interview.row.finish_reason = reason
        save(session, interview.row)
        publish.publish_final(session, interview.contact, interview.bank, "completed", now)
        _publish_end(session, interview, now)
    return interview


def _store_and_publish(session: Session, interview: Interview, reason: str, now: datetime) -> None:
    """Choose the next question, store the belief that it was chosen by, and publish the change where there are subscribers."""
    step, log = ask_next(interview, now), interview.log
    save(session, interview.row)
    previous, ended = log.before, interview.row.status != "open"
    confidence = interview.survey.stop.confidence
    inferred = InferredBelief(interview.certain_evidence, interview.row.bank_version, step.belief[0], previous, confidence)
    if not log.subscribers:
        sequence = 1 if previous is None else previous.sequence + 1  # the contact's own sequence numbers messages
        store_belief(session, interview.contact, inferred, sequence, reason, now, explain=False)
        return
    publish.store_and_publish(session, interview.contact, inferred, reason, now, ended=ended, endpoints=log.subscribers, names=log.names)
    if ended:
        _publish_end(session, interview, now)


def _leave_closed_question(interview: Interview, now: datetime) -> None:
    """Choose another question where an answer in another session has closed the one that was asked."""
    if interview.asks_closed_question(now):
        ask_next(interview, now)


def _publish_end(session: Session, interview: Interview, now: datetime) -> None:
    given, log = (interview.row, interview.contact, interview.bank, interview.own), interview.log
    publish.publish_response(session, *given, "completed", now, endpoints=log.subscribers, names=log.names)


class OtherContact(Conflict):
    """This session belongs to another known contact: begin a new one."""

    code = "somebody_else"


def identify(
    session: Session, banks: Banks, session_id: str, token: str, contact_id: Callable[[Session], str], now: datetime
) -> dict[str, Any]:
    """Continue the session as that of a known contact. Doing it again changes nothing. Raises OtherContact, ContactErased, and the errors
    of tokens.
    """
    interview = open_interview(session, banks, session_id, token, now, lock=False)
    # After the check of the token: otherwise this call would tell anybody whether a link is valid.
    mine, contact = lock_pair(session, interview.contact.id, contact_id(session))
    if mine.id != contact.id:
        if any(name["system"] == OWN_SYSTEM for name in external_ids_of(session, [mine])[mine.id]):
            raise OtherContact
        merge(session, banks, mine.id, contact.id, now)
        session.flush()
    return look(session, banks, session_id, token, now)


def new_interview(session: Session, of_bank: tuple[CompiledBank, int], survey_id: str, given: Start, now: datetime) -> Interview:
    """Return a session that is not stored yet, in this bank and version, of a known contact or of a new one."""
    bank, version = of_bank
    contact = _contact(session, given.contact_id, now)
    row = SurveySession(
        id=given.session_id or new_id("ses"),
        token_digest="",
        survey=survey_id,
        bank=bank.bank.id,
        bank_version=version,
        contact_id=contact.id,
        language=negotiate(given.language, bank.bank.languages),
        channel=given.channel,
        hidden=given.hidden,
        page=given.page,
        limit=len(bank.index),
        started_at=min(given.shown_at or now, now),
        last_at=now,
        expires_at=now + SESSION_LIFETIME,
    )
    row.prior = prior_to_begin_with(session, contact, bank, row.id)
    seen = signal_events(session, [contact.id], bank, now).get(contact.id, [])
    answers = current_answers(session, contact.id, bank.bank.id)
    return Interview(row, contact, bank, bank.bank.survey_by_id[survey_id], answers, now, seen, claimed=given.claimed)


def _contact(session: Session, contact_id: str | None, now: datetime) -> Contact:
    if contact_id is None:
        return Contact(id=new_id("ct"), created_at=now, updated_at=now)
    return resolve(session, contact_id, lock=True)


def ask_next(interview: Interview, now: datetime) -> Step:
    """Choose the next question or end the session. After going back, the withdrawn question is asked again."""
    rules = interview.bank.rules[interview.row.survey]
    progress = update_limit(interview.bank.tables, rules, interview.progress)
    evidence = interview.evidence
    step = next_questions(interview.bank.tables, rules, evidence, progress, interview.random_draw())
    row = interview.row
    row.last_at, row.expires_at, row.abandoned_at = now, now + SESSION_LIFETIME, None
    if interview.withdrawn is not None and progress.opens[0, interview.bank.index[interview.withdrawn.question]]:
        row.question, row.chance = interview.withdrawn.question, interview.withdrawn.chance
    elif step.chosen[0] >= 0:
        row.question = interview.bank.bank.questions[step.chosen[0]].id
        row.chance = _chance(step)
        row.limit = int(progress.limit[0])
    else:
        missing = rules.included & rules.required & progress.opens[0] & ~evidence.answered[0]
        close(interview, "finished" if missing.any() else "complete", REASONS[step.reason[0]], now)
    return step


def _chance(step: Step) -> float | None:
    """Return the probability with which the question was drawn, or None where it was chosen."""
    return float(step.chance[0]) if step.chance is not None and step.chance[0] < 1 else None


def close(interview: Interview, status: str, reason: str | None, now: datetime) -> None:
    row = interview.row
    if reason == "respondent":
        row.left_at = row.question
    row.status, row.stopped_because, row.ended_at, row.last_at = status, reason, now, now
    row.question, row.chance = None, None
