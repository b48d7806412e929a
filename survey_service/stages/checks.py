"""Look at contacts on a journey: after an event, after a change of the belief, and when a stage or an entry comes to its end.

A row of `stage_check` says that a contact is to be looked at, and when. It is written in the transaction of the event, and what is found is
published in the transaction that moves the row, under the contact's lock: a crash repeats the look, which announces nothing twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, delete, select

from question_bank.compile import CompiledBank
from survey_service.belief.belief import DECIDED_AT
from survey_service.belief.outcomes import request_checks
from survey_service.belief.priors import ContactPrior, may_be_profiled, priors_of
from survey_service.figures.journeys import Happened, Present, awaited, present_stage
from survey_service.figures.people import answers_of, happened_to_each
from survey_service.outbox.pending_work import BELIEFS_OF_STAGES, SETTLED_AFTER, changed_on_a_journey, due_checks
from survey_service.stages.plays import announce_plays
from survey_service.stages.readiness import Candidate, StageModels, store_readiness
from survey_service.store.banks import Banks, transact
from survey_service.store.bulk import is_one_of
from survey_service.store.contact_locks import lock_present
from survey_service.store.session import Store
from survey_service.store.tables.attribution import Attribution
from survey_service.store.tables.core import Belief, Contact
from survey_service.store.tables.figures import HeldPersona, RecurringWork, StageCheck

BATCH_SIZE = 50
HYSTERESIS = 0.05
"""By so much the probability of a persona may fall below the threshold before the contact is not taken for it any more."""


@dataclass(frozen=True, eq=False)
class OnJourney:
    """A contact, the persona that it is taken for under one bank, and where it is in each of the bank's journeys."""

    candidate: Candidate
    bank: CompiledBank
    version: int
    persona: str | None

    @property
    def contact(self) -> Contact:
        return self.candidate.contact

    @property
    def probabilities(self) -> Mapping[str, float]:
        return self.candidate.probabilities

    @property
    def events(self) -> Sequence[Happened]:
        return self.candidate.events

    @property
    def present(self) -> Sequence[Present]:
        return self.candidate.present


def check_some(store: Store, banks: Banks, now: datetime, due_by: datetime | None = None) -> bool:
    """Look at some of the contacts that are due. Return whether there were any."""
    until = now - SETTLED_AFTER
    with store.reading() as session:
        changed, is_noted = _changed_beliefs(session, banks, now)
        ids = list(session.scalars(due_checks(due_by or now).limit(BATCH_SIZE)))
    if not is_noted:
        transact(store, banks, lambda session: _note(session, changed, now, until))
    if ids:
        transact(store, banks, lambda session: _check(session, banks, ids, now))
    return bool(ids or changed)


def _changed_beliefs(session: Session, banks: Banks, now: datetime) -> tuple[set[str], bool]:
    """Return the contacts whose belief has changed since this was last noted: those on a journey, and everybody where answers are stages.

    Also whether nothing is to be noted. Before the first time nobody has changed: what was there before is not announced.
    """
    done = session.get(RecurringWork, BELIEFS_OF_STAGES)
    if done is None:
        return set(), not any(bank.bank.journeys for bank, _ in banks.newest(session))
    found = set(session.scalars(changed_on_a_journey(session, now)))
    with_answers = [
        bank.bank.id for bank, _ in banks.newest(session) if any(stage.answer for item in bank.bank.journeys for stage in item.stages)
    ]
    if with_answers:
        news = Belief.updated_at > done.done_at, Belief.updated_at <= now - SETTLED_AFTER
        found |= set(session.exec(select(Belief.contact_id).where(is_one_of(session, Belief.bank, with_answers), *news)))
    return found, not found


def _note(session: Session, changed: Iterable[str], now: datetime, until: datetime) -> None:
    request_checks(session, dict.fromkeys(changed, now))
    session.merge(RecurringWork(name=BELIEFS_OF_STAGES, done_at=until))


def _check(session: Session, banks: Banks, ids: Sequence[str], now: datetime) -> None:
    """Look at contacts: announce what is due for them, and keep a row of those on a journey until something changes by itself."""
    locked = lock_present(session, ids)
    contacts = {contact.id: contact for contact in locked.values() if contact.consent.get("profiling") is not False}
    later: dict[str, datetime] = {}
    for bank, version in banks.newest(session):
        if not bank.bank.journeys:
            continue
        models = StageModels.of(session, bank, version)
        for found in _on_journeys(session, bank, version, list(contacts.values()), now):
            announce_plays(session, found, now)
            store_readiness(session, models, found.candidate, now)
            times = [present.ends for present in found.present]
            times += [at for journey in bank.bank.journeys for at in awaited(journey, found.events, now)]
            if times:
                later[found.contact.id] = min(*times, later.get(found.contact.id, times[0]))
    session.execute(delete(StageCheck).where(is_one_of(session, StageCheck.contact_id, [*ids, *contacts])))
    request_checks(session, later)


def _on_journeys(session: Session, bank: CompiledBank, version: int, contacts: Sequence[Contact], now: datetime) -> list[OnJourney]:
    ids = [contact.id for contact in contacts]
    events, given = happened_to_each(session, bank, ids), answers_of(session, bank, ids)
    mine: Any = Belief.bank == bank.bank.id, is_one_of(session, Belief.contact_id, ids)
    beliefs = {belief.contact_id: belief for belief in session.exec(select(Belief).where(*mine))}
    rules, priors = bank.bank.attribution, priors_of(session, contacts, bank)
    allowed = {contact.id for contact in contacts if rules is not None and may_be_profiled(rules, contact.consent)}
    assigned = dict(session.exec(_assigned(session, bank, allowed)).all())
    held = {row.contact_id: row for row in session.exec(_held(session, bank, ids))}
    found = []
    for contact in contacts:
        was = held.get(contact.id)
        belief = _usable(bank, beliefs.get(contact.id))
        persona = assigned.get(contact.id) if belief is None else _taken_for(belief, was and was.persona)
        if persona not in bank.personas:
            persona = None
        if was is not None and persona is None:
            session.delete(was)
        elif persona is not None:
            session.merge(HeldPersona(contact_id=contact.id, bank=bank.bank.id, persona=persona))
        probabilities = _probabilities(bank, belief, priors.get(contact.id))
        present = [place for journey in bank.bank.journeys if (place := present_stage(journey, events[contact.id], now)) is not None]
        attributes = contact.attributes if contact.id in allowed else {}
        candidate = Candidate(contact, probabilities, present, events[contact.id], attributes, given.get(contact.id, ()))
        found.append(OnJourney(candidate, bank, version, persona))
    return found


def _assigned(session: Session, bank: CompiledBank, allowed: Iterable[str]) -> Any:
    mine = select(Attribution.contact_id, Attribution.assigned_to).where(Attribution.bank == bank.bank.id)
    return mine.where(is_one_of(session, Attribution.contact_id, sorted(allowed)))


def _held(session: Session, bank: CompiledBank, ids: Sequence[str]) -> Any:
    return select(HeldPersona).where(HeldPersona.bank == bank.bank.id, is_one_of(session, HeldPersona.contact_id, ids))


def _usable(bank: CompiledBank, belief: Belief | None) -> Belief | None:
    """Return a belief about the bank's present personas."""
    return belief if belief is not None and set(belief.probabilities) == set(bank.personas) else None


def _probabilities(bank: CompiledBank, belief: Belief | None, prior: ContactPrior | None) -> Mapping[str, float]:
    """Return P(persona): by evidence, else by attributes or another system, else the bank's."""
    if belief is not None:
        return belief.probabilities
    if prior is not None:
        return dict(zip(bank.personas, prior.probabilities.tolist(), strict=True))
    return {persona.id: persona.prior for persona in bank.bank.personas}


def _taken_for(belief: Belief, was: str | None) -> str | None:
    """Return the persona that a contact is taken for: by the confidence from which a survey counts it as decided, with hysteresis."""
    return held_persona(belief.probabilities, DECIDED_AT if belief.threshold is None else belief.threshold, was)


def held_persona(probabilities: Mapping[str, float], threshold: float, was: str | None) -> str | None:
    """Return the persona that a contact is taken for now, where it was taken for `was` before.

    >>> held_persona({"a": .84, "b": .16}, .85, None), held_persona({"a": .84, "b": .16}, .85, "a")
    (None, 'a')
    """
    if was is not None and probabilities.get(was, 0.0) >= max(threshold - HYSTERESIS, 0.5):
        return was
    top = max(probabilities, key=lambda name: probabilities[name])
    return top if probabilities[top] >= threshold else None
