"""Probes: contacts drawn at random among those who never answered. Their answers show how the silent differ from those who answer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from sqlmodel import Session, col, exists, insert, select

from question_bank.definitions import Attribution
from survey_service.attribution.results import crm_ids_of
from survey_service.belief.priors import may_be_profiled
from survey_service.store.contact_locks import is_present, lock_present
from survey_service.store.tables.attribution import Probe
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.core import OWN_SYSTEM, Answer, Contact, ExternalId

BATCH_SIZE = 5000


@dataclass(frozen=True)
class Wave:
    """One draw: the contacts by their ids in the CRM, and of how many they were drawn.

    Each contact of the population was drawn with the probability `chance`. `unreachable` counts the silent who could not be drawn, because
    nobody can ask them: no id, or an opt-out.
    """

    id: str
    external_ids: Sequence[str]
    population: int
    unreachable: int
    chance: float


def draw_probes(session: Session, bank: str, rules: Attribution, number: int, random: Random, now: datetime) -> Wave:
    """Draw contacts who have not answered, and store that they were drawn. Contacts of an earlier wave are not drawn again."""
    population: list[str] = []
    unreachable = 0
    for contact_id, consent, is_known in _silent(session, bank):
        if not may_be_profiled(rules, consent):
            continue
        if is_known and consent.get("asking") is not False:
            population.append(contact_id)
        else:
            unreachable += 1
    drawn = sorted(random.sample(population, min(number, len(population))))
    present = lock_present(session, drawn)
    wave = new_id("wav")
    ids = [contact.id for contact in present.values()]
    chance = len(drawn) / max(len(population), 1)
    rows = [{"contact_id": contact_id, "bank": bank, "wave": wave, "chance": chance, "drawn_at": now} for contact_id in ids]
    if rows:
        session.execute(insert(Probe), rows)
    return Wave(wave, list(crm_ids_of(session, ids).values()), len(population), unreachable, chance)


def _silent(session: Session, bank: str) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Yield id and consent of every contact without an answer, and whether the CRM knows it."""
    has_answer = exists().where(col(Answer.contact_id) == col(Contact.id), col(Answer.bank) == bank)
    was_drawn = exists().where(col(Probe.contact_id) == col(Contact.id), col(Probe.bank) == bank)
    is_known = exists().where(col(ExternalId.contact_id) == col(Contact.id), col(ExternalId.system) == OWN_SYSTEM).label("is_known")
    present = is_present(), ~has_answer, ~was_drawn
    after = ""
    while True:
        columns: Any = (col(Contact.id), col(Contact.consent), is_known)
        rows = session.execute(select(*columns).where(col(Contact.id) > after, *present).order_by(col(Contact.id)).limit(BATCH_SIZE)).all()
        yield from rows
        if len(rows) < BATCH_SIZE:
            return
        after = rows[-1][0]
