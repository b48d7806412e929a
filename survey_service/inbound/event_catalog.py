"""The catalogue of events that contacts have sent, for authors who write signals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import fields
from sqlalchemy import Select, func, select
from sqlmodel import Session, col

from question_bank.definitions import Bank, Signal
from survey_service.banks.schemas import PageQuerySchema
from survey_service.store.banks import Banks
from survey_service.store.globs import glob_matches
from survey_service.store.tables.inbound import ContactEvent
from survey_service.web.api import ApiBlueprint, StrictSchema
from survey_service.web.api_keys import requires
from survey_service.web.context import parts
from survey_service.web.pagination import cursor, place_of


def count_events(session: Session, banks: Banks, after: Sequence[str] | None, limit: int) -> list[dict[str, Any]]:
    """Return up to `limit` entries after `after`, grouped by kind and name or path: counts of events and contacts, and matching signals."""
    label = func.coalesce(ContactEvent.path, ContactEvent.name, "")
    counts = func.count(), func.count(func.distinct(ContactEvent.contact_id)), func.max(ContactEvent.at)
    columns: Any = select(col(ContactEvent.kind), label, func.max(ContactEvent.name), func.max(ContactEvent.path), *counts)
    rows: Select[Any] = columns
    if after is not None:
        rows = rows.where((col(ContactEvent.kind) > after[0]) | ((col(ContactEvent.kind) == after[0]) & (label > after[1])))
    rows = rows.group_by(col(ContactEvent.kind), label).order_by(col(ContactEvent.kind), label).limit(limit)
    newest = [bank.bank for bank, _ in banks.newest(session)]
    return [
        {
            "kind": kind,
            "label": label_of_group,
            "events": events,
            "contacts": contacts,
            "last_at": last.isoformat(),
            "signals": _signals(newest, kind, name, path),
        }
        for kind, label_of_group, name, path, events, contacts, last in session.execute(rows)
    ]


def _signals(banks: Sequence[Bank], kind: str, name: str | None, path: str | None) -> list[str]:
    return [f"{bank.id}/{signal.id}" for bank in banks for signal in bank.signals if _may_match(signal, kind, name, path)]


def _may_match(signal: Signal, kind: str, name: str | None, path: str | None) -> bool:
    """Return whether a signal may match such events, ignoring channel and topic. A signal without event and page never does."""
    if "event" in signal.match:
        return kind in ("track", "screen") and name == signal.match["event"]
    return "page" in signal.match and kind == "page" and glob_matches(signal.match["page"].lower(), path or "")


blueprint = ApiBlueprint("events", __name__, url_prefix="/api/v1/events", description="What contacts did, as the intake received it")


@dataclass(frozen=True)
class EventQuery:
    """The query of the catalogue."""

    after: str | None = None
    limit: int = 50


class EventQuerySchema(PageQuerySchema):
    request = EventQuery


class EventSchema(StrictSchema):
    kind = fields.String()
    label = fields.String(metadata={"description": "The name of the event, or the path of the page"})
    events = fields.Integer()
    contacts = fields.Integer()
    last_at = fields.String()
    signals = fields.List(fields.String(), metadata={"description": "Matching signals, as bank/signal; empty where no bank uses the event"})


class EventPageSchema(StrictSchema):
    items = fields.List(fields.Nested(EventSchema))
    next = fields.String(allow_none=True)


@blueprint.get("")
@requires("read")
@blueprint.arguments(EventQuerySchema, location="query")
@blueprint.response(200, EventPageSchema)
def page(query: EventQuery) -> dict[str, Any]:
    """List events by kind and name, with the signals that match them."""
    p, limit = parts(), query.limit
    after = place_of(query.after, 2) if query.after is not None else None
    with p.store.reading() as session:
        entries = count_events(session, p.banks, after, limit + 1)
    last = entries[limit - 1] if len(entries) > limit else None
    return {"items": entries[:limit], "next": None if last is None else cursor(last["kind"], last["label"])}
