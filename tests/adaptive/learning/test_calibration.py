"""The calibration error, and the model that is kept where labels are given."""

import numpy as np
import pytest

from adaptive.learning.calibration import calibration_error
from adaptive.learning.fit import fit_with_labels
from adaptive.learning.responses import Answers


def test_the_calibration_error_weights_each_bin_by_its_size():
    """A bin of three quarters of the respondents has three quarters of the weight."""
    stated = np.repeat([0.95, 0.55], [300, 100])
    true = np.repeat([0.8, 0.55], [300, 100])

    assert calibration_error(stated, true) == pytest.approx(0.75 * 0.15)


@pytest.mark.parametrize(("seed", "is_kept"), [(0, False), (4, True)])
def test_dependences_stay_where_they_predict_held_out_labels_better(seed, is_kept):
    """A mood that moves ten answers together, and says nothing of the persona, may or may not be worth a forest."""
    rng = np.random.default_rng(seed)
    who, mood = rng.integers(0, 2, 300), rng.integers(0, 3, 300)
    columns = []
    for q in range(10):
        own = rng.random(300) < np.where(who == 1, 0.6, 0.4)
        columns.append(np.where(rng.random(300) < 0.35, (mood + q) % 3 == 0, own).astype(int))

    found = fit_with_labels(Answers.of(np.array(columns).T, [2] * 10), who, np.random.default_rng(1)).dependences

    assert (found.label_gain > 0, bool(found.parents)) == (is_kept, is_kept)
