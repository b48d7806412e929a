"""Compiling a bank to arrays."""

import json

import numpy as np
import pytest

from adaptive import Progress, believe, next_questions
from question_bank.compile import ObservedAnswer, compile_bank
from question_bank.files.load import read_bank
from tests.question_bank.a_bank import GOOD, changed, report_of


def compiled(bank=None):
    report = report_of(bank or GOOD)
    assert report.bank is not None, report.errors
    return compile_bank(report.bank)


def test_signals_are_evidence_in_the_same_belief():
    """P(signal | persona) changes the prior as an answer would; probabilities of 0 and 1 are floored."""
    bank = compiled()
    row = bank.signal_rows["brochure"]
    assert np.exp(row) == pytest.approx([0.1, 0.4])
    assert believe(bank.tables, bank.evidence([], row))[0] == pytest.approx([0.3 * 0.1 / 0.31, 0.7 * 0.4 / 0.31])

    certain = compiled(changed("signals.0.likelihood", {"driver": 0, "family": 1}))
    assert np.exp(certain.signal_rows["brochure"]) == pytest.approx([1e-4, 1 - 1e-4])


def test_the_look_ahead_outcomes_end_with_the_skip():
    """Every option or point comes first; only the skip where answers cannot be listed."""
    bank = compiled()
    assert bank.outcomes("owns") == (ObservedAnswer("owns", "yes"), ObservedAnswer("owns", "no"), ObservedAnswer("owns"))
    assert [outcome.value for outcome in bank.outcomes("happy")] == [1, 2, 3, None]
    assert bank.outcomes("reasons") == (ObservedAnswer("reasons"),)
    assert bank.outcomes("age") == (ObservedAnswer("age"),)


def test_a_dependent_question_counts_given_the_answer_to_its_parent():
    """happy depends on owns: an answer to owns changes the evidence of happy."""
    bank = compiled()
    alone = believe(bank.tables, bank.evidence([ObservedAnswer("happy", 3)]))[0]
    both = believe(bank.tables, bank.evidence([ObservedAnswer("owns", "yes"), ObservedAnswer("happy", 3)]))[0]

    shares = {"driver": (0.9, [0.2, 0.3, 0.5]), "family": (0.5, None)}
    family = np.array([0.25, 1, 4]) / 5.25
    expected = np.array([0.3 * shares["driver"][0] * 0.5, 0.7 * shares["family"][0] * family[2]])
    assert both == pytest.approx(expected / expected.sum())
    assert alone != pytest.approx(both)


def test_a_pilot_adds_no_evidence():
    """Until it is fitted, no answer to it changes the belief."""
    bank = compiled()
    assert (bank.row(ObservedAnswer("colour", "red")) == 0).all()
    assert (bank.row(ObservedAnswer("colour")) == 0).all()


def test_the_written_bank_compiles_to_the_same_arrays():
    """A bank that is stored and read again has equal tables."""
    first, second = compiled(), compile_bank(read_bank(json.dumps(GOOD)))
    assert (first.tables.flat == second.tables.flat).all()


def test_a_condition_on_a_pilot_does_not_disturb_the_last_two_questions():
    """A pilot has no table yet, so that the plan for the last two questions cannot know what its answer opens."""
    options = [{"id": name, "text": name} for name in "abcd"]
    known = {"type": "single", "text": "?", "options": options[:2], "likelihood": {"driver": [0.9, 0.1], "family": [0.2, 0.8]}}
    questions = [
        {"id": "new", "type": "multiple", "text": "?", "options": options, "pilot": True},
        {"id": "then", **known, "ask_if": {"new": ["a"]}},
        {"id": "first", **known},
        {"id": "second", **known},
    ]
    bank = compiled(
        {
            "bank": "b",
            "personas": [{"id": "driver"}, {"id": "family"}],
            "questions": questions,
            "surveys": [{"id": "s", "stop": {"at_most": 2, "endgame": "accuracy"}}],
        }
    )
    progress = Progress(np.zeros((1, 4), bool), bank.opens([])[None], np.zeros(1, int), np.zeros(1), np.array([2]))

    step = next_questions(bank.tables, bank.rules["s"], bank.evidence([]), progress)

    assert bank.bank.questions[step.chosen[0]].id == "first"
