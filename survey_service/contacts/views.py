"""Contacts as API keys see them: a contact, a page of beliefs, and the export of all stored data."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import tuple_
from sqlmodel import Session, col, select

from survey_service.attribution.views import attribution_view
from survey_service.belief.belief import belief_view, explanation
from survey_service.belief.evidence import evidence_about
from survey_service.contacts.directory import email_hash, find
from survey_service.contacts.looks import looks_at
from survey_service.contacts.schemas import ContactQuery
from survey_service.errors import NotFound
from survey_service.outbox.events import kind_of
from survey_service.store.banks import Banks
from survey_service.store.bulk import is_one_of
from survey_service.store.contact_locks import is_present
from survey_service.store.tables.attribution import Probe
from survey_service.store.tables.core import Answer, Belief, Contact, ExternalId, SurveySession
from survey_service.store.tables.figures import AnnouncedPlay, AttributeOutcome, ContactReadiness, HeldPersona
from survey_service.store.tables.inbound import ContactEvent, PlannedQuestion
from survey_service.store.tables.links import CampaignContact, Link, LinkOpen, LinkSession
from survey_service.store.tables.reviews import QuoteApproval, Review
from survey_service.store.tables.webhooks import Delivery
from survey_service.web.pagination import cursor, invalid_cursor, place_of

BATCH_SIZE = 500


def get_contact(session: Session, external_id: str, system: str, *, lock: bool = False) -> Contact:
    """Return the contact that `system` calls `external_id`. Raises NotFound."""
    contact = find(session, external_id, system=system, lock=lock)
    if contact is None:
        raise NotFound(f'There is no contact "{external_id}".')
    return contact


def contact_view(session: Session, banks: Banks, contact: Contact, now: datetime) -> dict[str, Any]:
    """Return the representation of a contact in the API."""
    beliefs = session.exec(select(Belief).where(Belief.contact_id == contact.id).order_by(col(Belief.bank)))
    return {
        "id": contact.id,
        "external_ids": external_ids_of(session, [contact])[contact.id],
        "email": contact.email,
        "attributes": contact.attributes,
        "consent": contact.consent,
        "labels": contact.labels,
        "priors": contact.priors,
        "attribution": attribution_view(session, banks, contact),
        "merged_from": contact.merged_from,
        "sequence": contact.sequence,
        "beliefs": {belief.bank: _explained_belief(session, banks, contact, belief, now) for belief in beliefs},
        "created_at": contact.created_at.isoformat(),
        "updated_at": contact.updated_at.isoformat(),
    }


def belief_page(session: Session, query: ContactQuery) -> tuple[list[dict[str, Any]], str | None]:
    """Return up to `query.limit` beliefs about contacts, the least recently changed first, and the cursor of the next page.

    A CRM that polls passes its last cursor and misses nothing: a belief that changes meanwhile moves to the end.
    """
    if query.email is not None:
        return _people_with_email(session, query), None
    rows = _filtered(select(Belief, Contact).join(Contact).order_by(*_ORDER), query).limit(query.limit + 1)
    if query.after is not None:
        rows = rows.where(tuple_(*_ORDER) > tuple_(*_read_cursor(query.after)))
    beliefs = session.exec(rows).all()
    page = beliefs[: query.limit]
    external_ids = external_ids_of(session, [contact for _, contact in page])
    items = [belief_item(belief, contact, external_ids[contact.id]) for belief, contact in page]
    return items, _cursor(page[-1][0]) if len(beliefs) > query.limit else None


def _people_with_email(session: Session, query: ContactQuery) -> list[dict[str, Any]]:
    """Return the contacts with the address of the query, also those about whom nothing is believed."""
    rows = select(Belief, Contact).select_from(Contact).join(Belief, isouter=True)
    rows = rows.where(Contact.email_sha256 == email_hash(query.email or "")).order_by(col(Contact.id), col(Belief.bank))
    found = session.exec(_filtered(rows, query).limit(query.limit)).all()
    external_ids = external_ids_of(session, [contact for _, contact in found])
    return [belief_item(belief, contact, external_ids[contact.id]) for belief, contact in found]


def _filtered(rows: Any, query: ContactQuery) -> Any:
    if query.bank is not None:
        rows = rows.where(Belief.bank == query.bank)
    if query.persona is not None:
        rows = rows.where(Belief.top == query.persona)
    if query.min_confidence is not None:
        rows = rows.where(Belief.confidence >= query.min_confidence)
    if query.updated_since is not None:
        rows = rows.where(Belief.updated_at >= query.updated_since)
    return rows


def export(session: Session, banks: Banks, contact: Contact, now: datetime) -> dict[str, Any]:
    """Return everything that is stored about a contact, table by table, for a request of access to personal data."""
    links = session.exec(select(Link).where(Link.contact_id == contact.id)).all()
    opens = session.exec(select(LinkOpen).where(is_one_of(session, LinkOpen.link_id, [link.id for link in links])))
    link_sessions = session.exec(select(LinkSession).where(is_one_of(session, LinkSession.link_id, [link.id for link in links])))
    return {
        "contact": contact_view(session, banks, contact, now),
        "sessions": [_plain_row(row, without=("token_digest",)) for row in _rows_of(session, SurveySession, contact)],
        "answers": [_plain_row(row) for row in _rows_of(session, Answer, contact)],
        "events": [_plain_row(row) for row in _rows_of(session, ContactEvent, contact)],
        "links": [_plain_row(row) for row in links],
        "link_openings": [_plain_row(row) for row in opens],
        "link_sessions": [_plain_row(row) for row in link_sessions],
        "probes": [_plain_row(row) for row in session.exec(select(Probe).where(Probe.contact_id == contact.id).order_by(Probe.bank))],
        "planned_questions": [
            _plain_row(row) for row in session.exec(select(PlannedQuestion).where(PlannedQuestion.contact_id == contact.id))
        ],
        "outcomes": [_plain_row(row) for row in _rows_of(session, AttributeOutcome, contact)],
        "reviews": [_plain_row(row, without=("digest",)) for row in _rows_of(session, Review, contact)],
        "quote_approvals": [_plain_row(row) for row in session.exec(select(QuoteApproval).where(QuoteApproval.contact_id == contact.id))],
        "campaigns": [_plain_row(row) for row in session.exec(select(CampaignContact).where(CampaignContact.contact_id == contact.id))],
        **{
            name: [_plain_row(row) for row in session.exec(select(table).where(table.contact_id == contact.id).order_by(table.bank))]
            for name, table in BY_BANK.items()
        },
        "looks": [{"at": look["at"], "what": look["what"]} for look in looks_at(session, contact)],
        "messages": [_plain_row(row, without=("body",)) for row in _rows_of(session, Delivery, contact)],
    }


BY_BANK: dict[str, Any] = {"held_personas": HeldPersona, "announced_plays": AnnouncedPlay, "readiness": ContactReadiness}
"""Tables with rows of a contact and bank, by their name in the export."""


def iter_contacts(session: Session) -> Iterator[Contact]:
    """Yield every contact by id, fetched in batches. Merged and erased contacts are left out."""
    after = ""
    while True:
        batch = session.exec(select(Contact).where(Contact.id > after, is_present()).order_by(col(Contact.id)).limit(BATCH_SIZE)).all()
        yield from batch
        if len(batch) < BATCH_SIZE:
            return
        after = batch[-1].id
        session.expunge_all()


def external_ids_of(session: Session, contacts: Sequence[Contact]) -> dict[str, list[dict[str, str]]]:
    """Return the external ids of each contact, by contact id."""
    external_ids: dict[str, list[dict[str, str]]] = {contact.id: [] for contact in contacts}
    order = col(ExternalId.system), col(ExternalId.value)
    for row in session.exec(select(ExternalId).where(is_one_of(session, ExternalId.contact_id, external_ids)).order_by(*order)):
        external_ids[row.contact_id].append({"system": row.system, "type": row.type, "id": row.value})
    return external_ids


_ORDER = col(Belief.updated_at), col(Belief.contact_id), col(Belief.bank)


def _explained_belief(session: Session, banks: Banks, contact: Contact, belief: Belief, now: datetime) -> dict[str, Any]:
    evidence = evidence_about(session, contact, banks.version(session, belief.bank, belief.bank_version), now)
    if belief.prior_kind is None:  # a run of attribution may have ended since: it changes the belief with the next answer only
        evidence = replace(evidence, prior=None)
    return {**_belief_with_counts(belief, contact), "explanation": explanation(evidence)}


def _belief_with_counts(belief: Belief, contact: Contact) -> dict[str, Any]:
    evidence = {"answers": belief.answers, "skipped": belief.skipped, "signals": belief.signals}
    return {**belief_view(belief), "kind": kind_of(belief, labelled=belief.bank in contact.labels), "evidence": evidence}


def belief_item(belief: Belief | None, contact: Contact, external_ids: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "id": contact.id,
        "external_ids": external_ids,
        "email_sha256": contact.email_sha256,
        "belief": None if belief is None else _belief_with_counts(belief, contact),
    }


def _cursor(belief: Belief) -> str:
    return cursor(belief.updated_at.astimezone(UTC).isoformat(), belief.contact_id, belief.bank)


def _read_cursor(after: str) -> tuple[datetime, str, str]:
    moment, contact_id, bank = place_of(after, 3)
    try:
        return datetime.fromisoformat(moment).astimezone(UTC), contact_id, bank
    except (ValueError, OverflowError):
        raise invalid_cursor() from None


def _rows_of(session: Session, table: Any, contact: Contact) -> list[Any]:
    return list(session.exec(select(table).where(table.contact_id == contact.id).order_by(table.id)))


def _plain_row(row: Any, without: Sequence[str] = ()) -> dict[str, Any]:
    content = ((name, value) for name, value in row.model_dump().items() if name not in without)
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in content}
