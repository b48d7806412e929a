"""Who is likely to reach the next stage, and what that is worth: models that are refit every day, and the priority of each contact."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any

import numpy as np
from sqlmodel import Session, col, delete, select, update

from adaptive.lookalike.readiness import Readiness, fit_readiness, is_ready
from question_bank.compile import CompiledBank
from question_bank.journeys import Journey
from survey_service.clock import Clock
from survey_service.crypto import is_drawn
from survey_service.figures.journeys import Happened, Present, entries_of
from survey_service.figures.kpi import kpi_report
from survey_service.figures.people import read_members
from survey_service.figures.sums import KpiQuery, read_snapshot
from survey_service.outbox import publish
from survey_service.outbox.events import DECIMALS
from survey_service.stages.examples import Examples, Given, add_examples, features_at, kinds_of, ordered_journeys, stage_name
from survey_service.store.banks import Banks, transact
from survey_service.store.session import Store
from survey_service.store.tables.core import Contact
from survey_service.store.tables.figures import ContactReadiness, FigureSnapshot, ReadinessModel, RecurringWork, StageCheck

EXTRA = "sklearn"
WORK = "readiness "
"""The recurring work that fits the models of a bank, with its name."""
HELD_OUT = 20
"""One contact in so many, by lot, is in no list of whom to call."""


@dataclass(frozen=True)
class Worth:
    """What contacts of each persona are worth, with the ends of the interval, all in `currency`."""

    value: Mapping[str, float]
    low: Mapping[str, float]
    high: Mapping[str, float]
    currency: str | None
    source: str

    def of(self, probabilities: Mapping[str, float]) -> tuple[float, float, float]:
        """Return what a contact with these P(persona) is worth, and the ends of the interval."""
        value, low, high = (sum(p * of[persona] for persona, p in probabilities.items()) for of in (self.value, self.low, self.high))
        return value, low, high


@dataclass(frozen=True, eq=False)
class Candidate:
    """A contact at a stage, with what its readiness is predicted from."""

    contact: Contact
    probabilities: Mapping[str, float]
    present: Sequence[Present]
    events: Sequence[Happened]
    attributes: Mapping[str, Any]
    given: Given


def fit_due(store: Store, banks: Banks, clock: Clock, enough: Callable[[], bool] = lambda: False) -> bool:
    """Refit the models of one bank whose figures are of today and whose models are not. Return whether there was one."""
    if find_spec(EXTRA) is None:
        return False
    claimed = transact(store, banks, lambda session: _claim(session, clock()))
    if claimed is not None:
        fit(store, banks, claimed, clock(), enough)
    return claimed is not None


def _claim(session: Session, now: datetime) -> str | None:
    """Return the next bank, whose turn is noted: a process that ends before it is done leaves the models of yesterday."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    done = select(RecurringWork.name).where(RecurringWork.done_at >= today)
    of_today = select(FigureSnapshot.bank).where(col(FigureSnapshot.day) >= today.date().isoformat())
    names = set(session.exec(done))
    for bank in session.exec(of_today.order_by(FigureSnapshot.bank)):
        if WORK + bank not in names:
            session.merge(RecurringWork(name=WORK + bank, done_at=now))
            return bank
    return None


def fit(store: Store, banks: Banks, bank: str, now: datetime, enough: Callable[[], bool] = lambda: False) -> None:
    """Fit the model of each stage of a bank now, and have every contact on a journey looked at again. Raises NotFound."""
    with store.reading() as session:
        compiled, _ = banks.latest(session, bank)
    if not ordered_journeys(compiled):
        return
    examples: defaultdict[str, Examples] = defaultdict(Examples)
    for members in read_members(store, compiled, now):
        for member in members:
            add_examples(examples, compiled, member, now)
        if enough():
            return
    with store.reading() as session:
        worth = {journey.id: worth_of(session, banks, compiled, journey) for journey in ordered_journeys(compiled)}
    day = now.astimezone(UTC).date().isoformat()
    rows = [
        _fitted(compiled, day, stage_name(journey, number), examples[stage_name(journey, number)], worth[journey.id])
        for journey in ordered_journeys(compiled)
        for number in range(len(journey.stages) - 1)
    ]
    transact(store, banks, lambda session: _replace(session, bank, rows, now))


def _fitted(bank: CompiledBank, day: str, stage: str, examples: Examples, worth: Worth) -> ReadinessModel:
    kinds = kinds_of(bank)
    columns, reached = examples.columns(kinds)
    model = fit_readiness(columns, kinds, reached)
    metrics: dict[str, Any] = {"contacts": len(reached), "reached": int(reached.sum())}
    if model is not None:
        metrics |= {"log_loss": model.log_loss, "base_log_loss": model.base_log_loss, "gains": dict(model.model.metrics["gains"])}
    state = "too_few" if model is None else "used" if model.is_used else "no_gain"
    content = model.to_json() if model is not None and model.is_used else None
    return ReadinessModel(bank=bank.bank.id, stage=stage, day=day, state=state, content=content, metrics=metrics, worth=asdict(worth))


def _replace(session: Session, bank: str, rows: Sequence[ReadinessModel], now: datetime) -> None:
    session.execute(delete(ReadinessModel).where(col(ReadinessModel.bank) == bank))
    session.add_all([ReadinessModel(**row.model_dump()) for row in rows])  # a copy: the transaction may run again
    session.execute(update(StageCheck).where(col(StageCheck.due) > now).values(due=now))


def worth_of(session: Session, banks: Banks, bank: CompiledBank, journey: Journey) -> Worth:
    """Return the mean value of the journey's last stage per persona, or the values in the bank where that is not known of each."""
    report = kpi_report(read_snapshot(session, banks, bank.bank.id, journey.id), KpiQuery(journey.id))
    last = report["journeys"][0]["stages"][-1]
    known = {figure["persona"]: figure for figure in last["value"] if figure["value"] is not None}
    if set(known) == set(bank.personas):
        value, low, high = ({name: float(figure[part]) for name, figure in known.items()} for part in ("value", "low", "high"))
        return Worth(value, low, high, last["currency"], "figures")
    stated = {persona.id: float(persona.value) for persona in bank.bank.personas}
    return Worth(stated, stated, stated, None, "bank")


@dataclass(frozen=True, eq=False)
class StageModels:
    """The models of a bank that are used, by "journey/stage", with what contacts are worth."""

    bank: CompiledBank
    version: int
    models: Mapping[str, tuple[Readiness, Worth]]

    @classmethod
    def of(cls, session: Session, bank: CompiledBank, version: int) -> "StageModels":
        """Return the stored models. One that was fitted under other personas is not used."""
        rows = session.exec(select(ReadinessModel).where(ReadinessModel.bank == bank.bank.id, ReadinessModel.state == "used"))
        found = {row.stage: (Readiness.from_json(row.content or {}), Worth(**row.worth)) for row in rows}
        return cls(bank, version, {stage: pair for stage, pair in found.items() if set(pair[1].value) == set(bank.personas)})


def store_readiness(session: Session, models: StageModels, candidate: Candidate, now: datetime) -> None:
    """Store how likely a contact, which must be locked, is to go on from each of its stages, and publish where it has become ready."""
    mine = ContactReadiness.contact_id == candidate.contact.id, ContactReadiness.bank == models.bank.bank.id
    before = {row.journey: row for row in session.exec(select(ContactReadiness).where(*mine))}
    for present in candidate.present:
        pair = models.models.get(present.stage)
        if pair is None or present.number + 1 >= len(present.journey.stages):
            continue
        was = before.pop(present.journey.id, None)
        row = _readiness(models, candidate, present, *pair, now)
        was_ready = was is not None and was.is_ready and was.stage == row.stage
        row.is_ready = is_ready(row.probability, was_ready, pair[0])
        session.merge(row)
        if row.is_ready and not was_ready and not row.is_held_out:
            _publish(session, models, candidate.contact, row, now)
    for gone in before.values():
        session.delete(gone)


def _readiness(
    models: StageModels, candidate: Candidate, present: Present, model: Readiness, worth: Worth, now: datetime
) -> ContactReadiness:
    journey, entry, number = present.journey, present.entry, present.number
    earlier = sum(item.at < entry.at for item in entries_of(journey, candidate.events, now, ended=False))
    features = features_at(models.bank, journey, entry, number, earlier, candidate.events, candidate.attributes, candidate.given)
    p, low, high = (float(end[0]) for end in model.probabilities({name: [value] for name, value in features.items()}, 1))
    value, value_low, value_high = worth.of(candidate.probabilities)
    priority, priority_low, priority_high = product_of((p, low, high), (value, value_low, value_high))
    return ContactReadiness(
        contact_id=candidate.contact.id,
        bank=models.bank.bank.id,
        journey=journey.id,
        stage=present.stage,
        next_stage=stage_name(journey, number + 1),
        probability=p,
        probability_low=low,
        probability_high=high,
        value=value,
        currency=worth.currency,
        priority=priority,
        priority_low=priority_low,
        priority_high=priority_high,
        is_held_out=is_held_out(candidate.contact.id, models.bank.bank.id),
        updated_at=now,
    )


def product_of(first: tuple[float, float, float], second: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return the product of two estimates with independent errors, each given as (value, low, high), to first order.

    >>> product_of((.5, .4, .6), (100, 100, 100))
    (50.0, 40.0, 60.0)
    """
    (p, p_low, p_high), (v, v_low, v_high) = first, second
    low = np.hypot((p - p_low) * v, (v - v_low) * p)
    high = np.hypot((p_high - p) * v, (v_high - v) * p)
    return p * v, float(p * v - low), float(p * v + high)


def is_held_out(contact_id: str, bank: str) -> bool:
    """Return whether a contact is in no list of whom to call: one in twenty, by lot."""
    return is_drawn(f"{bank} {contact_id}", HELD_OUT)


def _publish(session: Session, models: StageModels, contact: Contact, row: ContactReadiness, now: datetime) -> None:
    bank = models.bank
    persona_set = {"id": bank.bank.id, "version": models.version, "personas": list(bank.personas)}
    readiness = {name: getattr(row, name) for name in ("journey", "stage", "next_stage", "currency")}
    readiness |= {
        name: round(getattr(row, name), DECIMALS)
        for name in ("probability", "probability_low", "probability_high", "value", "priority", "priority_low", "priority_high")
    }
    publish.publish_ready(session, contact, persona_set, readiness, now)
