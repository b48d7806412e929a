"""Priors of one contact: set by another system, such as a segment of the CRM, and deleted where the contact refuses a profile."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, delete, select, update

from survey_service.belief.outcomes import record_outcomes
from survey_service.belief.recompute import infer_belief
from survey_service.contacts import directory
from survey_service.contacts.schemas import PriorRequest
from survey_service.crypto import Keyring
from survey_service.errors import Invalid
from survey_service.outbox import publish
from survey_service.outbox.crossings import withdraw
from survey_service.store.banks import Banks
from survey_service.store.tables.core import Belief, Contact, SurveySession
from survey_service.store.tables.figures import ContactReadiness, HeldPersona, StageCheck

TOLERANCE = 0.01
"""By how much probabilities may miss 1 in all: CRMs round."""


def put_contact(
    session: Session, keys: Keyring, banks: Banks, external_id: str, given: Mapping[str, Any], now: datetime
) -> tuple[Contact, bool]:
    """Create or update a contact with everything that may be given, and return it, and whether it is new.

    Raises ContactErased, Conflict, Invalid, NotFound for an unknown bank.
    """
    contact, is_new, before = directory.upsert(session, keys, external_id, given, now)
    record_outcomes(session, banks, contact, before, now)
    if contact.consent.get("profiling") is False:
        end_profile(session, banks, contact, "consent", now)
    if "prior" in given:
        set_prior(session, banks, contact, given["prior"], now)
    return contact, is_new


def set_prior(session: Session, banks: Banks, contact: Contact, prior: PriorRequest, now: datetime) -> None:
    """Store a prior in place of an earlier one, or take it back, and publish the belief. The contact must be locked.

    Raises NotFound, Invalid.
    """
    bank, version = banks.latest(session, prior.bank)
    others = {name: value for name, value in contact.priors.items() if name != prior.bank}
    if prior.probabilities is None:
        if prior.bank not in contact.priors:
            return
        contact.priors = others
    else:
        _check(prior.probabilities, bank.personas)
        if contact.consent.get("profiling") is False:
            raise Invalid(errors=[{"path": "prior", "message": "the contact does not want a profile: ask for its consent first"}])
        given = {"probabilities": dict(prior.probabilities), "source": prior.source, "reliability": prior.reliability}
        contact.priors = {**others, prior.bank: {**given, "at": now.isoformat()}}
    contact.updated_at = now
    session.add(contact)
    session.flush()
    publish.store_and_publish(session, contact, infer_belief(session, contact, bank, version, now), "prior", now)


def end_profile(session: Session, banks: Banks, contact: Contact, reason: str, now: datetime) -> None:
    """Delete the priors of a contact who does not want a profile, and publish the beliefs that rested on them. It must be locked."""
    drop_priors(session, contact, reason, now)
    rested = select(Belief.bank).where(Belief.contact_id == contact.id, col(Belief.prior_kind).is_not(None))
    for bank, version in banks.newest(session, sorted(session.exec(rested))):
        publish.store_and_publish(session, contact, infer_belief(session, contact, bank, version, now), "prior", now)


def drop_priors(session: Session, contact: Contact, reason: str, now: datetime) -> None:
    """Delete the priors of a contact, those of its attributes and those that its sessions began with too, and what is expected of it on
    its journeys. It must be locked.
    """
    contact.priors = {}
    session.add(contact)
    withdraw(session, contact, reason, now)
    for table in (StageCheck, HeldPersona, ContactReadiness):
        session.execute(delete(table).where(col(table.contact_id) == contact.id))
    session.execute(update(SurveySession).where(col(SurveySession.contact_id) == contact.id).values(prior=None))


def _check(probabilities: Mapping[str, float], personas: tuple[str, ...]) -> None:
    if set(probabilities) != set(personas):
        problem = (
            f"names {', '.join(sorted(probabilities)) or 'nobody'}: give one probability to each persona of the bank, {', '.join(personas)}"
        )
    elif abs(sum(probabilities.values()) - 1) > TOLERANCE:
        problem = f"adds up to {sum(probabilities.values()):.6g}, not 1"
    else:
        return
    raise Invalid(errors=[{"path": "prior.probabilities", "message": problem}])
