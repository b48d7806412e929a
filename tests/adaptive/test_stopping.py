"""Stopping rules, required questions, and the limit on the number of questions."""

from dataclasses import replace

import numpy as np
import pytest

from adaptive import REASONS, Evidence, Progress, ResponseTables, StopRule, SurveyRules, next_questions, update_limit

SHARP = [[0.95, 0.05], [0.05, 0.95]]
WEAK = [[0.55, 0.45], [0.45, 0.55]]
DULL = [[0.5, 0.5], [0.5, 0.5]]


def rules_for(tables, stop, *, first=(), required=(), needs=(), effort=0.0):
    size = len(tables.questions)
    conditional = np.zeros((size, size), dtype=bool)
    for question, other in needs:
        conditional[question, other] = True
    return SurveyRules(np.ones(size, dtype=bool), np.isin(np.arange(size), required), conditional, tuple(first), stop, effort)


def state_of(tables, given=None, *, taken=None, spent=0.0, limit=100, closed=()):
    """Return evidence and progress of one respondent who gave outcome `given[q]` (None: a skip) to each question q."""
    given = given or {}
    evidence = Evidence.none(tables)
    for q, outcome in given.items():
        evidence.answered[0, q], evidence.silent[0, q] = outcome is not None, outcome is None
        evidence.rows[0, q] = 0.0 if outcome is None else tables.questions[q].log_given(outcome)
    done = np.isin(np.arange(len(tables.questions)), list(given))[None]
    opens = ~np.isin(np.arange(len(tables.questions)), list(closed))[None]
    return evidence, Progress(done, opens, np.array([len(given) if taken is None else taken]), np.array([spent]), np.array([limit]))


def next_step(tables, rules, evidence, progress):
    step = next_questions(tables, rules, evidence, progress)
    return int(step.chosen[0]), REASONS[step.reason[0]]


@pytest.mark.parametrize(
    ("stop", "given", "more", "expected"),
    [
        (StopRule(confidence=0.9), {0: 0}, {}, (-1, "confidence")),
        (StopRule(confidence=0.96), {0: 0}, {}, (1, "")),
        (StopRule(confidence=0.5, at_least=1), {}, {}, (0, "")),
        (StopRule(confidence=0.5, at_least=0), {}, {}, (-1, "confidence")),
        (StopRule(confidence=0.9, at_least=2), {0: 0}, {}, (1, "")),
        (StopRule(at_most=1), {1: 0}, {"limit": 1}, (-1, "at_most")),
        (StopRule(gain_below=0.1), {0: 0}, {}, (-1, "gain")),
        (StopRule(gain_below=0.001), {0: 0}, {}, (1, "")),
        (StopRule(gain_below=0.1, at_least=2), {0: 0}, {}, (1, "")),
        (StopRule(seconds=30), {1: 0}, {"spent": 30.0}, (-1, "seconds")),
        (StopRule(seconds=30), {1: 0}, {"spent": 29.0}, (0, "")),
        (StopRule(), {0: 0, 1: 1}, {}, (-1, "exhausted")),  # the dull question is never asked for its own sake
        (StopRule(), {0: None, 1: None}, {}, (-1, "exhausted")),
    ],
)
def test_each_criterion_stops_for_its_own_reason(stop, given, more, expected):
    """The reason is the criterion that was met; a criterion that is not set does not apply."""
    tables = ResponseTables.of([SHARP, WEAK, DULL])

    assert next_step(tables, rules_for(tables, stop), *state_of(tables, given, **more)) == expected


def test_questions_of_first_are_asked_in_order_before_any_stop_for_confidence():
    """They are asked regardless of their gain and of the confidence."""
    tables = ResponseTables.of([SHARP, WEAK, DULL])
    rules = rules_for(tables, StopRule(confidence=0.6, at_least=0), first=(2, 1))

    assert next_step(tables, rules, *state_of(tables)) == (2, "")
    assert next_step(tables, rules, *state_of(tables, {0: 0, 2: 1})) == (1, "")
    assert next_step(tables, rules, *state_of(tables, {0: 0, 2: 1, 1: 0})) == (-1, "confidence")


def test_a_required_question_is_asked_before_a_stop_and_at_the_latest_in_the_last_place():
    """Confidence does not stop the survey before it, and a place is reserved for it."""
    tables = ResponseTables.of([SHARP, WEAK, DULL])
    rules = rules_for(tables, StopRule(confidence=0.9, at_most=2), required=[2])

    assert next_step(tables, rules, *state_of(tables, limit=2)) == (0, "")
    assert next_step(tables, rules, *state_of(tables, {0: 0}, limit=2)) == (2, "")
    assert next_step(tables, rules, *state_of(tables, {1: 0}, limit=2)) == (2, "")
    assert next_step(tables, rules, *state_of(tables, {0: 0, 2: 1}, limit=2)) == (-1, "confidence")
    assert next_step(tables, rules, *state_of(tables, {0: 0, 1: 0}, limit=2)) == (-1, "at_most")


def test_an_unmet_condition_keeps_a_question_closed():
    """Neither an unanswered condition nor a wrong answer opens it."""
    tables = ResponseTables.of([WEAK, SHARP])
    rules = rules_for(tables, StopRule(), needs=[(1, 0)])

    assert next_step(tables, rules, *state_of(tables, closed=[1])) == (0, "")
    assert next_step(tables, rules, *state_of(tables, {0: 1}, closed=[1])) == (-1, "exhausted")
    assert next_step(tables, rules, *state_of(tables, {0: 0})) == (1, "")


def test_a_question_of_a_new_topic_comes_before_a_better_one_of_an_answered_topic():
    """This holds only while a question of a new topic is worth asking."""
    tables = ResponseTables.of([SHARP, SHARP, WEAK], topics=[0, 0, 1])
    rules = rules_for(tables, StopRule())

    assert next_step(tables, rules, *state_of(tables, {0: 0})) == (2, "")
    assert next_step(tables, rules_for(tables, StopRule(gain_below=0.01)), *state_of(tables, {0: 0})) == (1, "")


def test_ties_go_to_the_earlier_question_of_the_bank():
    """The same bank and answers always give the same survey."""
    tables = ResponseTables.of([DULL, WEAK, [[0.45, 0.55], [0.55, 0.45]], WEAK])

    assert next_step(tables, rules_for(tables, StopRule()), *state_of(tables)) == (1, "")


def test_effort_prefers_the_quicker_of_two_questions_with_equal_gain():
    """With effort 0 the time does not matter."""
    tables = ResponseTables.of([SHARP, SHARP], seconds=[20.0, 3.0])

    assert next_step(tables, rules_for(tables, StopRule(), effort=1.0), *state_of(tables)) == (1, "")
    assert next_step(tables, rules_for(tables, StopRule(), effort=0.0), *state_of(tables)) == (0, "")


def test_the_limit_counts_reachable_questions_and_never_rises():
    """A closed branch lowers it; a correction that opens another branch does not raise it."""
    tables = ResponseTables.of([WEAK, SHARP, SHARP, DULL])
    rules = rules_for(tables, StopRule(at_most=9), needs=[(1, 0), (2, 0)])
    _, start = state_of(tables, closed=[1, 2])

    promised = update_limit(tables, rules, start)
    assert promised.limit == [3]  # the dull question will never be asked

    _, refused = state_of(tables, {0: 1}, closed=[1, 2])
    fallen = update_limit(tables, rules, replace(refused, limit=promised.limit))
    assert fallen.limit == [1]

    _, corrected = state_of(tables, {0: 0})
    assert update_limit(tables, rules, replace(corrected, limit=fallen.limit)).limit == [1]


def test_at_most_caps_the_limit():
    """The limit is never above `at_most`."""
    tables = ResponseTables.of([SHARP, WEAK])

    assert update_limit(tables, rules_for(tables, StopRule(at_most=1)), state_of(tables)[1]).limit == [1]


@pytest.mark.parametrize(
    ("repeat_weight", "stop", "expected"),
    [
        (1.0, StopRule(gain_below=0.1), (1, "")),
        (0.2, StopRule(gain_below=0.1), (-1, "gain")),
        (0.2, StopRule(), (1, "")),
        (0.0, StopRule(), (-1, "exhausted")),
    ],
)
def test_the_gain_of_a_repeat_counts_as_its_evidence_does(repeat_weight, stop, expected):
    """The same question again adds so much of its gain, .22 bits: with a weight of zero it is never asked."""
    tables = ResponseTables.of([SHARP, SHARP], topics=[0, 0], repeat_weight=repeat_weight)

    assert next_step(tables, rules_for(tables, stop), *state_of(tables, {0: 0})) == expected
    assert next_step(tables, rules_for(tables, stop), *state_of(tables, {0: None})) == (1, "")
