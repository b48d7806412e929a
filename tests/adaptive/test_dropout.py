"""Dropout: the hazard is recovered from a generated log, and lowers the score of a question."""

import numpy as np
import pytest

from adaptive import Evidence, Progress, ResponseTables, StopRule, SurveyRules, next_questions
from adaptive.dropout import Hazard, fit_hazard

MADE = Hazard(base=-3.0, position=0.25, seconds=0.08, new_topic=0.5)


def test_the_hazard_that_generated_a_log_is_recovered():
    """From 40,000 questions shown, each coefficient is within about three standard errors."""
    rng = np.random.default_rng(5)
    taken, seconds, fresh = rng.integers(0, 8, 40_000), rng.choice([3.0, 6.0, 12.0], 40_000), rng.random(40_000) < 0.4
    left = rng.random(40_000) > MADE.survival(taken, seconds, fresh)

    found = fit_hazard(taken, seconds, fresh, left)

    assert (found.base, found.position, found.seconds, found.new_topic) == pytest.approx((-3.0, 0.25, 0.08, 0.5), abs=0.12)


def test_a_hazard_needs_respondents_who_left():
    """Without any dropout the fit raises ValueError."""
    with pytest.raises(ValueError, match="left"):
        fit_hazard(np.zeros(3, int), np.ones(3), np.ones(3, bool), np.zeros(3, bool))


def test_a_question_with_a_high_hazard_counts_less():
    """The more informative question is asked unless its hazard is too high; effort is not counted here."""
    tables = ResponseTables.of([[[0.9, 0.1], [0.1, 0.9]], [[0.85, 0.15], [0.15, 0.85]]], seconds=[30, 3])
    progress = Progress(np.zeros((1, 2), bool), np.ones((1, 2), bool), np.zeros(1, int), np.zeros(1), np.array([2]))

    def chosen(hazard):
        rules = SurveyRules(np.ones(2, bool), np.zeros(2, bool), np.zeros((2, 2), bool), (), StopRule(), effort=0, hazard=hazard)
        return next_questions(tables, rules, Evidence.none(tables), progress).chosen[0]

    assert chosen(None) == 0
    assert chosen(Hazard(-4.0)) == 0
    assert chosen(Hazard(-4.0, seconds=0.15)) == 1
