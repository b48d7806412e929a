"""Silence that tells personas apart: found, kept out where it tells nothing, and what it is worth."""

from dataclasses import replace

import numpy as np
import pytest

from adaptive.evaluation.replay import Respondents, replay
from adaptive.learning.calibration import evidence_of_answers
from adaptive.learning.fit import fit_with_classes, fit_with_labels
from adaptive.learning.responses import MISSING, Answers
from adaptive.selection import SurveyRules
from adaptive.stopping import StopRule

SIZE, PERSONAS = 12, 4


def world(rng, respondents, *, telling):
    """Four personas, twelve questions of three answers that tell little; who stays silent depends on the persona, or on nothing."""
    who = rng.integers(0, PERSONAS, respondents)
    shape = np.random.default_rng(50)
    tables = shape.dirichlet([2.0] * 3, size=(SIZE, PERSONAS))
    rates = shape.choice([0.05, 0.6], size=(SIZE, PERSONAS)) if telling else np.full((SIZE, PERSONAS), 0.3)
    codes = (rng.random((respondents, SIZE, 1)) > tables[:, who].transpose(1, 0, 2).cumsum(axis=2)[:, :, :2]).sum(axis=2)
    return np.where(rng.random(codes.shape) < rates[:, who].T, MISSING, codes), who


def agreement(fit, codes, who, *, modelled):
    """Share of respondents who are known after ten questions of the live choice."""
    tables = fit.engine
    people = evidence_of_answers(Answers.of(codes, [3] * SIZE), tables, np.concatenate(fit.tables, axis=1))
    rules = SurveyRules(np.ones(SIZE, bool), np.zeros(SIZE, bool), np.zeros((SIZE, SIZE), bool), (), StopRule(), effort=0.0)
    assert people.silent.any() == modelled
    everybody = Respondents(people, np.ones((len(codes), SIZE), dtype=bool), who)
    return replay(tables, rules, everybody, "adaptive", [10], np.random.default_rng(1))[0].agreement


@pytest.mark.parametrize("known", [True, False])
def test_silence_that_depends_on_the_persona_gets_a_table(known):
    """Of nearly all questions, whether the personas are known or found; rates come near the true ones."""
    codes, who = world(np.random.default_rng(1), 1500, telling=True)
    answers = Answers.of(codes, [3] * SIZE)
    fit = fit_with_labels(answers, who, np.random.default_rng(2)) if known else fit_with_classes(answers, 4, np.random.default_rng(2))

    assert len(fit.silence) >= 10
    if known:
        for q, rates in fit.silence.items():
            true = [(codes[who == k, q] == MISSING).mean() for k in range(PERSONAS)]
            assert rates == pytest.approx(true, abs=0.03)


@pytest.mark.parametrize("seed", range(5))
def test_silence_that_tells_nothing_gets_no_table(seed):
    """Three of ten answers are missing, whoever it is."""
    codes, who = world(np.random.default_rng(seed), 500, telling=False)

    fit = fit_with_labels(Answers.of(codes, [3] * SIZE), who, np.random.default_rng(2))

    assert fit.silence == {}


def test_what_was_never_asked_is_no_silence():
    """The same gaps, but the questions were not put."""
    codes, who = world(np.random.default_rng(1), 600, telling=True)
    answers = Answers.of(codes, [3] * SIZE, silent=np.zeros(codes.shape, dtype=bool))

    assert fit_with_labels(answers, who, np.random.default_rng(2)).silence == {}


def test_a_telling_silence_raises_accuracy_at_ten_questions():
    """By .05 or more over ignoring it, on new respondents."""
    codes, who = world(np.random.default_rng(1), 800, telling=True)
    answers = Answers.of(codes, [3] * SIZE)
    heard = fit_with_labels(answers, who, np.random.default_rng(2))
    deaf = fit_with_labels(replace(answers, silent=np.zeros_like(answers.silent)), who, np.random.default_rng(2))
    fresh = world(np.random.default_rng(3), 1000, telling=True)

    assert agreement(heard, *fresh, modelled=True) >= agreement(deaf, *fresh, modelled=False) + 0.05
