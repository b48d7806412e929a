"""Publish that a respondent left in the middle, and close sessions whose time is over."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from survey_service.outbox import pending_work, publish
from survey_service.outbox.debounce import IDLE
from survey_service.respondent.state import open_interview
from survey_service.store.banks import Banks
from survey_service.store.faults import FaultCounter
from survey_service.store.session import Store, save
from survey_service.store.tables.core import SurveySession
from survey_service.webhooks import endpoints

SESSIONS_PER_SWEEP = 200


def expire_sessions(store: Store, banks: Banks, now: datetime, faults: FaultCounter | None = None) -> int:
    """Publish each session that was left in the middle, once, and close the expired ones. Return how many sessions were touched.

    A session that fails by a fault of ours is tried again; after a few `faults` it is closed without a message, so that it does not come
    back for ever.
    """
    faults = faults or FaultCounter()
    with store.reading() as session:
        ids = list(session.scalars(pending_work.idle_sessions(now).limit(SESSIONS_PER_SWEEP)))
    for session_id in ids:
        task = f"expire session={session_id}"
        with faults.contained(task), store.writing() as session:
            expire(session, banks, session_id, now)
        if faults.is_to_be_set_aside(task):
            with store.writing() as session:
                _close_unpublished(session, session_id, now)
    with store.writing() as session:
        endpoints.forget_expired_secrets(session, now)
    return len(ids)


def _close_unpublished(session: Session, session_id: str, now: datetime) -> None:
    row = session.get_one(SurveySession, session_id, with_for_update=True)
    if row.status == "open":
        row.left_at, row.question, row.chance, row.withdrawn_answer = row.question, None, None, None
        row.status, row.ended_at, row.abandoned_at = "expired", now, row.abandoned_at or now
        session.add(row)


def expire(session: Any, banks: Banks, session_id: str, now: datetime) -> None:
    """Publish or close one session. Its state is read again under the contact's lock, because the respondent may have come back."""
    interview = open_interview(session, banks, session_id, None, now)
    row = interview.row
    if row.status != "open":
        return
    if row.abandoned_at is None and row.last_at <= now - IDLE:
        row.abandoned_at = now
        if interview.own:  # a page that was opened and left is no response
            publish.publish_response(session, row, interview.contact, interview.bank, interview.own, "abandoned", now)
    if row.expires_at <= now:
        row.left_at, row.question, row.chance = row.question, None, None
        row.status, row.ended_at = "expired", now
        publish.publish_final(session, interview.contact, interview.bank, "expired", now)
    save(session, row)
