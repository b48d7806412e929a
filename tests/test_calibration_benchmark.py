"""Stated confidence is calibrated: tables fitted to few labelled respondents, scored at the stop."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

PATH = Path(__file__).resolve().parent.parent / "benchmarks" / "calibration.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("calibration_benchmark", PATH)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.parametrize("ways", [1, 5])
def test_a_confidence_of_nine_tenths_is_right_nine_times_in_ten(benchmark, ways):
    """With 100 respondents, 8 personas and 60 questions, alone or in five variants, the error is below .04 over four simulated worlds."""
    stated, true, _ = np.mean([benchmark.calibration_at_stop(ways, 100, seed, test_respondents=300) for seed in range(4)], axis=0)

    assert stated >= 0.9
    assert true == pytest.approx(stated, abs=0.04)


def test_paraphrases_become_one_topic(benchmark):
    """There are twelve topics, and repeated questions get a weight close to zero."""
    rng = np.random.default_rng(1)
    fit = benchmark.fit_world(benchmark.World.of(rng, 5), 100, rng)

    assert fit.topics.tolist() == np.repeat(np.arange(12), 5).tolist()
    assert fit.repeat_weight <= 0.3
