"""Retention: delete data older than the retention period, and recompute the beliefs that rested on it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists
from sqlmodel import Session, col, delete, or_, select

from survey_service.belief.recompute import banks_of, infer_belief
from survey_service.outbox import publish
from survey_service.store.banks import Banks
from survey_service.store.contact_locks import lock_contacts, lock_present
from survey_service.store.faults import contained
from survey_service.store.session import Store
from survey_service.store.tables.accounts import ContactLook
from survey_service.store.tables.attribution import Attribution, Probe
from survey_service.store.tables.core import Answer, Belief, Contact, ExternalId, SurveySession
from survey_service.store.tables.figures import AnnouncedPlay, AttributeOutcome, ContactReadiness, HeldPersona, StageCheck
from survey_service.store.tables.inbound import ContactEvent, InboundEvent, PlannedQuestion
from survey_service.store.tables.links import CampaignContact, Link, LinkOpen, LinkSession
from survey_service.store.tables.reviews import QuoteApproval, Review
from survey_service.store.tables.webhooks import Acknowledged, Delivery, DeliveryAttempt, MissedContact

BATCH_SIZE = 200
"""Rows in one transaction: other writers wait only briefly, and a run that is stopped keeps its finished batches."""


class RetentionIncomplete(Exception):
    """A fault of the service, which the log has, left something undeleted:"""


@dataclass
class PruneCounts:
    """How many rows of each kind were deleted."""

    sessions: int = 0
    events: int = 0
    links: int = 0
    messages: int = 0
    inbound: int = 0
    looks: int = 0
    contacts: int = 0

    @property
    def total(self) -> int:
        return sum(getattr(self, field.name) for field in fields(self))

    def __str__(self) -> str:
        return ", ".join(f"{getattr(self, field.name)} {field.name}" for field in fields(self))


def prune(store: Store, banks: Banks, days: int, clock: Callable[[], datetime]) -> PruneCounts:
    """Delete everything older than `days`, oldest first, and return how many rows were deleted.

    This covers sessions that ended, events, links that expired, messages that were settled, looks at contacts, and contacts that have no
    data left and no id in another system. Beliefs are recomputed without the deleted evidence, and the changes are published. Raises
    RetentionIncomplete after everything else is deleted.
    """
    before, counts = clock() - timedelta(days=days), PruneCounts()
    failed: list[str] = []

    def in_batches(kind: str, step: Callable[[Session, datetime], int]) -> None:
        deleted = -1
        with contained(f"retention of {kind}") as outcome:
            while deleted:
                with store.writing() as session:
                    deleted = step(session, before)
                setattr(counts, kind, getattr(counts, kind) + deleted)
        if outcome.failed:
            failed.append(kind)

    def and_recompute(step: Callable[[Session, datetime], Sequence[str]]) -> Callable[[Session, datetime], int]:
        def delete_and_recompute(session: Session, before: datetime) -> int:
            contact_ids = step(session, before)
            _recompute_beliefs(session, banks, contact_ids, clock())
            return len(contact_ids)

        return delete_and_recompute

    in_batches("sessions", and_recompute(_delete_sessions))
    in_batches("events", and_recompute(_delete_events))
    in_batches("links", _delete_links)
    in_batches("messages", _delete_messages)
    in_batches("inbound", _delete_inbound_events)
    in_batches("looks", _delete_looks)
    in_batches("contacts", _delete_contacts)
    if failed:
        raise RetentionIncomplete(f"{RetentionIncomplete.__doc__} {', '.join(failed)}")
    return counts


def _fetch_batch(session: Session, statement: Any) -> list[Any]:
    return list(session.execute(statement.limit(BATCH_SIZE)).all())


def _delete_sessions(session: Session, before: datetime) -> list[str]:
    """Return the contact id of each deleted session."""
    ended = select(SurveySession.id, SurveySession.contact_id).where(SurveySession.status != "open", SurveySession.last_at < before)
    rows = _fetch_batch(session, ended.order_by(col(SurveySession.last_at)))
    ids = [row.id for row in rows]
    lock_contacts(session, [row.contact_id for row in rows])
    session.execute(delete(LinkSession).where(col(LinkSession.session_id).in_(ids)))
    answers = select(col(Answer.id)).where(col(Answer.session_id).in_(ids))
    session.execute(delete(QuoteApproval).where(col(QuoteApproval.kind) == "answer", col(QuoteApproval.source_id).in_(answers)))
    session.execute(delete(Answer).where(col(Answer.session_id).in_(ids)))
    session.execute(delete(SurveySession).where(col(SurveySession.id).in_(ids)))
    return [row.contact_id for row in rows]


def _delete_events(session: Session, before: datetime) -> list[str]:
    """Return the contact id of each deleted event."""
    old = select(ContactEvent.id, ContactEvent.contact_id).where(ContactEvent.received_at < before)
    rows = _fetch_batch(session, old.order_by(col(ContactEvent.id)))
    lock_contacts(session, [row.contact_id for row in rows])
    session.execute(delete(ContactEvent).where(col(ContactEvent.id).in_([row.id for row in rows])))
    session.execute(delete(AnnouncedPlay).where(col(AnnouncedPlay.at) < before))
    session.execute(delete(AttributeOutcome).where(col(AttributeOutcome.at) < before))
    session.execute(delete(Review).where(col(Review.imported_at) < before))
    reviews = select(col(Review.id))
    session.execute(delete(QuoteApproval).where(col(QuoteApproval.kind) == "review", col(QuoteApproval.source_id).not_in(reviews)))
    return [row.contact_id for row in rows]


def _delete_links(session: Session, before: datetime) -> int:
    in_use = exists().where(col(LinkSession.link_id) == col(Link.id))
    rows = _fetch_batch(session, select(Link.id).where(Link.expires_at < before, ~in_use).order_by(col(Link.id)))
    ids = [row.id for row in rows]
    session.execute(delete(LinkOpen).where(col(LinkOpen.link_id).in_(ids)))
    session.execute(delete(Link).where(col(Link.id).in_(ids)))
    return len(rows)


def _delete_messages(session: Session, before: datetime) -> int:
    rows = _fetch_batch(session, select(Delivery.id).where(col(Delivery.settled_at) < before).order_by(col(Delivery.id)))
    ids = [row.id for row in rows]
    session.execute(delete(DeliveryAttempt).where(col(DeliveryAttempt.delivery_id).in_(ids)))
    session.execute(delete(Delivery).where(col(Delivery.id).in_(ids)))
    return len(rows)


def _delete_inbound_events(session: Session, before: datetime) -> int:
    rows = _fetch_batch(session, select(InboundEvent.id).where(col(InboundEvent.done_at) < before).order_by(col(InboundEvent.id)))
    session.execute(delete(InboundEvent).where(col(InboundEvent.id).in_([row.id for row in rows])))
    return len(rows)


def _delete_looks(session: Session, before: datetime) -> int:
    rows = _fetch_batch(session, select(ContactLook.id).where(ContactLook.at < before).order_by(col(ContactLook.at)))
    session.execute(delete(ContactLook).where(col(ContactLook.id).in_([row.id for row in rows])))
    return len(rows)


OF_CONTACT: tuple[Any, ...] = (
    *(Belief, Acknowledged, Attribution, Probe, PlannedQuestion),
    *(StageCheck, HeldPersona, AnnouncedPlay, ContactReadiness, CampaignContact, Review, QuoteApproval, AttributeOutcome),
)
"""The tables whose rows do not keep a contact."""


def _delete_contacts(session: Session, before: datetime) -> int:
    """Delete contacts without data and external ids. A contact that others were merged into stays, since their ids resolve to it."""
    data = [
        exists().where(col(table.contact_id) == col(Contact.id))
        for table in (ExternalId, SurveySession, ContactEvent, Link, Delivery, Review)
    ]
    merge_targets = select(Contact.merged_into).where(col(Contact.merged_into).is_not(None))
    old = select(Contact.id).where(Contact.updated_at < before, ~or_(*data), col(Contact.id).not_in(merge_targets))
    found = [row.id for row in _fetch_batch(session, old.order_by(col(Contact.id)))]
    lock_contacts(session, found)
    ids = list(session.exec(old.where(col(Contact.id).in_(found))))  # without those that got data while this transaction waited
    for table in (*OF_CONTACT, MissedContact):
        session.execute(delete(table).where(col(table.contact_id).in_(ids)))
    session.execute(delete(Contact).where(col(Contact.id).in_(ids)))
    return len(ids)


def _recompute_beliefs(session: Session, banks: Banks, contact_ids: Sequence[str], now: datetime) -> None:
    for contact in {contact.id: contact for contact in lock_present(session, contact_ids).values()}.values():
        for bank, version in banks_of(session, banks, contact):
            if session.get(Belief, (contact.id, bank.bank.id)) is not None:
                updated_at, contact.updated_at = contact.updated_at, now
                inferred = infer_belief(session, contact, bank, version, now)
                contact.updated_at = updated_at  # deleting old data is not a change of the contact
                publish.store_and_publish(session, contact, inferred, "retention", now)
