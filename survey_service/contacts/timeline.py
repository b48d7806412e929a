"""What happened with a contact, of every kind in one list, page by page."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Integer, and_, literal, or_, tuple_
from sqlmodel import Session, col, select

from survey_service.contacts.schemas import TimelineQuery
from survey_service.store.tables.core import Answer, Contact, SurveySession
from survey_service.store.tables.inbound import ContactEvent
from survey_service.store.tables.links import Link, LinkOpen
from survey_service.store.tables.webhooks import Delivery
from survey_service.web.pagination import BETWEEN, cursor, invalid_cursor, place_of

Content = Callable[[Any], dict[str, Any]]
LARGEST = 2**63 - 1


class Kind(NamedTuple):
    """One kind of entries: its table, the column of its moment, the key that orders entries of one moment, and what a row says."""

    table: Any
    moment: str
    key: Sequence[str]
    content: Content


def _fields(**names: str) -> Content:
    return lambda row: {name: getattr(row, column) for name, column in names.items()}


_EVENT = {name: name for name in ("kind", "name", "path", "channel", "topic")}
_ANSWER = {"session": "session_id", **{name: name for name in ("question", "kind", "value", "state")}}
KINDS = {
    "survey_started": Kind(SurveySession, "started_at", ["id"], _fields(survey="survey", session="id", channel="channel")),
    "survey_ended": Kind(SurveySession, "ended_at", ["id"], _fields(survey="survey", session="id", status="status")),
    "answer": Kind(Answer, "given_at", ["id"], _fields(**_ANSWER)),
    "event": Kind(ContactEvent, "at", ["id"], _fields(**_EVENT)),
    "link_made": Kind(Link, "created_at", ["id"], _fields(survey="survey", question="question")),
    "link_opened": Kind(LinkOpen, "first_at", ["link_id", "kind", "option"], _fields(kind="kind", opens="opens")),
    "message": Kind(Delivery, "settled_at", ["id"], _fields(type="event_type", endpoint="endpoint_id", state="state")),
}
"""Entries of one moment come in this order, and those of one kind by their keys."""
ORDER = list(KINDS)


class Place(NamedTuple):
    """The place of an entry: its moment, its kind by its number in `ORDER`, and its key."""

    moment: datetime
    kind: int
    key: Sequence[str | int] = ()


def timeline_page(session: Session, contact: Contact, query: TimelineQuery) -> tuple[list[dict[str, Any]], str | None]:
    """Return up to `query.limit` entries, the newest first, and the cursor of the next page. Raises Invalid for `query.after`."""
    after = None if query.after is None else _read_cursor(query.after)
    rows = [
        (getattr(row, kind.moment), what, row)
        for what, kind in KINDS.items()
        for row in session.exec(_statement(what, contact, after).limit(query.limit + 1))
    ]
    rows.sort(key=lambda found: found[0], reverse=True)  # stable: those of one moment stay in the order of kinds and keys
    page = rows[: query.limit]
    items = [{"at": moment.isoformat(), "what": what, **KINDS[what].content(row)} for moment, what, row in page]
    return items, _cursor(*page[-1]) if len(rows) > query.limit else None


def _statement(what: str, contact: Contact, after: Place | None) -> Any:
    """Select the entries of a kind that come after a place."""
    kind, number = KINDS[what], ORDER.index(what)
    moment, key = col(getattr(kind.table, kind.moment)), [col(getattr(kind.table, name)) for name in kind.key]
    rows = select(kind.table).join(Link) if kind.table is LinkOpen else select(kind.table)
    rows = rows.where((Link if kind.table is LinkOpen else kind.table).contact_id == contact.id, moment.is_not(None))
    if after is not None:
        of_this_moment = tuple_(*key) > tuple_(*after.key) if number == after.kind else literal(number > after.kind)
        rows = rows.where(or_(moment < after.moment, and_(moment == after.moment, of_this_moment)))
    return rows.order_by(moment.desc(), *key)


def _cursor(moment: datetime, what: str, row: Any) -> str:
    return cursor(moment.astimezone(UTC).isoformat(), what, *(str(getattr(row, name)) for name in KINDS[what].key))


def _read_cursor(after: str) -> Place:
    """Read a cursor, or a time, which was the cursor in earlier versions. Raises Invalid."""
    try:
        if ":" in after:
            return Place(_in_utc(after), len(ORDER))
        moment, what, rest = place_of(after, 3)
        return Place(_in_utc(moment), ORDER.index(what), _key(KINDS[what], rest))
    except (ValueError, OverflowError):
        raise invalid_cursor() from None


def _in_utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _key(kind: Kind, text: str) -> list[str | int]:
    """Return a key with the types of its columns. Raises ValueError."""
    columns: Mapping[str, Any] = kind.table.__table__.c
    parts = text.split(BETWEEN, len(kind.key) - 1)
    key = [int(part) if isinstance(columns[name].type, Integer) else part for name, part in zip(kind.key, parts, strict=True)]
    if any(isinstance(part, int) and abs(part) > LARGEST for part in key):
        raise ValueError("is not a number of a row")
    return key
