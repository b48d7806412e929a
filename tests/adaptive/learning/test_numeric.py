"""The law of a number: moments by persona, the better of two laws, and shrinkage in both."""

import numpy as np
import pytest

from adaptive.learning.numeric import Distributions, fit_distributions


def test_moments_are_those_of_the_persona_and_of_added_answers():
    """Weighted mean and variance, with so many answers of everybody added to each persona."""
    numbers = np.array([-20.0, 30, 40, 60, np.nan])
    who = np.array([[1, 0], [1, 0], [0.5, 0.5], [0, 1], [0, 1]])

    law = fit_distributions(numbers, who, 2)

    told, weight = numbers[:4], who[:4, 1]
    mean = (weight @ told + 2 * told.mean()) / (weight.sum() + 2)
    square = (weight @ told**2 + 2 * (told**2).mean()) / (weight.sum() + 2)
    assert not law.logarithmic.any()
    assert law.centre[1] == pytest.approx(mean)
    assert law.width[1] == pytest.approx(np.sqrt(square - mean**2))


@pytest.mark.parametrize("logarithmic", [True, False])
def test_the_law_that_fits_better_is_taken(logarithmic):
    """Incomes are log-normal, heights are not."""
    rng = np.random.default_rng(1)
    who = rng.integers(0, 2, 2000)
    scale = rng.normal(np.where(who, 3.0, 2.0), 0.8)
    numbers = np.exp(scale) if logarithmic else 100 + 10 * scale

    law = fit_distributions(numbers, np.eye(2)[who], 0)

    assert law.logarithmic.tolist() == [logarithmic] * 2
    expected = np.array([2.0, 3.0]) if logarithmic else np.array([120.0, 130.0])
    assert law.centre == pytest.approx(expected, rel=0.03)


def test_a_number_that_may_be_zero_is_not_log_normal():
    """Whatever its shape."""
    assert not fit_distributions(np.array([0.0, 1, 10, 100, 1000]), np.ones((5, 1)), 0).logarithmic.any()


def test_equal_answers_of_a_few_are_no_certainty():
    """A spread of nothing would rule everybody else out."""
    law = fit_distributions(np.array([5.0, 5, 5, 1, 9]), np.array([[1, 0]] * 3 + [[0, 1]] * 2), 0)
    assert law.width[0] > 0


def test_known_laws_count_as_so_many_answers_and_keep_their_kind():
    """The mean moves half of the way when there are as many new answers as known ones count for."""
    known = Distributions(np.array([10.0, np.log(10)]), np.array([2.0, 0.5]), np.array([False, True]))

    law = fit_distributions(np.full(20, 20.0), np.full((20, 2), 0.5), 10, known)

    assert law.logarithmic.tolist() == [False, True]
    assert law.centre == pytest.approx([15, (np.log(10) + np.log(20)) / 2])
