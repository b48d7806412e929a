"""Merge two contacts who are the same person: one of them receives all data, and each question counts once."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, delete, exists, select, update

from survey_service.belief.recompute import banks_of, infer_belief
from survey_service.contacts.directory import resolve
from survey_service.contacts.priors import drop_priors
from survey_service.contacts.views import external_ids_of
from survey_service.outbox import messages, publish
from survey_service.store.banks import Banks
from survey_service.store.contact_locks import lock_present
from survey_service.store.tables.attribution import Attribution, Probe
from survey_service.store.tables.core import Answer, Belief, Contact, ExternalId, SurveySession
from survey_service.store.tables.figures import AnnouncedPlay, AttributeOutcome, ContactReadiness, HeldPersona, StageCheck
from survey_service.store.tables.inbound import ContactEvent, PlannedQuestion
from survey_service.store.tables.links import CampaignContact, Link
from survey_service.store.tables.reviews import QuoteApproval, Review
from survey_service.store.tables.webhooks import Acknowledged

NO_DATE = "0001-01-01T00:00:00+00:00"


def merge(session: Session, banks: Banks, gone_id: str, kept_id: str, now: datetime) -> Contact:
    """Merge the contact that `gone_id` stands for into that of `kept_id`, and return the contact that is kept.

    The evidence afterwards does not depend on which of them is kept, and merging again changes nothing. Of two answers to the same
    question the later one counts. Fields with a single value are taken from the contact that changed last. Raises ContactErased where one
    of them was erased, NotFound.
    """
    gone, kept = lock_pair(session, gone_id, kept_id)
    if gone.id == kept.id:
        return kept
    banks_with_evidence = banks_of(session, banks, gone, kept)
    former = {"id": gone.id, "external_ids": external_ids_of(session, [gone])[gone.id]}
    _merge_fields(gone, kept, now)
    # Before the rows are moved: a worker that settles a message about `gone` writes an Acknowledged row for it.
    messages.move_to(session, gone, kept, now)
    _move_rows(session, gone, kept)
    publish.publish_merge(session, kept, former, now)
    if kept.consent.get("profiling") is False:
        drop_priors(session, kept, "consent", now)
    for bank, version in banks_with_evidence:
        publish.store_and_publish(session, kept, infer_belief(session, kept, bank, version, now), "merge", now, ended=True)
    return kept


def lock_pair(session: Session, first_id: str, second_id: str) -> tuple[Contact, Contact]:
    """Lock the contacts that two ids stand for now and return them; both are the same where they were merged already.

    Raises ContactErased, NotFound.
    """
    present = lock_present(session, (first_id, second_id))
    first, second = (present.get(contact_id) or resolve(session, contact_id) for contact_id in (first_id, second_id))
    return first, second


def _merge_fields(gone: Contact, kept: Contact, now: datetime) -> None:
    """Merge the columns of both rows into `kept`, and empty `gone`."""
    older, newer = sorted((gone, kept), key=lambda contact: (contact.updated_at, contact.id))
    kept.sequence = max(gone.sequence, kept.sequence)
    kept.email, kept.email_sha256 = (newer.email, newer.email_sha256) if newer.email else (older.email, older.email_sha256)
    kept.attributes = {**older.attributes, **newer.attributes}
    kept.consent = _merged_consent(older.consent, newer.consent)
    kept.labels, kept.priors = _latest(older.labels, newer.labels), _latest(older.priors, newer.priors)
    kept.merged_from = sorted({*kept.merged_from, *gone.merged_from, gone.id})
    kept.created_at, kept.updated_at = min(gone.created_at, kept.created_at), now
    gone.email = gone.email_sha256 = None
    gone.attributes, gone.consent, gone.labels, gone.priors, gone.merged_from = {}, {}, {}, {}, []
    gone.merged_into, gone.updated_at = kept.id, now


def _merged_consent(older: dict[str, Any], newer: dict[str, Any]) -> dict[str, Any]:
    """Return the consent that was recorded last. An opt-out from being asked, in either of them, stays."""
    latest = max(older, newer, key=lambda consent: (consent.get("recorded_at", NO_DATE), consent.get("profiling") is not True))
    return {**latest, "asking": False} if False in (older.get("asking"), newer.get("asking")) else latest


def _latest(older: dict[str, Any], newer: dict[str, Any]) -> dict[str, Any]:
    """Return the labels or priors by bank, of two of one bank the later one."""
    both = {**older, **newer}
    return {bank: max((given[bank] for given in (older, newer) if bank in given), key=lambda item: item["at"]) for bank in both}


def _move_rows(session: Session, gone: Contact, kept: Contact) -> None:
    session.add_all([gone, kept])
    session.flush()
    current = select(Answer).where(col(Answer.contact_id).in_([gone.id, kept.id]), Answer.state == "current")
    last: dict[tuple[str, str], Answer] = {}
    answers = sorted(session.exec(current), key=lambda answer: (answer.given_at, answer.id or 0))
    for answer in answers:
        last[answer.bank, answer.question] = answer
    for answer in answers:
        if last[answer.bank, answer.question] is not answer:
            answer.state = "replaced"
            session.add(answer)
    session.flush()  # a unique index allows one current answer per contact and question
    for table in (Answer, SurveySession, ContactEvent, Link, ExternalId, Review, QuoteApproval, AttributeOutcome):
        session.execute(update(table).where(col(table.contact_id) == gone.id).values(contact_id=kept.id))
    session.execute(update(Contact).where(col(Contact.merged_into) == gone.id).values(merged_into=kept.id))
    _move_of_bank(session, Probe, gone, kept, "bank")
    _move_of_bank(session, PlannedQuestion, gone, kept, "bank", "barometer")
    _move_of_bank(session, AnnouncedPlay, gone, kept, "bank", "stage")
    _move_of_bank(session, CampaignContact, gone, kept, "campaign")
    _move_of_bank(session, StageCheck, gone, kept)
    for stored in (Belief, Acknowledged, Attribution, HeldPersona, ContactReadiness):
        session.execute(delete(stored).where(col(stored.contact_id) == gone.id))


def _move_of_bank(session: Session, table: Any, gone: Contact, kept: Contact, *keys: str) -> None:
    """Give the kept contact the rows of the other one, except those of which it has one with the same keys."""
    own = aliased(table)
    same = exists().where(own.contact_id == kept.id, *(getattr(own, key) == getattr(table, key) for key in keys))
    session.execute(delete(table).where(col(table.contact_id) == gone.id, same))
    session.execute(update(table).where(col(table.contact_id) == gone.id).values(contact_id=kept.id))
