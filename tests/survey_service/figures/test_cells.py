"""Sums of contacts by week and channel, as they are stored."""

from dataclasses import replace

import numpy as np
import pytest

from adaptive.estimation.estimate import estimate_means
from adaptive.estimation.medians import estimate_medians
from adaptive.estimation.moments import Moments
from adaptive.estimation.ratio import MIN_PROBES
from question_bank.files.load import read_bank
from survey_service.figures.cells import Cells, Person, Place, crowd_from
from survey_service.figures.disclosure import Crowd
from survey_service.figures.kpi import kpi_report
from survey_service.figures.sums import KpiQuery, snapshot_of
from survey_service.store.tables.figures import FigureSnapshot
from tests.processes import ROOT

BELIEF = np.array([0.9, 0.1])
BOUNCES = Place("visits", "bounce", "2026-01-05", "web")


@pytest.mark.parametrize(("probes", "is_shown"), [(0, True), (5, True), (MIN_PROBES, False)])
def test_a_handful_of_probes_does_not_hide_what_respondents_show(probes, is_shown):
    """Probes count by their weight only where enough are behind a measure for its figures to be weighted: two then outweigh forty."""
    cells = Cells(2)
    for number in range(40 + probes):
        is_probe = number >= 40
        week = BOUNCES if number < 42 else replace(BOUNCES, week="2026-01-12")
        cells.add(Person(BELIEF, BELIEF, is_probe, 500.0 if is_probe else 1.0), {week: (float(number % 2), 1.0)})
    for _ in range(MIN_PROBES):  # those who answered, and did not come
        cells.add(Person(BELIEF, BELIEF, True, 500.0), {Place("base", "shares"): (1.0, 1.0)})

    content = dict(cells.packed())[BOUNCES]

    assert Crowd(*crowd_from(content, 2)[0]).is_enough(0, is_rate=True) is is_shown


@pytest.mark.parametrize(
    ("respondents", "probes", "population", "mean"), [(760, MIN_PROBES - 1, "respondents", 2.05), (40, MIN_PROBES, "everyone", 3.96)]
)
def test_scores_and_times_are_of_everyone_where_twenty_probes_have_them(respondents, probes, population, mean):
    """Respondents give 2 and probes 4, each probe for a hundred of the silent; fewer than twenty count like respondents."""
    bank = read_bank((ROOT / "question_bank" / "examples" / "car-buyers.yaml").read_bytes())
    names = [persona.id for persona in bank.personas]
    cells, certain = Cells(len(names)), np.eye(len(names))[0]
    measures = Place("barometer/after-service", "score", "2026-01-05"), Place("journey/purchase", "days/0", "2026-01-05", "web")
    for number in range(probes + respondents):
        is_probe = number < probes
        person = Person(certain, certain, is_probe, 100.0 if is_probe else 1.0)
        cells.add(person, {Place("base", "shares"): (1.0, 1.0)})
        cells.add_values(person, {place: [4.0 if is_probe else 2.0] for place in measures})

    report = kpi_report(snapshot_of(FigureSnapshot(bank=bank.id, personas=names), bank, cells), KpiQuery())

    score, days = report["barometers"][0]["figures"][0], report["journeys"][0]["stages"][1]["days"][0]
    assert (score["population"], score["value"]) == (population, pytest.approx(mean, abs=0.01))
    assert days["population"] == population


def test_days_and_values_are_corrected_by_the_errors_of_everybody():
    """Who has ordered is no random part of those who answered, so that their own error matrix is not that of the beliefs."""
    bank = read_bank((ROOT / "question_bank" / "examples" / "car-buyers.yaml").read_bytes())
    names, rng = [persona.id for persona in bank.personas], np.random.default_rng(1)
    cells, week = Cells(len(names)), ("2026-01-05", "web")
    r = rng.dirichlet(np.full(len(names), 0.3), 600)
    ordered, worth = rng.random(600) < r[:, 0], 1000 * rng.lognormal(size=600)
    for number, belief in enumerate(r):
        person = Person(r.mean(axis=0), belief)
        cells.add(person, {Place("base", "shares"): (1.0, 1.0), Place("journey/purchase", "rate/0/1", *week): (ordered[number], 1.0)})
        if ordered[number]:
            cells.add(person, {Place("journey/purchase", "value/1", *week): (worth[number], 1.0)})
            cells.add_values(person, {Place("journey/purchase", "days/0", *week): [worth[number]]})

    stage = kpi_report(snapshot_of(FigureSnapshot(bank=bank.id, personas=names), bank, cells), KpiQuery())["journeys"][0]["stages"][1]

    who, confusion = np.flatnonzero(ordered), r.T @ r
    moments = Moments.of(np.tile(r.mean(axis=0), (len(who), 1)), r[who], np.arange(len(who)), worth[who])
    value, days = estimate_means(moments, names, confusion)[0], estimate_medians(worth[who], r[who], names, confusion=confusion)[0]
    assert [stage["value"][0]["low"], stage["value"][0]["high"]] == pytest.approx([value.low, value.high], rel=1e-4)
    assert stage["value"][0]["high"] != pytest.approx(estimate_means(moments, names)[0].high, rel=1e-3)
    assert (days.low, days.high) == pytest.approx((stage["days"][0]["low"], stage["days"][0]["high"]), rel=1e-4)
