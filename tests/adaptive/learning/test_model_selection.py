"""Choice of the number of personas: the planted number is found, and the comparison reports the right figures."""

import numpy as np
import pytest

from adaptive.learning.latent_classes import fit_latent_classes
from adaptive.learning.model_selection import ClassNumber, best_class_number, compare_class_numbers
from adaptive.learning.responses import Answers

pytestmark = pytest.mark.slow


def answers(respondents=450):
    """Three personas, twelve questions of three answers."""
    rng = np.random.default_rng(4)
    tables = rng.dirichlet([0.6] * 3, size=(12, 3))
    who = rng.integers(0, 3, respondents)
    codes = (rng.random((respondents, 12, 1)) > tables[:, who].transpose(1, 0, 2).cumsum(axis=2)[:, :, :2]).sum(axis=2)
    return Answers.of(codes, [3] * 12)


def test_the_planted_number_of_personas_is_chosen():
    """Three personas are chosen, by held-out score and one standard error."""
    compared = compare_class_numbers(answers(), range(2, 6), np.random.default_rng(1))

    assert [candidate.classes for candidate in compared] == [2, 3, 4, 5]
    assert best_class_number(compared).classes == 3


def test_the_comparison_reports_the_fit_without_shrinkage():
    """Log-likelihood, free parameters, BIC and smallest class are those of an unshrunken fit; each respondent has one held-out score."""
    some = answers(120)
    found = compare_class_numbers(some, [2], np.random.default_rng(1))[0]
    fit = fit_latent_classes(some.codes, some.levels, 2, np.random.default_rng(9), pseudo_counts=0)

    assert found.log_likelihood == pytest.approx(fit.log_likelihood, abs=0.01)
    assert found.parameters == 1 + 2 * 12 * 2
    assert found.bic == pytest.approx(found.parameters * np.log(120) - 2 * found.log_likelihood)
    assert found.smallest == pytest.approx(fit.prior.min(), abs=1e-3)
    assert found.held_out.shape == (120,)
    assert found.score < found.log_likelihood / 120


def test_respondents_who_are_hard_to_predict_do_not_change_the_choice():
    """Differences are taken per respondent, so a variance that all numbers share cancels."""
    spread = np.random.default_rng(1).normal(0, 50, 200)
    worse = ClassNumber(2, 0, 0, 0, spread - 1, 0.5)
    better = ClassNumber(3, 0, 0, 0, spread + np.random.default_rng(2).normal(0, 0.1, 200), 0.3)
    as_good = ClassNumber(4, 0, 0, 0, better.held_out + 1e-4, 0.1)

    assert best_class_number([worse, better, as_good]).classes == 4
    shaken = ClassNumber(4, 0, 0, 0, better.held_out + np.random.default_rng(3).normal(1e-4, 1, 200), 0.1)
    assert best_class_number([worse, better, shaken]).classes == 3
