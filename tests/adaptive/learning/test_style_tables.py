"""Tables of the styles of known personas."""

import numpy as np
import pytest

from adaptive import ResponseTables
from adaptive.learning.fit import fit_with_labels
from adaptive.learning.latent_classes import fit_personas, fit_styles, style_posterior
from adaptive.learning.model_selection import choose_style_numbers, initial_styles
from adaptive.learning.responses import Answers, one_hot
from adaptive.response_styles import Styles
from tests.adaptive.learning.test_styles import two_styles

STYLES = Styles(np.array([0, 0, 1, 2]))


def fitted_styles(strength=4.0):
    """Return answers, personas and styles fitted to three personas, of whom the first answers in two ways."""
    answers, who = two_styles(np.random.default_rng(1))
    personas = fit_personas(answers.hot, answers.levels, np.eye(3)[who], strength, settled=True)
    start = initial_styles(answers, personas.membership, STYLES, np.random.default_rng(2))
    return answers, personas, fit_styles(answers.hot, answers.levels, personas, STYLES, start)


def test_styles_are_found_without_changing_the_personas():
    """The planted shares are found, and the classes of a persona add up to its people."""
    _, personas, fitted = fitted_styles()

    assert STYLES.marginal(fitted.membership) == pytest.approx(personas.membership, abs=1e-12)
    assert STYLES.marginal(fitted.prior) == pytest.approx(personas.prior, abs=1e-12)
    yes = np.sort(fitted.table[:2, 1::2].mean(axis=1))
    assert yes == pytest.approx([0.2, 0.75], abs=0.05)


def test_a_style_is_shrunk_to_the_table_of_its_persona():
    """(n(style, answer) + s * persona's share) / (n(style) + s), weighted by membership."""
    answers, personas, fitted = fitted_styles(4.0)

    for k, persona in enumerate(STYLES.persona_of):
        people = fitted.membership[:, k]
        counted = (people @ answers.hot + 4 * personas.table[persona]) / (people.sum() + 4)
        assert fitted.table[k] == pytest.approx(counted, abs=1e-4)


def test_the_style_of_a_respondent_follows_bayes_rule():
    """Given the persona, the style has its posterior; the score is the log of the mixture."""
    answers, _, fitted = fitted_styles()
    held = one_hot(answers.codes[:3], answers.levels)

    classes, score = style_posterior(fitted, STYLES, held, np.eye(3)[[0, 0, 1]])

    for n, persona in enumerate([0, 0, 1]):
        joint = [
            fitted.prior[k] / fitted.prior[STYLES.persona_of == persona].sum() * np.prod(fitted.table[k][held[n] > 0])
            for k in np.flatnonzero(STYLES.persona_of == persona)
        ]
        assert classes[n][STYLES.persona_of == persona] == pytest.approx(np.array(joint) / sum(joint))
        assert score[n] == pytest.approx(np.log(sum(joint)))


@pytest.mark.slow
def test_styles_that_do_not_improve_the_prediction_of_personas_are_dropped():
    """Styles that are independent of the persona exist in the data, but are not kept."""
    rng = np.random.default_rng(3)
    who, style = rng.integers(0, 2, 400), rng.integers(0, 2, 400)
    chance = np.column_stack(
        [np.where(who[:, None] == 1, 0.65, 0.35).repeat(6, 1), np.where(style[:, None] == 1, 0.85, 0.15).repeat(10, 1)]
    )
    answers = Answers.of((rng.random(chance.shape) < chance).astype(np.int64), [2] * 16)

    assert choose_style_numbers(answers, np.eye(2)[who], rng) == [2, 2]
    assert fit_with_labels(answers, who, rng, styles=True).styles is None


@pytest.mark.parametrize("persona_of", [[0, 1], [0, 2, 2], [1, 1, 2], [1, 0, 0]])
def test_classes_out_of_order_are_refused(persona_of):
    """Classes have to be in the order of their personas, with none left out."""
    with pytest.raises(ValueError, match="name the persona of each of 3 classes"):
        ResponseTables.of([np.eye(3)], persona_of=persona_of)


def test_one_class_per_persona_means_no_styles():
    """Then `styles` is None."""
    assert ResponseTables.of([np.eye(3)], persona_of=[0, 1, 2]).styles is None
