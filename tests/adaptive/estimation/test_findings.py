"""Findings: differences between personas that a report may speak of."""

from dataclasses import replace

import numpy as np
import pytest

from adaptive.estimation.findings import benjamini_hochberg, differences, find
from adaptive.estimation.moments import Moments
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


def test_shuffled_beliefs_find_something_in_few_reports():
    """Of 300 reports of four outcomes at most 5 % find anything."""
    found = 0
    for seed in range(300):
        rng = np.random.default_rng(1000 + seed)
        base = shuffled(a_base(seed, contacts=1500, respondents=150), rng)
        outcomes = [base.outcome, *(rng.binomial(1, rate, 1500).astype(float) for rate in (0.1, 0.3, 0.5))]
        report = [differences(replace(base, outcome=outcome).moments(), PERSONAS) for outcome in outcomes]
        found += any(find(report))

    assert found <= 0.05 * 300


def test_true_differences_are_found():
    """Rates of .15, .3 and .6 differ from those of the others: with 300 answers the outer two are always found."""
    for seed in range(20):
        told = find([differences(a_base(seed).moments(), PERSONAS)])[0]
        assert {"driver", "saver"} <= {difference.persona for difference in told}


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
    """Too few people, or all or none with the outcome: no difference is told."""
    who = np.repeat([0, 1, 2], [10, 40, 40])
    beliefs = np.eye(3)[who]
    outcome = np.where(who == 1, 1.0, np.arange(90) % 2)
    moments = Moments.of(beliefs, beliefs, range(90), outcome)

    assert [difference.persona for difference in differences(moments, PERSONAS)] == ["saver"]
    assert [difference.persona for difference in differences(moments, PERSONAS, is_rate=False)] == ["family", "saver"]
    assert find([]) == []
    assert find([[], []]) == [[], []]
    with pytest.raises(ValueError, match=r"^personas: "):
        differences(moments, ("a",))
