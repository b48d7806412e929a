"""What people of each persona answer: equal to an independent maximisation, without the pull of a mean of beliefs, hidden where few."""

import numpy as np
import pytest
from scipy.optimize import minimize

from adaptive.estimation.answers import estimate_answers, estimate_mean_answers

NAMES = ["driver", "keeper", "explorer"]
PRIOR, SHARE, MEAN = np.array([0.4, 0.3, 0.3]), np.array([0.2, 0.7, 0.4]), np.array([3.0, 8.0, 5.0])


def people(n, seed=1):
    """Return the persona of each of n people, and the belief about it from four other answers."""
    draws = np.random.default_rng(seed)
    who, chance = draws.choice(3, n, p=PRIOR), np.ones((n, 3))
    for likelihood in ([0.9, 0.3, 0.4], [0.2, 0.8, 0.3], [0.3, 0.2, 0.8], [0.8, 0.6, 0.1]):
        ticked = draws.random(n) < np.array(likelihood)[who]
        chance *= np.where(ticked[:, None], likelihood, 1 - np.array(likelihood))
    belief = PRIOR * chance
    return who, belief / belief.sum(axis=1, keepdims=True), draws


def test_shares_maximise_the_likelihood():
    """They equal those that a general optimiser finds."""
    who, beliefs, draws = people(400)
    given = (draws.random(400) < SHARE[who]).astype(float)

    def lost(logit):
        chance = beliefs @ (1 / (1 + np.exp(-logit)))
        return -np.log(np.where(given > 0, chance, 1 - chance)).sum()

    best = 1 / (1 + np.exp(-minimize(lost, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 9000}).x))
    assert [figure.value for figure in estimate_answers(beliefs, given, NAMES)] == pytest.approx(best, abs=2e-3)


def test_intervals_cover_the_truth_and_the_mean_of_beliefs_does_not():
    """In 60 samples of 600, shares and means lie in at least 90 % of their intervals; belief-weighted shares miss by a tenth."""
    covered, means, pulled = [], [], []
    for seed in range(60):
        who, beliefs, draws = people(600, seed)
        given, values = (draws.random(600) < SHARE[who]).astype(float), MEAN[who] + draws.normal(0, 1, 600)
        covered += [f.low <= truth <= f.high for f, truth in zip(estimate_answers(beliefs, given, NAMES), SHARE, strict=True)]
        means += [f.low <= truth <= f.high for f, truth in zip(estimate_mean_answers(beliefs, values, NAMES), MEAN, strict=True)]
        pulled.append(given @ beliefs / beliefs.sum(axis=0))

    assert np.mean(covered) >= 0.9
    assert np.mean(means) >= 0.9
    assert np.abs(np.mean(pulled, axis=0) - SHARE).max() > 0.1


@pytest.mark.parametrize(
    ("beliefs", "given"),
    [
        (np.repeat(np.eye(3), 8, axis=0), np.tile([1.0, 0.0], 12)),  # few people
        (np.tile([[0.5, 0.3, 0.2]], (90, 1)), np.tile([1.0, 0.0], 45)),  # nothing tells the personas apart
        (np.repeat(np.eye(3), 30, axis=0), np.ones(90)),  # everybody
        (np.empty((0, 3)), np.empty(0)),
    ],
)
def test_what_would_tell_of_few_or_of_all_is_hidden(beliefs, given):
    """Fewer than eleven people, beliefs that say nothing, all of a persona, and nobody have no share."""
    assert {(figure.value, figure.state) for figure in estimate_answers(beliefs, given, NAMES)} == {(None, "too_few")}


@pytest.mark.parametrize("beliefs", [np.tile([[0.5, 0.3, 0.2]], (90, 1)), np.empty((0, 3))])
def test_no_mean_where_nothing_tells_the_personas_apart(beliefs):
    """The people are counted, and their personas have no mean of their own."""
    figures = estimate_mean_answers(beliefs, np.arange(float(len(beliefs))), NAMES)

    assert [(figure.value, figure.state, figure.people) for figure in figures] == [
        (None, "too_few", len(beliefs) if name == "driver" else 0) for name in NAMES
    ]
