"""Each form of row against its formula."""

from dataclasses import replace
from math import erf, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from question_bank.definitions import Counts, LogNormal, Normal, Option, Question, Shares, Words
from question_bank.probabilities import FLOOR, shares_of

OPTIONS = tuple(Option(name, {"en": name}) for name in "abc")
SINGLE = Question("q", "single", {"en": "?"}, options=OPTIONS)
MULTIPLE = replace(SINGLE, type="multiple")
SCALE = Question("q", "scale", {"en": "?"}, minimum=1, maximum=3)


def shares_of_one_row(question, row):
    """The row of a single persona."""
    return shares_of(question, {"x": row}, ["x"])[0].tolist()


def test_shares_above_the_floor_are_unchanged():
    """To the last bit, when no cell is near the floor."""
    assert shares_of_one_row(SINGLE, Shares((0.2, 0.3, 0.5))) == [0.2, 0.3, 0.5]
    assert shares_of_one_row(MULTIPLE, Shares((0.2, 0.9, 0.5))) == [0.2, 0.9, 0.5]


def test_counts_are_shrunk_to_the_pooled_counts():
    """p = (c + 8 pooled) / (n + 8), pooled = all counts with half an answer more per cell."""
    table = shares_of(SINGLE, {"x": Counts((12, 3, 0)), "y": Counts((0, 1, 4)), "z": Shares((0.2, 0.3, 0.5))}, ["x", "y", "z"])

    pooled = [(12 + 0.5) / 21.5, (4 + 0.5) / 21.5, (4 + 0.5) / 21.5]
    assert table[0].tolist() == pytest.approx([(12 + 8 * pooled[0]) / 23, (3 + 8 * pooled[1]) / 23, (0 + 8 * pooled[2]) / 23])
    assert table[1].tolist() == pytest.approx([(0 + 8 * pooled[0]) / 13, (1 + 8 * pooled[1]) / 13, (4 + 8 * pooled[2]) / 13])
    assert table[2].tolist() == [0.2, 0.3, 0.5]


def test_counts_of_a_multiple_question_are_shrunk_option_by_option():
    """p = (c + 8 pooled) / (of + 8), pooled = (all c + 1/2) / (all of + 1)."""
    table = shares_of(MULTIPLE, {"x": Counts((2, 0, 10), of=10), "y": Counts((5, 0, 20), of=20)}, ["x", "y"])

    pooled = [(7 + 0.5) / 31, 0.5 / 31, (30 + 0.5) / 31]
    assert table[0].tolist() == pytest.approx([(2 + 8 * pooled[0]) / 18, 8 * pooled[1] / 18, (10 + 8 * pooled[2]) / 18])
    assert table[1].tolist() == pytest.approx([(5 + 8 * pooled[0]) / 28, 8 * pooled[1] / 28, (20 + 8 * pooled[2]) / 28])


def test_words_have_fixed_weights():
    """4, 2, 1, 1/2, 1/4 among the options of one choice; .8, .6, .4, .2, .08 for a tick."""
    assert shares_of_one_row(SINGLE, Words(("++", "0", "-"))) == pytest.approx([4 / 5.5, 1 / 5.5, 0.5 / 5.5])
    assert shares_of_one_row(SINGLE, Words(("+", "--", "0"))) == pytest.approx([2 / 3.25, 0.25 / 3.25, 1 / 3.25])
    assert shares_of_one_row(MULTIPLE, Words(("++", "+", "0"))) == [0.8, 0.6, 0.4]
    assert shares_of_one_row(MULTIPLE, Words(("-", "--", "0"))) == [0.2, 0.08, 0.4]


def test_a_mean_and_sd_on_a_scale_is_a_normal_cut_at_the_half_points():
    """cdf(j + 1/2) - cdf(j - 1/2), normalised over the points."""

    def cdf(x):
        return (1 + erf((x - 2.4) / 0.8 / sqrt(2))) / 2

    mass = [cdf(point + 0.5) - cdf(point - 0.5) for point in (1, 2, 3)]
    assert shares_of_one_row(SCALE, Normal(2.4, 0.8)) == pytest.approx([cell / sum(mass) for cell in mass])


@pytest.mark.parametrize(("mean", "nearest"), [(1e6, 2), (-1e6, 0), (40, 2)])
def test_a_mean_far_off_the_scale_puts_all_mass_on_the_nearest_end(mean, nearest):
    """There is no division by zero in either tail."""
    row = shares_of_one_row(SCALE, Normal(mean, 1))

    assert row[nearest] == pytest.approx(1, abs=3 * FLOOR)
    assert sum(row) == pytest.approx(1)


def test_a_tiny_sd_does_not_overflow():
    """All mass is on the point of the mean."""
    assert shares_of_one_row(SCALE, Normal(2, 1e-300)) == pytest.approx([FLOOR, 1 - 2 * FLOOR, FLOOR])


def test_no_probability_is_zero_or_one():
    """Cells below the floor are raised to it and the others reduced; a tick is never certain."""
    assert shares_of_one_row(SINGLE, Shares((1.0, 0.0, 0.0))) == pytest.approx([1 - 2 * FLOOR, FLOOR, FLOOR], abs=1e-15)
    assert shares_of_one_row(MULTIPLE, Shares((1.0, 0.0, 0.5))) == [1 - FLOOR, FLOOR, 0.5]


@given(st.lists(st.one_of(st.just(0.0), st.just(FLOOR), st.floats(0, 1)), min_size=3, max_size=3).filter(lambda row: sum(row) > 0.01))
def test_every_row_adds_up_to_one_and_stays_above_the_floor(weights):
    """Also when rescaling pushes a cell below the floor."""
    row = shares_of_one_row(SINGLE, Shares(tuple(weight / sum(weights) for weight in weights)))

    assert sum(row) == pytest.approx(1, abs=1e-12)
    assert min(row) >= FLOOR


def test_a_form_that_does_not_fit_the_question_raises_type_error():
    """The file rules refuse such rows before."""
    with pytest.raises(TypeError, match="a single question has no row of the form LogNormal"):
        shares_of_one_row(SINGLE, LogNormal(1, 2))
