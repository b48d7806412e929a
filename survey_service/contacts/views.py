"""Contacts as API keys see them: one, a page of them, and everything that is known of one."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import tuple_
from sqlmodel import Session, col, select

from survey_service.belief.belief import belief_view, explanation
from survey_service.belief.evidence import evidence_about
from survey_service.contacts.directory import find
from survey_service.errors import NotFound
from survey_service.outbox.events import kind_of
from survey_service.store.banks import Banks
from survey_service.store.tables.core import Answer, Belief, Contact, ExternalId, SurveySession
from survey_service.store.tables.inbound import ContactEvent
from survey_service.store.tables.links import Link, LinkOpen, LinkSession
from survey_service.store.tables.webhooks import Delivery
from survey_service.web.pagination import cursor, invalid_cursor, place_of


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


AT_ONCE = 500


def get_contact(session: Session, external_id: str, system: str, *, lock: bool = False) -> Contact:
    """Raises NotFound."""
    contact = find(session, external_id, system=system, lock=lock)
    if contact is None:
        raise NotFound(f'There is no contact "{external_id}".')
    return contact


def contact_view(session: Session, banks: Banks, contact: Contact, now: datetime) -> dict[str, Any]:
    """Everything an API key may see of a contact at a glance."""
    beliefs = session.exec(select(Belief).where(Belief.contact_id == contact.id).order_by(col(Belief.bank)))
    return {
        "id": contact.id,
        "external_ids": external_ids_of(session, [contact])[contact.id],
        "email": contact.email,
        "attributes": contact.attributes,
        "consent": contact.consent,
        "labels": contact.labels,
        "merged_from": contact.merged_from,
        "sequence": contact.sequence,
        "beliefs": {belief.bank: _under_bank(session, banks, contact, belief, now) for belief in beliefs},
        "created_at": contact.created_at.isoformat(),
        "updated_at": contact.updated_at.isoformat(),
    }


def belief_page(session: Session, wanted: Mapping[str, Any], limit: int) -> tuple[list[dict[str, Any]], str | None]:
    """Up to `limit` beliefs about contacts, those that changed first coming first, and the cursor of the next page.

    A CRM that pulls asks for what came behind its last cursor, and misses nothing: what changes meanwhile moves to the end.
    """
    rows = select(Belief, Contact).join(Contact).order_by(*_ORDER).limit(limit + 1)
    if wanted.get("bank") is not None:
        rows = rows.where(Belief.bank == wanted["bank"])
    if wanted.get("persona") is not None:
        rows = rows.where(Belief.top == wanted["persona"])
    if wanted.get("min_confidence") is not None:
        rows = rows.where(Belief.confidence >= wanted["min_confidence"])
    if wanted.get("updated_since") is not None:
        rows = rows.where(Belief.updated_at >= wanted["updated_since"])
    if wanted.get("after") is not None:
        rows = rows.where(tuple_(*_ORDER) > tuple_(*_place(wanted["after"])))
    some = session.exec(rows).all()
    names = external_ids_of(session, [contact for _, contact in some[:limit]])
    items = [_line(belief, contact, names[contact.id]) for belief, contact in some[:limit]]
    return items, _cursor(some[limit - 1][0]) if len(some) > limit else None


def export(session: Session, banks: Banks, contact: Contact, now: datetime) -> dict[str, Any]:
    """Everything that is kept about a contact, table by table, for whoever asks for their data."""
    links = session.exec(select(Link).where(Link.contact_id == contact.id)).all()
    opened = session.exec(select(LinkOpen).where(col(LinkOpen.link_id).in_([link.id for link in links])))
    begun = session.exec(select(LinkSession).where(col(LinkSession.link_id).in_([link.id for link in links])))
    return {
        "contact": contact_view(session, banks, contact, now),
        "sessions": [_plain(row, without=("token_digest",)) for row in _of(session, SurveySession, contact)],
        "answers": [_plain(row) for row in _of(session, Answer, contact)],
        "events": [_plain(row) for row in _of(session, ContactEvent, contact)],
        "links": [_plain(row) for row in links],
        "link_openings": [_plain(row) for row in opened],
        "link_sessions": [_plain(row) for row in begun],
        "messages": [_plain(row, without=("body",)) for row in _of(session, Delivery, contact)],
    }


def iter_contacts(session: Session) -> Iterator[Contact]:
    """Every contact there is, by id, some at a time."""
    after = ""
    while True:
        alive = col(Contact.merged_into).is_(None), col(Contact.erased_at).is_(None)
        some = session.exec(select(Contact).where(Contact.id > after, *alive).order_by(col(Contact.id)).limit(AT_ONCE)).all()
        yield from some
        if len(some) < AT_ONCE:
            return
        after = some[-1].id
        session.expunge_all()


def external_ids_of(session: Session, contacts: Sequence[Contact]) -> dict[str, list[dict[str, str]]]:
    """By contact what other systems call it."""
    named: dict[str, list[dict[str, str]]] = {contact.id: [] for contact in contacts}
    order = col(ExternalId.system), col(ExternalId.value)
    for name in session.exec(select(ExternalId).where(col(ExternalId.contact_id).in_(named)).order_by(*order)):
        named[name.contact_id].append({"system": name.system, "type": name.type, "id": name.value})
    return named


_ORDER = col(Belief.updated_at), col(Belief.contact_id), col(Belief.bank)


def _under_bank(session: Session, banks: Banks, contact: Contact, belief: Belief, now: datetime) -> dict[str, Any]:
    known = evidence_about(session, contact, banks.version(session, belief.bank, belief.bank_version), now)
    return {**_told(belief, contact), "explanation": explanation(known)}


def _told(belief: Belief, contact: Contact) -> dict[str, Any]:
    evidence = {"answers": belief.answers, "skipped": belief.skipped, "signals": belief.signals}
    return {**belief_view(belief), "kind": kind_of(belief, labelled=belief.bank in contact.labels), "evidence": evidence}


def _line(belief: Belief, contact: Contact, names: list[dict[str, str]]) -> dict[str, Any]:
    return {"id": contact.id, "external_ids": names, "email_sha256": contact.email_sha256, "belief": _told(belief, contact)}


def _cursor(belief: Belief) -> str:
    return cursor(belief.updated_at.astimezone(UTC).isoformat(), belief.contact_id, belief.bank)


def _place(after: str) -> tuple[datetime, str, str]:
    moment, contact_id, bank = place_of(after, 3)
    try:
        return datetime.fromisoformat(moment), contact_id, bank
    except ValueError:
        raise invalid_cursor() from None


def _of(session: Session, table: Any, contact: Contact) -> list[Any]:
    return list(session.exec(select(table).where(table.contact_id == contact.id).order_by(table.id)))


def _plain(row: Any, without: Sequence[str] = ()) -> dict[str, Any]:
    content = ((name, value) for name, value in row.model_dump().items() if name not in without)
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in content}
