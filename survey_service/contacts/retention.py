"""Keeping nothing longer than was promised: what is older than the retention goes, and what is believed is believed without it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists
from sqlmodel import Session, col, delete, or_, select

from survey_service.belief.recompute import banks_of, infer_belief
from survey_service.outbox import publish
from survey_service.store.banks import Banks
from survey_service.store.session import Store
from survey_service.store.tables.core import Answer, Belief, Contact, ExternalId, SurveySession
from survey_service.store.tables.inbound import ContactEvent, InboundEvent
from survey_service.store.tables.links import Link, LinkOpen, LinkSession
from survey_service.store.tables.webhooks import Acknowledged, Delivery, DeliveryAttempt, MissedContact

AT_ONCE = 200
"""Rows in one transaction: nobody waits long for it, and what is done stays done when it is stopped."""


@dataclass
class PruneCounts:
    """How many of each went."""

    sessions: int = 0
    events: int = 0
    links: int = 0
    messages: int = 0
    inbound: int = 0
    contacts: int = 0

    @property
    def total(self) -> int:
        return sum(getattr(self, field.name) for field in fields(self))

    def __str__(self) -> str:
        return ", ".join(f"{getattr(self, field.name)} {field.name}" for field in fields(self))


def prune(store: Store, banks: Banks, days: int, clock: Callable[[], datetime]) -> PruneCounts:
    """Delete everything older than so many `days`, oldest first.

    Surveys that ended, behaviour, links that expired, messages that were settled, and contacts of whom nothing is left and whom no other
    system knows. A belief never rests on what is not kept any more: it goes back towards the prior, and CRMs are told.
    """
    before, gone = clock() - timedelta(days=days), PruneCounts()

    def all_of(step: Callable[[Session, datetime], int]) -> int:
        total = 0
        while True:
            with store.writing() as session:
                done = step(session, before)
            if not done:
                return total
            total += done

    def believing(step: Callable[[Session, datetime], Sequence[str]]) -> Callable[[Session, datetime], int]:
        def stepped(session: Session, before: datetime) -> int:
            touched = step(session, before)
            _believe(session, banks, touched, clock())
            return len(touched)

        return stepped

    gone.sessions = all_of(believing(_sessions))
    gone.events = all_of(believing(_events))
    gone.links = all_of(_links)
    gone.messages = all_of(_messages)
    gone.inbound = all_of(_inbound)
    gone.contacts = all_of(_contacts)
    return gone


def _some(session: Session, statement: Any) -> list[Any]:
    return list(session.execute(statement.limit(AT_ONCE)).all())


def _sessions(session: Session, before: datetime) -> list[str]:
    """The contacts whose sessions went, once for each session."""
    ended = select(SurveySession.id, SurveySession.contact_id).where(SurveySession.status != "open", SurveySession.last_at < before)
    rows = _some(session, ended.order_by(col(SurveySession.last_at)))
    names = [row.id for row in rows]
    session.execute(delete(LinkSession).where(col(LinkSession.session_id).in_(names)))
    session.execute(delete(Answer).where(col(Answer.session_id).in_(names)))
    session.execute(delete(SurveySession).where(col(SurveySession.id).in_(names)))
    return [row.contact_id for row in rows]


def _events(session: Session, before: datetime) -> list[str]:
    old = select(ContactEvent.id, ContactEvent.contact_id).where(ContactEvent.received_at < before)
    rows = _some(session, old.order_by(col(ContactEvent.id)))
    session.execute(delete(ContactEvent).where(col(ContactEvent.id).in_([row.id for row in rows])))
    return [row.contact_id for row in rows]


def _links(session: Session, before: datetime) -> int:
    in_use = exists().where(col(LinkSession.link_id) == col(Link.id))
    rows = _some(session, select(Link.id).where(Link.expires_at < before, ~in_use).order_by(col(Link.id)))
    names = [row.id for row in rows]
    session.execute(delete(LinkOpen).where(col(LinkOpen.link_id).in_(names)))
    session.execute(delete(Link).where(col(Link.id).in_(names)))
    return len(rows)


def _messages(session: Session, before: datetime) -> int:
    rows = _some(session, select(Delivery.id).where(col(Delivery.settled_at) < before).order_by(col(Delivery.id)))
    names = [row.id for row in rows]
    session.execute(delete(DeliveryAttempt).where(col(DeliveryAttempt.delivery_id).in_(names)))
    session.execute(delete(Delivery).where(col(Delivery.id).in_(names)))
    return len(rows)


def _inbound(session: Session, before: datetime) -> int:
    rows = _some(session, select(InboundEvent.id).where(col(InboundEvent.done_at) < before).order_by(col(InboundEvent.id)))
    session.execute(delete(InboundEvent).where(col(InboundEvent.id).in_([row.id for row in rows])))
    return len(rows)


def _contacts(session: Session, before: datetime) -> int:
    """Strangers of whom nothing is left; whoever has a name in another system stays, and so does a stone that others lead to."""
    kept = [exists().where(col(table.contact_id) == col(Contact.id)) for table in (ExternalId, SurveySession, ContactEvent, Link, Delivery)]
    stones = select(Contact.merged_into).where(col(Contact.merged_into).is_not(None))
    old = select(Contact.id).where(Contact.updated_at < before, ~or_(*kept), col(Contact.id).not_in(stones))
    names = [row.id for row in _some(session, old.order_by(col(Contact.id)))]
    for table in (Belief, Acknowledged, MissedContact):
        session.execute(delete(table).where(col(table.contact_id).in_(names)))
    session.execute(delete(Contact).where(col(Contact.id).in_(names)))
    return len(names)


def _believe(session: Session, banks: Banks, contact_ids: Sequence[str], now: datetime) -> None:
    mine = select(Contact).where(col(Contact.id).in_(set(contact_ids))).order_by(col(Contact.id)).with_for_update()
    for contact in session.exec(mine).all():
        for bank, version in banks_of(session, banks, contact):
            if session.get(Belief, (contact.id, bank.bank.id)) is not None:
                when, contact.updated_at = contact.updated_at, now
                inferred = infer_belief(session, contact, bank, version, now)
                contact.updated_at = when  # nobody did anything
                publish.store_and_publish(session, contact, inferred, "retention", now)
