"""Recompute the beliefs of all contacts: after a new bank version maps stored events to signals, or because evidence has aged."""

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
from survey_service.store.contact_locks import lock_contacts
from survey_service.store.session import Store
from survey_service.store.tables.core import Belief, Contact
from survey_service.store.tables.inbound import ContactEvent

BATCH_SIZE = 200
PROBABILITY_TOLERANCE = 1e-9
"""A belief counts as unchanged where no probability differs by more."""


def recompute(store: Store, banks: Banks, bank: str, clock: Callable[[], datetime], watch: Callable[[int], None]) -> int:
    """Recompute the belief of every contact with evidence under the newest version of `bank`; return how many beliefs changed.

    Each batch is a transaction of its own, so that other writers wait only briefly and a run that is stopped keeps its finished batches.
    Raises NotFound.
    """
    changed, after = 0, ""
    while True:
        with store.writing() as session:
            compiled, version = banks.latest(session, bank)
            ids = session.exec(_contacts_with_evidence(bank, bool(compiled.bank.signals), after)).all()
            if not ids:
                return changed
            contacts = [contact for contact in lock_contacts(session, ids).values() if _is_present(contact)]
            changed += _recompute_batch(session, compiled, version, contacts, clock())
            after = ids[-1]
        watch(len(ids))


def count_contacts(session: Session, banks: Banks, bank: str) -> int:
    """Return how many contacts `recompute` visits. Raises NotFound."""
    compiled, _ = banks.latest(session, bank)
    contacts = _contacts_with_evidence(bank, bool(compiled.bank.signals), "", None).subquery()
    return session.scalar(select(func.count()).select_from(contacts)) or 0


def _contacts_with_evidence(bank: str, has_signals: bool, after: str, limit: int | None = BATCH_SIZE) -> Any:
    has_evidence: ColumnElement[bool] = exists().where(col(Belief.contact_id) == col(Contact.id), col(Belief.bank) == bank)
    if has_signals:
        has_evidence = or_(has_evidence, exists().where(col(ContactEvent.contact_id) == col(Contact.id)))
    return select(Contact.id).where(col(Contact.id) > after, has_evidence).order_by(col(Contact.id)).limit(limit)


def _is_present(contact: Contact) -> bool:
    """Whether the contact was neither erased nor merged into another while this transaction waited for it."""
    return contact.erased_at is None and contact.merged_into is None


def _recompute_batch(session: Session, bank: CompiledBank, version: int, contacts: list[Contact], now: datetime) -> int:
    """Store and publish the beliefs that changed; return how many did."""
    stored = session.exec(
        select(Belief).where(Belief.bank == bank.bank.id, col(Belief.contact_id).in_([contact.id for contact in contacts]))
    )
    beliefs = {belief.contact_id: belief for belief in stored}
    changed = []
    for contact, evidence in zip(contacts, evidence_about_all(session, contacts, bank, now), strict=True):
        belief = beliefs.get(contact.id)
        probabilities = believe(bank.tables, evidence.evidence)[0]
        old = {} if belief is None else belief.probabilities
        same = belief is None and not evidence.has_evidence
        same |= all(abs(old.get(name, -1) - p) <= PROBABILITY_TOLERANCE for name, p in zip(bank.personas, probabilities, strict=True))
        if not same:
            previous = None if belief is None else PreviousBelief(belief.sequence, belief.threshold, belief.told)
            changed.append((contact, InferredBelief(evidence, version, probabilities, previous)))
    publish.store_and_publish_all(session, changed, "recomputed", now, lane=BULK)
    return len(changed)
