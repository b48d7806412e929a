"""Compute the figures of each bank once a day, from all contacts and their events, and store the sums from which reports are made.

Everything is computed anew: what came late, was merged, erased or refunded is right from the next day on. That figures change once a day
also means that nobody can tell one person's part in them by comparing before and after.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
from sqlmodel import Session, col, delete, insert, select

from adaptive.estimation.answers import estimate_answers, estimate_mean_answers
from adaptive.estimation.figures import FEWEST_PEOPLE, Figure
from adaptive.estimation.suppression import suppress
from adaptive.estimation.words import irritants
from question_bank.definitions import Bank
from survey_service.attribution.upkeep import watch_drift
from survey_service.clock import Clock
from survey_service.figures.campaigns import Lot, Outcomes, add_lot
from survey_service.figures.cells import Cells
from survey_service.figures.measures import add_answers, add_member
from survey_service.figures.people import read_members
from survey_service.outbox.pending_work import banks_without_snapshot
from survey_service.store.banks import Banks, transact
from survey_service.store.session import Store
from survey_service.store.tables.figures import FigureCell, FigureSnapshot
from survey_service.store.tables.links import Campaign

LEASE = timedelta(minutes=5)
ROWS_AT_ONCE = 500


class Interrupted(Exception):
    """The process has to end: another one begins again."""


def compute_due(store: Store, banks: Banks, clock: Clock, enough: Callable[[], bool] = lambda: False) -> bool:
    """Compute the figures of one bank that has none of today. Return whether there was one. `enough` says whether to end."""
    claimed = transact(store, banks, lambda session: _claim(session, clock()))
    if claimed is None:
        return False
    try:
        compute(store, banks, claimed, clock, enough)
        watch_drift(store, banks, claimed, clock())
    except Interrupted:
        transact(store, banks, partial(_release, claimed))
    return True


def compute(store: Store, banks: Banks, bank: str, clock: Clock, enough: Callable[[], bool] = lambda: False) -> None:
    """Compute the figures of a bank now, and replace those before. Raises NotFound, and Interrupted where `enough` says so."""
    renewed = clock()

    def renew(_: int) -> None:
        nonlocal renewed
        if enough():
            raise Interrupted
        if clock() - renewed > LEASE / 5:
            renewed = clock()
            transact(store, banks, partial(_renew, bank, renewed))

    found = collect(store, banks, bank, clock(), renew)
    transact(store, banks, partial(_replace, found))


@dataclass(frozen=True, eq=False)
class Collected:
    """The sums of a bank as they are now, and what they are about. `row` is not in the database."""

    bank: Bank
    row: FigureSnapshot
    cells: Cells


def collect(store: Store, banks: Banks, bank: str, now: datetime, watch: Callable[[int], None] = lambda _: None) -> Collected:
    """Return the sums of a bank's figures, from all contacts. `watch` is called with the number of contacts of each batch.

    Raises NotFound.
    """
    with store.reading() as session:
        compiled, version = banks.latest(session, bank)
    cells, contacts = Cells(len(compiled.personas)), 0
    outcomes: dict[tuple[str, str], Outcomes] = {}
    for members in read_members(store, compiled, now):
        for member in members:
            add_member(cells, compiled.bank, member, now)
            add_answers(cells, compiled, member)
            for lot in member.lots:
                add_lot(cells, outcomes, compiled.bank, Lot(*lot), member.events, now)
        contacts += len(members)
        watch(len(members))
    facts = {"contacts": contacts, "currencies": _currencies(cells), "irritants": _irritants(cells, compiled.personas)}
    facts["answers"] = _answers(cells, compiled.bank)
    facts["reach"] = {
        name: {"contacts": people, "share": people / contacts} for name, people in cells.reach.items() if people >= FEWEST_PEOPLE
    }
    with store.reading() as session:
        facts["campaigns"] = _campaigns(session, bank, outcomes)
    day = now.astimezone(UTC).date().isoformat()
    row = FigureSnapshot(bank=bank, day=day, bank_version=version, personas=list(compiled.personas), facts=facts)
    return Collected(compiled.bank, row, cells)


def _campaigns(session: Session, bank: str, outcomes: Mapping[tuple[str, str], Outcomes]) -> list[dict[str, Any]]:
    """Return the campaigns of a bank with the outcomes of their arms."""
    rows = session.exec(select(Campaign).where(Campaign.bank == bank).order_by(col(Campaign.created_at), Campaign.id))
    return [
        {**row.model_dump(include={"id", "survey", "share", "cost", "currency"})}
        | {"outcomes": {stage: outcome.as_json() for (name, stage), outcome in outcomes.items() if name == row.id}}
        for row in rows
    ]


def _claim(session: Session, now: datetime) -> str | None:
    """Take the lease of a bank whose figures are not of today."""
    for bank in session.scalars(banks_without_snapshot(now)).all():
        row = session.exec(select(FigureSnapshot).where(FigureSnapshot.bank == bank).with_for_update()).first()
        if row is None:
            row = FigureSnapshot(bank=bank)
        elif row.lease_until is not None and row.lease_until > now:
            continue
        row.lease_until = now + LEASE
        session.add(row)
        session.flush()
        return str(bank)
    return None


def _renew(bank: str, now: datetime, session: Session) -> None:
    row = session.get_one(FigureSnapshot, bank, with_for_update=True)
    row.lease_until = now + LEASE


def _release(bank: str, session: Session) -> None:
    session.get_one(FigureSnapshot, bank, with_for_update=True).lease_until = None


def _replace(found: Collected, session: Session) -> None:
    new, name = found.row, found.row.bank
    row = session.get(FigureSnapshot, name, with_for_update=True) or FigureSnapshot(bank=name)
    row.day, row.bank_version = new.day, new.bank_version
    row.personas, row.facts, row.lease_until = list(new.personas), dict(new.facts), None
    session.add(row)
    session.flush()
    session.execute(delete(FigureCell).where(col(FigureCell.bank) == name))
    rows = [{"bank": name, **vars(place), "content": content} for place, content in found.cells.packed()]
    for start in range(0, len(rows), ROWS_AT_ONCE):
        session.execute(insert(FigureCell), rows[start : start + ROWS_AT_ONCE])


def _irritants(cells: Cells, personas: Sequence[str]) -> list[dict[str, Any]]:
    """Return the words of each text question that set a persona apart. At least eleven people wrote each."""
    found = []
    for question, written in sorted(cells.texts.items()):
        texts, beliefs = [text for text, _ in written], np.array([belief for _, belief in written])
        found += [{"question": question, **asdict(item)} for item in irritants(texts, beliefs, range(len(texts)), personas)]
    return found


def _answers(cells: Cells, bank: Bank) -> dict[str, list[list[Any]]]:
    """Return for each question the figures of each outcome, or of the mean of its numbers: a row of personas, as `_packed` writes them.

    Of a question with one answer, no figure is left alone among hidden ones: the shares of a persona add up to 1.
    """
    personas, found = [persona.id for persona in bank.personas], {}
    for name, given in sorted(cells.answers.items()):
        question = bank.question(name)
        estimate = estimate_answers if question.options else estimate_mean_answers
        table = [estimate(beliefs, outcomes, personas) for beliefs, outcomes in given.columns()]
        if question.type == "single":
            table = _without_remainders(table)
        found[name] = [[_packed(figure) for figure in row] for row in table]
    return found


def _without_remainders(table: Sequence[Sequence[Figure]]) -> list[tuple[Figure, ...]]:
    columns = []
    for column in zip(*table, strict=True):
        secret = np.array([figure.state == "too_few" for figure in column] + [False])
        people = np.array([*(figure.people for figure in column), sum(figure.people for figure in column)])
        columns.append([figure.hidden() if gone else figure for figure, gone in zip(column, suppress(secret, people, (0,)), strict=False)])
    return list(zip(*columns, strict=True))


def _packed(figure: Figure) -> list[Any]:
    numbers = [None if end is None else float(f"{end:.6g}") for end in (figure.value, figure.low, figure.high)]
    return [*numbers, round(figure.n_eff, 1), figure.people, figure.state]


def _currencies(cells: Cells) -> dict[str, list[str]]:
    """Return the currencies of each subject's values."""
    found: dict[str, set[str]] = {}
    for place, currencies in cells.currencies.items():
        found.setdefault(place.subject, set()).update(currencies)
    return {subject: sorted(currencies) for subject, currencies in found.items()}
