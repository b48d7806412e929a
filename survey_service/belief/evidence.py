"""The evidence about one contact under one bank: answers, signals and a label."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, partial
from statistics import median
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from sqlalchemy import ColumnElement, CompoundSelect, Select, func, literal, literal_column, or_, select, union_all
from sqlmodel import Session, col

from adaptive.arrays import Floats
from adaptive.posterior import Evidence
from question_bank.answer_values import ImpossibleValue, from_store
from question_bank.compile import CompiledBank, ObservedAnswer
from question_bank.definitions import Bank, Question, Signal
from question_bank.keywords import matching
from survey_service.belief.priors import ContactPrior, priors_of
from survey_service.store.bulk import dialect_of, is_one_of, listed, to_list
from survey_service.store.globs import matches_glob
from survey_service.store.session import Prepared
from survey_service.store.tables.core import Answer, Contact
from survey_service.store.tables.inbound import ContactEvent

SECONDS_A_WORD = 0.1
"""600 words a minute: nobody reads faster and understands (Rayner et al. 2016, doi:10.1177/1529100615623267)."""

SECONDS_TO_ACT = 0.3
"""The time from the decision to the press of the button."""

STRAIGHT_LINING_SCALES = 3
"""The number of scales answered with the same point from which this is noted."""


SIGNALS_PER_STATEMENT = 200
"""SQLite joins at most 500 terms."""

NO_EVENT = 0
"""In place of the id of an event: the words of an answer are none."""

DEFAULT_AT_MOST = 1
"""How often a signal counts where its author gives no `at_most`."""


@dataclass(frozen=True)
class SignalEvent:
    """One event of a signal that counts. `weight` is 1 for a new event and halves with every half-life."""

    signal: str
    event_id: int
    event: str | None
    at: datetime
    weight: float


@dataclass(frozen=True, eq=False)
class ContactEvidence:
    """The evidence, as far as this version of the bank can interpret it."""

    bank: CompiledBank
    given: Sequence[tuple[Answer, ObservedAnswer]]
    seen: Sequence[SignalEvent] = ()
    label: Mapping[str, Any] | None = None
    prior: ContactPrior | None = None

    @property
    def has_evidence(self) -> bool:
        return bool(self.given or self.seen or self.label)

    @property
    def answers(self) -> list[ObservedAnswer]:
        return [answer for _, answer in self.given]

    @cached_property
    def behaviour(self) -> Floats:
        """(C,) log-likelihood of the signals, the label and the contact's own prior, for each class."""
        rows = [*(row for _, row in self.sightings), *([] if self.label is None else [label_row(self.bank, self.label)])]
        if self.prior is not None:
            rows.append(self.prior.log_ratio(self.bank) / self.bank.tables.evidence_weight)  # a prior is not weighted as evidence is
        total: Floats = np.sum(rows, axis=0) if rows else np.zeros(self.bank.tables.classes)
        return total

    @cached_property
    def sightings(self) -> list[tuple[str, Floats]]:
        """Return each signal with the (C,) decayed log-likelihood of all its events together."""
        weights: dict[str, float] = {}
        for event in self.seen:
            weights[event.signal] = weights.get(event.signal, 0.0) + event.weight
        return [(signal, weight * self.bank.signal_rows[signal]) for signal, weight in weights.items()]

    @cached_property
    def evidence(self) -> Evidence:
        return self.bank.evidence(self.answers, self.behaviour)


def evidence_about(session: Session, contact: Contact, bank: CompiledBank, now: datetime) -> ContactEvidence:
    """Return the evidence about the contact now."""
    return evidence_about_all(session, [contact], bank, now)[0]


def evidence_about_all(session: Session, contacts: Sequence[Contact], bank: CompiledBank, now: datetime) -> list[ContactEvidence]:
    """Return the evidence about each contact, in as many statements as for one."""
    names = [contact.id for contact in contacts]
    given: dict[str, list[tuple[Answer, ObservedAnswer]]] = defaultdict(list)
    for answer, item in interpret(session.scalars(_current_answers(session, names, bank.bank.id)), bank, now):
        given[answer.contact_id].append((answer, item))
    seen = signal_events(session, names, bank, now)
    priors = priors_of(session, contacts, bank)
    return [
        ContactEvidence(
            bank,
            given[contact.id],
            with_words(bank, given[contact.id], seen.get(contact.id, []), now),
            label_of(contact, bank),
            priors.get(contact.id),
        )
        for contact in contacts
    ]


def current_answers(session: Session, contact_id: str, bank: str) -> list[Answer]:
    """Return the current answers of a contact under `bank`, in the order in which they were given."""
    return list(session.scalars(_current_answers(session, [contact_id], bank)))


def interpret(answers: Iterable[Answer], bank: CompiledBank, now: datetime | None = None) -> list[tuple[Answer, ObservedAnswer]]:
    """Return the answers that mean something in this version of the bank. Those to removed questions or options are left out.

    The weight of each answer is decayed to `now`, or is that of the day when it was given.
    """
    kept, half_life = [], bank.bank.half_life_days
    for answer in answers:
        if answer.question not in bank.index:
            continue
        question = bank.bank.question_by_id[answer.question]
        try:
            value = None if answer.kind != "answer" else from_store(question, answer.value)
        except ImpossibleValue:
            continue
        weight = weight_of(question, answer)
        if now is not None and half_life is not None:
            weight *= decay(half_life, timedelta(days=(now - answer.given_at).days))  # an answer of today does not decay
        kept.append((answer, ObservedAnswer(answer.question, value, weight=weight)))
    return kept


def signal_events(session: Session, contact_ids: Sequence[str], bank: CompiledBank, now: datetime) -> dict[str, list[SignalEvent]]:
    """Return the events that count, oldest first, by contact: of each signal the newest, at most `at_most`. Without signals there is no
    statement.
    """
    found: dict[str, list[SignalEvent]] = defaultdict(list)
    if not bank.bank.signals:
        return found
    half_lives = {signal.id: signal.half_life_days for signal in bank.bank.signals}
    contacts = to_list(dialect_of(session), contact_ids)
    for contact_id, event_id, event, at, terms in _SEARCHES.rows(session, {"contacts": contacts}) if bank.keywords else ():
        for name in matching(_anywhere(bank), terms):
            found[contact_id].append(SignalEvent(name, event_id, event, at, decay(half_lives[name], now - at)))
    found.update({contact_id: _newest_of(bank, sightings) for contact_id, sightings in found.items()})
    for statement in _build_statements(bank) if (known := _STATEMENTS.get(bank)) is None else known:
        for contact_id, name, event_id, event, at in statement.rows(session, {"contacts": contacts}):
            found[contact_id].append(SignalEvent(name, event_id, event, at, decay(half_lives[name], now - at)))
    return {contact_id: sorted(sightings, key=lambda sighting: sighting.at) for contact_id, sightings in found.items()}


def with_words(
    bank: CompiledBank, given: Sequence[tuple[Answer, ObservedAnswer]], seen: Sequence[SignalEvent], now: datetime
) -> Sequence[SignalEvent]:
    """Return the events that count with those of words in the texts that were `given`, oldest first. `seen` has those of searches."""
    if not bank.keywords:
        return seen
    found = list(seen)
    for answer, observed in given:
        question = bank.bank.question_by_id[answer.question]
        own = weight_of(question, answer)
        if question.type != "text" or not isinstance(observed.value, str) or not own:
            continue
        for name in matching(bank.keywords, observed.value):
            signal = next(item for item in bank.bank.signals if item.id == name)
            if signal.question in (None, answer.question):
                weight = own * decay(signal.half_life_days, now - answer.given_at)  # of the signal, not of answers
                found.append(SignalEvent(name, NO_EVENT, None, answer.given_at, weight))
    return _newest_of(bank, found)


def _anywhere(bank: CompiledBank) -> Mapping[str, Any]:
    """Return the patterns of words that count in searches: those of no single question."""
    return {signal.id: bank.keywords[signal.id] for signal in bank.bank.signals if signal.words and signal.question is None}


def _newest_of(bank: CompiledBank, seen: Iterable[SignalEvent]) -> list[SignalEvent]:
    """Return of each signal of words the newest events, at most `at_most`, and all others, oldest first."""
    most = {signal.id: signal.at_most or DEFAULT_AT_MOST for signal in bank.bank.signals if signal.words}
    kept: list[SignalEvent] = []
    counts: dict[str, int] = {}
    for event in sorted(seen, key=lambda item: item.at, reverse=True):
        counts[event.signal] = counts.get(event.signal, 0) + 1
        if event.signal not in most or counts[event.signal] <= most[event.signal]:
            kept.append(event)
    return kept[::-1]


def decay(half_life_days: float | None, age: timedelta) -> float:
    """Return the weight that evidence of this age has left.

    >>> decay(60, timedelta(days=120)), decay(None, timedelta(days=120))
    (0.25, 1.0)
    """
    return 1.0 if half_life_days is None else float(0.5 ** (max(age / timedelta(days=1), 0.0) / half_life_days))


def matches(wanted: Mapping[str, str]) -> list[Any]:
    """Return the conditions on a row of events under which it is one that a `match` of the bank describes. All must hold."""
    conditions: list[Any] = []
    # Not the bare column: SQLite would take the index of kinds and names, which leads to the events of all contacts.
    kind = col(ContactEvent.kind).concat("")
    if "event" in wanted:
        conditions += [or_(kind == "track", kind == "screen"), col(ContactEvent.name) == wanted["event"]]
    if "page" in wanted:
        conditions += [kind == "page", matches_glob(col(ContactEvent.path), wanted["page"].lower())]
    for name in ("channel", "topic"):
        if name in wanted:
            conditions.append(func.lower(getattr(ContactEvent, name)) == wanted[name].lower())
    return conditions


def label_of(contact: Contact, bank: CompiledBank) -> Mapping[str, Any] | None:
    """Return the label of the contact, None where there is none or this version of the bank has no such persona."""
    label: Mapping[str, Any] | None = contact.labels.get(bank.bank.id)
    return label if label is not None and label["persona"] in bank.personas else None


def label_row(bank: CompiledBank, label: Mapping[str, Any]) -> Floats:
    """(C,) log P(this label | class): `reliability` for the labelled persona, the rest shared among the others."""
    personas = len(bank.personas)
    right = np.arange(personas) == bank.personas.index(label["persona"])
    row: Floats = np.log(np.where(right, label["reliability"], (1 - label["reliability"]) / (personas - 1)))
    if bank.tables.styles is not None:
        row = row[bank.tables.styles.persona_of]
    return row


def _current_answers(session: Session, contact_ids: Sequence[str], bank: str) -> Select[Any]:
    mine = select(Answer).where(is_one_of(session, Answer.contact_id, contact_ids), col(Answer.bank) == bank, is_current(Answer))
    return mine.order_by(col(Answer.id))


def is_current(answer: Any) -> ColumnElement[bool]:
    """Return the condition for current answers. The value is part of the statement, because a parameter would not match the partial
    index.
    """
    return col(answer.state) == literal_column("'current'")


def _searches(dialect: str) -> Select[Any]:
    columns: Any = (ContactEvent.contact_id, ContactEvent.id, ContactEvent.name, ContactEvent.at, ContactEvent.terms)
    rows: Select[Any] = select(*columns)
    return rows.where(col(ContactEvent.contact_id).in_(listed(dialect, "contacts")), col(ContactEvent.terms).is_not(None))


_SEARCHES = Prepared(_searches)
_STATEMENTS: WeakKeyDictionary[CompiledBank, list[Prepared]] = WeakKeyDictionary()


def _build_statements(bank: CompiledBank) -> list[Prepared]:
    """Return the statements that find the events of the bank's signals, and keep them: to build one takes longer than to run it."""
    signals = [signal for signal in bank.bank.signals if not signal.words]
    starts = range(0, len(signals), SIGNALS_PER_STATEMENT)
    statements = [Prepared(partial(_of_signals, signals[start : start + SIGNALS_PER_STATEMENT])) for start in starts]
    _STATEMENTS[bank] = statements
    return statements


def _of_signals(signals: Sequence[Signal], dialect: str) -> CompoundSelect[Any]:
    return union_all(*[_newest(signal, dialect) for signal in signals])


def _newest(signal: Signal, dialect: str) -> Select[Any]:
    age = func.row_number().over(
        partition_by=col(ContactEvent.contact_id), order_by=(col(ContactEvent.at).desc(), col(ContactEvent.id).desc())
    )
    event = col(ContactEvent.contact_id), col(ContactEvent.id), col(ContactEvent.name), col(ContactEvent.at)
    of_these = (
        select(*event, literal(signal.id).label("signal"), age.label("age"))
        .where(col(ContactEvent.contact_id).in_(listed(dialect, "contacts")), *matches(signal.match))
        .subquery()
    )
    counted = of_these.c.age <= (signal.at_most or DEFAULT_AT_MOST)
    columns = of_these.c
    return select(columns.contact_id, columns.signal, columns.id, columns.name, columns.at).where(counted)


def weight_of(question: Question, answer: Answer) -> float:
    """Return the exponent on the answer's likelihood, 0 to 1: the time it can have taken as a share of the least that reading takes."""
    if answer.trapped:
        return 0.0
    if answer.measured is None:
        return 1.0
    return min(answer.measured / least_reading_seconds(question), 1.0)


def response_manner(bank: Bank, log: Iterable[Answer]) -> dict[str, Any]:
    """Return two notes on how somebody answered, which change no weight.

    `pace` is the median time as a multiple of the least that reading takes, None where nothing was measured. `straight_lining` means the
    same point on every one of several scales.
    """
    known = {question.id for question in bank.questions}
    current = [(bank.question(answer.question), answer) for answer in log if answer.state == "current" and answer.question in known]
    paces = [answer.measured / least_reading_seconds(question) for question, answer in current if answer.measured is not None]
    points = [answer.value for question, answer in current if question.type == "scale" and answer.kind == "answer"]
    return {"pace": median(paces) if paces else None, "straight_lining": len(points) >= STRAIGHT_LINING_SCALES and len(set(points)) == 1}


def least_reading_seconds(question: Question) -> float:
    """Return the least time to read the question, in the language in which it is shortest, and to act. Options may be skimmed."""
    return SECONDS_TO_ACT + SECONDS_A_WORD * question.words
