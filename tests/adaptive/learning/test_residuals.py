"""Bivariate residuals: pairs of questions that are associated more than their personas explain."""

from itertools import product

import numpy as np
import pytest

from adaptive import ResponseTables
from adaptive.evaluation.simulate import draw_respondents
from adaptive.learning.residuals import bivariate_residuals
from adaptive.posterior import believe

RNG = np.random.default_rng(3)
TABLES = [RNG.dirichlet(np.ones(answers), size=2) for answers in (3, 2, 3, 2)]
GIVEN = {1: RNG.dirichlet(np.ones(2) / 3, size=(2, 3)), 2: RNG.dirichlet(np.ones(3) / 3, size=(2, 2))}
CHAIN = ResponseTables.of(TABLES, prior=[0.4, 0.6], parents={1: 0, 2: 1}, given=GIVEN)


def chance_in_chain(k, answers):
    """P(all four answers | persona), factor by factor."""
    a, b, c, d = answers
    return TABLES[0][k, a] * GIVEN[1][k, a, b] * GIVEN[2][k, b, c] * TABLES[3][k, d]


def test_expected_counts_are_those_of_the_model():
    """Expected counts equal a sum over all possible respondents, also along the tree between questions that are not neighbours."""
    people = draw_respondents(CHAIN, {}, 400, np.random.default_rng(4), skip=0.2).answers
    belief = believe(CHAIN, people)
    pairs = {(pair.first, pair.second): pair for pair in bivariate_residuals(CHAIN, people, belief)}

    assert set(pairs) == {(i, j) for i in range(4) for j in range(i + 1, 4)}
    for (first, second), pair in pairs.items():
        both = people.answered[:, first] & people.answered[:, second]
        expected = np.zeros((TABLES[first].shape[1], TABLES[second].shape[1]))
        for answers in product(range(3), range(2), range(3), range(2)):
            for k in range(2):
                expected[answers[first], answers[second]] += belief[both, k].sum() * chance_in_chain(k, answers)
        observed = np.zeros_like(expected)
        np.add.at(observed, (people.codes[both, first], people.codes[both, second]), 1)
        np.testing.assert_allclose(pair.expected, expected, rtol=1e-9)
        np.testing.assert_array_equal(pair.observed, observed)
        freedom = (expected.shape[0] - 1) * (expected.shape[1] - 1)
        assert pair.residual == pytest.approx(((observed - expected) ** 2 / expected).sum() / freedom)
        assert pair.respondents == both.sum()


def test_residuals_use_the_posterior_share_of_each_style():
    """Two personas merged into one with two styles have the same expected counts as the two personas."""
    people = draw_respondents(CHAIN, {}, 400, np.random.default_rng(4), skip=0.2).answers
    merged = ResponseTables.of(TABLES, prior=[0.4, 0.6], parents={1: 0, 2: 1}, given=GIVEN, persona_of=[0, 0])

    separate, joined = bivariate_residuals(CHAIN, people, believe(CHAIN, people)), bivariate_residuals(merged, people, np.ones((400, 1)))

    assert [(pair.first, pair.second) for pair in joined] == [(pair.first, pair.second) for pair in separate]
    for ours, other in zip(joined, separate, strict=True):
        np.testing.assert_allclose(ours.expected, other.expected, rtol=1e-9)


def test_a_dependent_pair_has_a_large_residual_unless_the_tree_models_it():
    """Answers drawn from the chain have large residuals under independent tables and small ones under the chain."""
    people = draw_respondents(CHAIN, {}, 4000, np.random.default_rng(5)).answers
    plain = ResponseTables.of([question.table for question in CHAIN.questions], prior=[0.4, 0.6])

    worst = bivariate_residuals(plain, people, believe(plain, people))[0]
    assert (worst.first, worst.second) in ((0, 1), (1, 2))
    assert worst.residual > 50
    a, b = worst.most_unexpected
    assert abs(worst.observed[a, b] - worst.expected[a, b]) > 100
    assert bivariate_residuals(CHAIN, people, believe(CHAIN, people))[0].residual < 5
