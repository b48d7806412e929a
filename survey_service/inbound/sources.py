"""Sources: systems that may send us their events."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, delete, select

from survey_service.crypto import Keyring
from survey_service.egress.signing import new_secret
from survey_service.errors import Invalid, NotFound
from survey_service.inbound import hubspot, shopify, signed
from survey_service.inbound.receiver import Receiver, VerifiedEvent
from survey_service.store.banks import Banks
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.inbound import InboundEvent, Source

RECEIVERS: Mapping[str, Receiver] = {
    "hubspot": cast(Receiver, hubspot),
    "shopify": cast(Receiver, shopify),
    "signed": cast(Receiver, signed),
}
OPTIONS = {"hubspot": ("id_property", "attributes"), "shopify": ("survey", "delay_hours"), "signed": ()}


def add(session: Session, keys: Keyring, banks: Banks, given: Mapping[str, Any], now: datetime) -> tuple[Source, str | None]:
    """A new source, and its secret where we made it. Raises Invalid, or NotFound for a survey that is not there."""
    kind, secret = given["kind"], given.get("secret")
    wishes = {name: value for name, value in given.items() if name not in ("kind", "secret")}
    problems = [{"path": name, "message": f"is not for a source of the kind {kind}"} for name in wishes if name not in OPTIONS[kind]]
    if kind == "signed" and secret is not None:
        problems.append({"path": "secret", "message": "is made here for a source of the kind signed: leave it out"})
    if kind != "signed" and secret is None:
        problems.append({"path": "secret", "message": "is missing: the client secret of the app that sends the webhooks"})
    if kind == "shopify" and "survey" not in wishes:
        problems.append({"path": "survey", "message": "is missing: what buyers are to be asked"})
    if problems:
        raise Invalid(errors=problems)
    if kind == "shopify":
        banks.current(session, wishes["survey"])
    made = new_secret() if kind == "signed" else None
    source = Source(id=new_id("src"), kind=kind, secret=keys.encrypt(str(made or secret)), wishes=wishes, created_at=now)
    session.add(source)
    session.flush()
    return source, made


def find(session: Session, source_id: str) -> Source:
    """Raises NotFound, for a removed one too."""
    source = session.get(Source, source_id)
    if source is None or source.removed_at is not None:
        raise NotFound(f'There is no source "{source_id}".')
    return source


def list_all(session: Session) -> list[Source]:
    """All of them, oldest first."""
    return list(session.exec(select(Source).where(col(Source.removed_at).is_(None)).order_by(col(Source.id))))


def remove(session: Session, source_id: str, now: datetime) -> None:
    """Take nothing more from it, and drop what has not been acted upon."""
    source = find(session, source_id)
    source.secret, source.removed_at = "", now
    session.add(source)
    session.execute(delete(InboundEvent).where(col(InboundEvent.source_id) == source.id, col(InboundEvent.done_at).is_(None)))


def store_events(session: Session, source: Source, events: list[VerifiedEvent], now: datetime) -> int:
    """Store what is new. Returns how many were."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    new = 0
    for event in events:
        row = {
            "source_id": source.id,
            "event_id": event.event_id,
            "kind": event.kind,
            "facts": dict(event.facts),
            "occurred_at": event.occurred_at,
            "received_at": now,
            "due": now + event.wait,
        }
        written = insert(InboundEvent).values(row).on_conflict_do_nothing(index_elements=["source_id", "event_id"])
        new += session.scalars(written.returning(col(InboundEvent.id))).first() is not None
    return new


def view(source: Source, base_url: str) -> dict[str, Any]:
    """A source as the API shows it, without its secret."""
    return {
        "id": source.id,
        "kind": source.kind,
        "url": source_url(source.id, base_url),
        **source.wishes,
        "created_at": source.created_at.isoformat(),
    }


def source_url(source_id: str, base_url: str) -> str:
    """Where the source sends its events: what is pasted over there, and what its signature covers."""
    return f"{base_url}/in/{source_id}"
