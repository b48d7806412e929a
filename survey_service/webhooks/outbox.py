"""Telling, claiming and settling: a message is a row, and it exists exactly when the answer that caused it does.

`tell_*` are called by the main path inside its own transaction, with the contact's row locked. `claim` and `settle` are the
worker's two short transactions, between which it talks to the receiver.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from question_bank.compiling import CompiledBank
from survey_service.contacts.beliefs import Change, current_answers, explanation, readable
from survey_service.store.records import (
    Acknowledged,
    Answer,
    Belief,
    Contact,
    Delivery,
    DeliveryAttempt,
    Endpoint,
    ExternalId,
    SurveySession,
)
from survey_service.webhooks import events, queue
from survey_service.webhooks.delivery import Delivered, Outcome, Rejected, Retry
from survey_service.webhooks.endpoints import is_in_force
from survey_service.webhooks.events import DECIDED, UPDATED
from survey_service.webhooks.schedule import LEASE, LONGEST_RETRY_AFTER, after_failure
from survey_service.webhooks.timing import Moment, Waiting, moment_of


@dataclass(frozen=True)
class Claimed:
    """A message in the hands of one worker, with everything it takes to send it."""

    delivery_id: int
    attempt: int
    event_id: str
    event_type: str
    endpoint_id: str
    url: str = field(repr=False)  # may hold a token
    secrets: tuple[str, ...] = field(repr=False)  # encrypted, newest first
    body: bytes = field(repr=False)


def tell_of_change(session: Session, change: Change, ended: bool, now: datetime) -> None:
    """Tell every endpoint that wants to know; `ended` says that no more will come from this survey."""
    endpoints = _listening(session)
    _tell_of_update(session, endpoints, change, ended, now)
    _tell_of_decision(session, endpoints, change, ended, now)


def tell_of_response(
    session: Session, row: SurveySession, contact: Contact, bank: CompiledBank, own: list[Answer], what: str, now: datetime
) -> None:
    """Tell that a questionnaire was "completed" or "abandoned", with what was given in it."""
    if what == "completed":
        tell_the_last_word(session, contact, bank, what, now)
    event_type = f"survey.response.{what}"
    wanting = [one for one in _listening(session) if _wants(one, event_type)]
    if not wanting:
        return
    sequence = _next_sequence(session, contact)
    facts = events.response_facts(event_type, row, contact, _names(session, contact), bank, own, sequence, now)
    for endpoint in wanting:
        queue.flush(session, endpoint, contact, now)
        queue.enqueue(session, endpoint, event_type, facts, Moment(now), now, contact, bank)


def tell_the_last_word(session: Session, contact: Contact, bank: CompiledBank, reason: str, now: datetime) -> None:
    """A survey has ended without a further answer: send what is waiting, and the belief to those who have not been told of it."""
    belief = session.get(Belief, (contact.id, bank.bank.id))
    endpoints = _listening(session)
    if belief is None or not endpoints:
        return
    for endpoint in endpoints:
        queue.flush(session, endpoint, contact, now)
    untold = [one for one in endpoints if _wants(one, UPDATED) and not queue.has_been_told(session, one, belief)]
    patient = [one for one in endpoints if _wants(one, DECIDED) and one.when == "final"]
    if not untold and not patient:
        return
    given = readable(current_answers(session, contact.id, bank.bank.id), bank)
    change = Change(contact, belief, bank, reason, now, is_material=False, newly_decided=False, explanation=explanation(bank, given))
    if untold:
        belief.sequence = _next_sequence(session, contact)
        session.add(belief)
        _tell_of_update(session, untold, change, True, now)
    _tell_of_decision(session, patient, change, True, now)


def claim(session: Session, now: datetime, lease: timedelta = LEASE, due_by: datetime | None = None) -> Claimed | None:
    """Take the next message that is due, and write down that it is about to be sent. None when there is nothing to do."""
    row = session.scalars(queue.next_due(now, due_by or now, lease).returning(Delivery)).first()
    if row is None or row.id is None:
        return None
    endpoint = session.get_one(Endpoint, row.endpoint_id)
    if row.body is None:
        try:
            row.body = _frozen(session, row, endpoint)
        except ValueError as wrong:  # one message that cannot be written must not stop all the others
            row.last_error = f"unwritable: {wrong}"[:200]
            queue.put_away(session, row, "dead", now)
            return None
    session.add(DeliveryAttempt(delivery_id=row.id, number=row.attempt, started_at=now, manual=row.manual))
    row.manual = False
    session.add(row)
    in_force = [one for one in endpoint.secrets if is_in_force(one, now)]
    secrets = tuple(one["encrypted"] for one in in_force)
    return Claimed(row.id, row.attempt, row.event_id, row.event_type, endpoint.id, endpoint.url, secrets, row.body)


def settle(session: Session, claimed: Claimed, outcome: Outcome, now: datetime, jitter: float = 0.0) -> bool:
    """Write down how an attempt went. False when it came too late: another attempt has begun, or nobody wants the message any more."""
    _complete(session, claimed, outcome, now)
    endpoint = _locked_if_it_changes(session, claimed, outcome)
    mine = select(Delivery).where(Delivery.id == claimed.delivery_id, Delivery.attempt == claimed.attempt, Delivery.state == "pending")
    row = session.exec(mine.with_for_update()).first()
    if row is None:
        return False
    if isinstance(outcome, Delivered):
        row.last_error = _told(outcome)
        queue.put_away(session, row, "delivered", now)
        _acknowledge(session, row)
        return True
    row.last_error = _told(outcome)
    wait = after_failure(claimed.attempt, outcome, jitter=jitter)
    if wait is None:
        queue.put_away(session, row, "dead", now)
    else:
        row.due, row.lease_until = now + wait, None
        session.add(row)
    if endpoint is not None:
        _leave_alone(session, endpoint, outcome, now)
    return True


def _tell_of_update(session: Session, endpoints: Sequence[Endpoint], change: Change, ended: bool, now: datetime) -> None:
    wanting = [one for one in endpoints if _wants(one, UPDATED)]
    if wanting:
        facts = events.persona_facts(UPDATED, change, _names(session, change.contact), change.belief.sequence)
        for endpoint in wanting:
            _replace(session, endpoint, change, facts, ended, now)


def _tell_of_decision(session: Session, endpoints: Sequence[Endpoint], change: Change, ended: bool, now: datetime) -> None:
    wanting = [one for one in endpoints if _wants(one, DECIDED) and _is_news(session, one, change, ended)]
    if wanting:
        names = _names(session, change.contact)
        facts = events.persona_facts(DECIDED, change, names, _next_sequence(session, change.contact))
        for endpoint in wanting:
            queue.flush(session, endpoint, change.contact, now)
            queue.enqueue(session, endpoint, DECIDED, facts, Moment(now), now, change.contact, change.bank)


def _replace(session: Session, endpoint: Endpoint, change: Change, facts: Mapping[str, Any], ended: bool, now: datetime) -> None:
    """Put an update in the place of those that have not gone out, if it is worth telling at all."""
    earlier = queue.replaceable(session, endpoint, change.contact, change.bank.bank.id, now)
    moment = moment_of(
        endpoint.when,
        now,
        is_material=change.is_material,
        at_once=change.newly_decided,
        ended=ended,
        waiting=Waiting(earlier[0].due_at_latest) if earlier else None,
    )
    if moment is None:
        return
    facts = events.coalesced(facts, [one.facts for one in earlier])
    row = queue.enqueue(session, endpoint, UPDATED, facts, moment, now, change.contact, change.bank)
    for one in earlier:
        # A busy contact must not set the clock of a failing endpoint back: the schedule goes on where it was.
        if one.attempt:
            row.attempt, row.due = max(row.attempt, one.attempt), max(row.due, one.due)
        queue.put_away(session, one, "superseded", now)


def _is_news(session: Session, endpoint: Endpoint, change: Change, ended: bool) -> bool:
    """Whether a decision is to be told now. Who wants to hear nothing before the end hears of an earlier decision then."""
    if endpoint.when != "final":
        return change.newly_decided
    return ended and change.belief.is_decided and queue.last_decision(session, endpoint, change.belief) != change.belief.top


def _listening(session: Session) -> list[Endpoint]:
    return list(session.exec(select(Endpoint).where(Endpoint.state == "active").order_by(col(Endpoint.id))))


def _wants(endpoint: Endpoint, event_type: str) -> bool:
    return not endpoint.events or event_type in endpoint.events


def _names(session: Session, contact: Contact) -> list[ExternalId]:
    mine = select(ExternalId).where(ExternalId.contact_id == contact.id)
    return list(session.exec(mine.order_by(col(ExternalId.system), col(ExternalId.value))))


def _next_sequence(session: Session, contact: Contact) -> int:
    """Every message about a contact has a number of its own, so that one guard in the receiver orders them all."""
    contact.sequence += 1
    session.add(contact)
    return contact.sequence


def _frozen(session: Session, row: Delivery, endpoint: Endpoint) -> bytes:
    facts = row.facts if endpoint.include_pii else events.without_pii(row.facts)
    known = session.get(Acknowledged, (endpoint.id, row.contact_id, row.bank)) if row.contact_id and row.bank else None
    return events.body_of(row.event_type, row.event_id, facts, known.state if known else None)


def _complete(session: Session, claimed: Claimed, outcome: Outcome, now: datetime) -> None:
    begun = select(DeliveryAttempt).where(DeliveryAttempt.delivery_id == claimed.delivery_id, DeliveryAttempt.number == claimed.attempt)
    attempt = session.exec(begun).one()
    attempt.finished_at, attempt.status, attempt.excerpt = now, outcome.status, outcome.excerpt
    attempt.outcome = type(outcome).__name__.lower()
    attempt.error = _told(outcome)
    session.add(attempt)


def _told(outcome: Outcome) -> str | None:
    """The problem in words that any API key may read; the log of the operator has the exact one."""
    return None if isinstance(outcome, Delivered) else outcome.told if isinstance(outcome, Retry) else outcome.problem


def _locked_if_it_changes(session: Session, claimed: Claimed, outcome: Outcome) -> Endpoint | None:
    """The endpoint, when this outcome concerns all of its messages. Endpoint before delivery: everybody locks in this order."""
    if isinstance(outcome, Delivered) or not (isinstance(outcome, Rejected) or outcome.retry_after):
        return None
    endpoint = session.get_one(Endpoint, claimed.endpoint_id, with_for_update={"key_share": True})
    return endpoint if endpoint.url == claimed.url else None  # what the old address said is no word of the new one


def _leave_alone(session: Session, endpoint: Endpoint, outcome: Rejected | Retry, now: datetime) -> None:
    if isinstance(outcome, Rejected):
        endpoint.state, endpoint.disabled_because, endpoint.updated_at = "disabled", outcome.problem, now
        queue.drop_pending(session, endpoint, now)
    elif outcome.retry_after:
        endpoint.paused_until = now + min(outcome.retry_after, LONGEST_RETRY_AFTER)
    session.add(endpoint)


def _acknowledge(session: Session, row: Delivery) -> None:
    """Remember what the endpoint knows now. A message sent again by hand may be older than that: it takes nothing back."""
    if row.contact_id is None or row.bank is None or "assignment" not in row.facts:
        return
    state = events.acknowledged_state(row.facts)
    known = session.get(Acknowledged, (row.endpoint_id, row.contact_id, row.bank))
    if known is None:
        known = Acknowledged(endpoint_id=row.endpoint_id, contact_id=row.contact_id, bank=row.bank, sequence=0)
    if known.sequence < state["sequence"]:
        known.sequence, known.state = state["sequence"], state
        session.add(known)
