"""Distributions of a number: moments by persona, the choice between two families, and shrinkage."""

import numpy as np
import pytest

from adaptive.learning.numeric import Distributions, fit_distributions


def test_moments_are_shrunk_to_the_pooled_moments():
    """Weighted mean and variance, with so many pooled answers added to each persona."""
    numbers = np.array([-20.0, 30, 40, 60, np.nan])
    who = np.array([[1, 0], [1, 0], [0.5, 0.5], [0, 1], [0, 1]])

    fit = fit_distributions(numbers, who, 2)

    given, weight = numbers[:4], who[:4, 1]
    mean = (weight @ given + 2 * given.mean()) / (weight.sum() + 2)
    square = (weight @ given**2 + 2 * (given**2).mean()) / (weight.sum() + 2)
    assert not fit.logarithmic.any()
    assert fit.centre[1] == pytest.approx(mean)
    assert fit.width[1] == pytest.approx(np.sqrt(square - mean**2))


@pytest.mark.parametrize("logarithmic", [True, False])
def test_the_distribution_with_the_greater_likelihood_is_chosen(logarithmic):
    """Log-normal numbers get a log-normal distribution, normal numbers a normal one."""
    rng = np.random.default_rng(1)
    who = rng.integers(0, 2, 2000)
    scale = rng.normal(np.where(who, 3.0, 2.0), 0.8)
    numbers = np.exp(scale) if logarithmic else 100 + 10 * scale

    fit = fit_distributions(numbers, np.eye(2)[who], 0)

    assert fit.logarithmic.tolist() == [logarithmic] * 2
    expected = np.array([2.0, 3.0]) if logarithmic else np.array([120.0, 130.0])
    assert fit.centre == pytest.approx(expected, rel=0.03)


def test_a_number_that_may_be_zero_is_not_log_normal():
    """A zero among the numbers excludes the log-normal distribution."""
    assert not fit_distributions(np.array([0.0, 1, 10, 100, 1000]), np.ones((5, 1)), 0).logarithmic.any()


def test_a_few_equal_answers_keep_a_positive_width():
    """A width of zero would rule out all other respondents."""
    fit = fit_distributions(np.array([5.0, 5, 5, 1, 9]), np.array([[1, 0]] * 3 + [[0, 1]] * 2), 0)
    assert fit.width[0] > 0


def test_known_distributions_count_as_so_many_answers_and_keep_their_family():
    """The mean moves half of the way when there are as many new answers as the known ones count for."""
    known = Distributions(np.array([10.0, np.log(10)]), np.array([2.0, 0.5]), np.array([False, True]))

    fit = fit_distributions(np.full(20, 20.0), np.full((20, 2), 0.5), 10, known)

    assert fit.logarithmic.tolist() == [False, True]
    assert fit.centre == pytest.approx([15, (np.log(10) + np.log(20)) / 2])
