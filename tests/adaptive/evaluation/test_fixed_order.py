"""The best fixed order."""

from random import Random

import numpy as np
import pytest

from adaptive.evaluation.replay import Respondents, best_fixed_order, replay
from adaptive.posterior import Evidence, believe, restrict_to
from adaptive.selection import SurveyRules
from adaptive.stopping import StopRule
from adaptive.tables import ResponseTables
from question_bank.compile import compile_bank
from question_bank.datasets.answer_table import AnswerTable, respondents_of
from tests.adaptive.random_banks import a_random_bank, some_answers


@pytest.mark.parametrize("seed", range(40))
def test_the_fixed_order_is_greedy_in_the_log_score_of_the_belief(seed):
    """Each place of the order goes to the question with the best log score, with trees, topics, weights and styles."""
    dice = Random(seed)
    bank = a_random_bank(dice, styled=seed >= 25)
    rows = [{name: value for name, value in some_answers(dice, bank).items() if value is not None} for _ in range(30)]
    compiled = compile_bank(bank)
    answers = respondents_of(compiled, AnswerTable(rows)).answers
    label = np.array([dice.randrange(len(bank.personas)) for _ in rows])
    included = np.array([dice.random() < 0.8 for _ in bank.questions])
    included[0] = True

    def score(shown):
        belief = believe(compiled.tables, restrict_to(answers, np.isin(np.arange(len(included)), shown)))
        return np.log(belief[np.arange(len(rows)), label]).mean()

    order = best_fixed_order(compiled.tables, answers, label, included)

    assert sorted(order) == np.flatnonzero(included).tolist()
    for place, q in enumerate(order):
        others = [score([*order[:place], other]) for other in order[place:]]
        assert score([*order[:place], q]) == pytest.approx(max(others), abs=1e-9)
    assert best_fixed_order(compiled.tables, answers, label, included, length=1) == order[:1]


def test_the_fixed_order_of_a_replay_does_not_know_the_answers_that_it_is_scored_on():
    """Labels and answers are coin tosses. An order fitted to all of them seems to find the label; one fitted to others cannot."""
    questions, people, rng = 80, 150, np.random.default_rng(1)
    tables = ResponseTables.of([[[0.9, 0.1], [0.1, 0.9]]] * questions)
    none = np.zeros(questions, dtype=bool)
    rules = SurveyRules(~none, none, np.zeros((questions, questions), dtype=bool), (), StopRule())
    codes, label = rng.integers(2, size=(people, questions)), rng.integers(2, size=people)
    everything = np.ones((people, questions), dtype=bool)
    rows = np.log(tables.questions[0].cells.T)[codes]
    answers = Evidence(everything, ~everything, rows, codes, np.zeros((people, 2)))

    shown = np.isin(np.arange(questions), best_fixed_order(tables, answers, label, rules.included, 5))
    seems = (believe(tables, restrict_to(answers, shown)).argmax(axis=1) == label).mean()
    (found,) = replay(tables, rules, Respondents(answers, everything, label), "fixed", [5], rng)

    assert seems > 0.6
    assert found.agreement == pytest.approx(0.5, abs=0.08)


def test_one_respondent_has_a_fixed_order():
    tables = ResponseTables.of([[[0.6, 0.4], [0.4, 0.6]], [[0.9, 0.1], [0.1, 0.9]]])
    none = np.zeros(2, dtype=bool)
    rules = SurveyRules(~none, none, np.zeros((2, 2), dtype=bool), (), StopRule())
    yes = np.ones((1, 2), dtype=bool)
    answers = Evidence(yes, ~yes, np.log([[[0.6, 0.4], [0.9, 0.1]]]), np.zeros((1, 2), dtype=int), np.zeros((1, 2)))

    (found,) = replay(tables, rules, Respondents(answers, yes), "fixed", [1], np.random.default_rng(1))

    assert found.confidence == pytest.approx(0.9)
