"""Styles of a persona are found where they were planted, and nowhere else."""

import numpy as np
import pytest

from adaptive.learning.model_selection import choose_style_numbers, initial_styles
from adaptive.learning.responses import Answers
from adaptive.response_styles import Styles


def two_styles(rng):
    """The first persona answers twelve yes/no questions in one way or in the opposite, the second in one; of the third there are few."""
    who = np.repeat([0, 1, 2], [150, 150, 20])
    style = rng.integers(0, 2, len(who))
    shares = np.where((who == 0) & (style == 1), 0.2, np.where(who == 2, 0.5, 0.75))
    return Answers.of((rng.random((len(who), 12)) < shares[:, None]).astype(np.int64), [2] * 12), who


def test_two_styles_are_found_where_they_were_planted():
    """The other personas get one style each."""
    rng = np.random.default_rng(1)
    answers, who = two_styles(rng)

    assert choose_style_numbers(answers, np.eye(3)[who], rng) == [2, 1, 1]


def test_initial_styles_are_distributions_even_for_answers_that_the_persona_never_gave():
    """An answer that only other personas gave rules no style out."""
    rng = np.random.default_rng(1)
    answers, who = two_styles(rng)
    answers.codes[who == 0, 0] = 1

    guess = initial_styles(answers, np.eye(3)[who], Styles(np.array([0, 0, 1, 2])), rng)

    assert guess[:, :2].sum(axis=1) == pytest.approx(1)
    assert (guess[:, 2:] == 1).all()
    assert np.isfinite(guess).all()
