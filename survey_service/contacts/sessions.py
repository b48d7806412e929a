"""The sessions of surveys, page by page: who answered which survey, when, and how it ended."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import tuple_
from sqlmodel import Session, col, select

from survey_service.store.tables.core import SurveySession
from survey_service.web.pagination import cursor, invalid_cursor, place_of

STATUSES = ("open", "complete", "finished", "expired")


@dataclass(frozen=True)
class SessionQuery:
    """Which sessions to list: of a survey, with a status, of a version, channel or language, or of a contact (by our id)."""

    survey: str | None = None
    status: str | None = None
    version: int | None = None
    channel: str | None = None
    language: str | None = None
    contact: str | None = None
    after: str | None = None
    limit: int = 50


def session_page(session: Session, query: SessionQuery) -> tuple[list[dict[str, Any]], str | None]:
    """Return up to `query.limit` sessions, the newest first, and the cursor of the next page. Raises Invalid for `query.after`."""
    place = col(SurveySession.started_at), col(SurveySession.id)
    rows = select(SurveySession).order_by(*(column.desc() for column in place)).limit(query.limit + 1)
    wanted = {
        SurveySession.survey: query.survey,
        SurveySession.status: query.status,
        SurveySession.bank_version: query.version,
        SurveySession.channel: query.channel,
        SurveySession.language: query.language,
        SurveySession.contact_id: query.contact,
    }
    rows = rows.where(*(column == value for column, value in wanted.items() if value is not None))
    if query.after is not None:
        rows = rows.where(tuple_(*place) < tuple_(*_read_cursor(query.after)))
    found = session.exec(rows).all()
    page = found[: query.limit]
    last = page[-1] if len(found) > query.limit else None
    place_of_last = None if last is None else cursor(last.started_at.astimezone(UTC).isoformat(), last.id)
    return [_view(row) for row in page], place_of_last


def _read_cursor(after: str) -> tuple[datetime, str]:
    moment, session_id = place_of(after, 2)
    try:
        return datetime.fromisoformat(moment).astimezone(UTC), session_id
    except (ValueError, OverflowError):
        raise invalid_cursor() from None


def _view(row: SurveySession) -> dict[str, Any]:
    plain = {name: getattr(row, name) for name in ("survey", "bank", "bank_version", "status", "stopped_because", "language", "channel")}
    ended = None if row.ended_at is None else row.ended_at.isoformat()
    return {"session": row.id, "contact": row.contact_id, **plain, "started_at": row.started_at.isoformat(), "ended_at": ended}
