"""The engine against the same formulas written as plain loops."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from adaptive import Progress, believe, next_questions
from adaptive.information import information_gain
from adaptive.posterior import infer
from question_bank.compile import CompiledBank, ObservedAnswer, compile_bank
from tests.adaptive import reference
from tests.adaptive.random_banks import a_random_bank, some_answers

BANKS, STYLED, QUICK = 200, 150, 10
"""So many random banks; every tenth is tried by `make unit` too."""


def seeds(number: int) -> list:
    return [pytest.param(seed, marks=[pytest.mark.slow] if seed % QUICK else []) for seed in range(number)]


def progress_of(bank: CompiledBank, given: dict) -> Progress:
    done = np.array([[question.id in given for question in bank.bank.questions]])
    opens = bank.opens([ObservedAnswer(question, value) for question, value in given.items()])
    return Progress(done, opens[None], np.array([len(given)]), np.zeros(1), np.array([1000]))


@pytest.mark.parametrize("seed", seeds(BANKS + STYLED))
def test_belief_gain_and_choice_equal_the_term_by_term_reference(seed):
    """Over random banks, some with styles, the arrays equal plain loops to 1e-9, and choose the same question."""
    dice = Random(seed)
    bank = a_random_bank(dice, styled=seed >= BANKS)
    compiled = compile_bank(bank)
    for _ in range(3):
        given = some_answers(dice, bank)
        evidence = compiled.evidence([ObservedAnswer(question, value) for question, value in given.items()])

        expected = reference.belief(bank, given)
        belief = believe(compiled.tables, evidence)[0]
        assert belief == pytest.approx(list(expected.values()), abs=1e-9)

        open_ones = [q for q, question in enumerate(bank.questions) if question.id not in given]
        gains = information_gain(compiled.tables, infer(compiled.tables, evidence))[0, open_ones]
        wanted = [reference.gain(bank, bank.questions[q], given) for q in open_ones]
        assert gains == pytest.approx(np.maximum(wanted, 0), abs=1e-9)

        step = next_questions(compiled.tables, compiled.rules["s"], evidence, progress_of(compiled, given))
        chosen = bank.questions[step.chosen[0]].id if step.chosen[0] >= 0 else None
        assert chosen == reference.choice(bank, bank.survey("s"), given)


@pytest.mark.parametrize("seed", seeds(BANKS))
def test_the_last_two_questions_equal_the_term_by_term_reference(seed):
    """Trees, topics, styles, conditions and effort included; the engine plans for several respondents at once."""
    dice = Random(seed)
    bank = a_random_bank(dice, styled=seed % 3 == 0)
    (survey,) = bank.surveys
    survey = replace(
        survey, stop=replace(survey.stop, at_most=1000, at_least=1000, confidence=dice.choice([None, 0.6, 0.9]), endgame="accuracy")
    )
    bank = replace(bank, surveys=(survey,))
    compiled = compile_bank(bank)
    given = some_answers(dice, bank)
    evidence = compiled.evidence([ObservedAnswer(question, value) for question, value in given.items()])
    evidence = replace(
        evidence, **{name: np.repeat(getattr(evidence, name), 3, axis=0) for name in ("answered", "silent", "codes", "signals")}
    )
    progress = progress_of(compiled, given)
    progress = Progress(*(np.repeat(getattr(progress, name), 3, axis=0) for name in ("done", "opens", "taken", "spent", "limit")))
    progress = replace(progress, limit=progress.taken + np.array([1, 2, 3]))

    chosen = next_questions(compiled.tables, compiled.rules["s"], evidence, progress).chosen

    wanted = [reference.choice(bank, survey, given, left) for left in (1, 2, 3)]
    assert [bank.questions[q].id if q >= 0 else None for q in chosen] == wanted
