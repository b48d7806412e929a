"""Dependences between questions: information and tables against loops, planted edges, and the effect on calibration."""

from itertools import combinations

import numpy as np
import pytest

from adaptive.learning.chow_liu import conditional_information, count_pairs, dependent_tables, spanning_forest
from adaptive.learning.fit import evidence_of, fit_with_classes, fit_with_labels
from adaptive.learning.latent_classes import fit_personas
from adaptive.learning.responses import MISSING, Answers, items_of, one_hot
from adaptive.posterior import believe
from adaptive.tables import ResponseTables

pytestmark = pytest.mark.slow

LEVELS = [2, 3, 4]


def some_answers(rng, respondents=60):
    codes = np.column_stack([rng.integers(0, level, respondents) for level in LEVELS])
    codes[rng.random(codes.shape) < 0.2] = MISSING
    return codes, rng.dirichlet(np.ones(2), respondents)


def test_conditional_information_equals_its_definition_term_by_term():
    """The sum runs over respondents who answered both questions, weighted by their membership."""
    codes, membership = some_answers(np.random.default_rng(1))

    found = conditional_information(count_pairs(one_hot(codes, LEVELS), membership), items_of(LEVELS))

    for p, q in combinations(range(3), 2):
        both = (codes[:, p] != MISSING) & (codes[:, q] != MISSING)
        nats = 0.0
        for k in range(2):
            weight, first, second = membership[both, k], codes[both, p], codes[both, q]
            for a in range(LEVELS[p]):
                for b in range(LEVELS[q]):
                    n = weight[(first == a) & (second == b)].sum()
                    if n:
                        nats += n * np.log(n * weight.sum() / (weight[first == a].sum() * weight[second == b].sum()))
        assert found[[p, q], [q, p]] == pytest.approx(nats / both.sum(), abs=1e-12)


def test_a_dependent_table_is_shrunk_to_the_dependence_pooled_over_personas():
    """(n(k, a, b) + strength m(b | k, a)) / (n(k, a) + strength), m as P(b | k) times observed to expected pairs; rows add up to one."""
    codes, membership = some_answers(np.random.default_rng(2))
    hot, items = one_hot(codes, LEVELS), items_of(LEVELS)
    personas_fitted = fit_personas(hot, LEVELS, membership, 8, settled=True)

    tables = dependent_tables(count_pairs(hot, membership), personas_fitted.table, items, 40)

    first, own = personas_fitted.table[:, items == 2], personas_fitted.table[:, items == 1]
    both = (codes[:, 1] != MISSING) & (codes[:, 2] != MISSING)

    def ratio(b):
        met = ((codes[:, 2] == 3) & (codes[:, 1] == b)).sum()
        expected = sum(membership[both, k].sum() * first[k, 3] * own[k, b] for k in range(2))
        return (met + 1) / (expected + 1)

    mean = own[1, 0] * ratio(0) / sum(own[1, b] * ratio(b) for b in range(3))
    weight = membership[(codes[:, 2] == 3) & (codes[:, 1] != MISSING), 1].sum()
    n = membership[(codes[:, 2] == 3) & (codes[:, 1] == 0), 1].sum()
    block = tables[:, items == 2][:, :, items == 1]  # question 1 given question 2
    assert block[1, 3, 0] == pytest.approx((n + 40 * mean) / (weight + 40))
    assert block.sum(axis=2) == pytest.approx(np.ones((2, 4)))


def test_the_forest_has_the_strongest_allowed_edges_and_no_cycle():
    """A forbidden edge is replaced by the next best one; an isolated question stays isolated."""
    information = np.zeros((4, 4))
    for (p, q), nats in {(0, 1): 0.3, (1, 2): 0.2, (0, 2): 0.1}.items():
        information[p, q] = information[q, p] = nats
    allowed = information > 0

    assert spanning_forest(information, allowed) == {1: 0, 2: 1}
    allowed[1, 2] = allowed[2, 1] = False
    assert spanning_forest(information, allowed) == {1: 0, 2: 0}
    assert spanning_forest(information, np.zeros((4, 4), dtype=bool)) == {}


def a_world(rng, respondents, copies=0):
    """Three personas, ten questions of three answers; `copies` more repeat question 2 seven times out of ten."""
    personas = rng.integers(0, 3, respondents)
    tables = np.random.default_rng(100).dirichlet([0.5] * 3, size=(10, 3))
    codes = np.array([[rng.choice(3, p=tables[q, k]) for q in range(10)] for k in personas])
    repeats = [np.where(rng.random(respondents) < 0.7, codes[:, 2], rng.integers(0, 3, respondents)) for _ in range(copies)]
    codes = np.column_stack([codes, *repeats])
    codes[rng.random(codes.shape) < 0.1] = MISSING
    return codes, personas


@pytest.mark.parametrize("labelled", [True, False])
def test_only_a_planted_dependence_gets_an_edge(labelled):
    """The edge is found whether the personas are known or found."""
    codes, personas = a_world(np.random.default_rng(4), 500, copies=1)
    levels = [3] * 11
    found = (
        fit_with_labels(Answers.of(codes, levels), personas, np.random.default_rng(1))
        if labelled
        else fit_with_classes(Answers.of(codes, levels), 3, np.random.default_rng(1))
    )

    assert found.dependences.parents == {10: 2}
    assert found.dependences.given[10].shape == (3, 3, 3)
    assert found.dependences.gains[10] > 50


@pytest.mark.parametrize("seed", range(6))
def test_independent_questions_get_no_edge(seed):
    """45 pairs that are independent given the persona get no edge."""
    codes, personas = a_world(np.random.default_rng(seed), 300)

    assert fit_with_labels(Answers.of(codes, [3] * 10), personas, np.random.default_rng(1)).dependences.parents == {}


def paraphrases(rng, respondents):
    """Two personas, one opinion asked in five ways, and four independent questions."""
    personas = rng.integers(0, 2, respondents)
    opinion = rng.random(respondents) < np.where(personas, 0.7, 0.3)
    versions = [np.where(rng.random(respondents) < 0.95, opinion, ~opinion) for _ in range(5)]
    own = [rng.random(respondents) < np.where(personas, 0.6, 0.4) for _ in range(4)]
    return np.column_stack([*versions, *own]).astype(int), personas


def stated_and_true(tables, codes, personas):
    belief = believe(tables, evidence_of(codes, tables))
    return belief.max(axis=1).mean(), (belief.argmax(axis=1) == personas).mean()


def test_five_paraphrases_do_not_make_the_belief_overconfident():
    """On new respondents the stated confidence is within .05 of the accuracy; with independent tables it is far above."""
    found = fit_with_labels(*answers_and_personas(paraphrases, 600), np.random.default_rng(1))
    codes, personas = paraphrases(np.random.default_rng(8), 4000)

    stated, true = stated_and_true(found.engine, codes, personas)
    assert stated == pytest.approx(true, abs=0.05)

    stated, true = stated_and_true(ResponseTables.of(found.tables, found.prior), codes, personas)
    assert stated > true + 0.1


def mood_world(rng, respondents):
    """Two personas; a mood that is independent of the persona affects all twelve answers, which no tree of pairs can model."""
    personas = rng.integers(0, 2, respondents)
    mood = rng.normal(0, 1.5, respondents)
    lean = np.where(personas, 0.7, -0.7)
    return (rng.random((respondents, 12)) < 1 / (1 + np.exp(-(lean + mood)))[:, None]).astype(int), personas


def test_the_evidence_weight_corrects_dependence_that_no_tree_can_model():
    """With a mood behind every answer the weight falls below one, and the confidence comes closer to the accuracy."""
    found = fit_with_labels(*answers_and_personas(mood_world, 600), np.random.default_rng(1))
    fresh = mood_world(np.random.default_rng(8), 4000)

    assert found.evidence_weight < 1
    stated, true = stated_and_true(found.engine, *fresh)
    plain, plainly_true = stated_and_true(ResponseTables.of(found.tables, found.prior), *fresh)
    assert abs(stated - true) < abs(plain - plainly_true) - 0.05


def answers_and_personas(world, respondents):
    codes, personas = world(np.random.default_rng(7), respondents)
    return Answers.of(codes, [2] * codes.shape[1]), personas


def test_known_personas_give_shrunken_counts():
    """(n(k, a) + strength * pooled) / (n(k) + strength), the pooled table with half an answer per cell."""
    codes, labels = np.array([[0], [0], [1], [1], [1], [MISSING]]), np.array([0, 0, 0, 1, 1, 1])

    personas_fitted = fit_personas(one_hot(codes, [2]), [2], np.eye(2)[labels], 4, settled=True)

    pooled = np.array([2.5, 3.5]) / 6
    assert personas_fitted.table == pytest.approx(np.array([(np.array([2, 1]) + 4 * pooled) / 7, (np.array([0, 2]) + 4 * pooled) / 6]))
    assert personas_fitted.prior == pytest.approx([0.5, 0.5])


def test_the_same_seed_gives_the_same_fit():
    """Two fits with one seed give equal tables, strengths and dependences."""
    codes, _ = a_world(np.random.default_rng(4), 150, copies=1)
    first, second = (fit_with_classes(Answers.of(codes, [3] * 11), 2, np.random.default_rng(3)) for _ in range(2))

    assert (first.pseudo_counts, first.evidence_weight, first.dependences.gains) == (
        second.pseudo_counts,
        second.evidence_weight,
        second.dependences.gains,
    )
    assert all((a == b).all() for a, b in zip(first.tables, second.tables, strict=True))
