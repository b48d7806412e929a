"""The stored sums of a bank's figures, by measure, week and channel, and which of them a query may show."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from functools import cached_property, reduce
from operator import add
from typing import Any

import numpy as np
from sqlmodel import Session, col, or_, select

from adaptive.arrays import Floats
from adaptive.estimation.estimate import confusion_of
from adaptive.estimation.figures import Figure, Population, figure_of
from adaptive.estimation.moments import Moments
from adaptive.estimation.ratio import MIN_PROBES
from question_bank.definitions import Bank
from survey_service.errors import Invalid, NotFound
from survey_service.figures.cells import NO_CHANNEL, NO_WEEK, Cells, crowd_from, monday_of, values_from
from survey_service.figures.disclosure import Crowd, blocks_of
from survey_service.figures.measures import BASE, SHARES, subject_of
from survey_service.store.banks import Banks
from survey_service.store.tables.figures import FigureCell, FigureSnapshot, ReadinessModel

FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(9000, 1, 1)
"""The days that figures may be of: those near the ends of the calendar have no week."""


@dataclass(frozen=True)
class KpiQuery:
    """Which figures: one journey or all, the weeks from a Monday to a Sunday, one channel or all."""

    journey: str | None = None
    first: date | None = None
    last: date | None = None
    channel: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it is about all weeks and channels."""
        return self.first is None and self.last is None and self.channel is None

    @property
    def after(self) -> str | None:
        """The Monday after the last week."""
        return None if self.last is None else (self.last + timedelta(days=1)).isoformat()


def check_query(query: KpiQuery) -> None:
    """Raise Invalid where the weeks are not whole, or end before they begin."""
    given = {"from": query.first, "to": query.last}
    errors = [{"path": path, "message": f"must be between {FIRST_DAY} and {LAST_DAY}"} for path, day in given.items() if _is_odd(day)]
    if errors:
        raise Invalid(errors=errors)
    if query.first is not None and query.first.weekday() != 0:
        errors.append({"path": "from", "message": f"must be a Monday, such as {monday_of(query.first)}: figures are of whole weeks"})
    if query.last is not None and query.last.weekday() != 6:
        sunday = monday_of(query.last) + timedelta(days=6)
        errors.append({"path": "to", "message": f"must be a Sunday, such as {sunday}: figures are of whole weeks"})
    if not errors and query.first is not None and query.last is not None and query.last < query.first:
        errors.append({"path": "to", "message": "must not be before `from`"})
    if errors:
        raise Invalid(errors=errors)


def _is_odd(day: date | None) -> bool:
    return day is not None and not FIRST_DAY <= day <= LAST_DAY


def check_journey(bank: Bank, journey: str | None) -> None:
    """Raise NotFound where the bank has no such journey."""
    known = [item.id for item in bank.journeys]
    if journey is not None and journey not in known:
        raise NotFound(f'There is no journey "{journey}" in the bank "{bank.id}": it has {", ".join(known) or "none"}.')


@dataclass(frozen=True, eq=False)
class Measure:
    """What is known of one measure by week and channel: `Moments`, or rows of values of respondents, and the people behind them.

    `whole` are the moments of all weeks and channels, where a contact is one row however often it came.
    """

    personas: Sequence[str]
    cells: Mapping[tuple[str, str], Any]
    crowds: Mapping[tuple[str, str], Crowd]
    whole: Moments | None = None
    is_rate: bool = False

    def chosen(self, query: KpiQuery) -> list[Any]:
        """Return the cells that a query is about."""
        if self.whole is not None and query.is_whole:
            return [self.whole]
        first = "" if query.first is None else query.first.isoformat()
        return [
            content
            for (week, channel), content in self.cells.items()
            if week >= first and (query.after is None or week < query.after) and query.channel in (None, channel)
        ]

    def allowed(self, query: KpiQuery) -> list[bool]:
        """Return for which personas the figure of a query may be shown."""
        weeks = sorted({week for week, _ in self.crowds})
        first = None if query.first is None or not weeks or query.first.isoformat() <= weeks[0] else query.first.isoformat()
        after = None if query.after is None or not weeks or query.after > weeks[-1] else query.after
        return [
            blocks_of(self.crowds, persona, is_rate=self.is_rate).allow(first, after, query.channel)
            for persona in range(len(self.personas))
        ]

    def figures(self, query: KpiQuery, estimate: Callable[[Any], Sequence[Figure]]) -> list[Figure]:
        """Return the figure of each persona, hidden where it must not be shown."""
        total = joined(self.chosen(query))
        if total is None or (isinstance(total, Moments) and not answered_in(total)):
            return [Figure(persona, None, None, None, 0.0, 0, "too_few", "respondents") for persona in self.personas]
        found = list(estimate(total))
        if self.whole is not None and not query.is_whole:
            separate = reduce(add, self.cells.values())
            found = [_widened(*three) for three in zip(found, estimate(self.whole), estimate(separate), strict=True)]
        return hidden(found, [not may for may in self.allowed(query)])


def joined(parts: Sequence[Any]) -> Any:
    """Return moments added up, or values joined; None for none."""
    return None if not parts else np.concatenate(parts) if isinstance(parts[0], np.ndarray) else reduce(add, parts)


def _widened(figure: Figure, whole: Figure, separate: Figure) -> Figure:
    """Return the figure of some weeks with the interval that it has because the weeks of one contact resemble one another.

    The sums of weeks take them for different contacts. By how much that narrows the interval is seen where all weeks are added up
    (the design effect: Kish, 1965).
    """
    widths = [item.high - item.low for item in (whole, separate) if item.low is not None and item.high is not None]
    if figure.value is None or figure.low is None or figure.high is None or len(widths) < 2 or widths[1] <= 0:
        return figure
    effect = max(widths[0] / widths[1], 1.0)
    low, high = (figure.value + (end - figure.value) * effect for end in (figure.low, figure.high))
    return figure_of(figure.persona, figure.value, low, high, figure.n_eff / effect**2, figure.people, figure.population)


def hidden(figures: Sequence[Figure], secret: Iterable[bool]) -> list[Figure]:
    return [figure.hidden() if is_secret else figure for figure, is_secret in zip(figures, secret, strict=True)]


def answered_in(moments: Moments) -> float:
    """Return how many contacts have answered."""
    return moments.respondents.contacts + moments.probes.contacts


@dataclass
class Snapshot:
    """The stored sums of a bank."""

    row: FigureSnapshot
    bank: Bank
    cells: dict[tuple[str, str], dict[tuple[str, str], Any]] = field(default_factory=lambda: defaultdict(dict))
    crowds: dict[tuple[str, str], dict[tuple[str, str], Crowd]] = field(default_factory=lambda: defaultdict(dict))
    wholes: dict[tuple[str, str], Moments] = field(default_factory=dict)
    readiness: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def personas(self) -> list[str]:
        return self.row.personas

    def measure(self, subject: str, measure: str, *, is_rate: bool = False) -> Measure:
        key = subject, measure
        return Measure(self.personas, self.cells.get(key, {}), self.crowds.get(key, {}), self.wholes.get(key), is_rate)

    @cached_property
    def everyone(self) -> Moments | None:
        """The sums over all contacts, None before the first snapshot and where nobody has answered."""
        total = self.wholes.get((BASE, SHARES))
        return total if total is not None and answered_in(total) else None

    @cached_property
    def confusion(self) -> Floats | None:
        """The error matrix of everybody's beliefs, not normed; None where nobody has answered."""
        return None if self.everyone is None else confusion_of(self.everyone)

    def channels(self) -> list[str]:
        """Return the channels that reports list."""
        return sorted({channel for cells in self.cells.values() for _, channel in cells} - {NO_CHANNEL})

    def weeks(self) -> list[str]:
        """Return the Mondays of the weeks that there are figures of."""
        return sorted({week for cells in self.cells.values() for week, _ in cells})


def read_snapshot(session: Session, banks: Banks, bank: str, journey: str | None = None) -> Snapshot:
    """Return the last snapshot of a bank, only of one journey where it is named. Raises NotFound."""
    compiled, _ = banks.latest(session, bank)
    check_journey(compiled.bank, journey)
    row = session.get(FigureSnapshot, bank)
    if row is None or row.bank_version is None:
        return Snapshot(FigureSnapshot(bank=bank, personas=list(compiled.personas)), compiled.bank)
    snapshot = Snapshot(row, banks.version(session, bank, row.bank_version).bank)
    columns: Any = (FigureCell.subject, FigureCell.measure, FigureCell.week, FigureCell.channel, FigureCell.content)
    wanted = select(*columns).where(FigureCell.bank == bank)
    if journey is not None:
        wanted = wanted.where(or_(FigureCell.subject == subject_of("journey", journey), FigureCell.subject == BASE))
    for subject, measure, week, channel, content in session.execute(wanted.order_by(col(FigureCell.week))):
        _take(snapshot, subject, measure, (week, channel), content)
    for model in session.exec(select(ReadinessModel).where(ReadinessModel.bank == bank)):
        counts = {name: model.metrics.get(name) for name in ("contacts", "reached", "log_loss", "base_log_loss")}
        snapshot.readiness[model.stage] = {"state": model.state, **counts}
    return snapshot


def snapshot_of(row: FigureSnapshot, bank: Bank, cells: Cells) -> Snapshot:
    """Return figures that were computed now, and are not stored."""
    snapshot = Snapshot(row, bank)
    for place, content in cells.packed():
        _take(snapshot, place.subject, place.measure, (place.week, place.channel), content)
    return snapshot


def _take(snapshot: Snapshot, subject: str, measure: str, key: tuple[str, str], stored: bytes) -> None:
    K = len(snapshot.personas)
    crowd, content = crowd_from(stored, K)
    if key == (NO_WEEK, NO_CHANNEL):
        snapshot.wholes[subject, measure] = Moments.from_bytes(content)
        return
    has_values = measure.startswith(("days/", "score"))
    snapshot.cells[subject, measure][key] = values_from(content, K) if has_values else Moments.from_bytes(content)
    snapshot.crowds[subject, measure][key] = Crowd(*crowd)


DIGITS = 6


def weights_of(rows: Any) -> tuple[Any, Population]:
    """Return the weights of (n, 2 + K) rows of values, and the population: everyone from `MIN_PROBES` probes on, as for rates.

    Only probes weigh more than 1. Fewer of them would outweigh all respondents, and count like these.
    """
    weights = rows[:, 1]
    if (weights > 1).sum() >= MIN_PROBES:
        return weights, "everyone"
    return np.ones(len(rows)), "respondents"


def normalised(beliefs: Any) -> Any:
    """Return stored beliefs, which have the precision of float32, so that they add up to 1."""
    return beliefs / beliefs.sum(axis=1, keepdims=True) if len(beliefs) else beliefs


def views(figures: Iterable[Figure]) -> list[dict[str, Any]]:
    return [rounded(asdict(figure)) for figure in figures]


def rounded(view: dict[str, Any]) -> dict[str, Any]:
    return {name: float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value for name, value in view.items()}
