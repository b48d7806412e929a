"""No-answer tables: found where missing answers depend on the persona, absent elsewhere, and their effect on accuracy."""

from dataclasses import replace

import numpy as np
import pytest

from adaptive.evaluation.replay import Respondents, replay
from adaptive.learning.calibration import evidence_of_answers
from adaptive.learning.fit import fit_with_classes, fit_with_labels
from adaptive.learning.responses import MISSING, Answers
from adaptive.selection import SurveyRules
from adaptive.stopping import StopRule

pytestmark = pytest.mark.slow

SIZE, PERSONAS = 12, 4


def world(rng, respondents, *, informative):
    """Four personas, twelve weak questions of three answers; missing answers depend on the persona if `informative`."""
    who = rng.integers(0, PERSONAS, respondents)
    shape = np.random.default_rng(50)
    tables = shape.dirichlet([2.0] * 3, size=(SIZE, PERSONAS))
    rates = shape.choice([0.05, 0.6], size=(SIZE, PERSONAS)) if informative else np.full((SIZE, PERSONAS), 0.3)
    codes = (rng.random((respondents, SIZE, 1)) > tables[:, who].transpose(1, 0, 2).cumsum(axis=2)[:, :, :2]).sum(axis=2)
    return np.where(rng.random(codes.shape) < rates[:, who].T, MISSING, codes), who


def agreement(fit, codes, who, *, modelled):
    """Return the agreement after ten questions of the adaptive order."""
    tables = fit.engine
    people = evidence_of_answers(Answers.of(codes, [3] * SIZE), tables, np.concatenate(fit.tables, axis=1))
    rules = SurveyRules(np.ones(SIZE, bool), np.zeros(SIZE, bool), np.zeros((SIZE, SIZE), bool), (), StopRule(), effort=0.0)
    assert people.silent.any() == modelled
    everybody = Respondents(people, np.ones((len(codes), SIZE), dtype=bool), who)
    return replay(tables, rules, everybody, "adaptive", [10], np.random.default_rng(1))[0].agreement


@pytest.mark.parametrize("labelled", [True, False])
def test_missing_answers_that_depend_on_the_persona_get_a_table(labelled):
    """Nearly all questions get one, whether the personas are known or found; the rates are close to the true ones."""
    codes, who = world(np.random.default_rng(1), 1500, informative=True)
    answers = Answers.of(codes, [3] * SIZE)
    fit = fit_with_labels(answers, who, np.random.default_rng(2)) if labelled else fit_with_classes(answers, 4, np.random.default_rng(2))

    assert len(fit.silence) >= 10
    if labelled:
        for q, rates in fit.silence.items():
            true = [(codes[who == k, q] == MISSING).mean() for k in range(PERSONAS)]
            assert rates == pytest.approx(true, abs=0.03)


@pytest.mark.parametrize("seed", range(5))
def test_missing_answers_independent_of_the_persona_get_no_table(seed):
    """Three of ten answers are missing for every persona."""
    codes, who = world(np.random.default_rng(seed), 500, informative=False)

    fit = fit_with_labels(Answers.of(codes, [3] * SIZE), who, np.random.default_rng(2))

    assert fit.silence == {}


def test_questions_that_were_not_asked_get_no_no_answer_table():
    """The same answers are missing, but the questions were not asked."""
    codes, who = world(np.random.default_rng(1), 600, informative=True)
    answers = Answers.of(codes, [3] * SIZE, silent=np.zeros(codes.shape, dtype=bool))

    assert fit_with_labels(answers, who, np.random.default_rng(2)).silence == {}


def test_no_answer_tables_raise_accuracy_at_ten_questions():
    """They raise it by .05 or more over ignoring missing answers, on new respondents."""
    codes, who = world(np.random.default_rng(1), 800, informative=True)
    answers = Answers.of(codes, [3] * SIZE)
    modelled = fit_with_labels(answers, who, np.random.default_rng(2))
    ignoring = fit_with_labels(replace(answers, silent=np.zeros_like(answers.silent)), who, np.random.default_rng(2))
    fresh = world(np.random.default_rng(3), 1000, informative=True)

    assert agreement(modelled, *fresh, modelled=True) >= agreement(ignoring, *fresh, modelled=False) + 0.05
