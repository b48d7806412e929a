"""What the stated probabilities are worth."""

import numpy as np
import pytest

from adaptive.learning.calibration import calibration_error


def test_the_calibration_error_weighs_each_bin_by_its_size():
    """Three quarters of the people are stated .95 and right .8 of the time, the rest is exact."""
    stated = np.repeat([0.95, 0.55], [300, 100])
    true = np.repeat([0.8, 0.55], [300, 100])

    assert calibration_error(stated, true) == pytest.approx(0.75 * 0.15)
