"""The calibration error."""

import numpy as np
import pytest

from adaptive.learning.calibration import calibration_error


def test_the_calibration_error_weights_each_bin_by_its_size():
    """A bin of three quarters of the respondents has three quarters of the weight."""
    stated = np.repeat([0.95, 0.55], [300, 100])
    true = np.repeat([0.8, 0.55], [300, 100])

    assert calibration_error(stated, true) == pytest.approx(0.75 * 0.15)
