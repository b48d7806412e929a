"""Random probes: they correct the intercepts where that is worth it, and the shares of the silent."""

import numpy as np
import pytest

from adaptive.lookalike.fit import log_loss
from adaptive.lookalike.model import score
from adaptive.lookalike.probes import FEWEST_PROBES, GATE, corrected, fit_correction, probed_shares
from tests.adaptive.lookalike.people import one_hot, planted, take


def silent(seed, bias):
    """Return contacts who did not answer: the first persona is `bias` times as frequent as among the respondents."""
    columns, who = planted(6000, seed=seed)
    weights = np.where(who == 0, bias, 1.0)
    rows = np.random.default_rng(seed).choice(6000, 3000, p=weights / weights.sum())
    return take(columns, rows), one_hot(who[rows])


def test_probes_correct_a_base_that_differs_from_the_respondents(fitted):
    """The correction closes most of the gap to one that knows all labels."""
    columns, labels = silent(1, bias=4.0)
    plain = score(fitted.model, columns)

    correction = fit_correction(plain[:80], labels[:80])

    assert correction.is_applied
    assert correction.gain > correction.needed == GATE * 2
    probed = score(corrected(fitted.model, correction), columns)
    best = score(fitted.model.with_shift(fit_correction(plain, labels).shift), columns)
    losses = [log_loss(vectors[80:], labels[80:]) for vectors in (plain, probed, best)]
    assert losses[0] - losses[1] > 0.6 * (losses[0] - losses[2]) > 0.02


def test_the_gate_stays_closed_where_nothing_is_wrong(fitted):
    """In 40 waves without bias it opens seldom, and costs at most .003 nats on average."""
    columns, labels = silent(2, bias=1.0)
    plain = score(fitted.model, columns)
    before = log_loss(plain, labels)
    opened, costs = 0, []
    for wave in range(40):
        rows = slice(60 * wave, 60 * (wave + 1))
        correction = fit_correction(plain[rows], labels[rows])
        opened += correction.is_applied
        costs.append(log_loss(score(corrected(fitted.model, correction), columns), labels) - before)
    assert opened <= 16
    assert np.mean(costs) <= 0.003


def test_a_few_probes_correct_nothing(fitted):
    columns, labels = silent(3, bias=9.0)
    few = FEWEST_PROBES - 1

    correction = fit_correction(score(fitted.model, take(columns, range(few))), labels[:few])

    assert not correction.is_applied
    assert corrected(fitted.model, correction).to_json()["intercept"] == fitted.model.to_json()["intercept"]


def test_shares_of_the_silent_come_with_an_interval_that_holds_them(fitted):
    """In 100 waves of 100 probes the interval of 95 % misses a share in about one of twenty."""
    columns, labels = silent(4, bias=3.0)
    vectors = score(fitted.model, columns)
    rng = np.random.default_rng(5)
    held = []
    for _ in range(100):
        asked = rng.choice(len(labels), 100, replace=False)
        found = probed_shares(vectors[asked], labels[asked], vectors.mean(axis=0), drawn=100)
        held.append((found.low <= labels.mean(axis=0)) & (labels.mean(axis=0) <= found.high))
    assert np.mean(held) == pytest.approx(0.95, abs=0.04)


def test_probes_who_do_not_answer_bound_the_shares():
    """If a half answers, the other half may be of any persona."""
    labels, vectors = np.array([[1.0, 0.0]] * 30), np.array([[0.5, 0.5]] * 30)

    found = probed_shares(vectors, labels, np.array([0.5, 0.5]), drawn=60)

    assert (found.response, found.shares.tolist()) == (0.5, [1.0, 0.0])
    assert (found.least.tolist(), found.most.tolist()) == ([0.5, 0.0], [1.0, 0.5])
