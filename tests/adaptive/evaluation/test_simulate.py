"""Simulated interviews of many respondents at once."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from adaptive import REASONS, Progress, ResponseTables, StopRule, SurveyRules, next_questions, update_limit
from adaptive.dropout import Hazard
from adaptive.evaluation.metrics import confusion, end_reasons, length_distribution, reliability, usage
from adaptive.evaluation.replay import Respondents
from adaptive.evaluation.simulate import ABANDONED, BLOCK, END_REASONS, NO_QUESTION, interview, simulate
from adaptive.learning.calibration import calibration_error
from question_bank.compile import ObservedAnswer, compile_bank
from tests.adaptive.random_banks import a_random_bank, a_random_value

STOPS = (StopRule(at_least=0), StopRule(at_most=3), StopRule(confidence=0.7, at_least=2), StopRule(gain_below=0.1, seconds=20.0))


def interview_alone(bank, rules, gives):
    """Return order, reason and belief of a single respondent, asked question by question as the service does."""
    given, order, limit, spent = [], [], len(bank.index), 0.0
    while True:
        done = np.isin(np.arange(len(bank.index)), order)[None]
        progress = Progress(done, bank.opens(given)[None], np.array([len(order)]), np.array([spent]), np.array([limit]))
        progress = update_limit(bank.tables, rules, progress)
        step = next_questions(bank.tables, rules, bank.evidence(given), progress)
        if step.chosen[0] < 0:
            return order, REASONS[step.reason[0]], step.belief[0]
        limit = int(progress.limit[0])
        order.append(int(step.chosen[0]))
        name = bank.bank.questions[order[-1]].id
        given.append(ObservedAnswer(name, gives[name]))
        spent += bank.tables.seconds[order[-1]]


@pytest.mark.parametrize("seed", range(80))
def test_interviews_in_blocks_equal_interviews_one_at_a_time(seed):
    """For any bank, answers and stop rule, the block gives the questions, reason and belief of the live service."""
    dice = Random(seed)
    bank = compile_bank(a_random_bank(dice, styled=seed >= 60))
    rules = bank.rules["s"]
    rules = SurveyRules(rules.included, rules.required, rules.needs, rules.first, STOPS[seed % len(STOPS)], rules.effort)
    gives = {question.id: a_random_value(dice, question) for question in bank.bank.questions}
    everything = [ObservedAnswer(name, value) for name, value in gives.items()]
    people = Respondents(bank.evidence(everything), bank.opens(everything)[None])

    found = interview(bank.tables, rules, people)

    order, reason, belief = interview_alone(bank, rules, gives)
    assert found.asked[0].tolist() == order
    assert END_REASONS[found.reason[0]] == reason
    np.testing.assert_allclose(found.belief[0], belief, atol=1e-12)
    assert found.seconds[0] == pytest.approx(bank.tables.seconds[order].sum())


def a_world(personas=4, questions=15, options=4):
    rng = np.random.default_rng(11)
    return ResponseTables.of([rng.dirichlet(np.ones(options), size=personas) for _ in range(questions)])


def rules_without_conditions(size, stop):
    none = np.zeros(size, dtype=bool)
    return SurveyRules(~none, none, np.zeros((size, size), dtype=bool), (), stop)


def test_stated_confidence_is_calibrated_on_simulated_respondents():
    """Stated confidence matches accuracy in every bin, although the survey stops because of it."""
    done = simulate(a_world(), rules_without_conditions(15, StopRule(confidence=0.85, at_most=8)), {}, 4000, np.random.default_rng(3))

    confidence = done.interviews.belief.max(axis=1)
    right = (done.interviews.belief.argmax(axis=1) == done.persona).astype(float)
    assert right.mean() == pytest.approx(confidence.mean(), abs=4 * np.sqrt(0.15 * 0.85 / 4000))
    bins = reliability(confidence, right)
    assert sum(bin_.respondents for bin_ in bins) == 4000
    assert all(abs(bin_.stated - bin_.true) < 4 * np.sqrt(0.25 / bin_.respondents) for bin_ in bins)
    assert sum(abs(bin_.stated - bin_.true) * bin_.respondents for bin_ in bins) / 4000 == pytest.approx(
        calibration_error(confidence, right)
    )


def test_the_same_seed_gives_the_same_interviews_and_another_does_not():
    """The seed determines the interviews, also across blocks."""

    def asked(seed):
        return simulate(
            a_world(), rules_without_conditions(15, StopRule(at_most=4)), {}, BLOCK + 9, np.random.default_rng(seed), drop_out=0.1
        ).interviews.asked

    np.testing.assert_array_equal(asked(1), asked(1))
    assert (asked(1) != asked(2)).any()


def test_dropout_starts_after_the_first_question():
    """With probability .2 at each further question, a fifth leaves after one question and a fifth of the rest after two."""
    done = simulate(a_world(), rules_without_conditions(15, StopRule(at_most=3)), {}, 20_000, np.random.default_rng(4), drop_out=0.2)

    found = done.interviews
    left = found.reason == ABANDONED
    assert length_distribution(found) == pytest.approx([0, 0.2, 0.16, 0.64], abs=0.015)
    assert end_reasons(found) == {"at_most": pytest.approx(0.64, abs=0.015), "respondent": pytest.approx(0.36, abs=0.015)}
    assert ((found.left_at != NO_QUESTION) == left).all()
    assert not (found.asked == found.left_at[:, None])[left].any()
    assert usage(found, 15).left.sum() == pytest.approx(left.mean())


def test_usage_equals_a_count_over_all_interviews():
    """Shares, gain, place and skips of each question equal a count by plain loops."""
    done = simulate(a_world(), rules_without_conditions(15, StopRule(confidence=0.8)), {}, 300, np.random.default_rng(5), skip=0.3)

    found, used = done.interviews, usage(done.interviews, 15)
    for q in range(15):
        there = [(n, place) for n in range(300) for place in range(found.asked.shape[1]) if found.asked[n, place] == q]
        assert used.asked[q] == pytest.approx(len(there) / 300)
        if there:
            assert used.gain[q] == pytest.approx(np.mean([found.gain[spot] for spot in there]))
            assert used.place[q] == pytest.approx(np.mean([place + 1 for _, place in there]))
            assert used.silent[q] == pytest.approx(np.mean([found.silent[spot] for spot in there]))
    assert 0.2 < found.silent[found.asked != NO_QUESTION].mean() < 0.4


def test_the_confusion_table_has_the_true_personas_in_rows():
    """Rows are true personas and columns stated ones."""
    table = confusion(np.array([[1.0, 0.0], [1.0, 0.0], [0.2, 0.8]]), np.array([0, 1, 1]))
    np.testing.assert_allclose(table * 3, [[1.0, 1.2], [0.0, 0.8]])


def test_a_survey_without_questions_gives_empty_interviews():
    """With `at_most` 0 all interviews stop before the first question."""
    done = simulate(a_world(), rules_without_conditions(15, StopRule(at_most=0)), {}, 5, np.random.default_rng(1))
    assert length_distribution(done.interviews).tolist() == [1.0]
    assert done.interviews.asked.shape == (5, 0)


def test_exploration_asks_every_question_of_somebody():
    """With exploration every question is asked at times; without it most are never needed."""

    def asked(explore):
        done = simulate(a_world(), rules_without_conditions(15, StopRule(at_most=3)), {}, 2000, np.random.default_rng(1), explore=explore)
        return usage(done.interviews, 15).asked

    assert (asked(0.0) > 0).sum() < 15
    assert (asked(0.5) > 0).all()
    np.testing.assert_array_equal(asked(0.5), asked(0.5))


def test_respondents_leave_with_the_hazard_unless_drop_out_is_given():
    """With the hazard two in ten leave at each question, the first included; `drop_out` replaces the hazard."""
    rules = replace(rules_without_conditions(15, StopRule(at_most=3)), hazard=Hazard(base=float(np.log(0.2 / 0.8))))

    def shares(drop_out):
        return length_distribution(simulate(a_world(), rules, {}, 20_000, np.random.default_rng(4), drop_out=drop_out).interviews)

    assert shares(None) == pytest.approx([0.2, 0.16, 0.128, 0.512], abs=0.015)
    assert shares(0.0) == pytest.approx([0, 0, 0, 1])


def test_dropout_depends_on_new_topics_and_seconds():
    """The share that stays at the second question equals the hazard's, for a new topic and for a repeated one."""
    tables = ResponseTables.of([np.array([[0.9, 0.1], [0.1, 0.9]])] * 2, seconds=[3, 8], topics=[0, 0])
    hazard = Hazard(base=-2.0, seconds=0.2, new_topic=1.5, position=0.3)
    for topics in ([0, 0], [0, 1], [-1, -1]):
        rules = replace(rules_without_conditions(2, StopRule(at_least=2)), hazard=hazard, first=(0, 1))
        done = simulate(replace(tables, topics=np.array(topics)), rules, {}, 20_000, np.random.default_rng(5), drop_out=None)
        begun = done.interviews.length > 0
        stays = hazard.survival(np.array(1.0), np.array(8.0), np.array(topics != [0, 0]))
        assert (done.interviews.length[begun] == 2).mean() == pytest.approx(stays, abs=0.015)
