"""What happened with a contact, in one line: surveys, answers, behaviour, emails and messages to CRMs, the newest first."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from survey_service.store.link_records import Link, LinkOpen
from survey_service.store.records import Answer, Contact, SurveySession
from survey_service.store.signal_records import ContactEvent
from survey_service.store.webhook_records import Delivery


def timeline(session: Session, contact: Contact, before: datetime | None, limit: int) -> tuple[list[dict[str, Any]], str | None]:
    """Up to `limit` things older than `before`, and the cursor of the next page. What happened at one moment is never torn apart."""
    found = sorted(_all(session, contact, before, limit + 1), key=lambda item: item[0], reverse=True)
    kept = found[:limit]
    if len(found) > limit:
        last = found[limit][0]
        kept = [item for item in kept if item[0] > last] or [item for item in found if item[0] == last]
    items = [{"at": moment.isoformat(), **what} for moment, what in kept]
    return items, items[-1]["at"] if items and len(found) > len(kept) else None


def _all(session: Session, contact: Contact, before: datetime | None, limit: int) -> Iterator[tuple[datetime, dict[str, Any]]]:
    def newest(table: Any, moment: Any, *joined: Any) -> Any:
        mine = select(table).join(*joined) if joined else select(table)
        mine = mine.where((Link if joined else table).contact_id == contact.id, col(moment).is_not(None))
        if before is not None:
            mine = mine.where(col(moment) < before)
        return session.exec(mine.order_by(col(moment).desc()).limit(limit))

    for row in newest(SurveySession, SurveySession.started_at):
        yield row.started_at, {"what": "survey_started", "survey": row.survey, "session": row.id, "channel": row.channel}
    for row in newest(SurveySession, SurveySession.ended_at):
        yield row.ended_at, {"what": "survey_ended", "survey": row.survey, "session": row.id, "status": row.status}
    for row in newest(Answer, Answer.given_at):
        told = {"session": row.session_id, "question": row.question, "kind": row.kind, "value": row.value, "state": row.state}
        yield row.given_at, {"what": "answer", **told}
    for row in newest(ContactEvent, ContactEvent.at):
        told = {"kind": row.kind, "name": row.name, "path": row.path, "channel": row.channel, "topic": row.topic}
        yield row.at, {"what": "event", **told}
    for row in newest(Link, Link.created_at):
        yield row.created_at, {"what": "link_made", "survey": row.survey, "question": row.question}
    for row in newest(LinkOpen, LinkOpen.first_at, Link):
        yield row.first_at, {"what": "link_opened", "kind": row.kind, "opens": row.opens}
    for row in newest(Delivery, Delivery.settled_at):
        yield row.settled_at, {"what": "message", "type": row.event_type, "endpoint": row.endpoint_id, "state": row.state}
