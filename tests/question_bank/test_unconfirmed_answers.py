"""Unconfirmed answers count by their trust, also within trees."""

import numpy as np
import pytest

from adaptive import believe
from question_bank.compile import ObservedAnswer, compile_bank
from question_bank.files.load import read_bank

TREE = """
bank: tree
personas: [{id: a, prior: 0.6}, {id: b, prior: 0.4}]
questions:
  - {id: one, type: single, text: One?, options: [{id: yes, text: Y}, {id: no, text: N}], no_answer: {a: 0.1, b: 0.3},
     likelihood: {a: [0.7, 0.3], b: [0.2, 0.8]}}
  - {id: point, type: scale, text: Point, min: 1, max: 3, parent: one,
     likelihood: {a: {yes: [0.7, 0.2, 0.1], no: [0.2, 0.2, 0.6]}, b: {yes: [0.1, 0.2, 0.7], no: [0.3, 0.3, 0.4]}}}
surveys: [{id: s, title: S}]
"""
PRIOR = np.array([0.6, 0.4])


@pytest.mark.parametrize("trust", [0.0, 0.5, 0.9])
def test_an_unconfirmed_answer_to_a_parent_is_a_mixture(trust):
    """prior x (h P(a | k) + (1 - h) / A); P(a | k) includes that it was answered at all."""
    bank = compile_bank(read_bank(TREE))
    yes = np.array([0.7 * 0.9, 0.2 * 0.7])
    mixed = PRIOR * (trust * yes + (1 - trust) / 2)
    assert believe(bank.tables, bank.evidence([ObservedAnswer("one", "yes", trust)]))[0] == pytest.approx(mixed / mixed.sum(), rel=1e-3)


def test_a_dependent_answer_ignores_an_unconfirmed_parent():
    """With trust 0, the dependent answer counts as if the parent had no answer."""
    bank = compile_bank(read_bank(TREE))
    clicked = bank.evidence([ObservedAnswer("one", "yes", 0.0), ObservedAnswer("point", 1)])
    alone = bank.evidence([ObservedAnswer("point", 1)])
    assert believe(bank.tables, clicked)[0] == pytest.approx(believe(bank.tables, alone)[0])


@pytest.mark.parametrize("weight", [0.0, 0.25, 0.8])
def test_a_hasty_answer_to_a_parent_counts_with_its_weight(weight):
    """prior x P(a | k) ** weight; the dependent answer then counts by its marginal table."""
    bank = compile_bank(read_bank(TREE))
    yes = np.array([0.7 * 0.9, 0.2 * 0.7])
    hasty = PRIOR * yes**weight
    assert believe(bank.tables, bank.evidence([ObservedAnswer("one", "yes", weight=weight)]))[0] == pytest.approx(
        hasty / hasty.sum(), rel=1e-3
    )
    both = believe(bank.tables, bank.evidence([ObservedAnswer("one", "yes", weight=weight), ObservedAnswer("point", 1)]))[0]
    alone = believe(bank.tables, bank.evidence([ObservedAnswer("point", 1)]))[0]
    assert both / both.sum() == pytest.approx(alone * yes**weight / (alone * yes**weight).sum(), rel=1e-3)
