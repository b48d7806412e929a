"""Styles inside a persona: found where they were planted, and nowhere else."""

import numpy as np

from adaptive.coding import Answers
from adaptive.styles import style_numbers


def test_a_persona_with_two_ways_to_answer_has_two_styles():
    """The first answers twelve yes/no questions in one way or in the opposite, the second in one; of the third there are too few people."""
    rng = np.random.default_rng(1)
    who = np.repeat([0, 1, 2], [150, 150, 20])
    style = rng.integers(0, 2, len(who))
    shares = np.where((who == 0) & (style == 1), 0.2, np.where(who == 2, 0.5, 0.75))
    codes = (rng.random((len(who), 12)) < shares[:, None]).astype(np.int64)

    assert style_numbers(Answers.of(codes, [2] * 12), np.eye(3)[who], rng) == [2, 1, 1]
