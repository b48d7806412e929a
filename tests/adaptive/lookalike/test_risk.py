"""Thresholds of assignment keep their promise, and the forecast says how many contacts they leave."""

import numpy as np
import pytest
from scipy.stats import beta

from adaptive.lookalike.risk import FEWEST_ABOVE, fit_threshold, forecast, lower_bound, risk_coverage


def calibrated(people, rng, spread=2.0):
    """Return vectors of two personas that are exactly calibrated, and labels drawn from them."""
    first = 1 / (1 + np.exp(-spread * rng.normal(size=people)))
    vectors = np.column_stack([first, 1 - first])
    return vectors, np.eye(2)[(rng.random(people) > first).astype(int)]


def test_assignments_reach_the_wanted_accuracy():
    """The true accuracy above the threshold misses .8 in at most 2.5 % of 300 samples, give or take two standard errors."""
    rng = np.random.default_rng(1)
    everybody, _ = calibrated(200_000, rng)
    confidence = everybody.max(axis=1)
    missed = assigned = 0
    for _ in range(300):
        threshold = fit_threshold(*calibrated(200, rng), 0.8)
        if threshold is not None:
            assigned += 1
            missed += confidence[confidence >= threshold].mean() < 0.8
    assert assigned > 150
    assert missed <= 300 * 0.025 + 2 * np.sqrt(300 * 0.025 * 0.975)


def test_the_search_ends_at_the_first_failure():
    """Wrong labels among the most certain end it, however good the others are."""
    confidence = np.concatenate([np.full(30, 0.99), np.full(300, 0.9)])
    vectors = np.column_stack([confidence, 1 - confidence])
    labels = np.tile([1.0, 0.0], (330, 1))
    assert fit_threshold(vectors, labels, 0.8) == 0.9

    labels[:10] = [0.0, 1.0]
    assert lower_bound(320, 330) > 0.8
    assert fit_threshold(vectors, labels, 0.8) is None


def test_a_threshold_needs_twenty_respondents():
    vectors, labels = np.tile([0.95, 0.05], (FEWEST_ABOVE, 1)), np.tile([1.0, 0.0], (FEWEST_ABOVE, 1))

    assert fit_threshold(vectors, labels, 0.8) == 0.95
    assert fit_threshold(vectors[1:], labels[1:], 0.8) is None


@pytest.mark.parametrize(("right", "people"), [(18, 20), (50, 60), (7.5, 30)])
def test_the_bound_is_that_of_clopper_and_pearson(right, people):
    assert lower_bound(right, people) == pytest.approx(beta.ppf(0.025, right, people - right + 1))


def test_coverage_grows_as_the_threshold_falls():
    """The last line holds everybody, and its accuracy is that of all top personas."""
    vectors, labels = calibrated(500, np.random.default_rng(2))

    found = risk_coverage(vectors, labels)

    assert [row.people for row in found] == sorted({row.people for row in found})
    assert (found[-1].share, found[-1].accuracy) == (1.0, pytest.approx((vectors.argmax(axis=1) == labels.argmax(axis=1)).mean()))


def test_the_forecast_counts_contacts_at_each_accuracy():
    """A higher accuracy is reached for fewer; one that is not reached gives nobody."""
    rows = forecast(*calibrated(1000, np.random.default_rng(3)), (0.7, 0.8, 0.9, 0.9999), 50_000)

    assert [row.contacts for row in rows] == sorted((row.contacts for row in rows), reverse=True)
    assert all(row.low <= row.share <= row.high for row in rows)
    assert rows[0].contacts == round(rows[0].share * 50_000)
    assert (rows[-1].threshold, rows[-1].contacts) == (None, 0)
