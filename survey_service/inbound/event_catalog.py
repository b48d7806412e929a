"""What was told of contacts, over HTTP, for authors who write signals."""

import re
from collections.abc import Sequence
from typing import Any

from marshmallow import fields, validate
from sqlalchemy import Select, func, select
from sqlmodel import Session, col

from question_bank.definitions import Bank, Signal
from survey_service.store.banks import Banks
from survey_service.store.tables.inbound import ContactEvent
from survey_service.web.api import ApiBlueprint, StrictSchema
from survey_service.web.api_keys import requires
from survey_service.web.context import parts
from survey_service.web.pagination import cursor, place_of


def count_events(session: Session, banks: Banks, after: Sequence[str] | None, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` kinds of events by kind and name, or path, behind `after`: how often, of how many contacts, and which signals match."""
    label = func.coalesce(ContactEvent.path, ContactEvent.name, "")
    counts = func.count(), func.count(func.distinct(ContactEvent.contact_id)), func.max(ContactEvent.at)
    shown: Any = select(col(ContactEvent.kind), label, func.max(ContactEvent.name), func.max(ContactEvent.path), *counts)
    rows: Select[Any] = shown
    if after is not None:
        rows = rows.where((col(ContactEvent.kind) > after[0]) | ((col(ContactEvent.kind) == after[0]) & (label > after[1])))
    rows = rows.group_by(col(ContactEvent.kind), label).order_by(col(ContactEvent.kind), label).limit(limit)
    known = [bank.bank for bank, _ in banks.newest(session)]
    return [
        {
            "kind": kind,
            "label": shown,
            "events": events,
            "contacts": contacts,
            "last_at": last.isoformat(),
            "signals": _signals(known, kind, name, path),
        }
        for kind, shown, name, path, events, contacts, last in session.execute(rows)
    ]


def _signals(banks: Sequence[Bank], kind: str, name: str | None, path: str | None) -> list[str]:
    return [f"{bank.id}/{signal.id}" for bank in banks for signal in bank.signals if _may_match(signal, kind, name, path)]


def _may_match(signal: Signal, kind: str, name: str | None, path: str | None) -> bool:
    """Whether the signal matches such an event, whatever its channel and topic; one that asks for nothing else never counts here."""
    wanted = signal.match
    if "event" in wanted:
        return kind in ("track", "screen") and name == wanted["event"]
    return "page" in wanted and kind == "page" and _fits(wanted["page"].lower(), path or "")


def _fits(glob: str, path: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, glob.split("*"))), path) is not None


blueprint = ApiBlueprint("events", __name__, url_prefix="/api/v1/events", description="What contacts did, as the intake heard it")


class EventQuerySchema(StrictSchema):
    after = fields.String(metadata={"description": "`next` of the page before"})
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class EventSchema(StrictSchema):
    kind = fields.String()
    label = fields.String(metadata={"description": "The name of the event, or the path of the page"})
    events = fields.Integer()
    contacts = fields.Integer()
    last_at = fields.String()
    signals = fields.List(fields.String(), metadata={"description": "bank/signal that match; none: no bank knows what to make of it"})


class EventPageSchema(StrictSchema):
    items = fields.List(fields.Nested(EventSchema))
    next = fields.String(allow_none=True)


@blueprint.get("")
@requires("read")
@blueprint.arguments(EventQuerySchema, location="query")
@blueprint.response(200, EventPageSchema)
def page(query: dict[str, Any]) -> dict[str, Any]:
    """Kinds of events by name, with the signals that match them."""
    p, limit = parts(), query["limit"]
    after = place_of(query["after"], 2) if "after" in query else None
    with p.store.reading() as session:
        found = count_events(session, p.banks, after, limit + 1)
    return {"items": found[:limit], "next": cursor(found[limit - 1]["kind"], found[limit - 1]["label"]) if len(found) > limit else None}
