"""Sums of contacts by week and channel, as they are stored."""

import numpy as np
import pytest

from adaptive.estimation.ratio import MIN_PROBES
from survey_service.figures.cells import Cells, Person, Place, crowd_from
from survey_service.figures.disclosure import Crowd

BELIEF = np.array([0.9, 0.1])
BOUNCES = Place("visits", "bounce", "2026-01-05", "web")


@pytest.mark.parametrize(("probes", "is_shown"), [(0, True), (5, True), (MIN_PROBES + 2, False)])
def test_a_handful_of_probes_does_not_hide_what_respondents_show(probes, is_shown):
    """Probes count by their weight only where enough answered for figures to be weighted: two among forty then outweigh the others."""
    cells = Cells(2)
    for number in range(40):
        weight = 500.0 if number < min(probes, 2) else 1.0
        cells.add(Person(BELIEF, BELIEF, weight > 1, weight), {BOUNCES: (float(number % 2), 1.0)})
    for _ in range(probes - 2):
        cells.add(Person(BELIEF, BELIEF, True, 500.0), {Place("base", "shares"): (1.0, 1.0)})

    content = dict(cells.packed())[BOUNCES]

    assert Crowd(*crowd_from(content, 2)[0]).is_enough(0, is_rate=True) is is_shown
