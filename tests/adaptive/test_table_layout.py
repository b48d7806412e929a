"""Blocks of questions: sums per question are the sums of their own cells, whatever their widths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive.tables import Layout


@given(st.lists(st.integers(1, 30), min_size=1, max_size=20))
def test_sums_are_those_of_each_questions_own_cells(widths):
    """Cells laid out and summed again, for several personas at once; at most half of any block is padding."""
    rng = np.random.default_rng(len(widths))
    tables = [rng.random((3, width)) for width in widths]
    layout = Layout.of(widths)

    laid = layout.arrange(tables)

    assert layout.sum(laid) == pytest.approx(np.stack([table.sum(axis=1) for table in tables], axis=1))
    assert laid.shape[1] < 2 * sum(widths)
