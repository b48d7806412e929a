"""Delete what a respondent answered in one session, at their request, and publish what is left."""

from datetime import datetime

from sqlmodel import Session, select

from survey_service.belief.recompute import infer_under_stored_version, restore_replaced_answers
from survey_service.links.unconfirmed import clear_unconfirmed
from survey_service.outbox import messages, publish
from survey_service.respondent.state import open_interview
from survey_service.store.banks import Banks
from survey_service.store.session import save
from survey_service.store.tables.core import Answer, SurveySession

ERASED = "erased"
"""The `reason` in the message about the erased response, which has no answers any more."""


def erase(session: Session, banks: Banks, session_id: str, now: datetime) -> None:
    """Delete everything that the respondent gave in a session. Answers of earlier sessions that these had replaced are current again.

    Erasing twice changes nothing. Raises NotFound.
    """
    interview = open_interview(session, banks, session_id, None, now)
    row, contact = interview.row, interview.contact
    if row.finish_reason == ERASED:
        return
    log = session.exec(select(Answer).where(Answer.session_id == session_id)).all()
    counted = [answer.question for answer in log if answer.state == "current"]
    for answer in log:
        session.delete(answer)
    session.flush()
    _close(row, now)
    clear_unconfirmed(session, row)
    save(session, row)
    restore_replaced_answers(session, contact, row.bank, counted)
    messages.drop_answers(session, contact, row.bank, now)
    inferred = infer_under_stored_version(session, banks, contact, row.bank, row.bank_version, now)
    publish.store_and_publish(session, contact, inferred, "withdrawn", now, ended=True, always=True)
    publish.publish_response(session, row, contact, interview.bank, [], "completed", now)
    messages.wait_for_dropped(session, contact, now)


def is_erased(session: Session, session_id: str) -> bool:
    """Whether the respondent has erased the session."""
    return session.exec(select(SurveySession.finish_reason).where(SurveySession.id == session_id)).first() == ERASED


def _close(row: SurveySession, now: datetime) -> None:
    row.hidden, row.page, row.withdrawn_answer = {}, None, None
    row.question, row.chance, row.left_at = None, None, None
    if row.status == "open":
        row.status, row.stopped_because, row.ended_at = "finished", "respondent", now
    row.finish_reason = ERASED
