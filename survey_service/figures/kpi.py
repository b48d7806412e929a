"""The report of a bank's figures per persona, from the sums of its last snapshot."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property, reduce
from operator import add
from typing import Any

import numpy as np
from sqlmodel import Session, col, or_, select

from adaptive.arrays import Floats
from adaptive.estimation.barometer import ScoreSums, corrected_levels, estimate_mean_scores, estimate_nps
from adaptive.estimation.estimate import confusion_of, estimate_means, estimate_rates, estimate_shares, is_unsure
from adaptive.estimation.figures import Figure, Population, figure_of
from adaptive.estimation.findings import differences, select_findings
from adaptive.estimation.medians import estimate_medians
from adaptive.estimation.moments import Moments
from adaptive.estimation.ratio import MIN_PROBES
from adaptive.estimation.suppression import suppress
from question_bank.definitions import Bank
from question_bank.journeys import Barometer, Journey
from survey_service.errors import Invalid, NotFound
from survey_service.figures.cells import NO_CHANNEL, NO_WEEK, Cells, crowd_from, monday_of, values_from
from survey_service.figures.disclosure import Crowd, blocks_of
from survey_service.figures.measures import BASE, SHARES, subject_of
from survey_service.store.banks import Banks
from survey_service.store.tables.figures import FigureCell, FigureSnapshot, ReadinessModel

DIGITS = 6
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
        total = _sum(self.chosen(query))
        if total is None or (isinstance(total, Moments) and not answered_in(total)):
            return [Figure(persona, None, None, None, 0.0, 0, "too_few", "respondents") for persona in self.personas]
        found = list(estimate(total))
        if self.whole is not None and not query.is_whole:
            separate = reduce(add, self.cells.values())
            found = [_widened(*three) for three in zip(found, estimate(self.whole), estimate(separate), strict=True)]
        return _hidden(found, [not may for may in self.allowed(query)])


def _sum(parts: Sequence[Any]) -> Any:
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


def _hidden(figures: Sequence[Figure], secret: Iterable[bool]) -> list[Figure]:
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


def kpi_report(snapshot: Snapshot, query: KpiQuery) -> dict[str, Any]:
    """Return the figures that a query asks for. Raises Invalid."""
    check_query(query)
    channels = snapshot.channels()
    if query.channel is not None and query.channel not in channels:
        known = ", ".join(channels) or "none"
        raise Invalid(errors=[{"path": "channel", "message": f"is not one of the channels that figures are shown of: {known}"}])
    weeks, bank = snapshot.weeks(), snapshot.bank
    journeys = [journey for journey in bank.journeys if query.journey in (None, journey.id)]
    shares = _shares(snapshot)
    report = {
        "bank": bank.id,
        "snapshot": snapshot.row.day,
        "bank_version": snapshot.row.bank_version,
        "contacts": snapshot.row.facts.get("contacts", 0),
        "population": shares[0]["population"] if shares else "respondents",
        "is_unsure": snapshot.everyone is None or is_unsure(snapshot.everyone),
        "weeks": {"first": weeks[0], "last": weeks[-1]} if weeks else None,
        "channels": channels,
        "from": query.first and query.first.isoformat(),
        "to": query.last and query.last.isoformat(),
        "channel": query.channel,
        "shares": shares,
        "journeys": [_journey(snapshot, journey, query) for journey in journeys],
        "findings": _findings(snapshot, journeys, query),
    }
    if query.journey is None:
        report["rates"] = {name: _views(_rates(snapshot, *measure, query)) for name, measure in PLAIN.items()}
        report["irritants"] = snapshot.row.facts.get("irritants", [])
        report["barometers"] = [_barometer(snapshot, barometer, query) for barometer in bank.barometers]
    return report


PLAIN = {"bounce": ("visits", "bounce"), "purchase": ("visits", "purchase"), "lead": ("leads", "quote"), "quote_won": ("quotes", "won")}
"""The rates that need no journey."""


def _shares(snapshot: Snapshot) -> list[dict[str, Any]]:
    if snapshot.everyone is None:
        return []
    figures = estimate_shares(snapshot.everyone, snapshot.personas)
    hidden = np.array([figure.state == "too_few" for figure in figures] + [False])
    people = np.array([*(figure.people for figure in figures), sum(figure.people for figure in figures)])
    return _views(_hidden(figures, suppress(hidden, people, (0,))[:-1]))  # shares add up to 1: one alone would follow from the others


def _rates(snapshot: Snapshot, subject: str, measure: str, query: KpiQuery, *, rests_on_answers: bool = False) -> list[Figure]:
    """Return rates. The error matrix is that of everybody who answered, unless the beliefs are without some of the answers."""
    confusion = None if rests_on_answers else snapshot.confusion
    found = snapshot.measure(subject, measure, is_rate=True)
    return found.figures(query, lambda moments: estimate_rates(moments, snapshot.personas, confusion))


def _journey(snapshot: Snapshot, journey: Journey, query: KpiQuery) -> dict[str, Any]:
    subject, on_answers = subject_of("journey", journey.id), any(stage.answer for stage in journey.stages)
    stages: list[dict[str, Any]] = []
    secret = [False] * len(snapshot.personas)
    for number, stage in enumerate(journey.stages):
        view: dict[str, Any] = {"id": stage.id, "from_first": [], "from_previous": [], "days": []}
        if number:
            first, previous = (
                _rates(snapshot, subject, f"rate/{start}/{number}", query, rests_on_answers=on_answers) for start in (0, number - 1)
            )
            # A rate from the first stage is the product of those from stage to stage: where one is hidden, so are those that follow.
            secret = [was or "too_few" in (total.state, step.state) for was, total, step in zip(secret, first, previous, strict=True)]
            days = _hidden(_days(snapshot, subject, number, query, rests_on_answers=on_answers), secret)
            view |= {"from_first": _views(_hidden(first, secret)), "from_previous": _views(_hidden(previous, secret)), "days": _views(days)}
        view["readiness"] = snapshot.readiness.get(f"{journey.id}/{stage.id}")
        stages.append({**view, **_value(snapshot, subject, number, query, rests_on_answers=on_answers)})
    return {"id": journey.id, "order": journey.order, "within_days": journey.within_days, "stages": stages}


def _days(snapshot: Snapshot, subject: str, number: int, query: KpiQuery, *, rests_on_answers: bool) -> list[Figure]:
    """Return the median days to a stage from the one before, among those who answered."""
    measure, confusion = snapshot.measure(subject, f"days/{number - 1}"), None if rests_on_answers else snapshot.confusion

    def estimate(rows: Any) -> Sequence[Figure]:
        weights, population = _weights_of(rows)
        return estimate_medians(rows[:, 0], _normalised(rows[:, 2:]), snapshot.personas, weights, population, confusion)

    return measure.figures(query, estimate)


def _value(snapshot: Snapshot, subject: str, number: int, query: KpiQuery, *, rests_on_answers: bool) -> dict[str, Any]:
    """Return the mean value of a stage, where its events have one."""
    measure = snapshot.measure(subject, f"value/{number}")
    currencies = snapshot.row.facts.get("currencies", {}).get(subject, [])
    if not measure.cells:
        return {"value": [], "currency": None, "problem": None}
    if len(currencies) > 1:
        problem = f"values are in {' and '.join(currencies)}: send one currency, or convert them before"
        return {"value": [], "currency": None, "problem": problem}
    confusion = None if rests_on_answers else snapshot.confusion
    figures = measure.figures(query, lambda moments: estimate_means(moments, snapshot.personas, confusion))
    return {"value": _views(figures), "currency": next(iter(currencies), None), "problem": None}


def _barometer(snapshot: Snapshot, barometer: Barometer, query: KpiQuery) -> dict[str, Any]:
    """Return the scores of those who were asked at the moment. They have no channel."""
    measure, is_nps = snapshot.measure(subject_of("barometer", barometer.id), "score"), barometer.kind == "nps"

    def estimate(rows: Any) -> Sequence[Figure]:
        weights, population = _weights_of(rows)
        given = rows[:, 0], _normalised(rows[:, 2:]), weights
        of_kind = estimate_nps if is_nps else estimate_mean_scores
        return of_kind(ScoreSums.of(*given), snapshot.personas, population, corrected_levels(*given, is_nps=is_nps))

    figures = measure.figures(replace(query, channel=None), estimate)
    return {"id": barometer.id, "question": barometer.question, "kind": barometer.kind, "figures": _views(figures)}


def _weights_of(rows: Any) -> tuple[Any, Population]:
    """Return the weights of (n, 2 + K) rows of values, and the population: everyone from `MIN_PROBES` probes on, as for rates.

    Only probes weigh more than 1. Fewer of them would outweigh all respondents, and count like these.
    """
    weights = rows[:, 1]
    if (weights > 1).sum() >= MIN_PROBES:
        return weights, "everyone"
    return np.ones(len(rows)), "respondents"


def _normalised(beliefs: Any) -> Any:
    """Return stored beliefs, which have the precision of float32, so that they add up to 1."""
    return beliefs / beliefs.sum(axis=1, keepdims=True) if len(beliefs) else beliefs


def _findings(snapshot: Snapshot, journeys: Sequence[Journey], query: KpiQuery) -> list[dict[str, Any]]:
    """Return how personas differ from the others, as far as that is not chance in a report of so many figures."""
    places = [(subject_of("journey", journey.id), f"rate/0/{number}") for journey in journeys for number in range(1, len(journey.stages))]
    if query.journey is None:
        places += PLAIN.values()
    reports = []
    for place in places:
        measure = snapshot.measure(*place, is_rate=True)
        chosen: Moments = reduce(add, measure.chosen(query), Moments.none(len(snapshot.personas)))
        found = differences(chosen, snapshot.personas) if answered_in(chosen) else ()
        shown = {name for name, may in zip(snapshot.personas, measure.allowed(query), strict=True) if may}
        reports.append([difference for difference in found if difference.persona in shown])
    return [
        {"subject": subject, "measure": measure, **_rounded(asdict(difference))}
        for (subject, measure), kept in zip(places, select_findings(reports), strict=True)
        for difference in kept
    ]


def _views(figures: Iterable[Figure]) -> list[dict[str, Any]]:
    return [_rounded(asdict(figure)) for figure in figures]


def _rounded(view: dict[str, Any]) -> dict[str, Any]:
    return {name: float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value for name, value in view.items()}
