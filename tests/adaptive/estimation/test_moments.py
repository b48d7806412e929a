"""Moments: sums over contacts that add up, are packed and restored, and refuse what is no belief."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive.estimation.estimate import estimate_means, estimate_rates, estimate_shares
from adaptive.estimation.findings import differences
from adaptive.estimation.moments import Moments
from tests.adaptive.estimation.bases import PERSONAS, a_base


def same(a, b):
    """Return whether two lists of figures agree to 1e-9."""
    numbers = [[[f.value, f.low, f.high, f.n_eff, float(f.people)] for f in figures] for figures in (a, b)]
    return np.allclose(np.array(numbers[0], dtype=float), np.array(numbers[1], dtype=float), rtol=0, atol=1e-9)


@pytest.mark.parametrize("probes", [0, 60])
def test_figures_of_added_moments_are_those_of_all_contacts(probes):
    """A report may add the sums of any split of the contacts: rates, means and shares agree to 1e-9."""
    base = a_base(1, probes=probes)
    whole = base.moments()
    rng = np.random.default_rng(2)
    part_of = rng.integers(0, 7, len(base.attributed))

    added = sum((base.moments(part_of == part) for part in range(7)), Moments.none(3))

    for estimate in (estimate_rates, estimate_means, estimate_shares):
        assert same(estimate(whole, PERSONAS), estimate(added, PERSONAS))


def test_packed_moments_are_restored_exactly():
    """`from_bytes` undoes `to_bytes`; what is no packed moments is refused."""
    moments = a_base(1, probes=60).moments()
    packed = moments.to_bytes()

    assert Moments.from_bytes(packed).to_bytes() == packed
    assert estimate_rates(Moments.from_bytes(packed), PERSONAS) == estimate_rates(moments, PERSONAS)
    for wrong in (b"", packed[:-1], packed + b"\0", b"x" + packed[1:], packed[:6], packed[:6] + b"\0\0"):
        with pytest.raises(ValueError, match=r"^packed: "):
            Moments.from_bytes(wrong)


HALF = np.full((4, 2), 0.5)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("attributed", np.full((4, 2), 0.6)),
        ("attributed", np.full(4, 0.5)),
        ("attributed", np.full((4, 2), np.nan)),
        ("attributed", np.zeros((4, 0))),
        ("attributed", [["a", "b"]]),
        ("answered", np.full((2, 3), 1 / 3)),
        ("answered", [[-0.5, 1.5], [0.5, 0.5]]),
        ("who", [0]),
        ("who", [0, 0]),
        ("who", [0, 4]),
        ("who", [-1, 0]),
        ("who", [0.0, 1.0]),
        ("outcome", np.zeros(3)),
        ("outcome", np.full(4, np.inf)),
        ("outcome", np.full(4, 1e13)),
        ("denominator", np.full(4, np.nan)),
        ("denominator", [1, 1, 1, -1]),
        ("denominator", [0, 1, 1, 1]),
        ("probed", [0, 1]),
        ("weights", [1.0, 0.0]),
        ("weights", [1.0, np.inf]),
        ("reachable", np.ones(3, dtype=bool)),
    ],
)
def test_bad_input_names_its_argument(name, wrong):
    """Wrong shapes, missing numbers and impossible values are refused by name."""
    right = {"attributed": HALF, "answered": HALF[:2], "who": [0, 1], "outcome": np.ones(4)}
    Moments.of(**right)

    with pytest.raises(ValueError, match=f"^{name}: "):
        Moments.of(**(right | {name: wrong}))


def test_empty_bases_and_other_personas_are_refused():
    """Where nobody answered there is no figure; moments of other personas do not add."""
    nobody = Moments.of(HALF, np.zeros((0, 2)), np.zeros(0, dtype=int), np.ones(4))

    assert np.isnan(nobody.confidence)
    with pytest.raises(ValueError, match=r"^moments: nobody answered"):
        estimate_rates(nobody, ("a", "b"))
    with pytest.raises(ValueError, match=r"^personas: "):
        estimate_rates(nobody, ("a", "b", "c"))
    with pytest.raises(ValueError, match=r"^other: "):
        nobody + Moments.none(3)


@given(st.data())
def test_any_contacts_have_figures_or_none(data):
    """However few or strange the contacts: no warning, no error, low <= value <= high, and rates and shares from 0 to 1."""
    N, K = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 3))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    n = data.draw(st.integers(1, N))
    sharp = data.draw(st.sampled_from([0.05, 1.0, 100.0]))
    denominator = rng.integers(0, 3, N) * data.draw(st.sampled_from([0, 1, 1e11]))
    outcome = np.where(rng.random(N) < data.draw(st.sampled_from([0, 0.5])), np.nan, rng.integers(0, denominator.clip(0, 5) + 1, N))
    moments = Moments.of(
        rng.dirichlet(np.full(K, sharp), N),
        rng.dirichlet(np.full(K, sharp), n),
        rng.choice(N, n, replace=False),
        outcome,
        denominator,
        probed=rng.random(n) < data.draw(st.sampled_from([0, 0.9])),
        weights=rng.choice([1e-3, 1.0, 1e6], n) if data.draw(st.booleans()) else None,
        reachable=rng.random(N) < 0.8,
    )
    names = PERSONAS[:K]

    for estimate in (estimate_rates, estimate_means, estimate_shares):
        for figure in estimate(moments, names):
            assert (figure.value is None) == (figure.state == "too_few")
            if figure.value is not None:
                assert figure.low <= figure.value <= figure.high
                assert estimate is estimate_means or (figure.low >= 0 and figure.high <= 1)
    differences(moments, names)
