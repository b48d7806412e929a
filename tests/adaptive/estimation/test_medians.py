"""Medians per persona with intervals that cover."""

import numpy as np
import pytest

from adaptive.estimation.medians import estimate_medians, weighted_quantile
from tests.adaptive.estimation.bases import PERSONAS, beliefs


def test_a_weighted_quantile_is_that_of_repeated_values():
    """A weight of three is three equal values."""
    values, counts = np.array([5.0, 1.0, 9.0, 4.0]), np.array([3, 1, 2, 5])

    for share in (0.01, 0.3, 0.5, 0.55, 0.8, 1.0):
        expected = np.quantile(np.repeat(values, counts), share, method="inverted_cdf")
        assert weighted_quantile(values, counts.astype(float), share) == expected


def test_intervals_of_medians_cover():
    """Times of a skewed distribution, some of them unknown, personas known in part: .92 of 100 draws hold the true median."""
    truth = np.array([2.0, 5.0, 9.0])
    held = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        who = rng.integers(0, 3, 240)
        times = truth[who] * np.exp(rng.normal(0, 1, 240))
        times[rng.random(240) < 0.2] = np.nan
        for figure, median in zip(estimate_medians(times, beliefs(rng, who, 4.0), PERSONAS), truth, strict=True):
            assert figure.low <= figure.value <= figure.high
            held.append(figure.low <= median <= figure.high)

    assert np.mean(held) >= 0.92


def test_few_times_are_too_few():
    """Nobody of a persona, or nobody at all, has no median."""
    few = estimate_medians(np.arange(20.0), np.tile([[1.0, 0, 0]], (20, 1)), PERSONAS)

    assert [figure.state for figure in few] == ["shown", "too_few", "too_few"]
    assert [figure.value for figure in few] == [9.0, None, None]
    assert {figure.state for figure in estimate_medians([np.nan], [[1.0, 0, 0]], PERSONAS)} == {"too_few"}
    assert {figure.state for figure in estimate_medians([], np.zeros((0, 3)), PERSONAS)} == {"too_few"}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("values", [1.0]), ("values", [1.0, np.inf]), ("answered", np.ones((2, 3))), ("answered", np.eye(2)), ("weights", [0.0, 1.0])],
)
def test_bad_input_names_its_argument(name, wrong):
    """Wrong shapes and impossible numbers are refused by name."""
    right = {"values": [1.0, 2.0], "answered": np.eye(3)[:2]}

    with pytest.raises(ValueError, match=f"^{name}: "):
        estimate_medians(**(right | {name: wrong}), personas=PERSONAS)


def test_medians_of_a_part_are_corrected_by_the_errors_of_everybody():
    """Families order nine times as often as drivers. Among those who order, beliefs are no longer calibrated: with the error matrix of
    everybody .93 of 200 intervals hold the drivers' median, with that of those who order they do not.
    """
    held = {"everybody": [], "part": []}
    for seed in range(200):
        rng = np.random.default_rng(seed)
        who = rng.integers(0, 3, 1200)
        r = beliefs(rng, who, 2)
        days = np.array([12.0, 4.0, 5.0])[who] * np.exp(rng.normal(0, 0.5, len(who)))
        ordered = rng.random(len(who)) < np.array([0.1, 0.9, 0.4])[who]
        for name, confusion in (("everybody", r.T @ r), ("part", None)):
            driver = estimate_medians(days[ordered], r[ordered], PERSONAS, confusion=confusion)[0]
            held[name].append(driver.low <= 12 <= driver.high)

    assert np.mean(held["everybody"]) >= 0.93
    assert np.mean(held["part"]) < 0.9
