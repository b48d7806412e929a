"""Whether the respondents of a persona answer in one way or in several: styles are latent classes inside a persona."""

from collections.abc import Sequence

import numpy as np

from adaptive.class_numbers import ClassNumber, best_class_number, compare_class_numbers
from adaptive.coding import Answers, Codes
from adaptive.folds import FOLDS
from adaptive.latent_classes import PSEUDO_COUNTS, Spread, fit_latent_classes, learn_personas
from adaptive.likelihood import Floats
from adaptive.marginal import Styles

MOST_STYLES = 3
FEWEST = 50
"""Respondents of a persona from which a second style is thought of."""

STARTS = 12


def style_numbers(answers: Answers, membership: Floats, rng: np.random.Generator, spread: Spread = map) -> list[int]:
    """How many styles each of K personas has: more than one only where that foretells held-out answers of its people better.

    `membership` is (N, K); each respondent counts for the likeliest persona. The rule is that of `best_class_number`, persona by persona:
    the fewest within one standard error of the best. Questions that depend on one another look like styles: link them first.
    """
    who = membership.argmax(axis=1)
    return [_best(answers.some(np.flatnonzero(who == k)), rng, spread).classes for k in range(membership.shape[1])]


def first_guess(answers: Answers, membership: Floats, styles: Styles, rng: np.random.Generator) -> Floats:
    """(N, C) P(style | persona, answers), from which the search begins: latent classes among the people of each persona.

    `membership` is (N, K); each respondent counts for the likeliest persona when its classes are sought, and all are then attributed.
    """
    shares = np.ones((len(membership), len(styles.persona_of)))
    who = membership.argmax(axis=1)
    for k in styles.several:
        classes = np.flatnonzero(styles.persona_of == k)
        answered, heard = _heard(answers.some(np.flatnonzero(who == k)))
        if len(answered):
            found = fit_latent_classes(heard.codes, heard.levels, len(classes), rng, starts=STARTS).membership
            taught = learn_personas(heard.hot, heard.levels, found, PSEUDO_COUNTS, settled=True)
            shares[:, classes] = taught.attribute(Answers.of(answers.codes[:, answered], heard.levels).hot)[0]
    return styles.within(shares)


def _best(answers: Answers, rng: np.random.Generator, spread: Spread) -> ClassNumber:
    numbers: Sequence[int] = range(1, MOST_STYLES + 1) if len(answers.codes) >= max(FEWEST, FOLDS) else [1]
    return best_class_number(compare_class_numbers(_heard(answers)[1], numbers, rng, spread=spread))


def _heard(answers: Answers) -> tuple[Codes, Answers]:
    """The items that anybody answered, and the answers to them."""
    answered = np.flatnonzero((answers.codes >= 0).any(axis=0))
    return answered, Answers.of(answers.codes[:, answered], np.asarray(answers.levels)[answered].tolist())
