"""The report of a bank's figures per persona, from the sums of its last snapshot."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from adaptive.estimation.estimate import estimate_means, estimate_rates, estimate_shares, is_unsure
from adaptive.estimation.figures import Figure
from adaptive.estimation.findings import differences, select_findings
from adaptive.estimation.medians import estimate_medians
from adaptive.estimation.moments import Moments
from adaptive.estimation.suppression import suppress
from question_bank.journeys import Journey
from survey_service.errors import Invalid
from survey_service.figures.campaigns import campaign_views
from survey_service.figures.measures import subject_of
from survey_service.figures.scores import barometer_views, channel_views
from survey_service.figures.sums import KpiQuery, Snapshot, answered_in, check_query, hidden, normalised, rounded, views, weights_of


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
        report["rates"] = {name: views(_rates(snapshot, *measure, query)) for name, measure in PLAIN.items()}
        report["answers"] = _answers(snapshot)
        report["irritants"] = snapshot.row.facts.get("irritants", [])
        report["barometers"] = barometer_views(snapshot, query)
        report["channel_affinity"] = channel_views(snapshot)
        report["campaigns"] = campaign_views(snapshot)
    return report


PLAIN = {"bounce": ("visits", "bounce"), "purchase": ("visits", "purchase"), "lead": ("leads", "quote"), "quote_won": ("quotes", "won")}
"""The rates that need no journey."""


def _answers(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return what people of each persona answer, of all weeks and channels. What is stored of a figure: see `snapshot._packed`."""
    names, found = ("value", "low", "high", "n_eff", "people", "state"), []
    for question, table in snapshot.row.facts.get("answers", {}).items():
        options: list[str | None] = [option.id for option in snapshot.bank.question(question).options]
        found += [
            {
                "question": question,
                "option": option,
                "figures": [
                    {"persona": persona, **dict(zip(names, values, strict=True)), "population": "respondents"}
                    for persona, values in zip(snapshot.personas, row, strict=True)
                ],
            }
            for option, row in zip(options or [None], table, strict=True)
        ]
    return found


def _shares(snapshot: Snapshot) -> list[dict[str, Any]]:
    if snapshot.everyone is None:
        return []
    figures = estimate_shares(snapshot.everyone, snapshot.personas)
    secret = np.array([figure.state == "too_few" for figure in figures] + [False])
    people = np.array([*(figure.people for figure in figures), sum(figure.people for figure in figures)])
    return views(hidden(figures, suppress(secret, people, (0,))[:-1]))  # shares add up to 1: one alone would follow from the others


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
            days = hidden(_days(snapshot, subject, number, query, rests_on_answers=on_answers), secret)
            view |= {"from_first": views(hidden(first, secret)), "from_previous": views(hidden(previous, secret)), "days": views(days)}
        view["readiness"] = snapshot.readiness.get(f"{journey.id}/{stage.id}")
        stages.append({**view, **_value(snapshot, subject, number, query, rests_on_answers=on_answers)})
    return {"id": journey.id, "order": journey.order, "within_days": journey.within_days, "stages": stages}


def _days(snapshot: Snapshot, subject: str, number: int, query: KpiQuery, *, rests_on_answers: bool) -> list[Figure]:
    """Return the median days to a stage from the one before, among those who answered."""
    measure, confusion = snapshot.measure(subject, f"days/{number - 1}"), None if rests_on_answers else snapshot.confusion

    def estimate(rows: Any) -> Sequence[Figure]:
        weights, population = weights_of(rows)
        return estimate_medians(rows[:, 0], normalised(rows[:, 2:]), snapshot.personas, weights, population, confusion)

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
    return {"value": views(figures), "currency": next(iter(currencies), None), "problem": None}


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
        {"subject": subject, "measure": measure, **rounded(asdict(difference))}
        for (subject, measure), kept in zip(places, select_findings(reports), strict=True)
        for difference in kept
    ]
