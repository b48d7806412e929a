"""Suppression: what is hidden cannot be computed from what is shown."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive.estimation.figures import FEWEST_PEOPLE, figure_of
from adaptive.estimation.suppression import suppress, suppress_figures


def with_totals(cells, margins):
    """Return a table with totals along the axes."""
    for axis in margins:
        cells = np.concatenate([cells, cells.sum(axis=axis, keepdims=True)], axis=axis)
    return cells


def attack(table, hidden, margins):
    """Return the hidden cells that an attacker computes: the table is written as totals minus what is shown, and solved.

    The unknowns are the inner cells. A hidden cell or total is found if a combination of what is shown adds up to it.
    """
    inner = tuple(size - (axis in margins) for axis, size in enumerate(table.shape))
    unknowns = np.eye(int(np.prod(inner))).reshape(*inner, -1)
    sums = with_totals(unknowns, margins).reshape(table.size, -1)  # each cell of the table as a sum of unknowns
    shown = sums[~hidden.ravel()]
    rank = np.linalg.matrix_rank(shown) if len(shown) else 0
    return [cell for cell in np.flatnonzero(hidden) if np.linalg.matrix_rank(np.vstack([shown, sums[cell]])) == rank]


def test_a_single_hidden_cell_takes_another_of_its_row_and_column_with_it():
    """In a table with both totals four cells are hidden, the corners of a rectangle, where one must be."""
    people = with_totals(np.array([[5, 20, 90], [30, 40, 90], [90, 90, 90]]), (0, 1))
    hidden = np.zeros((4, 4), dtype=bool)
    hidden[0, 0] = True

    found = suppress(hidden, people, (0, 1))

    assert np.argwhere(found).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_only_real_totals_are_used():
    """Stages of a journey do not add up: one further persona is hidden, no further stage."""
    people = with_totals(np.array([[50, 5], [60, 40], [70, 30]]), (0,))
    hidden = np.zeros((4, 2), dtype=bool)
    hidden[0, 1] = True

    assert np.argwhere(suppress(hidden, people, (0,))).tolist() == [[0, 1], [2, 1]]
    assert np.argwhere(suppress(hidden, people, ())).tolist() == [[0, 1]]


def test_two_small_cells_that_are_few_together_take_a_third():
    """Their sum would be a figure of fewer people than are allowed."""
    people = with_totals(np.array([3, 4, 20, 30]), (0,))

    assert suppress(np.array([True, True, False, False, False]), people, (0,)).tolist() == [True, True, True, False, False]


def test_a_total_that_is_its_only_cell_is_hidden_with_it():
    """With one persona the total is the cell."""
    assert suppress(np.array([True, False]), np.array([3, 3]), (0,)).tolist() == [True, True]


def test_figures_from_which_a_hidden_one_could_be_computed_are_hidden():
    """A report of two personas and their total at two channels: where one persona has too few people, so has the other."""

    def figure(people):
        return figure_of("driver", 0.4, 0.3, 0.5, float(people), people, "respondents")

    table = [[figure(people) for people in row] for row in with_totals(np.array([[30, 5], [40, 50]]), (0,))]

    found = suppress_figures(table, (0,))

    assert [[shown.state for shown in row] for row in found] == [["shown", "too_few"], ["shown", "too_few"], ["shown", "shown"]]
    assert found[0][0] == table[0][0]
    assert (found[1][1].value, found[1][1].low, found[1][1].people) == (None, None, 50)
    with pytest.raises(ValueError, match=r"^table: "):
        suppress_figures([[figure(30)], []], (0,))


@given(st.data())
def test_no_hidden_cell_can_be_solved_for(data):
    """An attacker who solves any table for its hidden cells finds none; what is hidden below a visible total are many people together."""
    shape = data.draw(st.sampled_from([(4,), (2, 3), (4, 5), (3, 1), (2, 3, 2)]))
    margins = data.draw(st.sampled_from([m for m in ((0,), (1,), (0, 1), (0, 1, 2)) if max(m) < len(shape)]))
    size = int(np.prod(shape))
    cells = np.array(data.draw(st.lists(st.integers(0, 60), min_size=size, max_size=size))).reshape(shape)
    people = with_totals(cells, margins)
    flags = data.draw(st.lists(st.booleans(), min_size=people.size, max_size=people.size))
    hidden = np.array(flags).reshape(people.shape) & (data.draw(st.booleans()) | (people < FEWEST_PEOPLE))

    found = suppress(hidden, people, margins)

    assert (found | hidden == found).all()
    assert attack(people, found, margins) == []
    for axis in margins:
        for line, gone in zip(*(np.moveaxis(a, axis, -1).reshape(-1, a.shape[axis]) for a in (people, found)), strict=True):
            assert gone[-1] or not gone.any() or line[gone].sum() >= FEWEST_PEOPLE
    if not hidden.any():
        assert not found.any()


def test_the_attack_of_this_test_finds_an_unprotected_cell():
    """The attacker above finds a hidden cell that nothing protects."""
    hidden = np.zeros((4, 4), dtype=bool)
    hidden[1, 2] = True

    assert attack(np.ones((4, 4)), hidden, (0, 1)) == [6]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("hidden", np.zeros(3)), ("people", np.zeros(4)), ("margins", (1,)), ("margins", (0, 0))],
)
def test_bad_input_names_its_argument(name, wrong):
    """Wrong shapes and axes are refused by name."""
    right = {"hidden": np.zeros(3, dtype=bool), "people": np.ones(3), "margins": (0,)}
    suppress(**right)

    with pytest.raises(ValueError, match=f"^{name}: "):
        suppress(**(right | {name: wrong}))
