"""Publish what happened to a contact: write the message for each subscriber, in the transaction of the act that caused it.

The caller commits and has locked the contact's row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from question_bank.compile import CompiledBank
from survey_service.belief.belief import BeliefChange, InferredBelief, explanation, store_belief, store_beliefs
from survey_service.belief.evidence import evidence_about
from survey_service.outbox import events, messages, pending_work, resync
from survey_service.outbox.debounce import PendingUpdate, SendWindow, send_window
from survey_service.outbox.events import DECIDED, ERASED, LINK, MERGED, PLAY, READY, UPDATED, ExternalName, Receiver, is_wanted
from survey_service.outbox.messages import BULK, INTERACTIVE, WaitingUpdate, message, next_sequence
from survey_service.outbox.subscribers import Subscriber, all_endpoints, external_names
from survey_service.store.banks import Banks
from survey_service.store.contact_locks import lock_contacts
from survey_service.store.faults import FaultCounter, contained
from survey_service.store.session import Store
from survey_service.store.tables.core import Answer, Belief, Contact, SurveySession
from survey_service.store.tables.webhooks import Endpoint, MissedContact

CONTACT_EVENTS = (UPDATED, DECIDED, MERGED, ERASED)
"""The event types that can be sent later, from the present state of a contact."""


def store_and_publish(
    session: Session,
    contact: Contact,
    inferred: InferredBelief,
    reason: str,
    now: datetime,
    *,
    ended: bool = False,
    always: bool = False,
    lane: str = INTERACTIVE,
    endpoints: Sequence[Subscriber] | None = None,
    names: Sequence[ExternalName] | None = None,
) -> BeliefChange:
    """Store an inferred belief, publish the change and return it. With `always` a change too small for a message is published as well.

    `endpoints` are those of `all_endpoints` and `names` the contact's `external_names`, where the caller has read them.
    """
    known = all_endpoints(session) if endpoints is None else endpoints
    sequence = next_sequence(session, contact, after=inferred.previous)
    change = store_belief(session, contact, inferred, sequence, reason, now, explain=bool(known))
    if known:
        publish_belief_change(session, replace(change, is_material=True) if always else change, ended, now, lane, known, names)
    return change


def store_and_publish_all(
    session: Session,
    inferred: Sequence[tuple[Contact, InferredBelief]],
    reason: str,
    now: datetime,
    *,
    lane: str = INTERACTIVE,
    endpoints: Sequence[Subscriber] | None = None,
) -> None:
    """Do as `store_and_publish` for many contacts, which must be locked and differ. The driver sends their beliefs together."""
    known = all_endpoints(session) if endpoints is None else endpoints
    numbered = [(contact, of_contact, next_sequence(session, contact, after=of_contact.previous)) for contact, of_contact in inferred]
    for change in store_beliefs(session, numbered, reason, now, explain=bool(known)):
        if known:
            publish_belief_change(session, change, False, now, lane, known)


def publish_belief_change(
    session: Session,
    change: BeliefChange,
    ended: bool,
    now: datetime,
    lane: str = INTERACTIVE,
    known: Sequence[Subscriber] | None = None,
    names: Sequence[ExternalName] | None = None,
) -> None:
    """Publish a change of the belief to every subscriber. `ended` means that no further change will come from this survey.

    `lane` is bulk for a change of the whole base, which an endpoint may not subscribe to.
    """
    endpoints = reachable_endpoints(session, change.contact, lane, known)
    if not endpoints:
        return
    names = external_names(session, change.contact) if names is None else names
    _publish_update(session, endpoints, change, names, ended, now, lane)
    _publish_decision(session, endpoints, change, names, ended, now, lane)


def publish_response(
    session: Session,
    row: SurveySession,
    contact: Contact,
    bank: CompiledBank,
    own: list[Answer],
    what: str,
    now: datetime,
    *,
    endpoints: Sequence[Subscriber] | None = None,
    names: Sequence[ExternalName] | None = None,
) -> None:
    """Publish that a survey was "completed" or "abandoned", with its answers. `endpoints` and `names` as in `store_and_publish`."""
    event_type, endpoints = f"survey.response.{what}", reachable_endpoints(session, contact, known=endpoints)
    subscribers = [endpoint for endpoint in endpoints if is_wanted(endpoint, event_type)]
    messages.flush(session, endpoints if what == "completed" else subscribers, contact, now)
    if not subscribers:
        return
    sequence = next_sequence(session, contact)
    names = external_names(session, contact) if names is None else names
    facts = events.response_facts(event_type, row, contact, names, bank, own, sequence, now)
    messages.enqueue(session, [message(endpoint, event_type, facts, SendWindow(now), now, contact, bank) for endpoint in subscribers])


def publish_final(session: Session, contact: Contact, bank: CompiledBank, reason: str, now: datetime) -> None:
    """Publish the end of a survey that ended without a further answer: pending messages become due, and the belief goes to every endpoint
    that does not have it yet.
    """
    belief = session.get(Belief, (contact.id, bank.bank.id))
    endpoints = reachable_endpoints(session, contact)
    if belief is None or not endpoints:
        return
    messages.flush(session, endpoints, contact, now)
    without_belief = [
        endpoint for endpoint in endpoints if is_wanted(endpoint, UPDATED) and not messages.has_current_belief(session, endpoint, belief)
    ]
    waiting_for_end = [endpoint for endpoint in endpoints if is_wanted(endpoint, DECIDED) and endpoint.when == "final"]
    if not without_belief and not waiting_for_end:
        return
    known = evidence_about(session, contact, bank, now)
    change = BeliefChange(contact, belief, bank, reason, now, is_material=False, newly_decided=False, explanation=explanation(known))
    if without_belief:
        belief.sequence = next_sequence(session, contact, after=belief)
        session.add(belief)
    names = external_names(session, contact)
    _publish_update(session, without_belief, change, names, True, now)
    _publish_decision(session, waiting_for_end, change, names, True, now)


def publish_merge(session: Session, contact: Contact, gone: Mapping[str, Any], now: datetime) -> None:
    """Publish that `contact` is also the contact that was known as `gone`. Later messages about the contact come after this one."""
    _mark_missed(session, all_endpoints(session), gone["id"])
    _publish_contact_event(session, contact, MERGED, {"merged": dict(gone)}, now)


def publish_erasure(session: Session, contact: Contact, names: Sequence[Mapping[str, str]], now: datetime) -> None:
    """Publish the erasure of a contact under the `names` that it had, and nothing else about it."""
    _publish_contact_event(session, contact, ERASED, {"contact": {"id": contact.id, "external_ids": list(names)}}, now)


def publish_link(session: Session, contact: Contact, link: Mapping[str, Any], now: datetime) -> None:
    """Publish that it is time to send `contact` an email with this link."""
    _publish_contact_event(session, contact, LINK, {"link": dict(link)}, now)


def publish_play(session: Session, contact: Contact, persona_set: Mapping[str, Any], play: Mapping[str, Any], now: datetime) -> None:
    """Publish that a contact has come to a stage for which the bank has a play."""
    _publish_contact_event(session, contact, PLAY, {"persona_set": dict(persona_set), "play": dict(play)}, now)


def publish_ready(session: Session, contact: Contact, persona_set: Mapping[str, Any], readiness: Mapping[str, Any], now: datetime) -> None:
    """Publish that a contact is among the likeliest to reach the next stage of a journey."""
    _publish_contact_event(session, contact, READY, {"persona_set": dict(persona_set), "readiness": dict(readiness)}, now)


def publish_snapshot(session: Session, endpoint: Endpoint, contact: Contact, banks: Banks, now: datetime) -> None:
    """Enqueue the present state of a contact for one endpoint, whatever it has missed. The contact must be locked."""
    if contact.erased_at is not None:
        _publish_end(session, endpoint, contact, ERASED, {"contact": {"id": contact.id, "external_ids": []}}, now)
    elif contact.merged_into is not None:
        kept = lock_contacts(session, [contact.merged_into])[contact.merged_into]
        _publish_end(session, endpoint, kept, MERGED, {"merged": {"id": contact.id, "external_ids": []}}, now)
    for belief in session.exec(select(Belief).where(Belief.contact_id == contact.id).order_by(col(Belief.bank))).all():
        event_type = UPDATED if is_wanted(endpoint, UPDATED) else DECIDED
        if is_wanted(endpoint, event_type) and (event_type == UPDATED or belief.is_decided):
            _publish_belief(session, endpoint, contact, belief, banks, event_type, now)


def _publish_end(session: Session, endpoint: Endpoint, contact: Contact, event_type: str, more: dict[str, Any], now: datetime) -> None:
    if is_wanted(endpoint, event_type):
        facts = events.contact_facts(event_type, contact, external_names(session, contact), next_sequence(session, contact), now) | more
        messages.enqueue(session, [message(endpoint, event_type, facts, SendWindow(now), now, contact, lane=BULK)])


def _publish_belief(
    session: Session, endpoint: Endpoint, contact: Contact, belief: Belief, banks: Banks, event_type: str, now: datetime
) -> None:
    bank = banks.version(session, belief.bank, belief.bank_version)
    why = explanation(evidence_about(session, contact, bank, now))
    change = BeliefChange(contact, belief, bank, "resync", now, is_material=False, newly_decided=False, explanation=why)
    # The snapshot gets a new sequence: the receiver would drop one that it has seen, and a resync is for a receiver that lost its state.
    facts = events.persona_facts(event_type, change, external_names(session, contact), next_sequence(session, contact, after=belief))
    if event_type == DECIDED:
        messages.enqueue(session, [message(endpoint, DECIDED, facts, SendWindow(now), now, contact, bank, BULK)])
        return
    earlier = messages.replaceable(session, contact, belief.bank, now)[endpoint.id]
    messages.enqueue(session, [_in_place_of(earlier, endpoint, change, facts, SendWindow(now), now, BULK)], earlier)


def _publish_contact_event(session: Session, contact: Contact, event_type: str, more: dict[str, Any], now: datetime) -> None:
    subscribers = [endpoint for endpoint in reachable_endpoints(session, contact) if is_wanted(endpoint, event_type)]
    facts = events.contact_facts(event_type, contact, external_names(session, contact), next_sequence(session, contact), now) | more
    messages.flush(session, subscribers, contact, now)
    messages.enqueue(session, [message(endpoint, event_type, facts, SendWindow(now), now, contact) for endpoint in subscribers])


def _publish_update(
    session: Session,
    endpoints: Sequence[Subscriber],
    change: BeliefChange,
    names: Sequence[ExternalName],
    ended: bool,
    now: datetime,
    lane: str = INTERACTIVE,
) -> None:
    """Let an update supersede those that were not sent yet, where it is worth a message."""
    subscribers = [endpoint for endpoint in endpoints if is_wanted(endpoint, UPDATED)]
    if not subscribers:
        return
    facts = events.persona_facts(UPDATED, change, names, change.belief.sequence)
    waiting = messages.replaceable(session, change.contact, change.bank.bank.id, now)
    rows, superseded = [], []
    for endpoint in subscribers:
        earlier = waiting[endpoint.id]
        moment = send_window(
            endpoint.when,
            now,
            is_material=change.is_material,
            at_once=change.newly_decided,
            ended=ended,
            waiting=PendingUpdate(earlier[0].due_at_latest) if earlier else None,
        )
        if moment is not None:
            rows.append(_in_place_of(earlier, endpoint, change, facts, moment, now, lane))
            superseded += earlier
    messages.enqueue(session, rows, superseded)


def _in_place_of(
    earlier: Sequence[WaitingUpdate],
    endpoint: Receiver,
    change: BeliefChange,
    facts: Mapping[str, Any],
    moment: SendWindow,
    now: datetime,
    lane: str,
) -> dict[str, Any]:
    """Return the message about a change that supersedes `earlier` ones."""
    together = events.coalesced(facts, [update.facts for update in earlier])
    lane = min([lane, *(update.lane for update in earlier)], key=messages.PRIORITIES.index)
    row = message(endpoint, UPDATED, together, moment, now, change.contact, change.bank, lane)
    for update in earlier:
        # Frequent changes of a contact must not reset the retry schedule of a failing endpoint.
        if update.attempt > update.uncounted and update.last_error != messages.NO_IDENTITY:
            row["attempt"], row["due"] = max(row["attempt"], update.attempt), max(row["due"], update.due)
            row["uncounted"] = max(row["uncounted"], update.uncounted)
    return row


def _publish_decision(
    session: Session,
    endpoints: Sequence[Subscriber],
    change: BeliefChange,
    names: Sequence[ExternalName],
    ended: bool,
    now: datetime,
    lane: str = INTERACTIVE,
) -> None:
    subscribers = [
        endpoint for endpoint in endpoints if is_wanted(endpoint, DECIDED) and _is_new_decision(session, endpoint, change, ended)
    ]
    if subscribers:
        facts = events.persona_facts(DECIDED, change, names, next_sequence(session, change.contact))
        if lane == INTERACTIVE:
            messages.flush(session, subscribers, change.contact, now)
        decided = [message(endpoint, DECIDED, facts, SendWindow(now), now, change.contact, change.bank, lane) for endpoint in subscribers]
        messages.enqueue(session, decided)


def _is_new_decision(session: Session, endpoint: Subscriber, change: BeliefChange, ended: bool) -> bool:
    """Whether a decision is published now. An endpoint with `when: final` gets an earlier decision at the end of the survey."""
    if endpoint.when != "final":
        return change.newly_decided
    return ended and change.belief.is_decided and messages.last_decision(session, endpoint, change.belief) != change.belief.top


def reachable_endpoints(
    session: Session, contact: Contact, lane: str = INTERACTIVE, known: Sequence[Subscriber] | None = None
) -> list[Subscriber]:
    """Return the endpoints that can receive now. For the others, mark that they missed a change of the contact."""
    known = all_endpoints(session) if known is None else known
    _mark_missed(session, known, contact.id)
    return [endpoint for endpoint in known if _is_reachable(endpoint) and (lane == INTERACTIVE or endpoint.bulk)]


def _mark_missed(session: Session, endpoints: Sequence[Subscriber], contact_id: str) -> None:
    unreachable = [endpoint for endpoint in endpoints if not _is_reachable(endpoint)]
    if missed := [endpoint for endpoint in unreachable if any(is_wanted(endpoint, event) for event in CONTACT_EVENTS)]:
        resync.mark(session, missed, contact_id)


def _is_reachable(endpoint: Subscriber) -> bool:
    return endpoint.state == "active" and not endpoint.awaits_ping


RESYNC_BATCH = 50


def resync_some(store: Store, banks: Banks, now: datetime, faults: FaultCounter | None = None) -> bool:
    """Enqueue snapshots of some contacts that an endpoint missed. Return whether there was work.

    After a fault of ours each contact is tried on its own, and one that has failed a few times is left out: `faults` counts.
    """
    faults = faults or FaultCounter()
    with store.reading() as session:
        endpoint_id = session.scalar(pending_work.next_resync())
        if endpoint_id is None:
            return False
        mine = (
            select(col(MissedContact.contact_id))
            .where(col(MissedContact.endpoint_id) == endpoint_id)
            .order_by(col(MissedContact.contact_id))
        )
        ids = list(session.scalars(mine.limit(RESYNC_BATCH)))
    with contained(f"resync endpoint={endpoint_id}") as together, store.writing() as session:
        _resync(session, banks, endpoint_id, ids, now)
    for contact_id in ids if together.failed else ():
        task = f"resync endpoint={endpoint_id} contact={contact_id}"
        with faults.contained(task), store.writing() as session:
            _resync(session, banks, endpoint_id, [contact_id], now)
        if faults.is_to_be_set_aside(task):
            with store.writing() as session:
                resync.unmark(session, endpoint_id, contact_id)
    return True


def _resync(session: Session, banks: Banks, endpoint_id: str, ids: list[str], now: datetime) -> None:
    targets = session.scalars(select(col(Contact.merged_into)).where(col(Contact.id).in_(ids)))
    locked = lock_contacts(session, [*ids, *targets])
    contacts = [locked[contact_id] for contact_id in ids if contact_id in locked]
    endpoint = session.get_one(Endpoint, endpoint_id)
    for contact in contacts if endpoint.state == "active" and not endpoint.awaits_ping else ():
        if resync.unmark(session, endpoint_id, contact.id):  # no other worker did it meanwhile
            publish_snapshot(session, endpoint, contact, banks, now)
