"""Whether the respondents of a persona answer in one way or in several: styles are latent classes inside a persona."""

from collections.abc import Sequence

import numpy as np

from adaptive.class_numbers import ClassNumber, best_class_number, compare_class_numbers
from adaptive.coding import Answers
from adaptive.folds import FOLDS
from adaptive.latent_classes import Spread
from adaptive.likelihood import Floats

MOST_STYLES = 3
FEWEST = 50
"""Respondents of a persona from which a second style is thought of."""


def style_numbers(answers: Answers, membership: Floats, rng: np.random.Generator, spread: Spread = map) -> list[int]:
    """How many styles each of K personas has: more than one only where that foretells held-out answers of its people better.

    `membership` is (N, K); each respondent counts for the likeliest persona. The rule is that of `best_class_number`, persona by persona:
    the fewest within one standard error of the best. Questions that depend on one another look like styles: link them first.
    """
    who = membership.argmax(axis=1)
    return [_best(answers.some(np.flatnonzero(who == k)), rng, spread).classes for k in range(membership.shape[1])]


def _best(answers: Answers, rng: np.random.Generator, spread: Spread) -> ClassNumber:
    numbers: Sequence[int] = range(1, MOST_STYLES + 1) if len(answers.codes) >= max(FEWEST, FOLDS) else [1]
    answered = np.flatnonzero((answers.codes >= 0).any(axis=0))
    heard = Answers.of(answers.codes[:, answered], np.asarray(answers.levels)[answered].tolist())
    return best_class_number(compare_class_numbers(heard, numbers, rng, spread=spread))
