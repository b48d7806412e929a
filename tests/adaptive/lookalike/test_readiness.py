"""Readiness predicts who goes on: calibrated, with true intervals, and switched off where there is nothing to know."""

import json

import numpy as np
import pytest
from scipy.special import expit

from adaptive.lookalike.readiness import Readiness, fit_readiness, is_ready

KINDS = {"pages": "number", "city": "category"}


def made(seed, n=1500, effect=1.2):
    """Return features, P(next stage) and outcomes of n contacts."""
    draws = np.random.default_rng(seed)
    pages, city = draws.poisson(3, n), draws.integers(0, 3, n)
    p = expit(-1.5 + effect * (0.5 * (pages - 3) + (city == 1)))
    columns = {"pages": pages.astype(float), "city": [f"city {value}" for value in city]}
    return columns, p, draws.random(n) < p


def test_probabilities_are_calibrated_and_intervals_hold_the_truth():
    """On contacts that the fit has not seen, as on those of the same kind; the model survives being stored."""
    columns, _, reached = made(1)
    model = fit_readiness(columns, KINDS, reached)
    assert model is not None
    stored = Readiness.from_json(json.loads(json.dumps(model.to_json())))
    fresh, truth, went_on = made(2)
    p, low, high = stored.probabilities(fresh, len(truth))

    assert model.is_used
    assert model.log_loss < model.base_log_loss - 0.03
    assert p.mean() == pytest.approx(went_on.mean(), abs=0.03)
    top = p > np.quantile(p, 0.8)
    assert p[top].mean() == pytest.approx(truth[top].mean(), abs=0.05)
    assert ((low <= p) & (p <= high)).all()
    assert ((low <= truth) & (truth <= high)).mean() > 0.7  # the interval is that of the mean of a bin
    np.testing.assert_array_equal(p, model.probabilities(fresh, len(truth))[0])


@pytest.mark.slow
def test_a_model_that_knows_nothing_is_not_used():
    """Outcomes that do not depend on the features: at most one of eight would be used."""
    used = 0
    for seed in range(8):
        columns, _, reached = made(seed, 300, effect=0)
        model = fit_readiness(columns, KINDS, reached)
        used += model is not None and model.is_used
    assert used <= 1


def test_the_latest_contacts_judge():
    """A rule that held until lately, and then turned around, is switched off."""
    columns, _, reached = made(3)
    turned = reached.copy()
    turned[-375:] = ~turned[-375:]
    model = fit_readiness(columns, KINDS, turned)

    assert model is not None
    assert not model.is_used
    assert model.log_loss > model.base_log_loss


def test_too_few_contacts_have_no_model():
    """Fewer than 100, or fewer than 20 who went on or stayed."""
    columns, _, reached = made(4, 90)
    assert fit_readiness(columns, KINDS, reached) is None
    columns, _, reached = made(4, 300)
    assert fit_readiness(columns, KINDS, np.zeros(300, dtype=bool)) is None


def test_ready_has_hysteresis():
    """About a tenth becomes ready, and one who was stays so a little longer."""
    columns, _, reached = made(5)
    model = fit_readiness(columns, KINDS, reached)
    p = model.probabilities(columns, len(reached))[0]

    assert np.mean([is_ready(item, False, model) for item in p]) == pytest.approx(0.1, abs=0.05)
    between = (model.ready_from + model.held_until) / 2
    assert (is_ready(between, False, model), is_ready(between, True, model)) == (False, True)
