"""Latent classes against the published fits, and against an independent program."""

import csv

import numpy as np
import pytest

from adaptive.learning import latent_classes
from adaptive.learning.latent_classes import fit_latent_classes
from adaptive.learning.responses import MISSING
from tests.adaptive.published_tables import CARCINOMA, CHEATING, ROLE_CONFLICT, SURVEY_ATTITUDES
from tests.real_answers import shared_file

pytestmark = pytest.mark.slow

PUBLISHED = [
    (CARCINOMA, 2, -317.2568),
    (CARCINOMA, 3, -293.705),
    (CARCINOMA, 4, -289.2858),
    (SURVEY_ATTITUDES, 2, -2783.268),
    (SURVEY_ATTITUDES, 3, -2754.545),
    (ROLE_CONFLICT, 2, -504.4677),
    (CHEATING, 2, -440.0271),
]


ELECTION = ["MORALG", "CARESG", "KNOWG", "LEADG", "DISHONG", "INTELG", "MORALB", "CARESB", "KNOWB", "LEADB", "DISHONB", "INTELB"]


def coded(name, columns=None):
    """(N, J) codes with -1 for an empty cell, and the number of levels of each column."""
    with shared_file(f"{name}.csv").open() as file:
        rows = list(csv.DictReader(file))
    columns = columns or list(rows[0])
    levels = [sorted({row[column] for row in rows if row[column]}) for column in columns]
    codes = [[found.index(row[column]) if row[column] else MISSING for column, found in zip(columns, levels, strict=True)] for row in rows]
    return np.array(codes), [len(found) for found in levels]


@pytest.mark.parametrize(("table", "classes", "published"), PUBLISHED)
def test_the_published_log_likelihoods_are_reached(table, classes, published):
    """With flat priors the fit reaches the maximum likelihood of the poLCA manual."""
    found = fit_latent_classes(
        table.codes, table.levels, classes, np.random.default_rng(1), pseudo_counts=0, tolerance=1e-10, iterations=5000
    )

    assert found.log_likelihood == pytest.approx(published, abs=0.01)


@pytest.mark.parametrize(("classes", "published"), [(2, -17344.92), (3, -16714.66)])
def test_the_published_log_likelihoods_of_complete_ballots_are_reached(classes, published):
    """Twelve items of the election survey, 1311 respondents who answered all."""
    codes, levels = coded("election", ELECTION)
    whole = codes[(codes != MISSING).all(axis=1)]
    assert len(whole) == 1311

    found = fit_latent_classes(whole, levels, classes, np.random.default_rng(1), pseudo_counts=0, tolerance=1e-10)

    assert found.log_likelihood == pytest.approx(published, abs=0.01)


@pytest.mark.parametrize(("classes", "best_known"), [(2, -22127.91), (3, -21311.54)])
def test_with_missing_answers_the_best_known_log_likelihood_is_reached(classes, best_known):
    """All 1785 respondents; no published value exists, so half a nat is allowed."""
    codes, levels = coded("election", ELECTION)

    found = fit_latent_classes(codes, levels, classes, np.random.default_rng(1), pseudo_counts=0)

    assert found.membership.shape == (1785, classes)
    assert found.log_likelihood == pytest.approx(best_known, abs=0.5)


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@pytest.mark.parametrize(("table", "classes"), [(CARCINOMA, 3), (ROLE_CONFLICT, 2), (SURVEY_ATTITUDES, 2), ("vnf", 2)])
def test_the_log_likelihood_is_not_below_that_of_stepmix(table, classes):
    """StepMix fits the same answers, missing ones kept."""
    from stepmix.stepmix import StepMix

    codes, levels = coded(table) if isinstance(table, str) else (table.codes, table.levels)
    theirs = StepMix(
        n_components=classes, measurement="categorical_nan", n_init=5, abs_tol=1e-7, rel_tol=1e-9, max_iter=2000, random_state=1,
        progress_bar=0, verbose=0,
    )  # fmt: skip
    given = np.where(codes == MISSING, np.nan, codes)
    theirs.fit(given)

    ours = fit_latent_classes(codes, levels, classes, np.random.default_rng(1), pseudo_counts=0, tolerance=1e-10)

    assert ours.log_likelihood > theirs.score(given) * len(codes) - 0.01


def test_the_fit_does_not_depend_on_the_map_that_runs_the_batches():
    """A map that runs the batches in reverse order gives the same fit."""
    codes = np.random.default_rng(5).integers(0, 3, size=(80, 5))

    def backwards(function, tasks):
        return [function(task) for task in reversed(list(tasks))][::-1]

    forwards = fit_latent_classes(codes, [3] * 5, 2, np.random.default_rng(7))
    reversed_batches = fit_latent_classes(codes, [3] * 5, 2, np.random.default_rng(7), parallel_map=backwards)

    assert (forwards.membership == reversed_batches.membership).all()


def test_respondents_with_missing_answers_are_kept():
    """No respondent is dropped, and a missing cell is not a level of its own."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, size=400)
    codes = (rng.random((400, 8)) < np.where(truth, 0.9, 0.15)[:, None]).astype(int)
    codes[rng.random(codes.shape) < 0.3] = MISSING

    found = fit_latent_classes(codes, [2] * 8, 2, rng, pseudo_counts=0)

    assert found.membership.shape == (400, 2)
    guess = found.membership.argmax(axis=1)
    assert max((guess == truth).mean(), (guess != truth).mean()) > 0.93
    high, low = sorted((table[:, 1] for table in np.array(found.tables).transpose(1, 0, 2)), key=np.mean, reverse=True)
    assert high == pytest.approx(np.full(8, 0.9), abs=0.1)
    assert low == pytest.approx(np.full(8, 0.15), abs=0.1)


def test_shrinkage_keeps_a_small_class_near_the_pooled_table():
    """Six respondents do not make a cell certain."""
    codes = np.array([[0, 0]] * 40 + [[1, 1]] * 6)

    loose = fit_latent_classes(codes, [2, 2], 2, np.random.default_rng(0), pseudo_counts=0)
    kept = fit_latent_classes(codes, [2, 2], 2, np.random.default_rng(0), pseudo_counts=8)

    assert loose.tables[0][1, 1] == pytest.approx(1, abs=1e-6)
    weight = kept.membership[:, 1]
    ticked = weight[codes[:, 0] == 1].sum()
    assert kept.tables[0][1, 1] == pytest.approx((ticked + 8 * 6 / 46) / (weight.sum() + 8), abs=1e-4)
    assert kept.tables[0][1, 1] < 0.6


def test_the_same_seed_finds_the_same_classes():
    """Two fits with one seed give equal classes."""
    codes = np.random.default_rng(5).integers(0, 3, size=(80, 5))

    first, second = (fit_latent_classes(codes, [3] * 5, 2, np.random.default_rng(7), starts=3) for _ in range(2))

    assert first.log_likelihood == second.log_likelihood
    assert (first.membership == second.membership).all()


@pytest.mark.parametrize(
    ("codes", "levels", "words"),
    [([[0, 2]], [2, 2], "do not fit"), ([[0, -2]], [2, 2], "do not fit"), ([[0, -1], [1, -1]], [2, 2], "item 1 has no answer")],
)
def test_codes_that_cannot_be_fitted_are_refused(codes, levels, words):
    """Codes outside their levels, and items without an answer, raise ValueError."""
    with pytest.raises(ValueError, match=words):
        fit_latent_classes(np.array(codes), levels, 2, np.random.default_rng(0))


def test_a_sample_finds_the_start_of_a_large_fit(monkeypatch):
    """Of more respondents than `MOST_IN_STARTS` a sample finds the best start; all of them reach the same likelihood from there."""
    codes = np.tile(SURVEY_ATTITUDES.codes, (3, 1))
    whole = fit_latent_classes(codes, SURVEY_ATTITUDES.levels, 3, np.random.default_rng(1))
    monkeypatch.setattr(latent_classes, "MOST_IN_STARTS", 1000)

    sampled = fit_latent_classes(codes, SURVEY_ATTITUDES.levels, 3, np.random.default_rng(1))

    assert sampled.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-5)
    assert sampled.membership.shape == whole.membership.shape
