"""Handle the events that sources have sent, each in one transaction."""

import logging
from datetime import datetime

from sqlmodel import Session

from survey_service.clock import Clock, utc_now
from survey_service.crypto import Keyring
from survey_service.errors import DiscernError
from survey_service.inbound.receiver import Handled, HandlerContext, Reschedule
from survey_service.inbound.sources import RECEIVERS
from survey_service.outbox.pending_work import next_inbound_event
from survey_service.store.banks import Banks
from survey_service.store.faults import FAULT, contained, wait_after
from survey_service.store.session import Store
from survey_service.store.tables.inbound import InboundEvent, Source

log = logging.getLogger("discern.sources")


def step(store: Store, keys: Keyring, banks: Banks, base_url: str, clock: Clock = utc_now, due_by: datetime | None = None) -> bool:
    """Handle one event if one is due, and return whether there was one. Events are handled in the order in which they occurred."""
    now = clock()
    with store.reading() as session:
        if session.scalars(next_inbound_event(due_by or now)).first() is None:
            return False
    with store.writing() as session:
        row = session.scalars(next_inbound_event(due_by or now).with_for_update(skip_locked=True, of=InboundEvent)).first()
        if row is None:
            return False
        source = session.get_one(Source, row.source_id)
        with contained(f"source={source.id} event={row.id} kind={row.kind}") as attempt:
            outcome = _outcome(session, HandlerContext(session, keys, banks, base_url, source.wishes, now), source, row)
        if attempt.failed:
            _record_fault(row, now)
        elif isinstance(outcome, Reschedule):
            row.kind, row.facts, row.due = outcome.kind, dict(outcome.facts), now + outcome.wait
        else:
            row.done_at, row.facts, row.problem = now, {}, outcome.problem
        session.add(row)
        line = f"source={source.id} event={row.id} kind={row.kind} problem={row.problem}"
    log.info(line)
    return True


def _outcome(session: Session, work: HandlerContext, source: Source, row: InboundEvent) -> Handled | Reschedule:
    """Return the outcome of an event. An error rolls back its changes and becomes its outcome, so that it does not block later events."""
    try:
        with session.begin_nested():
            return RECEIVERS[source.kind].handle(work, row.kind, row.facts)
    except DiscernError as error:
        return Handled(error.code)


def _record_fault(row: InboundEvent, now: datetime) -> None:
    """Let an event that failed by a fault of ours wait, so that the later ones go on; after a few faults it is set aside."""
    row.faults += 1
    wait = wait_after(row.faults)
    row.problem = FAULT
    if wait is None:
        row.done_at, row.facts = now, {}
    else:
        row.due = now + wait
