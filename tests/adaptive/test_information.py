"""The expected information gain of a question."""

from itertools import product
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptive import Evidence, MultipleChoice, ResponseTables, entropy, expected_information_gain
from adaptive.information import information_gain
from adaptive.posterior import infer
from question_bank.compile import ObservedAnswer, compile_bank
from tests.adaptive.random_banks import a_random_bank, some_answers


@given(st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_gain_is_between_zero_and_the_entropy_of_the_belief(seed):
    """This holds after any answers."""
    dice = Random(seed)
    bank = compile_bank(a_random_bank(dice))
    beliefs = np.random.default_rng(seed).dirichlet(np.ones(bank.tables.personas) * 0.3, size=20)
    answers = [ObservedAnswer(question, value) for question, value in some_answers(dice, bank.bank).items()]
    single = bank.evidence(answers)
    evidence = Evidence(
        *(np.repeat(part, 20, axis=0) for part in (single.answered, single.silent, single.rows, single.codes, single.signals))
    )

    posterior = infer(bank.tables, evidence)
    classes = beliefs if bank.tables.styles is None else posterior.classes

    gains = information_gain(bank.tables, posterior._replace(belief=beliefs, classes=classes))

    assert (gains >= -1e-12).all()
    assert (gains <= entropy(beliefs)[:, None] + 1e-9).all()


def test_a_question_that_separates_two_equal_personas_gains_one_bit():
    """An uninformative question gains nothing."""
    tables = ResponseTables.of([[[1, 0], [0, 1]], [[0.5, 0.5], [0.5, 0.5]]])

    assert expected_information_gain(np.array([0.5, 0.5]), tables) == pytest.approx([1, 0])


@pytest.mark.parametrize("persona_of", [[0, 1, 2, 3], [0, 0, 1, 2], [0, 0, 1, 1]])
@pytest.mark.parametrize("silence", [None, [0.05, 0.4, 0.2, 0.1]])
@pytest.mark.parametrize("seed", range(3))
def test_the_gain_of_sixteen_tick_boxes_is_within_two_percent_of_enumeration(seed, silence, persona_of):
    """Too many options to enumerate are sampled, with the same result each time."""
    rng = np.random.default_rng(seed)
    ticked = rng.uniform(0.05, 0.6, size=(4, 16))
    quiet = None if silence is None else np.array(silence)
    tables = ResponseTables.of([MultipleChoice(ticked, quiet)], persona_of=persona_of)
    belief = rng.dirichlet(np.ones(4))

    patterns = np.array(list(product([False, True], repeat=16)))
    cells = np.array([np.where(patterns, row, 1 - row).prod(axis=1) for row in ticked])
    if quiet is not None:
        cells = np.column_stack([cells * (1 - quiet)[:, None], quiet])
    joint = np.array([(belief[:, None] * cells)[np.equal(persona_of, k)].sum(axis=0) for k in range(max(persona_of) + 1)])
    exact = entropy(joint.sum(axis=0)) + entropy(joint.sum(axis=1)) - entropy(joint.ravel())

    estimate = expected_information_gain(belief, tables)[0]
    assert estimate == pytest.approx(exact, rel=0.02)
    assert expected_information_gain(belief, ResponseTables.of([MultipleChoice(ticked, quiet)], persona_of=persona_of))[0] == estimate


def test_a_question_about_the_style_alone_gains_nothing_until_another_answer_makes_it_informative():
    """Alone it informs about the style only; after an answer that favours one style of each persona it informs about the persona."""
    how, both = [[1, 0], [0, 1], [1, 0], [0, 1]], [[1, 0], [0, 1], [0, 1], [1, 0]]
    tables = ResponseTables.of([how, both], persona_of=[0, 0, 1, 1])

    assert expected_information_gain(np.full(4, 0.25), tables) == pytest.approx([0, 0], abs=1e-12)
    assert expected_information_gain(np.array([0.5, 0, 0.5, 0]), tables) == pytest.approx([0, 1])


def test_a_batch_of_beliefs_gives_the_same_gains_as_one_at_a_time():
    """Look-ahead and replay use the gains of the live service."""
    tables = compile_bank(a_random_bank(Random(4))).tables
    beliefs = np.random.default_rng(4).dirichlet(np.ones(tables.personas), size=7)

    batch = expected_information_gain(beliefs, tables)

    assert (batch >= 0).all()
    assert batch == pytest.approx(np.array([expected_information_gain(belief, tables) for belief in beliefs]), abs=1e-12)
