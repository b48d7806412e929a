"""Sessions that nobody goes on with: told of once, and closed when their time is over."""

from datetime import datetime
from typing import Any

from survey_service.outbox import pending_work, publish
from survey_service.outbox.debounce import IDLE
from survey_service.respondent.state import open_interview
from survey_service.store.banks import Banks
from survey_service.store.rows import save
from survey_service.store.session import Store
from survey_service.webhooks import endpoints

SESSIONS_PER_SWEEP = 200


def sweep(store: Store, banks: Banks, now: datetime) -> int:
    """Tell once of every respondent who left in the middle, and close what has expired. Returns how many sessions were touched."""
    with store.reading() as session:
        ids = list(session.scalars(pending_work.idle_sessions(now).limit(SESSIONS_PER_SWEEP)))
    for session_id in ids:
        with store.writing() as session:
            close(session, banks, session_id, now)
    with store.writing() as session:
        endpoints.forget_expired_secrets(session, now)
    return len(ids)


def close(session: Any, banks: Banks, session_id: str, now: datetime) -> None:
    """Under the contact's lock, look again: the respondent may have come back a moment ago."""
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
