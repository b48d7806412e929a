"""No report, and no two reports together, tell of few people."""

from itertools import combinations

import numpy as np
import pytest

from survey_service.figures.cells import OTHER
from survey_service.figures.disclosure import Crowd, blocks_of

WEEKS = [f"2026-{month:02}-{day:02}" for month in range(1, 7) for day in (1, 8, 15, 22)]
CHANNELS = ["web", "email", "agent", "kiosk"]


def random_crowds(seed: int) -> dict[tuple[str, str], Crowd]:
    """Return crowds by week and channel, of two personas, some of them small."""
    draws = np.random.default_rng(seed)
    crowds = {}
    for week in WEEKS:
        for channel, size in zip(CHANNELS, (30, 12, 4, 0.5), strict=True):
            top = draws.poisson(size * np.array([1.0, 0.25])).astype(float)
            some = draws.binomial(top.astype(int), 0.4).astype(float)
            full = draws.binomial(some.astype(int), 0.9).astype(float)
            crowds[week, channel] = Crowd(top, some, full, top * 0.9, top * 0.85)
    return crowds


def shown_as_vectors(crowds, blocks, weeks):
    """Return every figure of the grid that is shown, as a vector over the cells that it adds up."""
    cells = list(crowds)
    vectors = []
    edges = [*combinations([None, *weeks, None], 2)]
    for (first, after), channel in ((edge, channel) for edge in edges for channel in (None, *CHANNELS, OTHER)):
        if blocks.allow(first, after, channel):
            named = _named(crowds, blocks)
            within = [
                (first is None or week >= first) and (after is None or week < after) and channel in (None, named[name])
                for week, name in cells
            ]
            vectors.append(np.array(within, dtype=float))
    return np.array(vectors)


def _named(crowds, blocks):
    return {channel: channel if channel in blocks.channels else OTHER for _, channel in crowds}


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("persona", [0, 1])
def test_nothing_hidden_can_be_solved_for(seed, persona):
    """Every set of cells whose sum follows from the shown figures has enough people: the shown ones are sums of such sets."""
    crowds = random_crowds(seed)
    blocks = blocks_of(crowds, persona, is_rate=True)
    shown = shown_as_vectors(crowds, blocks, WEEKS)
    cells = list(crowds)
    patterns = {tuple(column) for column in shown.T}  # cells that every figure has or lacks together cannot be told apart

    assert len(shown)
    for pattern in patterns:
        together = [crowds[cell] for cell, column in zip(cells, shown.T, strict=True) if tuple(column) == pattern]
        total = together[0]
        for crowd in together[1:]:
            total = total + crowd
        assert total.is_enough(persona, is_rate=True) or not any(pattern)


def test_a_larger_persona_has_shorter_blocks():
    """Each persona is shown as finely as its own people allow."""
    crowds = random_crowds(1)
    many, few = (blocks_of(crowds, persona, is_rate=True) for persona in (0, 1))

    assert len(many.starts) > len(few.starts) > 0


def test_too_few_people_have_no_figure():
    """Ten people are not shown in any grid, and eleven of whom all have the outcome neither."""

    def of(top, some):
        return {("2026-01-01", "web"): Crowd(*(np.array([float(value)]) for value in (top, some, some, top, top)))}

    assert not blocks_of(of(10, 5), 0, is_rate=True).allow(None, None, None)
    assert blocks_of(of(11, 5), 0, is_rate=True).allow(None, None, None)
    assert not blocks_of(of(11, 11), 0, is_rate=True).allow(None, None, None)
    assert not blocks_of(of(11, 0), 0, is_rate=True).allow(None, None, None)
    assert blocks_of(of(11, 11), 0, is_rate=False).allow(None, None, None)
