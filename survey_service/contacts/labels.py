"""Labels: the persona that a person, such as a salesperson, assigns to a contact. A label is evidence like an answer."""

from datetime import datetime

from sqlmodel import Session

from survey_service.belief.recompute import infer_belief
from survey_service.errors import Invalid
from survey_service.outbox import publish
from survey_service.store.banks import Banks
from survey_service.store.tables.core import Contact


def set_label(
    session: Session, banks: Banks, contact: Contact, bank: str, persona: str, reliability: float, now: datetime, *, by: str | None = None
) -> None:
    """Store a label in place of an earlier one, with the name of who says so. The contact's row must be locked.

    Raises NotFound, Invalid.
    """
    compiled, version = banks.latest(session, bank)
    if persona not in compiled.personas:
        raise Invalid(
            errors=[{"path": "persona", "message": f'the bank has no persona "{persona}": it has {", ".join(compiled.personas)}'}]
        )
    if reliability * len(compiled.personas) <= 1:
        problem = f"is no better than a guess among {len(compiled.personas)} personas: give more than {1 / len(compiled.personas):.2f}"
        raise Invalid(errors=[{"path": "reliability", "message": problem}])
    said = {"persona": persona, "reliability": reliability, "at": now.isoformat(), **({} if by is None else {"by": by})}
    contact.labels = {**contact.labels, bank: said}
    _publish(session, banks, contact, bank, version, now)


def remove_label(session: Session, banks: Banks, contact: Contact, bank: str, now: datetime) -> None:
    """Remove the label under `bank`, if there is one. The contact's row must be locked. Raises NotFound for an unknown bank."""
    _, version = banks.latest(session, bank)
    if bank in contact.labels:
        contact.labels = {name: value for name, value in contact.labels.items() if name != bank}
        _publish(session, banks, contact, bank, version, now)


def _publish(session: Session, banks: Banks, contact: Contact, bank: str, version: int, now: datetime) -> None:
    session.add(contact)
    inferred = infer_belief(session, contact, banks.version(session, bank, version), version, now)
    publish.store_and_publish(session, contact, inferred, "label", now)
