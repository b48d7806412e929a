"""Sources: the systems that may send their events."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from sqlmodel import Session, col, delete, select

from survey_service.crypto import Keyring
from survey_service.egress.signing import new_secret
from survey_service.errors import Invalid, NotFound
from survey_service.inbound import hubspot, shopify, signed
from survey_service.inbound.receiver import Receiver, VerifiedEvent
from survey_service.inbound.schemas import HUBSPOT_OPTIONS, SHOPIFY_OPTIONS, SourceRequest
from survey_service.store.banks import Banks
from survey_service.store.bulk import dialect_of, insert_into
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.inbound import InboundEvent, Source

RECEIVERS: Mapping[str, Receiver] = {
    "hubspot": cast(Receiver, hubspot),
    "shopify": cast(Receiver, shopify),
    "signed": cast(Receiver, signed),
}
OPTIONS = {"hubspot": HUBSPOT_OPTIONS, "shopify": SHOPIFY_OPTIONS, "signed": ()}


def add(session: Session, keys: Keyring, banks: Banks, request: SourceRequest, now: datetime) -> tuple[Source, str | None]:
    """Add a source and return it, and its secret if it was generated here. Raises Invalid, and NotFound for an unknown survey."""
    kind, secret, options = request.kind, request.secret, request.options
    problems = [{"path": name, "message": f"is not for a source of the kind {kind}"} for name in options if name not in OPTIONS[kind]]
    if kind == "signed" and secret is not None:
        problems.append({"path": "secret", "message": "is generated here for a source of the kind signed: leave it out"})
    if kind != "signed" and secret is None:
        problems.append({"path": "secret", "message": "is missing: the client secret of the app that sends the webhooks"})
    if kind == "shopify" and "survey" not in options:
        problems.append({"path": "survey", "message": "is missing: what buyers are to be asked"})
    if problems:
        raise Invalid(errors=problems)
    if kind == "shopify":
        banks.current(session, options["survey"])
    generated = new_secret() if kind == "signed" else None
    source = Source(id=new_id("src"), kind=kind, secret=keys.encrypt(str(generated or secret)), wishes=options, created_at=now)
    session.add(source)
    session.flush()
    return source, generated


def find(session: Session, source_id: str) -> Source:
    """Return a source. Raises NotFound where it does not exist or was removed."""
    source = session.get(Source, source_id)
    if source is None or source.removed_at is not None:
        raise NotFound(f'There is no source "{source_id}".')
    return source


def list_all(session: Session) -> list[Source]:
    """Return all sources, the oldest first."""
    return list(session.exec(select(Source).where(col(Source.removed_at).is_(None)).order_by(col(Source.id))))


def remove(session: Session, source_id: str, now: datetime) -> None:
    """Remove a source, delete its secret, and delete its events that were not handled yet."""
    source = find(session, source_id)
    source.secret, source.removed_at = "", now
    session.add(source)
    session.execute(delete(InboundEvent).where(col(InboundEvent.source_id) == source.id, col(InboundEvent.done_at).is_(None)))


def store_events(session: Session, source: Source, events: list[VerifiedEvent], now: datetime) -> int:
    """Store the events that are new, and return how many were."""
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
        statement = (
            insert_into(dialect_of(session), InboundEvent).values(row).on_conflict_do_nothing(index_elements=["source_id", "event_id"])
        )
        new += session.scalars(statement.returning(col(InboundEvent.id))).first() is not None
    return new


def view(source: Source, base_url: str) -> dict[str, Any]:
    """Return the representation of a source in the API, without its secret."""
    return {
        "id": source.id,
        "kind": source.kind,
        "url": source_url(source.id, base_url),
        **source.wishes,
        "created_at": source.created_at.isoformat(),
    }


def source_url(source_id: str, base_url: str) -> str:
    """Return the address to which the source sends its events. Some signatures cover it."""
    return f"{base_url}/in/{source_id}"
