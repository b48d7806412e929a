"""Priors from outside: a segment of the CRM, or the score of a data science team, in place of the bank's prior of one contact."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from survey_service.belief.recompute import infer_belief
from survey_service.contacts import directory
from survey_service.contacts.schemas import PriorRequest
from survey_service.crypto import Keyring
from survey_service.errors import Invalid
from survey_service.outbox import publish
from survey_service.store.banks import Banks
from survey_service.store.tables.core import Contact

TOLERANCE = 0.01
"""By how much probabilities may miss 1 in all: CRMs round."""


def put_contact(
    session: Session, keys: Keyring, banks: Banks, external_id: str, given: Mapping[str, Any], now: datetime
) -> tuple[Contact, bool]:
    """Create or update a contact with everything that may be given, and return it, and whether it is new.

    Raises ContactErased, Conflict, Invalid, NotFound for an unknown bank.
    """
    contact, is_new = directory.upsert(session, keys, external_id, given, now)
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
