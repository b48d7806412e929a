"""What a CRM says has come of a contact: values of attributes for which a stage of a journey waits, with the time when they came.

Attributes have no history, so that the changes to these values are kept in a table of their own.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session, col

from question_bank.definitions import Bank
from question_bank.journeys import plain_value
from survey_service.store.banks import Banks
from survey_service.store.bulk import insert_given, text_of, to_parameter
from survey_service.store.session import Prepared
from survey_service.store.tables.core import Contact
from survey_service.store.tables.figures import AttributeOutcome, StageCheck
from survey_service.store.tables.metadata import metadata


def awaited_values(bank: Bank) -> set[tuple[str, str]]:
    """Return the names and values of attributes for which stages of a bank wait."""
    stages = [stage for journey in bank.journeys for stage in journey.stages]
    return {(name, plain_value(value)) for stage in stages for name, values in stage.attribute.items() for value in values}


def record_outcomes(session: Session, banks: Banks, contact: Contact, before: Mapping[str, Any], now: datetime) -> None:
    """Store which attributes of a contact, which must be locked, have come to an awaited value that they did not have `before`."""
    changed = {
        (name, plain_value(value)) for name, value in contact.attributes.items() if plain_value(before.get(name)) != plain_value(value)
    }
    wanted = {pair for bank, _ in banks.newest(session) for pair in awaited_values(bank.bank)} if changed else set()
    if contact.consent.get("profiling") is False or not changed & wanted:
        return
    session.add_all([AttributeOutcome(contact_id=contact.id, name=name, value=value, at=now) for name, value in sorted(changed & wanted)])
    session.flush()
    request_checks(session, {contact.id: now})


def request_checks(session: Session, due: Mapping[str, datetime]) -> None:
    """Ask for a look at the stages of these contacts, each at its time, or earlier where that was asked for."""
    rows = [{"contact_id": contact_id, "due": text_of(due[contact_id])} for contact_id in sorted(due)]
    if rows:
        _REQUEST.run(session, {"given": to_parameter(rows)})


def _request(dialect: str) -> Any:
    new = insert_given(dialect, metadata.tables["stage_check"], ["contact_id", "due"])
    earlier = new.excluded["due"] < col(StageCheck.due)
    return new.on_conflict_do_update(index_elements=["contact_id"], set_={"due": new.excluded["due"]}, where=earlier)


_REQUEST = Prepared(_request)
