"""Published tables and new answers together."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from scipy.special import softmax

from adaptive import Choice, MultipleChoice, Numeric, ResponseTables, StopRule, SurveyRules
from adaptive.evaluation.replay import Respondents
from adaptive.evaluation.simulate import draw_respondents, interview
from adaptive.learning.expected_counts import Answers, Columns, Model, log_joint, posterior
from adaptive.learning.update import STRENGTHS, distance, fit_model, update_model
from adaptive.posterior import infer
from question_bank.compile import ObservedAnswer, compile_bank
from question_bank.datasets.update import answers_of, model_of, updated_bank
from tests.adaptive.random_banks import a_random_bank, a_random_value

pytestmark = pytest.mark.slow

TABLES = {"published": np.array([[0.6, 0.4], [0.3, 0.7]]), "true": np.array([[0.85, 0.15], [0.1, 0.9]])}


@pytest.mark.parametrize("seed", range(45))
def test_the_model_gives_the_belief_of_the_service_at_full_weight(seed):
    """With partly seen ticks, numbers, skips and trees, the joint of the model gives the belief of the engine."""
    dice = Random(seed)
    bank = a_random_bank(dice, styled=seed >= 30)
    questions = tuple(replace(question, topic=None, evidence_weight=1.0) for question in bank.questions)
    bank = replace(bank, evidence_weight=1.0, answer_correlation=0.0, questions=questions)
    compiled = compile_bank(bank)
    parents = {question.parent for question in bank.questions if question.parent}
    given = []
    for question in bank.questions:
        value = a_random_value(dice, question)
        while (question.id in parents and value is None) or (isinstance(value, dict) and "ticked" not in value):
            value = a_random_value(dice, question)
        if question.type != "text" or value is not None:
            given.append(ObservedAnswer(question.id, value))

    joint = log_joint(model_of(compiled), answers_of(compiled, [given]))

    # A text that is answered is no evidence, although its silence may be.
    expected = infer(compiled.tables, compiled.evidence(given)).classes
    loud = [give for give in given if bank.question(give.question).type == "text" and bank.question(give.question).no_answer]
    assert not loud
    np.testing.assert_allclose(softmax(joint, axis=1), expected, atol=1e-9)


def a_world(table, questions=8):
    return ResponseTables.of([table] * questions, prior=[0.5, 0.5])


def draw_answers(tables, people, seed, skip=0.0):
    found = draw_respondents(tables, {}, people, np.random.default_rng(seed), skip)
    return found.label, Answers(found.answers.codes, found.answers.silent, {}, {})


def test_tables_move_towards_the_answers_and_personas_keep_their_order():
    """The true tables are clearer than the published ones; a fifth of the answers is missing."""
    who, answers = draw_answers(a_world(TABLES["true"]), 1500, 1, skip=0.2)
    published = Model(np.array([0.5, 0.5]), a_world(TABLES["published"]).questions)

    updated = update_model(published, [answers], np.random.default_rng(2))

    for question in updated.model.questions:
        np.testing.assert_allclose(question.table, TABLES["true"], atol=0.05)
    assert (posterior(updated.model, answers).argmax(axis=1) == who).mean() > 0.95
    assert updated.held_out.gain > 5 * updated.held_out.standard_error
    assert updated.strength < STRENGTHS[-1]


def test_true_tables_hardly_change():
    """Answers drawn from the published tables give them a large weight, and held-out answers become no likelier."""
    _, answers = draw_answers(a_world(TABLES["true"]), 300, 3)
    published = Model(np.array([0.5, 0.5]), a_world(TABLES["true"]).questions)

    updated = update_model(published, [answers], np.random.default_rng(4))

    assert updated.strength >= 200
    pairs = zip(published.questions, updated.model.questions, strict=True)
    assert max(distance(old, new).max() for old, new in pairs) < 0.04
    assert abs(updated.held_out.gain) < 3 * updated.held_out.standard_error


def test_tables_of_every_type_are_fitted():
    """Ticks, a number, a no-answer table and a child of a tree follow their respondents."""
    rng = np.random.default_rng(5)
    who = rng.integers(0, 2, 2000)
    sure = (rng.random(2000) < np.where(who == 1, 0.001, 0.999)).astype(int)
    child = (rng.random(2000) < np.where(sure == 1, 0.9, 0.2)).astype(int)
    ticks = (rng.random((2000, 2)) < np.where(who[:, None] == 1, [0.8, 0.1], [0.3, 0.6])).astype(float)
    ticks[rng.random((2000, 2)) < 0.3] = np.nan
    numbers = np.where(who == 1, rng.normal(20, 2, 2000), rng.lognormal(1.0, 0.5, 2000))
    silent = np.zeros((2000, 4), dtype=bool)
    silent[:, 2] = rng.random(2000) < np.where(who == 1, 0.4, 0.05)
    numbers[silent[:, 2]] = np.nan
    codes = np.full((2000, 4), -1)
    codes[:, 0], codes[:, 3] = sure, child
    even = np.array([[0.5, 0.5], [0.5, 0.5]])
    published = Model(
        np.array([0.5, 0.5]),
        (
            Choice(np.array([[0.01, 0.99], [0.99, 0.01]])),
            MultipleChoice(even),
            Numeric(np.array([1.5, 15.0]), np.array([0.7, 4.0]), np.array([True, False]), silence=np.array([0.2, 0.2])),
            Choice(even),
        ),
        {3: 0},
        {3: np.full((2, 2, 2), 0.5)},
    )

    answers = Answers(codes, silent, {1: ticks}, {2: numbers})
    model = fit_model(published, [answers], 5.0)

    assert ((posterior(model, answers)[:, 1] > 0.5) == who).mean() > 0.99
    np.testing.assert_allclose(model.questions[1].ticked, [[0.3, 0.6], [0.8, 0.1]], atol=0.05)
    np.testing.assert_allclose(model.questions[2].centre, [1.0, 20.0], rtol=0.06)
    np.testing.assert_allclose(model.questions[2].width, [0.5, 2.0], rtol=0.15)
    np.testing.assert_allclose(model.questions[2].silence, [0.05, 0.4], atol=0.05)
    np.testing.assert_allclose(model.given[3][0, 1], [0.1, 0.9], atol=0.05)
    np.testing.assert_allclose(model.questions[3].table[0], [0.1, 0.9], atol=0.05)


def test_a_published_table_with_infinite_weight_does_not_change():
    """A strength of 1e12 leaves the tables as they were."""
    _, answers = draw_answers(a_world(TABLES["true"]), 200, 6)
    published = Model(np.array([0.5, 0.5]), a_world(TABLES["published"]).questions)
    model = fit_model(published, [answers], 1e12)
    for old, new in zip(published.questions, model.questions, strict=True):
        np.testing.assert_allclose(new.table, old.table, atol=1e-6)


def test_distance_is_the_total_variation():
    """Of a choice, of ticks, and of a number."""
    assert distance(Choice(np.array([[0.5, 0.3, 0.2]])), Choice(np.array([[0.2, 0.6, 0.2]]))) == pytest.approx([0.3])
    assert distance(MultipleChoice(np.array([[0.5, 0.1]])), MultipleChoice(np.array([[0.7, 0.1]]))) == pytest.approx([0.1])
    law = Numeric(np.array([0.0]), np.array([1.0]))
    assert distance(law, law) == pytest.approx([0.0])
    assert distance(law, replace(law, centre=np.array([50.0]))) == pytest.approx([1.0], abs=0.02)


def test_an_updated_bank_is_written_without_the_lapse():
    """The fit includes the lapse; the bank does not, and compiling adds it again."""
    dice = Random(3)
    bank = replace(a_random_bank(dice), lapse=0.1)
    compiled = compile_bank(bank)
    given = [
        [ObservedAnswer(question.id, a_random_value(dice, question)) for question in bank.questions if question.type != "number"]
        for _ in range(80)
    ]
    answers = answers_of(compiled, given)
    model = fit_model(model_of(compiled), [answers], 20.0)
    counts = Columns.of(model).prepare(model, answers).count(model, np.ones(len(answers), dtype=bool))

    again = model_of(compile_bank(updated_bank(compiled, model, counts)))

    compared = 0
    for fitted, read in zip(model.questions, again.questions, strict=True):
        if isinstance(fitted, Choice | MultipleChoice) and type(fitted) is type(read):
            assert distance(fitted, read).max() < 1e-3
            compared += 1
    assert compared > 2


def test_adaptively_chosen_questions_do_not_bias_the_fit():
    """Each respondent was asked five of twelve questions, chosen by their answers; the tables come closer to the true ones."""
    rng = np.random.default_rng(7)
    world = ResponseTables.of([rng.dirichlet(np.ones(4) * 0.6, size=3) * 0.98 + 0.005 for _ in range(12)], prior=[0.5, 0.3, 0.2])
    published = ResponseTables.of([0.5 * question.table + 0.5 * question.table.mean(axis=0) for question in world.questions])
    people = draw_respondents(world, {}, 800, rng).answers
    rows = np.stack([np.log(question.table).T[people.codes[:, q]] for q, question in enumerate(published.questions)], axis=1)
    none = np.zeros(12, dtype=bool)
    rules = SurveyRules(~none, none, np.zeros((12, 12), dtype=bool), (), StopRule(at_most=5))
    asked = interview(published, rules, Respondents(replace(people, rows=rows), np.ones((800, 12), dtype=bool))).asked
    codes = np.full((800, 12), -1)
    who = np.arange(800)[:, None]
    codes[who, asked] = people.codes[who, asked]

    updated = update_model(Model(published.prior, published.questions), [Answers(codes, np.zeros_like(people.silent), {}, {})], rng)

    often = np.flatnonzero((codes >= 0).sum(axis=0) > 200)
    assert len(often) >= 5
    for q in often:
        assert distance(updated.model.questions[q], world.questions[q]).max() < 0.1
        assert distance(published.questions[q], world.questions[q]).mean() > 0.12
    np.testing.assert_allclose(updated.model.prior, world.prior, atol=0.06)
