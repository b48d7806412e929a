"""Figures of scores: barometers, and how likely people answer what is sent to them through each channel.

Several moments of one question, and several channels, make cells of persona and moment, which are shrunk towards the effects of both. An
interval joins that of beliefs as they are with that of beliefs that are corrected by their error matrix, as everywhere.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adaptive.arrays import Floats
from adaptive.estimation.barometer import (
    Levels,
    ScoreSums,
    corrected_levels,
    estimate_mean_scores,
    estimate_nps,
    mean_levels,
    nps_levels,
)
from adaptive.estimation.figures import Figure, Population
from adaptive.estimation.shrinkage import Trend, estimate_cells, trends
from question_bank.journeys import Barometer
from survey_service.figures.disclosure import blocks_of
from survey_service.figures.measures import CHANNELS, SCORE, subject_of
from survey_service.figures.sums import KpiQuery, Measure, Snapshot, hidden, joined, normalised, rounded, views, weights_of

NPS_ENDS = (-100.0, 100.0)
ANY = (-np.inf, np.inf)
SHARE_ENDS = (0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of a moment or channel: (n,) `values`, (n, K) `beliefs` about who gave them, their `weights`, and the population."""

    values: Floats
    beliefs: Floats
    weights: Floats
    population: Population
    is_nps: bool = False

    @classmethod
    def of(cls, rows: Floats, *, is_nps: bool = False) -> "Scores":
        weights, population = weights_of(rows)
        return cls(rows[:, 0], normalised(rows[:, 2:]), weights, population, is_nps)

    @property
    def sums(self) -> ScoreSums:
        return ScoreSums.of(self.values, self.beliefs, self.weights)

    @property
    def levels(self) -> Levels:
        return (nps_levels if self.is_nps else mean_levels)(self.sums)

    @property
    def corrected(self) -> Levels | None:
        return corrected_levels(self.values, self.beliefs, self.weights, is_nps=self.is_nps)

    def figures(self, personas: Sequence[str]) -> tuple[Figure, ...]:
        """Return the level of each persona, by these scores alone."""
        return (estimate_nps if self.is_nps else estimate_mean_scores)(self.sums, personas, self.population, self.corrected)


def figures_of(groups: Mapping[str, Scores], personas: Sequence[str], ends: tuple[float, float]) -> dict[str, Sequence[Figure]]:
    """Return the figure of each persona by moment or channel: shrunk where there are several."""
    if len(groups) < 2:
        return {name: [_clipped(figure, ends) for figure in scores.figures(personas)] for name, scores in groups.items()}
    population: Population = "everyone" if all(scores.population == "everyone" for scores in groups.values()) else "respondents"
    cells = estimate_cells([scores.levels for scores in groups.values()], personas, ends, population)
    corrected = [scores.corrected for scores in groups.values()]
    found = dict(zip(groups, cells, strict=True))
    if all(levels is not None for levels in corrected):
        others = estimate_cells([levels for levels in corrected if levels is not None], personas, ends, population)
        found = {name: tuple(map(_reaching, own, other)) for (name, own), other in zip(found.items(), others, strict=True)}
    return dict(found)


def _reaching(figure: Figure, other: Figure) -> Figure:
    """Return the figure with an interval that reaches that of another."""
    if figure.low is None or figure.high is None or other.low is None or other.high is None:
        return figure
    return replace(figure, low=min(figure.low, other.low), high=max(figure.high, other.high))


def _clipped(figure: Figure, ends: tuple[float, float]) -> Figure:
    if figure.low is None or figure.high is None:
        return figure
    return replace(figure, low=max(figure.low, ends[0]), high=min(figure.high, ends[1]))


def barometer_views(snapshot: Snapshot, query: KpiQuery) -> list[dict[str, Any]]:
    """Return the scores of those who were asked at each moment. They have no channel."""
    asked = replace(query, channel=None)
    measures = {item.id: snapshot.measure(subject_of("barometer", item.id), SCORE) for item in snapshot.bank.barometers}
    groups: defaultdict[tuple[str, str], dict[str, Scores]] = defaultdict(dict)
    for item in snapshot.bank.barometers:
        rows = joined(measures[item.id].chosen(asked))
        if rows is not None:
            groups[item.question, item.kind][item.id] = Scores.of(rows, is_nps=item.kind == "nps")
    found: dict[str, Sequence[Figure]] = {}
    for (_, kind), group in groups.items():
        found |= figures_of(group, snapshot.personas, NPS_ENDS if kind == "nps" else ANY)
    shrunk = {name for group in groups.values() if len(group) > 1 for name in group}
    return [
        {
            **{"id": item.id, "question": item.question, "kind": item.kind, "is_shrunk": item.id in shrunk},
            "figures": views(_shown(measures[item.id], found.get(item.id), asked)),
            "trends": _trends(measures[item.id], item, asked),
        }
        for item in snapshot.bank.barometers
    ]


def _shown(measure: Measure, figures: Sequence[Figure] | None, query: KpiQuery, *, is_rate: bool = False) -> list[Figure]:
    """Return the figures, hidden where they must not be shown."""
    if figures is None:
        return [Figure(persona, None, None, None, 0.0, 0, "too_few", "respondents") for persona in measure.personas]
    return hidden(figures, [not may for may in replace(measure, is_rate=is_rate).allowed(query)])


def _trends(measure: Measure, barometer: Barometer, query: KpiQuery) -> list[dict[str, Any]]:
    """Return the changes of a barometer from the first half of its weeks to the second, of the personas for which it is one.

    The halves are made of blocks of weeks that may be shown. A change is reported where its interval excludes 0 by beliefs as they are and
    by corrected ones.
    """
    if not query.is_whole:
        return []
    found = []
    for place, persona in enumerate(measure.personas):
        starts = blocks_of(measure.crowds, place, is_rate=False).starts if measure.crowds else ()
        if len(starts) < 2:
            continue
        since = starts[len(starts) // 2]
        halves = [
            Scores.of(
                joined([rows for (week, _), rows in measure.cells.items() if (week >= since) == is_late]), is_nps=barometer.kind == "nps"
            )
            for is_late in (False, True)
        ]
        change = _change(halves, measure.personas, place)
        if change is not None:
            found.append(
                {"persona": persona, "since": since, **rounded({name: getattr(change, name) for name in ("change", "low", "high")})}
            )
    return found


def _change(halves: Sequence[Scores], personas: Sequence[str], place: int) -> Trend | None:
    """Return the change of one persona, None where it may be none."""
    before, after = halves
    own = trends(before.levels, after.levels, personas)[place]
    first, second = before.corrected, after.corrected
    other = own if first is None or second is None else trends(first, second, personas)[place]
    agree = own.is_significant and other.is_significant and own.change * other.change > 0
    return replace(own, low=min(own.low, other.low), high=max(own.high, other.high)) if agree else None


def channel_views(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return, for each channel, how likely people of each persona answer what is sent through it, and how many can be reached."""
    reach = snapshot.row.facts.get("reach", {})
    measures = {
        measure.removeprefix(f"{SCORE}/"): snapshot.measure(subject, measure)
        for subject, measure in sorted(snapshot.cells)
        if subject == CHANNELS
    }
    groups = {name: Scores.of(rows) for name, measure in measures.items() if (rows := joined(measure.chosen(KpiQuery()))) is not None}
    found = figures_of(groups, snapshot.personas, SHARE_ENDS)
    return [
        {
            "channel": name,
            "figures": views(_shown(measures[name], found.get(name), KpiQuery(), is_rate=True) if name in measures else []),
            "reachable": reach.get(name),
        }
        for name in sorted({*measures, *reach})
    ]
