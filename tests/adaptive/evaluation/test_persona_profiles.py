"""Traits: the outcomes that distinguish personas."""

import numpy as np
import pytest

from adaptive import Choice, MultipleChoice, Numeric, ResponseTables, Unmodelled
from adaptive.evaluation.persona_profiles import traits
from adaptive.posterior import log_odds

OWN = [1.0, 0.5, 1.2, 1.0]
TABLES = ResponseTables.of(
    [
        Choice(np.array([[0.8, 0.1, 0.1], [0.2, 0.4, 0.4], [0.3, 0.3, 0.4]])),
        MultipleChoice(np.array([[0.9, 0.5], [0.1, 0.5], [0.2, 0.5]])),
        Numeric(np.array([10.0, 30.0, 50.0]), np.array([3.0, 3.0, 3.0]), low=0.0),
        Unmodelled(3),
    ],
    prior=[0.2, 0.3, 0.5],
    evidence_weight=0.9,
    question_weights=OWN,
)


def test_the_weight_of_a_trait_is_what_the_answer_adds_to_the_log_odds():
    """The weight of a trait is the change of the log odds when nothing but this answer is known."""
    for k, found in enumerate(traits(TABLES)):
        for trait in found:
            question = TABLES.questions[trait.question]
            if isinstance(question, Numeric):
                chance = question.chance_between(*trait.outcome)
            else:
                chance = (question.table if isinstance(question, Choice) else question.ticked)[:, trait.outcome]
            moved = log_odds(np.log(TABLES.prior * chance)) - log_odds(np.log(TABLES.prior))
            assert trait.bits == pytest.approx(0.9 * OWN[trait.question] * moved[k])
            assert trait.share == pytest.approx(chance[k])


def test_traits_are_sorted_by_discrimination_and_texts_have_none():
    """A choice has one trait, a multiple choice one per option, a number one interval, a text none."""
    first = traits(TABLES)[0]
    assert [trait.discrimination for trait in first] == sorted((trait.discrimination for trait in first), reverse=True)
    assert sorted(trait.question for trait in first) == [0, 1, 1, 2]
    numbers = [trait for trait in first if trait.question == 2]
    assert numbers[0].share > 0.9
    assert numbers[0].outcome[1] < 30
    assert [trait.outcome for trait in first if trait.question == 0] == [0]
    assert min(first, key=lambda trait: trait.discrimination).bits == pytest.approx(0)


def test_the_traits_of_a_persona_with_styles_average_over_its_styles():
    """The probability of an answer is averaged over the styles of the persona."""
    tables = ResponseTables.of([[[0.9, 0.1], [0.3, 0.7], [0.2, 0.8]]], prior=[0.4, 0.2, 0.4], persona_of=[0, 0, 1])

    first, second = (found[0] for found in traits(tables))

    assert (first.share, first.others) == pytest.approx((0.9 * 2 / 3 + 0.3 / 3, 0.2))
    assert (second.share, second.others) == pytest.approx((0.8, 0.1 * 2 / 3 + 0.7 / 3))
    assert first.bits == pytest.approx(np.log2(0.7 / 0.2))
