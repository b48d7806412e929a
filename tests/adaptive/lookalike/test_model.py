"""A fitted attribution: scoring against the formula, explanations that add up, assignments with hysteresis, and its JSON."""

import json

import numpy as np
import pytest

from adaptive.lookalike.encode import Encoding
from adaptive.lookalike.model import NOBODY, AttributionModel, MissingColumns, assign, explain, score, top_personas
from tests.adaptive.lookalike.people import planted, take


def by_hand(threshold=0.8):
    """Return a model of two personas and one category whose numbers can be checked by hand."""
    encoding = Encoding("city", "category", levels=("Paris",), people=(40, 40, 20))
    table = np.array([[1.0, -1.0], [-1.0, 1.0], [0.0, 0.0]])
    return AttributionModel(("a", "b"), np.array([0.5, 0.5]), (encoding,), (table,), np.zeros(2), 1.0, 0.8, threshold, 0.05)


def test_the_prior_is_multiplied_by_powers_of_two():
    """One bit for and one against: odds of four to one."""
    assert score(by_hand(), {"city": ["Paris", "Lyon", None]}) == pytest.approx(np.array([[0.8, 0.2], [0.2, 0.8], [0.5, 0.5]]))


def test_an_explanation_adds_up_to_the_log_odds(fitted):
    """Intercept and attributes give the posterior log odds less those of the prior, for every persona, to 1e-9."""
    columns, _ = planted(50, seed=8)
    vectors = score(fitted.model, columns)

    for row in range(50):
        explained = explain(fitted.model, {name: values[0] for name, values in take(columns, [row]).items()})

        assert explained.vector == pytest.approx(vectors[row], abs=1e-12)
        log_odds = np.log2(explained.vector / (1 - explained.vector)) - np.log2(fitted.model.prior / (1 - fitted.model.prior))
        assert explained.intercept + sum(explained.bits.values()) == pytest.approx(log_odds, abs=1e-9)


def test_an_explanation_names_what_was_used(fitted):
    """Bins, categories and words; an absent attribute is missing."""
    explained = explain(fitted.model, {"age": 200, "city": "Oslo", "job": "works in sales"})

    assert explained.values["age"].startswith("above ")
    assert (explained.values["city"], explained.values["since"]) == ("(other)", "(missing)")
    assert sorted(explained.values["job"].split()) == ["in", "sales", "works"]


def test_a_model_survives_json(fitted):
    """Its scores do not change by a bit."""
    columns, _ = planted(100, seed=9)

    restored = AttributionModel.from_json(json.loads(json.dumps(fitted.model.to_json())))

    assert np.array_equal(score(restored, columns), score(fitted.model, columns))
    assert restored.to_json() == fitted.model.to_json()


@pytest.mark.parametrize("broken", [{}, {"format": 2}, {"format": 1}, {"format": 1, "personas": 3}])
def test_other_json_is_refused(broken):
    with pytest.raises(ValueError, match="is not an attribution model"):
        AttributionModel.from_json(broken)


def test_tables_that_do_not_fit_their_attributes_are_refused(fitted):
    known = fitted.model.to_json()
    known["attributes"][0]["bits"].pop()

    with pytest.raises(ValueError, match="the sizes of its tables do not fit one another"):
        AttributionModel.from_json(known)


def test_attributes_without_a_column_are_named(fitted):
    with pytest.raises(MissingColumns, match="no column for city, job"):
        score(fitted.model, {"age": [3], "since": [None]})


def test_an_assignment_begins_at_the_threshold_and_ends_below_the_hysteresis():
    """From .80 on it begins; it ends below .75, or when another persona reaches .80."""
    vectors = np.array([[0.80, 0.20], [0.79, 0.21], [0.79, 0.21], [0.76, 0.24], [0.74, 0.26], [0.15, 0.85]])
    before = np.array([NOBODY, NOBODY, 0, 0, 0, 0])

    assert assign(by_hand(), vectors, before).tolist() == [0, NOBODY, 0, 0, NOBODY, 1]


def test_another_persona_must_lead_by_the_hysteresis():
    """Two personas above a low threshold do not alternate on small changes."""
    vectors = np.array([[0.48, 0.52], [0.47, 0.53]])

    assert assign(by_hand(threshold=0.45), vectors, np.array([0, 0])).tolist() == [0, 1]
    assert top_personas(vectors, np.array([0, 0]), 0.05).tolist() == [0, 1]
    assert top_personas(vectors).tolist() == [1, 1]


def test_without_a_threshold_nobody_is_assigned():
    assert assign(by_hand(threshold=None), np.array([[1.0, 0.0]])).tolist() == [NOBODY]


def test_a_shift_replaces_that_of_earlier_probes():
    """Two shifts do not add up."""
    shifted = by_hand().with_shift(np.array([1.0, 0.0])).with_shift(np.array([2.0, 0.0]))

    assert score(shifted, {"city": [None]}) == pytest.approx(np.array([[0.8, 0.2]]))
