"""Findings: differences between personas that a report may state."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import stdtrit

from adaptive.estimation.findings import benjamini_hochberg, differences, select_findings
from adaptive.estimation.moments import Moments
from adaptive.estimation.ratio import estimate_ratio, form_of, kish, strata_of
from tests.adaptive.estimation.bases import PERSONAS, a_base


def test_the_procedure_is_that_of_benjamini_and_hochberg():
    """The fifteen p-values of their paper: four are rejected at .05."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    shuffled = np.random.default_rng(1).permutation(15)

    assert benjamini_hochberg(p).tolist() == [True] * 4 + [False] * 11
    assert np.flatnonzero(benjamini_hochberg(np.array(p)[shuffled])).tolist() == sorted(np.flatnonzero(shuffled < 4).tolist())
    assert benjamini_hochberg([]).tolist() == []
    with pytest.raises(ValueError, match=r"^p_values: "):
        benjamini_hochberg([0.1, np.nan])


def shuffled(base, rng):
    """Return the base with the beliefs of other contacts: who somebody is has nothing to do with what they do."""
    order = rng.permutation(len(base.who))
    places = np.argsort(order)
    return replace(base, attributed=base.attributed[order], rows=places[base.rows], who=base.who[order])


@pytest.mark.slow
def test_shuffled_beliefs_find_something_in_few_reports():
    """Of 300 reports of four outcomes, rare ones and skewed values among them, at most 5 % find anything."""
    found = 0
    for seed in range(300):
        rng = np.random.default_rng(1000 + seed)
        base = shuffled(a_base(seed, contacts=1500, respondents=300, answers=4.0), rng)
        rare, seldom = (rng.binomial(1, rate, 1500).astype(float) for rate in (0.05, 0.1))
        outcomes = [(rare, True), (seldom, True), (base.outcome, True), (seldom * np.exp(rng.normal(0, 1, 1500)), False)]
        report = [differences(replace(base, outcome=outcome).moments(), PERSONAS, is_rate=is_rate) for outcome, is_rate in outcomes]
        found += any(select_findings(report))

    assert found <= 0.05 * 300


def test_the_interval_is_that_of_the_linearised_difference():
    """Term by term: e = (r - λ p)(y - rate)/people of the persona, less the same of the others, of which λ is that of each."""
    base = a_base(3, answers=4.0)
    difference = differences(base.moments(), PERSONAS)[0]
    strata, _ = strata_of(base.moments())
    rows, N, n = base.rows, 3000, 300
    u, e, people = np.zeros(n), np.zeros(n), []
    for sign, labels in ((1, np.eye(3)[0]), (-1, 1 - np.eye(3)[0])):
        bottom = form_of(labels, labels, "denominator")
        people.append(kish(strata, bottom))
        ratio = estimate_ratio(strata, form_of(labels, labels, "outcome"), bottom, people[-1])
        r, p, residual = base.answered @ labels, base.attributed[rows] @ labels, base.outcome[rows] - ratio.value
        u += sign * r * residual / ratio.base
        e += sign * (r - ratio.weight * p) * residual / ratio.base
    error = np.sqrt((e.var(ddof=1) / n * (1 - n / N) + u.var(ddof=1) / N) * (1 + 2 / min(people)))

    assert difference.high - difference.low == pytest.approx(2 * stdtrit(min(people) - 1, 0.975) * error)


def test_true_differences_are_found():
    """Rates of .15, .3 and .6 differ from those of the others: with 300 answers the outer two are always found."""
    for seed in range(20):
        found = select_findings([differences(a_base(seed).moments(), PERSONAS)])[0]
        assert {"driver", "saver"} <= {difference.persona for difference in found}


def test_intervals_of_differences_cover():
    """.92 of the intervals of 80 draws hold the true difference, where personas are known."""
    held = []
    for seed in range(80):
        base = a_base(seed, respondents=120, answers=5.0)
        for k, difference in enumerate(differences(base.moments(), PERSONAS)):
            others = base.outcome[base.who != k].mean()
            held.append(difference.low <= base.truth(k) - others <= difference.high)

    assert np.mean(held) >= 0.92


def test_what_is_hidden_is_no_finding():
    """Too few people, or all or none with the outcome: no difference is tested."""
    who = np.repeat([0, 1, 2], [10, 40, 40])
    beliefs = np.eye(3)[who]
    outcome = np.where(who == 1, 1.0, np.arange(90) % 2)
    moments = Moments.of(beliefs, beliefs, range(90), outcome)

    assert [difference.persona for difference in differences(moments, PERSONAS)] == ["saver"]
    assert [difference.persona for difference in differences(moments, PERSONAS, is_rate=False)] == ["family", "saver"]
    for seldom in (np.arange(90) % 10 == 0, np.arange(90) % 10 != 0):  # 4 of the 40 people of a persona have it, or have it not
        assert differences(Moments.of(beliefs, beliefs, range(90), seldom.astype(float)), PERSONAS) == ()
    assert select_findings([]) == []
    assert select_findings([[], []]) == [[], []]
    with pytest.raises(ValueError, match=r"^personas: "):
        differences(moments, ("a",))
