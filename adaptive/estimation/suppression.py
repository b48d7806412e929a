"""Hide further cells of a published table, so that no hidden one can be computed from the others and the totals.

This is complementary cell suppression (Willenborg and de Waal, 2001). It is greedy: it hides the cell with the fewest people that helps,
which is safe but need not hide the fewest cells.
"""

from collections.abc import Sequence

import numpy as np

from adaptive.arrays import Bools, Floats, Ints
from adaptive.estimation.figures import FEWEST_PEOPLE, Figure

DETERMINED = 1e-9
"""Largest freedom of a cell that counts as none."""


def equations_of(shape: Sequence[int], margins: Sequence[int]) -> Floats:
    """Return the (E, cells) equations of a table: along each axis of `margins` the last entry is the sum of the others.

    Cells are numbered in C order; every equation adds up to 0.

    >>> equations_of((3,), (0,)).tolist()
    [[1.0, 1.0, -1.0]]
    """
    cells = np.arange(int(np.prod(shape))).reshape(shape)
    rows = []
    for axis in margins:
        for line in np.moveaxis(cells, axis, -1).reshape(-1, shape[axis]):
            row = np.zeros(cells.size)
            row[line[:-1]], row[line[-1]] = 1.0, -1.0
            rows.append(row)
    return np.array(rows).reshape(-1, cells.size)


def determined(equations: Floats, hidden: Bools) -> Bools:
    """Return which of the (cells,) hidden cells follow from the visible ones: those that no solution of the equations may change."""
    found = np.zeros(len(hidden), dtype=bool)
    places = np.flatnonzero(hidden)
    if len(places) and len(equations):
        _, sizes, directions = np.linalg.svd(equations[:, places])
        rank = int((sizes > DETERMINED).sum())
        freedom = np.abs(directions[rank:]).max(axis=0, initial=0.0)
        found[places] = freedom <= DETERMINED
    return found


def suppress(hidden: Bools, people: Ints, margins: Sequence[int]) -> Bools:
    """Return which cells of a table to hide: those of `hidden`, and as many more as protect them.

    Parameters
    ----------
    hidden : array of booleans
        Cells that must not be shown, of any shape, with the totals.
    people : array of the same shape
        Contacts behind each cell.
    margins : axes
        Along each, the last entry of the table is the total of the others. Along the other axes nothing adds up, as with stages of a
        journey.

    Afterwards no hidden cell follows from the visible ones, and the hidden cells of a line whose total is shown have `FEWEST_PEOPLE` people
    together. Raises ValueError, which begins with the name of the argument.
    """
    hidden, people = np.asarray(hidden), np.asarray(people)
    if hidden.dtype != np.bool_ or hidden.ndim < 1:
        raise ValueError("hidden: must be a table of booleans")
    if people.shape != hidden.shape:
        raise ValueError(f"people: must have the shape {hidden.shape}, like hidden")
    if any(axis not in range(hidden.ndim) for axis in margins) or len(set(margins)) < len(margins):
        raise ValueError(f"margins: must be different axes from 0 to {hidden.ndim - 1}")
    equations = equations_of(hidden.shape, margins)
    protected, cost = hidden.ravel().copy(), _costs(people, margins)
    while True:
        helps = _helpful(equations, protected, people.ravel())
        if not helps.any():
            return protected.reshape(hidden.shape)
        protected[np.where(helps, cost, np.inf).argmin()] = True


def suppress_figures(table: Sequence[Sequence[Figure]], margins: Sequence[int]) -> list[list[Figure]]:
    """Return a table of figures in which those are hidden too from which a hidden one could be computed. `margins`: see `suppress`.

    Rows and columns are those of the report, totals last. Raises ValueError where the rows differ in length.
    """
    if len({len(row) for row in table}) != 1:
        raise ValueError("table: must have rows of one length")
    hidden = np.array([[figure.state == "too_few" for figure in row] for row in table])
    found = suppress(hidden, np.array([[figure.people for figure in row] for row in table]), margins)
    return [
        [figure.hidden() if gone else figure for figure, gone in zip(row, gones, strict=True)]
        for row, gones in zip(table, found, strict=True)
    ]


def _costs(people: Ints, margins: Sequence[int]) -> Floats:
    """Return what hiding each cell costs: its people, and any number of them less than a total that it is part of."""
    totals = np.zeros(people.shape)
    for axis in margins:
        line = np.zeros(people.shape[axis])
        line[-1] = 1.0
        totals += line.reshape([-1 if place == axis else 1 for place in range(people.ndim)])
    cost: Floats = (people + totals * (1.0 + people.sum())).ravel()
    return cost


def _helpful(equations: Floats, hidden: Bools, people: Ints) -> Bools:
    """Return the visible cells of which one must be hidden next, none where the table is safe."""
    known = determined(equations, hidden)
    if known.any():
        target = np.flatnonzero(hidden) == np.flatnonzero(known)[0]
        multipliers = np.linalg.lstsq(equations[:, hidden].T, target.astype(np.float64), rcond=None)[0]
        helps: Bools = ~hidden & (equations[np.abs(multipliers) > DETERMINED] != 0).any(axis=0)
        return helps
    for equation in equations:
        inner = equation > 0
        few = people[inner & hidden].sum() < FEWEST_PEOPLE
        if few and (inner & hidden).any() and not hidden[equation < 0].any():
            visible: Bools = ~hidden & (equation != 0)
            return visible
    return np.zeros(len(hidden), dtype=bool)
