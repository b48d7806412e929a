"""Ask at the moment of a barometer: an event plans a question for its contact, and when that is due the contact gets a link.

Nobody is asked too often: a contact who got a link of any survey within `every_days` gets none.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from question_bank.compile import CompiledBank
from question_bank.journeys import Barometer
from survey_service.belief.evidence import matches
from survey_service.clock import Clock
from survey_service.contacts import directory
from survey_service.crypto import Keyring
from survey_service.email_links.announce import LinkWriter, send_link
from survey_service.errors import DiscernError
from survey_service.outbox.pending_work import due_questions
from survey_service.store.banks import Banks, transact
from survey_service.store.bulk import dialect_of, insert_into, is_one_of
from survey_service.store.contact_locks import lock_contacts
from survey_service.store.session import Store
from survey_service.store.tables.core import Contact
from survey_service.store.tables.inbound import ContactEvent, PlannedQuestion
from survey_service.store.tables.links import Link

log = logging.getLogger("discern.barometers")

ASKED_LATELY, NO_BAROMETER = "asked_lately", "no_barometer"


def plan_questions(session: Session, newest: Sequence[tuple[CompiledBank, int]], new_events: Mapping[int, str], now: datetime) -> None:
    """Plan the questions of barometers of the newest banks whose moment these events are, given as the contact of each event's id.

    The contacts are locked.
    """
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for bank, _ in newest if new_events else ():
        for barometer in bank.bank.barometers:
            for contact_id, at in session.execute(_moments(session, barometer, new_events)):
                key = {"contact_id": contact_id, "bank": bank.bank.id, "barometer": barometer.id}
                due = max(at + timedelta(hours=barometer.delay_hours), now)
                rows[contact_id, bank.bank.id, barometer.id] = {**key, "at": at, "due": due, "done_at": None, "problem": None}
    if rows:
        _store(session, list(rows.values()))


def _moments(session: Session, barometer: Barometer, new_events: Mapping[int, str]) -> Any:
    """Select contact and time of the events that are moments of the barometer, the latest last."""
    moments = select(ContactEvent.contact_id, ContactEvent.at).where(is_one_of(session, ContactEvent.id, new_events))
    return moments.where(*matches(barometer.after)).order_by(col(ContactEvent.at))


def _store(session: Session, rows: list[dict[str, Any]]) -> None:
    """Plan the questions; one that waits already stays as it is, one that is done is planned again by a later moment."""
    new = insert_into(dialect_of(session), PlannedQuestion)
    given = {name: new.excluded[name] for name in ("at", "due", "done_at", "problem")}
    is_later = col(PlannedQuestion.done_at).is_not(None) & (new.excluded["at"] > col(PlannedQuestion.at))
    session.execute(new.on_conflict_do_update(index_elements=["contact_id", "bank", "barometer"], set_=given, where=is_later), rows)


def ask_some(store: Store, keys: Keyring, banks: Banks, base_url: str, clock: Clock, due_by: datetime | None = None) -> bool:
    """Send the link of one question that is due, and return whether there was one."""
    now = clock()
    with store.reading() as session:
        found = session.execute(due_questions(due_by or now).limit(1)).first()
    if found is None:
        return False
    transact(store, banks, lambda session: _ask(session, keys, banks, base_url, tuple(found), now))
    return True


def _ask(session: Session, keys: Keyring, banks: Banks, base_url: str, key: tuple[str, str, str], now: datetime) -> None:
    contact = lock_contacts(session, [key[0]]).get(key[0])
    row = session.get(PlannedQuestion, key, with_for_update=True, populate_existing=True)
    if contact is None or row is None or row.done_at is not None:
        return  # somebody else was faster, or the contact was merged or erased meanwhile
    row.done_at = now
    row.problem = _problem(session, LinkWriter(session, keys, banks, base_url, now), contact, row)
    session.add(row)
    log.info("barometer=%s/%s problem=%s", row.bank, row.barometer, row.problem)


def _problem(session: Session, writer: LinkWriter, contact: Contact, row: PlannedQuestion) -> str | None:
    """Send the link, and return why there is none, if so."""
    contact = directory.resolve(session, contact.id, lock=True)
    bank, _ = writer.banks.latest(session, row.bank)
    barometer = next((item for item in bank.bank.barometers if item.id == row.barometer), None)
    survey = None if barometer is None else survey_of(bank, barometer)
    if barometer is None or survey is None:
        return NO_BAROMETER
    since = writer.now - timedelta(days=barometer.every_days)
    asked = select(Link.id).where(Link.contact_id == contact.id, col(Link.created_at) > since)
    if session.exec(asked.limit(1)).first() is not None:
        return ASKED_LATELY
    try:
        with session.begin_nested():
            because = {"barometer": barometer.id, "at": row.at.isoformat()}
            return send_link(writer, contact, survey, barometer.question, because)
    except DiscernError as refused:
        return refused.code


def survey_of(bank: CompiledBank, barometer: Barometer) -> str | None:
    """Return the survey that asks the question of a barometer, None where none does."""
    return next((survey.id for survey in bank.bank.surveys if barometer.question in survey.questions), None)
