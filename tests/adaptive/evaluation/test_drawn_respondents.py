"""Respondents drawn from the tables."""

import numpy as np
import pytest
from scipy.stats import ks_1samp, lognorm, norm, truncnorm

from adaptive import Choice, MultipleChoice, Numeric, ResponseTables, Unmodelled
from adaptive.evaluation.simulate import draw_respondents
from adaptive.posterior import believe

MANY = 40_000
GIVEN = np.array([[[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.3, 0.7]]])


def near(share, expected, of=MANY):
    return abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / of)


def a_bank():
    """A choice with a no-answer table, ticks, a number, a pair in a tree, a text."""
    return ResponseTables.of(
        [
            Choice(np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]]), np.array([0.05, 0.4])),
            MultipleChoice(np.array([[0.9, 0.2], [0.3, 0.6]])),
            Numeric(np.array([30.0, 3.0]), np.array([5.0, 0.5]), np.array([False, True]), 0.0, 60.0),
            Choice(np.array([[0.6, 0.4], [0.2, 0.8]])),
            Unmodelled(2),
            Unmodelled(2),
        ],
        prior=[0.3, 0.7],
        parents={5: 3},
        given={5: GIVEN},
    )


def test_simulated_styles_are_drawn_and_labelled_by_persona():
    """Styles of a persona are drawn by their shares; `label` is the persona, not the style."""
    never = 1e-9
    table = [[1 - never, never], [never, 1 - never], [0.5, 0.5]]
    tables = ResponseTables.of([table, table], prior=[0.2, 0.2, 0.6], persona_of=[0, 0, 1])

    people = draw_respondents(tables, {}, MANY, np.random.default_rng(1))

    first, same = people.label == 0, people.answers.codes[:, 0] == people.answers.codes[:, 1]
    assert set(people.label) == {0, 1}
    assert near(first.mean(), 0.4)
    assert same[first].all()
    assert near(people.answers.codes[first, 0].mean(), 0.5, first.sum())
    assert near(same[~first].mean(), 0.5, (~first).sum())


def test_answers_are_drawn_with_the_probabilities_of_the_tables():
    """Personas, options, skips, and a child's answer given its parent's have the frequencies of the tables."""
    tables = a_bank()
    people = draw_respondents(tables, {}, MANY, np.random.default_rng(1))
    who, codes, answered = people.label, people.answers.codes, people.answers.answered

    assert near((who == 0).mean(), 0.3)
    for k, group in enumerate((who == 0, who == 1)):
        spoken = answered[group, 0]
        assert near(1 - spoken.mean(), tables.questions[0].silence[k], group.sum())
        for option in range(3):
            assert near((codes[group, 0][spoken] == option).mean(), tables.questions[0].table[k, option], spoken.sum())
        for parent in range(2):
            there = group & (codes[:, 3] == parent)
            assert near((codes[there, 5] == 1).mean(), GIVEN[k, parent, 1], there.sum())
    assert (people.answers.silent == ~answered).all()
    assert answered[:, 1:].all()


def test_numbers_follow_the_truncated_distribution_of_each_persona():
    """Numbers are truncated normal or log-normal, compared with scipy by a Kolmogorov-Smirnov test."""
    tables = a_bank()
    bare = ResponseTables.of([tables.questions[2]], prior=[0.5, 0.5])
    people = draw_respondents(bare, {}, 4000, np.random.default_rng(2))
    # The evidence does not keep the number itself, so numbers are drawn from the quantile function directly.
    drawn = tables.questions[2].quantile(np.random.default_rng(3).random(4000))

    assert ks_1samp(drawn[:, 0], truncnorm(-6, 6, 30, 5).cdf).pvalue > 0.001
    below = lognorm(0.5, scale=np.exp(3)).cdf(60)
    assert ks_1samp(drawn[:, 1], lambda x: lognorm(0.5, scale=np.exp(3)).cdf(x) / below).pvalue > 0.001
    said = people.answers.rows[people.label == 0, 0, 0]
    assert said.max() <= norm(30, 5).logpdf(30) + 1e-6


def test_the_posterior_is_calibrated_on_respondents_drawn_from_its_own_tables():
    """The mean stated probability of the true persona equals the mean of the squared beliefs."""
    people = draw_respondents(a_bank(), {}, MANY, np.random.default_rng(4))
    belief = believe(a_bank(), people.answers)

    stated = belief[np.arange(MANY), people.label].mean()
    assert stated == pytest.approx((belief**2).sum(axis=1).mean(), abs=0.006)


def test_the_skip_option_leaves_modelled_no_answers_alone():
    """A question with its own P(no answer) keeps it; all others are skipped with the probability `skip`."""
    people = draw_respondents(a_bank(), {}, MANY, np.random.default_rng(5), skip=0.25)
    silent = people.answers.silent.mean(axis=0)

    assert near(silent[0], 0.3 * 0.05 + 0.7 * 0.4)
    assert all(near(share, 0.25) for share in silent[1:])


def test_a_condition_is_met_by_an_option_or_a_tick_and_never_by_a_skip():
    """Conditions are evaluated on the respondent's own answers."""
    conditions = {2: {0: np.array([True, False, True])}, 3: {1: np.array([False, True])}}
    people = draw_respondents(a_bank(), conditions, 500, np.random.default_rng(6), skip=0.5)

    codes, answered = people.answers.codes, people.answers.answered
    assert (people.opens[:, 2] == (answered[:, 0] & np.isin(codes[:, 0], [0, 2]))).all()
    assert 0 < people.opens[:, 3].sum() < answered[:, 1].sum()
    assert not people.opens[~answered[:, 1], 3].any()
    assert people.opens[:, [0, 1, 4, 5]].all()
