"""Every interview ends with a named reason, whatever the bank requires."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from adaptive import Evidence, Progress, ResponseTables, StopRule, SurveyRules, next_questions
from adaptive.endgame import planned_cells
from adaptive.evaluation.simulate import END_REASONS, simulate
from adaptive.likelihood import Choice, Unmodelled
from adaptive.selection import argmax_allowed
from question_bank.compile import compile_bank, conditions_of
from tests.adaptive.random_banks import a_random_bank


def demanding(dice: Random, bank):
    """The same bank with required questions and a random rule to stop."""
    questions = tuple(replace(question, required=dice.random() < 0.4) for question in bank.questions)
    stop = StopRule(
        confidence=dice.choice([None, 0.6, 0.9]),
        at_most=dice.choice([None, 1, 3]),
        at_least=dice.choice([0, 2]),
        gain_below=dice.choice([None, 0.05]),
        seconds=dice.choice([None, 20.0]),
    )
    return replace(bank, questions=questions, surveys=tuple(replace(survey, stop=stop) for survey in bank.surveys))


@pytest.mark.parametrize("seed", range(200))
def test_every_interview_ends_with_a_named_reason(seed):
    """Text questions, required ones, pilots, conditions and topics in any mixture."""
    dice = Random(seed)
    bank = compile_bank(demanding(dice, a_random_bank(dice)))

    simulated = simulate(bank.tables, bank.rules["s"], conditions_of(bank), 20, np.random.default_rng(seed))

    assert all(END_REASONS[reason] for reason in simulated.interviews.reason)


def test_a_score_just_below_zero_by_rounding_is_allowed():
    """The required question with the gain -1.46e-17 is chosen, and not none."""
    scores = np.array([[-1.46e-17, 0.3], [-1.46e-17, -2e-17]])

    assert argmax_allowed(scores, np.array([[True, False], [False, True]])).tolist() == [0, 1]
    assert argmax_allowed(scores, np.zeros((2, 2), dtype=bool)).tolist() == [-1, -1]


def test_a_required_text_question_is_asked_although_its_gain_is_zero():
    """The priors of these four personas bring its gain just below zero."""
    prior = np.array([0.31, 0.17, 0.29, 0.23])
    tables = ResponseTables.of([Choice(np.tile([0.5, 0.5], (4, 1))), Unmodelled(4)], prior=prior)
    nothing = np.zeros((2, 2), dtype=bool)
    rules = SurveyRules(np.ones(2, dtype=bool), np.array([False, True]), nothing, (), StopRule())
    done = np.array([[True, False]])
    progress = Progress(done, np.ones_like(done), np.array([1]), np.array([5.0]), np.array([2]))

    step = next_questions(tables, rules, Evidence.none(tables), progress)

    assert step.chosen.tolist() == [1]


@pytest.mark.parametrize(("questions", "planned"), [(40, 40 * 5 * 16 * 5), (400, 400 * 5 * 8 * 5), (5_000, 5_000 * 5 * 5)])
def test_a_large_bank_plans_with_fewer_first_questions(questions, planned):
    """What is compared for a respondent has a bound; one first question is always considered."""
    tables = ResponseTables.of([np.full((2, 5), 0.2)] * questions)

    assert planned_cells(tables) == planned
