"""Remove a bank: its versions, its surveys and its draft, and on request everything that was answered under it."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sqlmodel import Session, col, delete, func, select

from question_bank.files.problems import count_of
from survey_service.banks.drafts import find_draft, is_taken
from survey_service.banks.publishing import delete_surveys, latest_version
from survey_service.errors import Conflict, NotFound
from survey_service.store.contact_locks import lock_contacts
from survey_service.store.session import Store, lock_by_name
from survey_service.store.tables.attribution import Attribution, AttributionModelRow, AttributionRun, Probe
from survey_service.store.tables.core import Answer, BankVersion, Belief, RemovedBank, SurveyRow, SurveySession
from survey_service.store.tables.figures import (
    AnnouncedPlay,
    ContactReadiness,
    FigureCell,
    FigureSnapshot,
    HeldPersona,
    ReadinessModel,
)
from survey_service.store.tables.inbound import PlannedQuestion
from survey_service.store.tables.links import Campaign, CampaignContact, Link, LinkOpen, LinkSession
from survey_service.store.tables.reviews import QuoteApproval, Review
from survey_service.store.tables.webhooks import Acknowledged, Connection

BATCH = 500
"""Rows that one transaction deletes: other writers wait only briefly."""

USES: tuple[tuple[str, Any], ...] = (
    *(("session", SurveySession), ("link", Link), ("review", Review), ("belief", Belief)),
    *(("attributed contact", Attribution), ("attribution run", AttributionRun)),
)
"""What is removed with a bank only on request, by its name."""
OF_CONTACTS: tuple[Any, ...] = (*(Belief, Attribution, Probe, HeldPersona, AnnouncedPlay, ContactReadiness, PlannedQuestion, Acknowledged),)
"""Tables with one row for a bank and a contact."""


class BankInUse(Conflict):
    """This bank is in use."""

    code = "bank_in_use"


def uses_of(session: Session, bank: str) -> dict[str, int]:
    """Return how many rows of each kind rest on a bank, without kinds that have none. Raises NotFound."""
    if not is_taken(session, bank):
        raise NotFound(f'There is no bank "{bank}".')
    counts = {name: session.scalar(select(func.count()).select_from(table).where(table.bank == bank)) or 0 for name, table in USES}
    return {name: count for name, count in counts.items() if count}


def remove_bank(store: Store, bank: str, *, with_answers: bool = False) -> None:
    """Remove a bank. With `with_answers` also its sessions and answers, its links, and what is believed about contacts under it.

    Receivers get no message: they keep what was sent last. Raises NotFound, and BankInUse where something rests on the bank and is not to
    be removed, or a connection to a CRM reads it.
    """
    with store.writing() as session:
        _require_removable(session, bank, with_answers)
        _delete_surveys(session, bank)
    if with_answers:
        for step in (*_answers_of(bank), *_beliefs_of(bank)):
            _in_batches(store, step)
    with store.writing() as session:
        lock_by_name(session, f"bank {bank}")
        _delete_versions(session, bank)
    for step in _beliefs_of(bank):  # that a worker has stored meanwhile
        _in_batches(store, step)


def _require_removable(session: Session, bank: str, with_answers: bool) -> None:
    lock_by_name(session, f"bank {bank}")
    uses = uses_of(session, bank)
    if connections := session.scalar(select(func.count()).select_from(Connection).where(Connection.bank == bank)):
        raise BankInUse(
            f'The bank "{bank}" has {count_of(connections, "connection")} to a CRM: remove them first (discern connection remove).'
        )
    if uses and not with_answers:
        counted = ", ".join(count_of(count, name) for name, count in uses.items())
        remedy = "Pause its surveys (discern survey pause), or remove it with all of them (--with-answers)."
        raise BankInUse(f'The bank "{bank}" is in use: {counted}. {remedy}')


def _delete_surveys(session: Session, bank: str) -> None:
    """From now on nobody begins a session of this bank, except by a link that is not deleted yet."""
    delete_surveys(session, list(session.exec(select(SurveyRow.id).where(SurveyRow.bank == bank))))
    draft = find_draft(session, bank)
    if draft is not None:
        session.delete(draft)


def _answers_of(bank: str) -> Iterator[Callable[[Session], int]]:
    """Return steps that each delete up to `BATCH` rows and return how many there were."""
    return (partial(step, bank=bank) for step in (_delete_campaigns, _delete_links, _delete_sessions, _delete_reviews))


def _beliefs_of(bank: str) -> Iterator[Callable[[Session], int]]:
    """Return steps as `_answers_of` does, for what is known of contacts under the bank."""
    return (partial(_delete_of_contacts, table=table, bank=bank) for table in OF_CONTACTS)


def _in_batches(store: Store, step: Callable[[Session], int]) -> None:
    deleted = BATCH
    while deleted == BATCH:
        with store.writing() as session:
            deleted = step(session)


def _ids(session: Session, table: Any, bank: str) -> list[Any]:
    """Return the ids of up to `BATCH` rows. Contacts that have them are locked first, as all writers do."""
    if not hasattr(table, "contact_id"):
        return list(session.exec(select(table.id).where(table.bank == bank).order_by(table.id).limit(BATCH)))
    found = list(session.execute(select(table.id, table.contact_id).where(table.bank == bank).order_by(table.id).limit(BATCH)))
    lock_contacts(session, [row.contact_id for row in found])
    return [row.id for row in found]


def _delete_campaigns(session: Session, bank: str) -> int:
    ids = _ids(session, Campaign, bank)
    session.execute(delete(CampaignContact).where(col(CampaignContact.campaign).in_(ids)))
    session.execute(delete(Campaign).where(col(Campaign.id).in_(ids)))
    return len(ids)


def _delete_links(session: Session, bank: str) -> int:
    ids = _ids(session, Link, bank)
    for table in (LinkOpen, LinkSession):
        session.execute(delete(table).where(col(table.link_id).in_(ids)))
    session.execute(delete(Link).where(col(Link.id).in_(ids)))
    return len(ids)


def _delete_sessions(session: Session, bank: str) -> int:
    ids = _ids(session, SurveySession, bank)
    answers = select(col(Answer.id)).where(col(Answer.session_id).in_(ids))
    session.execute(delete(QuoteApproval).where(col(QuoteApproval.kind) == "answer", col(QuoteApproval.source_id).in_(answers)))
    session.execute(delete(LinkSession).where(col(LinkSession.session_id).in_(ids)))
    session.execute(delete(Answer).where(col(Answer.session_id).in_(ids)))
    session.execute(delete(SurveySession).where(col(SurveySession.id).in_(ids)))
    return len(ids)


def _delete_reviews(session: Session, bank: str) -> int:
    ids = _ids(session, Review, bank)
    session.execute(delete(QuoteApproval).where(col(QuoteApproval.kind) == "review", col(QuoteApproval.source_id).in_(ids)))
    session.execute(delete(Review).where(col(Review.id).in_(ids)))
    return len(ids)


def _delete_of_contacts(session: Session, table: Any, bank: str) -> int:
    contacts = list(session.exec(select(table.contact_id).where(table.bank == bank).order_by(table.contact_id).limit(BATCH)))
    lock_contacts(session, contacts)
    session.execute(delete(table).where(table.bank == bank, table.contact_id.in_(contacts)))
    return len(contacts)


def _delete_versions(session: Session, bank: str) -> None:
    derived: tuple[Any, ...] = (FigureCell, FigureSnapshot, ReadinessModel, AttributionRun, AttributionModelRow)
    for table in derived:
        session.execute(delete(table).where(table.bank == bank))
    latest = latest_version(session, bank)
    if latest is not None:
        removed = session.get(RemovedBank, bank) or RemovedBank(bank=bank, version=0)
        removed.version = latest.version
        session.add(removed)
        session.execute(delete(BankVersion).where(col(BankVersion.bank) == bank))
