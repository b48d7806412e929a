"""The best fixed order."""

from random import Random

import numpy as np
import pytest

from adaptive.evaluation.replay import best_fixed_order
from adaptive.posterior import believe, restrict_to
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
