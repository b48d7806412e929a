"""The layout of questions in blocks, for any widths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive.information import sum_outcomes
from adaptive.tables import Layout


@given(st.lists(st.integers(1, 30), min_size=1, max_size=20))
def test_layout_sums_equal_the_sums_of_each_question(widths):
    """Cells of several personas are arranged and summed; at most half of any block is padding."""
    rng = np.random.default_rng(len(widths))
    tables = [rng.random((3, width)) for width in widths]
    layout = Layout.of(widths)

    laid = layout.arrange(tables)

    assert sum_outcomes(layout, laid) == pytest.approx(np.stack([table.sum(axis=1) for table in tables], axis=1))
    assert laid.shape[1] < 2 * sum(widths)
