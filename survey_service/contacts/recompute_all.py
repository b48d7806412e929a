"""Believing anew about everybody: after a bank has learnt to read what was stored before, or because evidence has faded."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists
from sqlmodel import Session, col, func, or_, select

from adaptive import believe
from question_bank.compile import CompiledBank
from survey_service.belief.belief import InferredBelief, PreviousBelief
from survey_service.belief.evidence import evidence_about_all
from survey_service.outbox import publish
from survey_service.outbox.messages import BULK
from survey_service.store.banks import Banks
from survey_service.store.session import Store
from survey_service.store.tables.core import Belief, Contact
from survey_service.store.tables.inbound import ContactEvent

AT_ONCE = 200
SAME = 1e-9
"""A probability that moved by less has not moved."""


def recompute(store: Store, banks: Banks, bank: str, clock: Callable[[], datetime], watch: Callable[[int], None]) -> int:
    """Believe anew about every contact of whom anything is known under the newest version of `bank`; how many beliefs moved.

    Some hundred contacts a transaction, so that nobody waits for long; what was done stays done when it is stopped. Raises NotFound.
    """
    moved, after = 0, ""
    while True:
        with store.writing() as session:
            compiled, version = banks.latest(session, bank)
            contacts = session.exec(_concerned(bank, bool(compiled.bank.signals), after).with_for_update()).all()
            if not contacts:
                return moved
            moved += sum(_anew(session, compiled, version, list(contacts), clock()))
            after = contacts[-1].id
        watch(len(contacts))


def count_contacts(session: Session, banks: Banks, bank: str) -> int:
    """How many contacts `recompute` will look at. Raises NotFound."""
    compiled, _ = banks.latest(session, bank)
    concerned = _concerned(bank, bool(compiled.bank.signals), "", None).subquery()
    return session.scalar(select(func.count()).select_from(concerned)) or 0


def _concerned(bank: str, by_signals: bool, after: str, limit: int | None = AT_ONCE) -> Any:
    known: ColumnElement[bool] = exists().where(col(Belief.contact_id) == col(Contact.id), col(Belief.bank) == bank)
    if by_signals:
        known = or_(known, exists().where(col(ContactEvent.contact_id) == col(Contact.id)))
    return select(Contact).where(col(Contact.id) > after, known).order_by(col(Contact.id)).limit(limit)


def _anew(session: Session, bank: CompiledBank, version: int, contacts: list[Contact], now: datetime) -> list[bool]:
    everything = evidence_about_all(session, contacts, bank, now)
    stored = session.exec(
        select(Belief).where(Belief.bank == bank.bank.id, col(Belief.contact_id).in_([contact.id for contact in contacts]))
    )
    before = {belief.contact_id: belief for belief in stored}
    moved = []
    for contact, known in zip(contacts, everything, strict=True):
        belief = before.get(contact.id)
        probabilities = believe(bank.tables, known.evidence)[0]
        old = {} if belief is None else belief.probabilities
        same = belief is None and not known.has_evidence
        same |= all(abs(old.get(name, -1) - p) <= SAME for name, p in zip(bank.personas, probabilities, strict=True))
        moved.append(not same)
        if not same:
            last = None if belief is None else PreviousBelief(belief.sequence, belief.threshold, belief.told)
            publish.store_and_publish(session, contact, InferredBelief(known, version, probabilities, last), "recomputed", now, lane=BULK)
    return moved
