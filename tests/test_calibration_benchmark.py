"""What the bank states is true: tables of few labelled respondents, judged at the stop."""

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
def test_nine_tenths_sure_is_nine_times_in_ten_right(benchmark, ways):
    """100 respondents, 8 personas, 60 questions, asked on their own or in five ways: within .04 over four made worlds."""
    stated, true, _ = np.mean([benchmark.measured(ways, 100, seed, judged=300) for seed in range(4)], axis=0)

    assert stated >= 0.9
    assert true == pytest.approx(stated, abs=0.04)


def test_five_ways_of_asking_are_one_topic_each(benchmark):
    """Twelve topics, and a repeat weighs next to nothing."""
    rng = np.random.default_rng(1)
    fit = benchmark.learnt(benchmark.World.of(rng, 5), 100, rng)

    assert fit.topics.tolist() == np.repeat(np.arange(12), 5).tolist()
    assert fit.repeat_weight <= 0.3
