"""The value of information against plain loops, and decisions that no further answer can change."""

from dataclasses import replace
from itertools import product
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptive import REASONS, Choice, Evidence, MultipleChoice, Progress, ResponseTables, StopRule, SurveyRules, believe, next_questions
from adaptive.dependency_forest import NOT_GIVEN
from adaptive.information import decision_is_final, value_of_information
from adaptive.posterior import infer, log_evidence
from question_bank.compile import ObservedAnswer, compile_bank
from question_bank.files.load import read_bank
from tests.adaptive.random_banks import a_random_bank, some_answers
from tests.adaptive.reference import class_belief


def outcomes(compiled, question):
    """Every answer to a single choice or a scale that a respondent could give, and the silence."""
    return [outcome.value for outcome in compiled.outcomes(question.id)]


@pytest.mark.parametrize("seed", [pytest.param(seed, marks=[pytest.mark.slow] if seed % 5 else []) for seed in range(60)])
def test_value_of_information_equals_the_sum_over_all_outcomes(seed):
    """Sum over every answer and the skip of P(outcome) times the best action after it, minus the best action now; with trees and styles."""
    dice, rng = Random(seed), np.random.default_rng(seed)
    bank = a_random_bank(dice, styled=seed >= 40)
    own = [question.evidence_weight for question in bank.questions]
    questions = tuple(replace(question, evidence_weight=1.0) for question in bank.questions)
    bank = replace(bank, questions=questions, evidence_weight=1.0, repeat_weight=1.0, answer_correlation=0.0)
    compiled = compile_bank(bank)
    answers = some_answers(dice, bank)
    actions = rng.normal(size=(3, len(bank.personas)))[:, bank.persona_of]
    standing = infer(compiled.tables, compiled.evidence([ObservedAnswer(q, v) for q, v in answers.items()]))

    values = value_of_information(compiled.tables, standing, actions)[0]
    weighed = replace(compiled.tables, question_weights=np.array(own))
    assert value_of_information(weighed, standing, actions)[0] == pytest.approx(values * np.minimum(own, 1))

    now = np.array(list(class_belief(bank, answers).values()))
    for q, question in enumerate(bank.questions):
        if question.id in answers or question.type not in ("single", "scale") or question.pilot:
            continue
        worth = 0.0
        evidence = compiled.evidence([ObservedAnswer(key, v) for key, v in answers.items()])
        before = believe_unnormalised(compiled.tables, evidence)
        for value in outcomes(compiled, question):
            if value is None and compiled.tables.questions[q].silence is None:
                continue
            after = compiled.evidence([ObservedAnswer(key, v) for key, v in {**answers, question.id: value}.items()])
            joint = now * np.exp(believe_unnormalised(compiled.tables, after) - before)
            worth += (joint @ actions.T).max()
        assert values[q] == pytest.approx(max(worth - (now @ actions.T).max(), 0), abs=1e-9)


def believe_unnormalised(tables, evidence):
    """(K,) log P(all answers | persona), with the constant that the forest drops put back."""
    parts = log_evidence(evidence, tables)[0].sum(axis=0)
    if tables.forest is None:
        return parts
    return parts - forest_constant(tables, evidence)


def forest_constant(tables, evidence):
    codes = np.where(evidence.answered, evidence.codes, NOT_GIVEN)
    stated = tables.forest.collect(codes).log_likelihood[0]
    return (stated - np.log(enumerated(tables, codes)))[0]


def enumerated(tables, codes):
    """(K,) P(answers in the forest | persona) by summing over every combination of the missing ones."""
    forest = tables.forest
    places = range(len(forest.questions))
    widths = [level.table.shape[1] for level in forest.levels for _ in range(level.nodes.start, level.nodes.stop)]
    given = codes[0, forest.questions]
    total = np.zeros(tables.classes)
    for combination in product(*(range(widths[i]) if given[i] == NOT_GIVEN else [given[i]] for i in places)):
        chance = np.ones(tables.classes)
        for level in forest.levels:
            for i in range(level.nodes.start, level.nodes.stop):
                above = combination[level.parents[i - level.nodes.start]] if level.nodes.start else 0
                chance = chance * level.table[above, combination[i], i - level.nodes.start]
        total += chance
    return total


def test_the_sampled_value_of_many_options_is_close_to_enumeration():
    """Eleven options, too many to enumerate: within two percent of the sum over all 2,048 patterns."""
    rng = np.random.default_rng(3)
    ticked = rng.uniform(0.1, 0.9, size=(3, 11))
    actions = rng.normal(size=(3, 3))
    quiet = np.array([0.1, 0.2, 0.4])
    standing = infer(tables := ResponseTables.of([MultipleChoice(ticked, quiet)]), Evidence.none(tables))

    patterns = np.array(list(product([0, 1], repeat=11)))
    chance = np.where(patterns[None], ticked[:, None], 1 - ticked[:, None]).prod(axis=2) * (1 - quiet)[:, None]
    joint = np.column_stack([chance, quiet]) / 3
    exact = (actions @ joint).max(axis=0).sum() - (actions.mean(axis=1)).max()

    assert value_of_information(tables, standing, actions)[0, 0] == pytest.approx(exact, rel=0.02)


@given(st.integers(0, 10**6))
@settings(max_examples=150, deadline=None)
def test_a_final_decision_is_not_changed_by_any_further_answers(seed):
    """If the decision is final, no combination of as many further answers as remain makes another action best.

    Further answers lower the weight of the two that are known where answers are correlated, and where one of an earlier question of the
    same topic makes a known one a repeat.
    """
    rng = np.random.default_rng(seed)
    weights = {"evidence_weight": rng.choice([0.8, 1.0]), "question_weights": rng.choice([0.5, 1.0, 1.4], 6)}
    correlation = rng.choice([0.0, 0.3])
    topics = rng.choice([-1, 0, 1], 6) if rng.random() < 0.7 else [-1] * 6
    shares, prior = list(rng.dirichlet([2, 2], size=(6, 3))), rng.dirichlet([0.3] * 3)
    questions = [Choice(table, rng.uniform(0.05, 0.4, 3)) for table in shares]
    tables = ResponseTables.of(questions, prior, topics=topics, repeat_weight=0.1, answer_correlation=correlation, **weights)
    actions = rng.normal(size=(3, 3))
    left, order = int(rng.integers(0, 4)), rng.permutation(6)
    known = dict(zip(order[:2].tolist(), rng.integers(0, 3, 2).tolist(), strict=True))

    def given(answers):
        """Outcome 2 is no answer."""
        evidence = Evidence.none(tables)
        for q, answer in answers.items():
            (evidence.silent if answer == 2 else evidence.answered)[0, q] = True
            evidence.rows[0, q] = np.log(tables.questions[q].cells[:, answer])
        return evidence

    now = infer(tables, given(known))
    settled = decision_is_final(tables, given(known), now, actions, ~np.isin(np.arange(6), order[:2])[None], np.array([left]))[0]

    best = (now.belief[0] @ actions.T).argmax()
    changed = False
    for answers in product([None, 0, 1, 2], repeat=4):
        more = {int(q): answer for q, answer in zip(order[2:], answers, strict=True) if answer is not None}
        if len(more) <= left:
            changed |= (believe(tables, given(known | more))[0] @ actions.T).argmax() != best
    assert not (settled and changed)


@pytest.mark.parametrize(
    ("prior", "last", "weights", "final"),
    [
        ([0.2, 0.8], 1.05, {}, True),  # odds .25 * 3 * 3 = 2.25
        ([0.2, 0.8], 1.05, {"answer_correlation": 0.5}, False),  # now .25 * 9 ** (1 / 1.5) = 1.08, after the last .25 * 9 ** (1 / 2) = .75
        ([0.2, 0.8], 2.0, {}, True),
        ([0.2, 0.8], 2.0, {"question_weights": [1, 1, 1.4]}, False),  # 2 ** 1.4 = 2.64
    ],
)
def test_weights_count_in_whether_a_decision_is_final(prior, last, weights, final):
    """Two answers make the first persona likelier; a last question may say the contrary, or lower the weight of both answers."""
    share = 1 / (1 + last)
    tables = ResponseTables.of([[[0.75, 0.25], [0.25, 0.75]]] * 2 + [[[share, 1 - share], [1 - share, share]]], prior, **weights)
    evidence = Evidence.none(tables)
    evidence.answered[0, :2] = True
    evidence.rows[0, :2] = np.log([0.75, 0.25])
    still_open = np.array([[False, False, True]])

    assert decision_is_final(tables, evidence, infer(tables, evidence), np.eye(2), still_open, np.array([1])).tolist() == [final]


@pytest.mark.parametrize(
    ("known", "silent", "topics", "final"),
    [
        (1, False, [0, 0], False),  # an answer to the question before would make the known one a repeat
        (0, False, [0, 0], True),
        (1, False, [0, 1], True),
        (0, True, [0, 0], False),  # answers come before skips
        (0, True, [-1, -1], True),
    ],
)
def test_a_decision_is_not_final_while_its_evidence_may_become_a_repeat(known, silent, topics, final):
    """One answer or skip makes the first persona likelier, four to one; the other question says next to nothing."""
    strong, weak = [[0.6, 0.2, 0.2], [0.8, 0.15, 0.05]], [[0.5, 0.4, 0.1], [0.5, 0.4, 0.1]]
    shares = [np.array(strong if q == known else weak) for q in (0, 1)]
    questions = [Choice(share[:, :2] / share[:, :2].sum(axis=1, keepdims=True), share[:, 2]) for share in shares]
    if not silent:
        questions[known] = Choice(np.array([[0.8, 0.2], [0.2, 0.8]]), np.array([0.1, 0.1]))
    tables = ResponseTables.of(questions, [0.3, 0.7], topics=topics, repeat_weight=0.1)
    evidence = Evidence.none(tables)
    (evidence.silent if silent else evidence.answered)[0, known] = True
    evidence.rows[0, known] = np.log(tables.questions[known].cells[:, 2 if silent else 0])
    still_open = np.array([[known != 0, known != 1]])

    assert decision_is_final(tables, evidence, infer(tables, evidence), np.eye(2), still_open, np.array([1])).tolist() == [final]


def test_a_decision_does_not_depend_on_who_else_is_asked():
    """The answer of another respondent in the same tree does not make a question more telling."""
    share = np.array([[0.6, 0.4], [0.4, 0.6]])
    tables = ResponseTables.of([share, share], [0.9, 0.1], parents={1: 0}, given={1: np.stack([share, [[0.5, 0.5], [0.4, 0.6]]])})
    evidence = Evidence.none(tables, 2)
    evidence.answered[0, 1], evidence.codes[0, 1] = True, 0

    final = decision_is_final(tables, evidence, infer(tables, evidence), np.eye(2), ~evidence.answered, np.array([1, 1]))

    alone = Evidence.none(tables)
    assert final.tolist() == [True, True]
    assert decision_is_final(tables, alone, infer(tables, alone), np.eye(2), ~alone.answered, np.array([1])).tolist() == [True]


def test_a_survey_stops_when_no_answer_can_change_the_decision():
    """One weak question cannot outweigh a strong answer; before that answer it could."""
    strong, weak = [[0.9, 0.1], [0.1, 0.9]], [[0.6, 0.4], [0.4, 0.6]]
    tables = ResponseTables.of([strong, weak])
    rules = SurveyRules(np.ones(2, bool), np.zeros(2, bool), np.zeros((2, 2), bool), (), StopRule(), actions=np.array([[1.0, 0], [0, 1.0]]))
    evidence = Evidence.none(tables)
    done = np.zeros((1, 2), dtype=bool)

    def step():
        return next_questions(tables, rules, evidence, Progress(done, np.ones((1, 2), bool), done.sum(axis=1), np.zeros(1), np.array([2])))

    assert step().chosen[0] == 0
    evidence.answered[0, 0] = done[0, 0] = True
    evidence.rows[0, 0] = np.log([0.9, 0.1])
    assert REASONS[step().reason[0]] == "decision"


def test_actions_have_the_same_value_for_every_style_of_a_persona():
    """A bank with styles whose survey chooses by value asks, and stops when no answer can change the decision."""
    bank = compile_bank(
        read_bank("""
bank: b
personas: [{id: a, styles: [{id: x}, {id: y}]}, {id: b}]
questions:
  - {id: strong, type: single, text: Q, options: [{id: yes, text: Y}, {id: no, text: N}],
     likelihood: {a/x: [0.95, 0.05], a/y: [0.85, 0.15], b: [0.1, 0.9]}}
  - {id: weak, type: single, text: Q, options: [{id: yes, text: Y}, {id: no, text: N}], likelihood: {a: [0.6, 0.4], b: [0.4, 0.6]}}
surveys: [{id: s, objective: value, actions: {call: {a: 5, b: -5}}, stop: {at_least: 1}}]
""")
    )
    rules = bank.rules["s"]
    assert rules.actions.tolist() == [[5, 5, -5], [0, 0, 0]]

    def step(*given):
        done = np.isin(np.arange(2), [bank.index[answer.question] for answer in given])[None]
        progress = Progress(done, np.ones((1, 2), bool), done.sum(axis=1), np.zeros(1), np.array([2]))
        return next_questions(bank.tables, rules, bank.evidence(given), progress)

    assert step().chosen[0] == 0
    assert REASONS[step(ObservedAnswer("strong", "no")).reason[0]] == "decision"
