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

from adaptive.estimation.barometer import ScoreSums, estimate_mean_scores, estimate_nps
from adaptive.estimation.estimate import estimate_means, estimate_rates, estimate_shares, is_unsure
from adaptive.estimation.figures import Figure
from adaptive.estimation.findings import differences, find
from adaptive.estimation.medians import estimate_medians
from adaptive.estimation.moments import Moments
from adaptive.estimation.ratio import strata_of
from adaptive.estimation.suppression import suppress
from question_bank.definitions import Bank
from question_bank.journeys import Barometer, Journey
from survey_service.errors import Invalid, NotFound
from survey_service.figures.cells import NO_CHANNEL, NO_WEEK, Cells, monday_of, values_from
from survey_service.figures.disclosure import Crowd, blocks_of, listed_channels
from survey_service.figures.measures import BASE, SHARES, subject_of
from survey_service.store.banks import Banks
from survey_service.store.tables.figures import FigureCell, FigureSnapshot

DIGITS = 6


@dataclass(frozen=True)
class KpiQuery:
    """Which figures: one journey or all, the weeks from a Monday to a Sunday, one channel or all."""

    journey: str | None = None
    first: date | None = None
    last: date | None = None
    channel: str | None = None

    @property
    def after(self) -> str | None:
        """The Monday after the last week."""
        return None if self.last is None else (self.last + timedelta(days=1)).isoformat()


def check_query(query: KpiQuery) -> None:
    """Raise Invalid where the weeks are not whole, or end before they begin."""
    errors = []
    if query.first is not None and query.first.weekday() != 0:
        errors.append({"path": "from", "message": f"must be a Monday, such as {monday_of(query.first)}: figures are of whole weeks"})
    if query.last is not None and query.last.weekday() != 6:  # noqa: PLR2004  (Sunday)
        sunday = monday_of(query.last) + timedelta(days=6)
        errors.append({"path": "to", "message": f"must be a Sunday, such as {sunday}: figures are of whole weeks"})
    if not errors and query.first is not None and query.last is not None and query.last < query.first:
        errors.append({"path": "to", "message": "must not be before `from`"})
    if errors:
        raise Invalid(errors=errors)


@dataclass(frozen=True, eq=False)
class Measure:
    """The sums of one measure by week and channel."""

    personas: Sequence[str]
    cells: Mapping[tuple[str, str], Moments]
    is_rate: bool = True

    @cached_property
    def names(self) -> dict[str, str]:
        """Under which name each channel is shown."""
        return listed_channels(_crowds(self.cells))

    @cached_property
    def by_name(self) -> dict[tuple[str, str], Moments]:
        found: dict[tuple[str, str], Moments] = {}
        for (week, channel), moments in self.cells.items():
            key = week, self.names[channel]
            found[key] = found[key] + moments if key in found else moments
        return found

    def chosen(self, query: KpiQuery) -> Moments | None:
        """Return the sums that a query is about, None where it is about nothing."""
        first = "" if query.first is None else query.first.isoformat()
        parts = [
            moments
            for (week, channel), moments in self.by_name.items()
            if week >= first and (query.after is None or week < query.after) and query.channel in (None, channel)
        ]
        return reduce(add, parts) if parts else None

    def allowed(self, query: KpiQuery) -> list[bool]:
        """Return for which personas the figure of a query may be shown."""
        crowds = _crowds(self.by_name)
        weeks = sorted({week for week, _ in crowds})
        first = None if query.first is None or not weeks or query.first.isoformat() <= weeks[0] else query.first.isoformat()
        after = None if query.after is None or not weeks or query.after > weeks[-1] else query.after
        return [
            blocks_of(crowds, persona, is_rate=self.is_rate).allow(first, after, query.channel) for persona in range(len(self.personas))
        ]

    def figures(self, query: KpiQuery, estimate: Callable[[Moments], Sequence[Figure]]) -> list[Figure]:
        """Return the figure of each persona, hidden where it must not be shown."""
        chosen = self.chosen(query)
        if chosen is None or not _answered(chosen):
            return [Figure(persona, None, None, None, 0.0, 0, "too_few", "respondents") for persona in self.personas]
        shown = self.allowed(query)
        return [figure if may else hide(figure) for figure, may in zip(estimate(chosen), shown, strict=True)]


def hide(figure: Figure) -> Figure:
    """Return a figure without its value."""
    return replace(figure, value=None, low=None, high=None, state="too_few")


def _answered(moments: Moments) -> float:
    return moments.respondents.contacts + moments.probes.contacts


def _crowds(cells: Mapping[tuple[str, str], Moments]) -> dict[tuple[str, str], Crowd]:
    found = {}
    for key, moments in cells.items():
        labelled = moments.respondents + moments.probes
        K = moments.personas
        squares = np.diag(labelled.products)[K : 2 * K]
        found[key] = Crowd(labelled.top, labelled.top_some, labelled.top_all, labelled.total[K : 2 * K], squares)
    return found


@dataclass
class Snapshot:
    """The stored sums of a bank."""

    row: FigureSnapshot
    bank: Bank
    sums: dict[tuple[str, str], dict[tuple[str, str], Moments]] = field(default_factory=lambda: defaultdict(dict))
    values: dict[tuple[str, str], dict[tuple[str, str], Any]] = field(default_factory=lambda: defaultdict(dict))

    @property
    def personas(self) -> list[str]:
        return self.row.personas

    def measure(self, subject: str, measure: str, *, is_rate: bool = True) -> Measure:
        return Measure(self.personas, self.sums.get((subject, measure), {}), is_rate)

    def channels(self) -> list[str]:
        """Return the channels that reports list."""
        return sorted({name for key in self.sums for name in self.measure(*key).names.values()} - {NO_CHANNEL})

    def weeks(self) -> list[str]:
        """Return the Mondays of the weeks that there are figures of."""
        return sorted({week for cells in self.sums.values() for week, _ in cells} - {NO_WEEK})


def read_snapshot(session: Session, banks: Banks, bank: str, journey: str | None = None) -> Snapshot:
    """Return the last snapshot of a bank, only of one journey where it is named. Raises NotFound."""
    compiled, _ = banks.latest(session, bank)
    if journey is not None and journey not in {item.id for item in compiled.bank.journeys}:
        raise NotFound(f'There is no journey "{journey}" in the bank "{bank}".')
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
    return snapshot


def snapshot_of(row: FigureSnapshot, bank: Bank, cells: Cells) -> Snapshot:
    """Return figures that were computed now, and are not stored."""
    snapshot = Snapshot(row, bank)
    for place, content in cells.packed():
        _take(snapshot, place.subject, place.measure, (place.week, place.channel), content)
    return snapshot


def _take(snapshot: Snapshot, subject: str, measure: str, key: tuple[str, str], content: bytes) -> None:
    if measure.startswith(("days/", "score")):
        snapshot.values[subject, measure][key] = values_from(content, len(snapshot.personas))
    else:
        snapshot.sums[subject, measure][key] = Moments.from_bytes(content)


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
        "is_unsure": _is_unsure(snapshot),
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
        report["barometers"] = [_barometer(snapshot, barometer, query) for barometer in bank.barometers]
    return report


PLAIN = {"bounce": ("visits", "bounce"), "purchase": ("visits", "purchase"), "lead": ("leads", "quote"), "quote_won": ("quotes", "won")}
"""The rates that need no journey."""


def _shares(snapshot: Snapshot) -> list[dict[str, Any]]:
    total = snapshot.sums.get((BASE, SHARES), {}).get((NO_WEEK, NO_CHANNEL))
    if total is None or not _answered(total):
        return []
    figures = estimate_shares(total, snapshot.personas)
    hidden = np.array([figure.state == "too_few" for figure in figures] + [False])
    people = np.array([*(figure.people for figure in figures), sum(figure.people for figure in figures)])
    hidden = suppress(hidden, people, (0,))[:-1]  # shares add up to 1: one hidden share would follow from the others
    return _views(hide(figure) if secret else figure for figure, secret in zip(figures, hidden, strict=True))


def _is_unsure(snapshot: Snapshot) -> bool:
    total = snapshot.sums.get((BASE, SHARES), {}).get((NO_WEEK, NO_CHANNEL))
    return total is None or is_unsure(total)


def _confusion(snapshot: Snapshot, bank_wide: bool) -> Any:
    """Return Σ r·rᵀ over everybody who answered; None where beliefs of the outcome are without some answers."""
    total = snapshot.sums.get((BASE, SHARES), {}).get((NO_WEEK, NO_CHANNEL))
    if not bank_wide or total is None:
        return None
    strata, _ = strata_of(total)
    return np.sum([stratum.scale * stratum.labelled.confusion for stratum in strata], axis=0)


def _rates(snapshot: Snapshot, subject: str, measure: str, query: KpiQuery, *, bank_wide: bool = True) -> list[Figure]:
    confusion = _confusion(snapshot, bank_wide)
    found = snapshot.measure(subject, measure)
    return found.figures(query, lambda moments: estimate_rates(moments, snapshot.personas, confusion))


def _journey(snapshot: Snapshot, journey: Journey, query: KpiQuery) -> dict[str, Any]:
    subject = subject_of("journey", journey.id)
    bank_wide = not any(stage.answer for stage in journey.stages)
    stages: list[dict[str, Any]] = []
    secret = [False] * len(snapshot.personas)
    for number, stage in enumerate(journey.stages):
        view: dict[str, Any] = {"id": stage.id, "from_first": [], "from_previous": [], "days": []}
        if number:
            first = _rates(snapshot, subject, f"rate/0/{number}", query, bank_wide=bank_wide)
            previous = _rates(snapshot, subject, f"rate/{number - 1}/{number}", query, bank_wide=bank_wide)
            # A rate from the first stage is the product of those from stage to stage: where one is hidden, so are those that follow.
            secret = [
                was or one.state == "too_few" or other.state == "too_few" for was, one, other in zip(secret, first, previous, strict=True)
            ]
            view["from_first"], view["from_previous"] = (
                _views(hide(figure) if hidden else figure for figure, hidden in zip(figures, secret, strict=True))
                for figures in (first, previous)
            )
            view["days"] = _views(
                hide(figure) if hidden else figure
                for figure, hidden in zip(_medians(snapshot, subject, number, query), secret, strict=True)
            )
        stages.append({**view, **_value(snapshot, subject, number, query)})
    return {"id": journey.id, "order": journey.order, "within_days": journey.within_days, "stages": stages}


def _medians(snapshot: Snapshot, subject: str, number: int, query: KpiQuery) -> list[Figure]:
    """Return the median days to a stage from the one before."""
    rows = _chosen_values(snapshot, (subject, f"days/{number - 1}"), query)
    return list(estimate_medians(rows[:, 0], _normalised(rows[:, 2:]), snapshot.personas, rows[:, 1]))


def _value(snapshot: Snapshot, subject: str, number: int, query: KpiQuery) -> dict[str, Any]:
    """Return the mean value of a stage, where its events have one."""
    measure = snapshot.measure(subject, f"value/{number}", is_rate=False)
    if not measure.cells:
        return {"value": [], "currency": None, "problem": None}
    currencies = snapshot.row.facts.get("currencies", {}).get(subject, [])
    if len(currencies) > 1:
        problem = f"values are in {' and '.join(currencies)}: send one currency, or convert them before"
        return {"value": [], "currency": None, "problem": problem}
    figures = measure.figures(query, lambda moments: estimate_means(moments, snapshot.personas))
    return {"value": _views(figures), "currency": next(iter(currencies), None), "problem": None}


def _barometer(snapshot: Snapshot, barometer: Barometer, query: KpiQuery) -> dict[str, Any]:
    rows = _chosen_values(snapshot, (subject_of("barometer", barometer.id), "score"), replace(query, channel=None))
    sums = ScoreSums.of(rows[:, 0], _normalised(rows[:, 2:]), rows[:, 1]) if len(rows) else ScoreSums.none(len(snapshot.personas))
    estimate = estimate_nps if barometer.kind == "nps" else estimate_mean_scores
    return {
        "id": barometer.id,
        "question": barometer.question,
        "kind": barometer.kind,
        "answers": len(rows),
        "figures": _views(estimate(sums, snapshot.personas)),
    }


def _chosen_values(snapshot: Snapshot, key: tuple[str, str], query: KpiQuery) -> Any:
    first = "" if query.first is None else query.first.isoformat()
    parts = [
        rows
        for (week, channel), rows in snapshot.values.get(key, {}).items()
        if week >= first and (query.after is None or week < query.after) and query.channel in (None, channel)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, 2 + len(snapshot.personas)))


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
        measure = snapshot.measure(*place)
        chosen = measure.chosen(query)
        shown = set() if chosen is None else {name for name, may in zip(snapshot.personas, measure.allowed(query), strict=True) if may}
        found = differences(chosen, snapshot.personas) if chosen is not None and _answered(chosen) else ()
        reports.append([difference for difference in found if difference.persona in shown])
    return [
        {"subject": subject, "measure": measure, **_rounded(asdict(difference))}
        for (subject, measure), kept in zip(places, find(reports), strict=True)
        for difference in kept
    ]


def _views(figures: Iterable[Figure]) -> list[dict[str, Any]]:
    return [_rounded(asdict(figure)) for figure in figures]


def _rounded(view: dict[str, Any]) -> dict[str, Any]:
    return {name: float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value for name, value in view.items()}
