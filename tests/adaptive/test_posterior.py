"""The belief from all the evidence, in any order."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptive import Choice, Evidence, MultipleChoice, Numeric, ResponseTables, believe, expected_information_gain, weights_of_evidence
from adaptive.posterior import log_evidence, log_odds
from question_bank.compile import ObservedAnswer, compile_bank
from tests.adaptive.random_banks import a_random_bank, some_answers


@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_any_order_of_the_same_answers_gives_the_same_belief(seed, shuffler):
    """Neither the order of answers, nor a repeated one, nor a corrected one changes the belief."""
    dice = Random(seed)
    bank = a_random_bank(dice)
    compiled = compile_bank(bank)
    answers = [ObservedAnswer(question, value) for question, value in some_answers(dice, bank).items()]
    shuffled = list(answers)
    shuffler.shuffle(shuffled)
    if answers:
        question = answers[0].question
        others = [value for value in bank.question(question).outcomes[:1] if bank.question(question).type == "single"]
        shuffled = [*(ObservedAnswer(question, value) for value in others), *shuffled, shuffled[0]]

    assert believe(compiled.tables, compiled.evidence(shuffled)) == pytest.approx(
        believe(compiled.tables, compiled.evidence(answers)), abs=1e-12
    )


@given(st.integers(0, 10**6), st.booleans())
@settings(max_examples=80, deadline=None)
def test_the_weights_of_evidence_add_up_to_the_change_of_the_log_odds(seed, styled):
    """The explanation accounts for the whole change, to 1e-9 bits for each persona, with and without styles."""
    dice = Random(seed)
    bank = compile_bank(a_random_bank(dice, styled=styled))
    evidence = bank.evidence([ObservedAnswer(question, value) for question, value in some_answers(dice, bank.bank).items()])

    bits = weights_of_evidence(bank.tables.prior, log_evidence(evidence, bank.tables)[0], bank.tables.styles)

    posterior = believe(bank.tables, evidence)[0]
    assert bits.sum(axis=0) == pytest.approx(log_odds(np.log(posterior)) - log_odds(np.log(bank.tables.persona_prior)), abs=1e-9)


def test_a_skip_multiplies_the_belief_by_the_probability_of_no_answer():
    """Without a no-answer table a skip does not change the belief."""
    skippable = Choice(np.array([[0.5, 0.5], [0.5, 0.5]]), silence=np.array([0.1, 0.4]))
    tables = ResponseTables.of([skippable, [[0.9, 0.1], [0.1, 0.9]]])
    evidence = Evidence.none(tables)
    evidence.silent[0, 0], evidence.rows[0, 0] = True, np.log([0.1, 0.4])

    assert believe(tables, evidence)[0] == pytest.approx([0.1 / (0.1 + 0.4), 0.4 / (0.1 + 0.4)])

    evidence.silent[0, 0], evidence.silent[0, 1] = False, True
    assert believe(tables, evidence)[0] == pytest.approx([0.5, 0.5])


def test_answering_counts_where_a_no_answer_table_exists():
    """The likelihood of an answer includes 1 - P(no answer | persona)."""
    row = Choice(np.array([[0.5, 0.5], [0.5, 0.5]]), silence=np.array([0.1, 0.4])).log_given(0)

    assert np.exp(row) == pytest.approx([0.5 * 0.9, 0.5 * 0.6])


def test_unseen_options_are_missing_data():
    """A partly seen list of options is evidence about the seen options only."""
    ticks = MultipleChoice(np.array([[0.2, 0.9], [0.7, 0.1]]))

    row = ticks.log_given(np.array([True, False]), seen=np.array([True, False]))

    assert np.exp(row) == pytest.approx([0.2, 0.7])


def test_signals_have_the_same_evidence_weight_as_answers():
    """Signals enter the same belief."""
    tables = ResponseTables.of([[[0.5, 0.5], [0.5, 0.5]]], evidence_weight=0.5)
    evidence = Evidence.none(tables)
    evidence.signals[0] = np.log([0.1, 0.4])

    assert believe(tables, evidence)[0] == pytest.approx([1 / 3, 2 / 3])


def test_correlated_answers_count_less_the_more_there_are():
    """Three answers of correlation .25 count as three divided by their design effect, 1 + 2 * .25; a signal and a silence count in full."""
    tables = ResponseTables.of([[[0.8, 0.2], [0.3, 0.7]]] * 4, answer_correlation=0.25)
    evidence = Evidence.none(tables)
    evidence.answered[0, :3] = True
    evidence.rows[0, :3] = np.log([0.8, 0.3])
    evidence.silent[0, 3] = True  # no no-answer table: no evidence
    evidence.signals[0] = np.log([0.1, 0.4])

    odds = (0.8 / 0.3) ** (3 / 1.5) * 0.1 / 0.4
    assert believe(tables, evidence)[0] == pytest.approx([odds / (1 + odds), 1 / (1 + odds)])


def test_a_question_of_half_the_weight_counts_half_and_gains_half():
    """Its log-likelihood is halved in the belief, and its information in the choice; above one the gain is not raised."""
    pair = [[[0.8, 0.2], [0.3, 0.7]]] * 3
    tables, plain = ResponseTables.of(pair, question_weights=[1.0, 0.5, 1.5]), ResponseTables.of(pair)
    evidence = Evidence.none(tables)
    evidence.answered[0, 1:] = True
    evidence.rows[0, 1:] = np.log([0.8, 0.3])

    odds = (0.8 / 0.3) ** (0.5 + 1.5)
    assert believe(tables, evidence)[0] == pytest.approx([odds / (1 + odds), 1 / (1 + odds)])
    even = np.array([0.5, 0.5])
    assert expected_information_gain(even, tables) == pytest.approx(expected_information_gain(even, plain) * [1, 0.5, 1])


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0], [1.0, 0.5]])
def test_wrong_question_weights_are_refused(weights):
    """Too few, none, and one on a question of a tree."""
    pair = np.array([[0.8, 0.2], [0.3, 0.7]])
    given = {1: np.repeat(pair[:, None], 2, axis=1)}
    with pytest.raises(ValueError, match="weight"):
        ResponseTables.of([pair, pair], parents={1: 0} if weights[-1] else {}, given=given, question_weights=weights)


@pytest.mark.parametrize("logarithmic", [False, True])
def test_an_interval_is_the_sum_of_its_parts_and_the_whole_range_is_no_evidence(logarithmic):
    """P(20 to 40) is P(20 to 30) plus P(30 to 40); the whole range has probability one."""
    centre = np.array([3.0, 3.6]) if logarithmic else np.array([25.0, 40.0])
    width = np.array([0.4, 0.3]) if logarithmic else np.array([8.0, 12.0])
    measure = Numeric(centre, width, logarithmic, low=1.0, high=120.0)

    assert measure.chance_between(20, 40) == pytest.approx(measure.chance_between(20, 30) + measure.chance_between(30, 40))
    assert np.exp(measure.log_between(-np.inf, np.inf)) == pytest.approx([1, 1])
    assert measure.cells.sum(axis=1) == pytest.approx([1, 1])


def test_no_single_number_rules_a_persona_out():
    """Far in the tail the density is bounded by the floor."""
    measure = Numeric(np.array([20.0, 80.0]), np.array([1.0, 1.0]), low=0.0, high=100.0)

    odds = np.exp(measure.log_given(20.0))

    assert odds[1] / odds[0] == pytest.approx(1e-4 / 100 / 0.3989, rel=1e-3)


@pytest.mark.parametrize("personas", [2, 5])
@pytest.mark.parametrize("outliers", [0.02, 0.05, 0.2])
@pytest.mark.parametrize(("low", "high"), [(-np.inf, np.inf), (0.0, 31.0), (0.0, 1e6)])
def test_one_number_changes_the_odds_by_a_bounded_amount(personas, outliers, low, high):
    """By at most 1 + 2 K (1 - e) / e, however narrow the distributions, far the number and wide the range; an interval too."""
    measure = Numeric(np.linspace(6.0, 26.0, personas), np.linspace(0.01, 2.0, personas), False, low, high, outliers=outliers)
    bound = np.log(1 + 2 * personas * (1 - outliers) / outliers)

    answers = [measure.log_given(value) for value in [0.0, 6.0, 6.01, 9.0, 16.0, 25.0, 26.0, 31.0]]
    answers += [measure.log_between(*ends) for ends in [(5.9, 6.1), (25, 26), (20, 31), (-np.inf, 6), (26, np.inf)]]

    assert max(np.ptp(row) for row in answers) <= bound
    assert max(np.ptp(row) for row in answers) >= bound - 1.5  # the bound is nearly reached
    assert measure.most_evidence == pytest.approx(bound)


def bits(value, centre, width, outliers):
    """Return the evidence of a number for the second of two personas, in bits."""
    measure = Numeric(np.array(centre), np.array(width), low=0.0, high=31.0, outliers=outliers)
    return float(np.diff(measure.log_given(value))[0] / np.log(2))


def test_a_number_in_the_tail_does_not_decide_alone():
    """25 days, under a mean of 6 and of 25 with an sd of 2, are 15.9 bits by the densities alone, and less than log2 77 with outliers."""
    assert bits(25.0, [6.0, 25.0], [2.0, 2.0], 0.0) == pytest.approx(15.9, abs=0.05)
    assert 5 < bits(25.0, [6.0, 25.0], [2.0, 2.0], 0.05) < np.log2(1 + 4 * 0.95 / 0.05)


@pytest.mark.parametrize("usual", [4.0, 6.0, 8.0, 10.0])
def test_outliers_hardly_change_a_usual_number(usual):
    """Within two standard deviations the evidence changes by a fifth of a bit at most."""
    exact, mixed = (bits(usual, [6.0, 12.0], [2.0, 6.0], share) for share in (0.0, 0.05))

    assert mixed == pytest.approx(exact, abs=0.2)


@pytest.mark.parametrize("lapse", [0.0, 0.1])
@pytest.mark.parametrize("high", [60.0, np.inf])
def test_an_interval_is_the_integral_of_its_density_with_outliers(lapse, high):
    """The gain is computed from intervals and the belief from densities: both are of one distribution, which adds up to one."""
    measure = Numeric(np.array([20.0, 3.0]), np.array([5.0, 0.4]), np.array([False, True]), 0.0, high, lapse=lapse, outliers=0.1)
    points = np.linspace(10, 40, 30_001)

    assert np.trapezoid(np.exp(measure.log_given(points)), points, axis=0) == pytest.approx(measure.chance_between(10, 40), rel=1e-6)
    assert measure.cells.sum(axis=1) == pytest.approx([1, 1])


@pytest.mark.parametrize(
    ("questions", "prior", "words"),
    [
        ([], None, "no questions"),
        ([[[0.5, 0.5], [0.4, 0.5]]], None, "question 0 has a row"),
        ([[[0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]]], None, "question 1 has shape"),
        ([[[0.5, 0.5], [0.5, 0.5]]], [1.0], "the prior has shape"),
        ([[[0.5, 0.5], [0.5, 0.5]]], [1.0, 0.0], "positive number"),
    ],
)
def test_invalid_tables_are_refused(questions, prior, words):
    """Shapes and rows are checked when the tables are built."""
    with pytest.raises(ValueError, match=words):
        ResponseTables.of(questions, prior=prior)
