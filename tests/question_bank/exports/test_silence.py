"""Codes and words for no answer are recognised, and answers are not taken for them."""

import pytest

from question_bank.exports.silence import find_silence
from question_bank.exports.words import silence_of


def found(cells, **more):
    return find_silence("q", cells.split(), {}, **more)


@pytest.mark.parametrize(
    ("cells", "codes"),
    [
        ("1 2 3 4 5 9 " * 5, {"9": "skip"}),
        ("1 2 3 4 5 8 9 " * 5, {"8": "dont_know", "9": "skip"}),
        ("1 2 3 4 5 77 88 99 " * 3, {"77": "refuse", "88": "dont_know", "99": "skip"}),
        ("1 2 3 4 5 -1 98 " * 4, {"-1": "skip", "98": "dont_know"}),
        ("0 1 -9 " * 5, {"-9": "skip"}),
        ("1 2 9 1 2 1 2 1 2 1", {"9": "skip"}),
        ("1 2 3 4 5 6 7 8 9 10 99", {"99": "skip"}),
        ("23 45 67 34 999", {"999": "skip"}),
        ("1940 1951 2001 9999", {"9999": "skip"}),
        ("red blue green 98 99", {"98": "dont_know", "99": "skip"}),
        ("1.0 2.0 3.0 4.0 5.0 9.0 " * 4, {"9.0": "skip"}),
    ],
)
def test_codes_that_cannot_be_answers_are_silence(cells, codes):
    """Far off a scale, far behind numbers, or behind words."""
    assert found(cells).kinds == codes


@pytest.mark.parametrize(
    "cells",
    [
        "0 1 2 3 4 5 6 7 8 9 10",
        "1 2 3 4 6 7 8 9 10",
        "1 2 7 8 9 " * 4,
        "1 2 3 6 " * 9,
        "1 2 3 4 5 7 " * 9,
        "1 2 3 4 5 6 7 9 " * 2,
        "18 25 40 62 99",
        "-2 -1 0 1 2",
        "-5 -1 12 20",
        "-1 0 1",
        "95 96 97 98 99",
        "0 10 20 50 80 98 99 100",
        "999 1000 2000 3000",
    ],
)
def test_points_of_a_scale_and_numbers_are_answers(cells):
    assert found(cells).kinds == {}


@pytest.mark.parametrize(
    ("cells", "value"), [("0 1 2 3 4 5", "0"), ("-1 0 1", "-1"), ("1 2 3 4 5 6 7 8 9", "9"), ("10 20 30 40 99 99", "99")]
)
def test_a_doubt_names_the_option_that_settles_it(cells, value):
    """It is read as an answer."""
    (doubt,) = found(cells).doubts
    assert doubt.startswith(f'"{value}" is read as')
    assert f'--missing "q={value}"' in doubt


def test_what_a_column_of_the_same_grid_holds_is_an_answer():
    """9 behind 1 to 5 is a code, but not where another row of the grid goes to 10."""
    assert found("1 2 3 4 5 9 " * 5, siblings=[(1, 10)]).kinds == {}


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("N/A", "skip"),
        (".", "skip"),
        ("nan", "skip"),
        ("Sans réponse", "skip"),
        ("k. A.", "skip"),
        ("NS/NC", "dont_know"),
        ("99 - Don\u2019t know", "dont_know"),
        ("[Weiß  nicht]", "dont_know"),
        ("Don't know / Refused", "dont_know"),
        ("Prefer not to say.", "refuse"),
        ("(Refused)", "refuse"),
        ("None of these", None),
        ("Neutral", None),
        ("No", None),
        ("0", None),
        ("Other", None),
    ],
)
def test_words_for_no_answer(word, kind):
    assert silence_of(word) == kind
