"""What nearest respondents share with a contact, as counts only; and how far contacts have moved from the respondents."""

import numpy as np
import pytest

from adaptive.lookalike.drift import LevelCounts, measure_drift
from adaptive.lookalike.encode import FEWEST_PEOPLE
from adaptive.lookalike.model import encode
from adaptive.lookalike.neighbours import NEAREST, RespondentIndex
from tests.adaptive.lookalike.people import CITIES, planted


def test_neighbours_are_levels_shared_with_the_five_nearest(fitted, respondents):
    """The counts of all respondents are those of the column; at most five are near."""
    columns, _ = respondents
    index = RespondentIndex.of(fitted.model, columns)

    shared = index.shared_levels({"age": 30, "city": "Paris", "job": "works in sales"})

    by_name = {(level.attribute, level.level): level for level in shared}
    assert by_name["city", "Paris"].respondents == columns["city"].count("Paris")
    assert all(1 <= level.neighbours <= NEAREST for level in shared)
    assert [level.neighbours for level in shared] == sorted((level.neighbours for level in shared), reverse=True)


def test_no_level_of_few_respondents_and_no_missing_value_is_shown(fitted):
    """A shared level is held by eleven respondents or more, also after many of them were erased: nobody can be recognised."""
    columns, _ = planted(60, seed=2)
    index = RespondentIndex.of(fitted.model, columns)
    contacts, _ = planted(60, seed=3)

    shown = [level for row in range(60) for level in index.shared_levels({name: values[row] for name, values in contacts.items()})]

    assert min(level.respondents for level in shown) >= FEWEST_PEOPLE
    assert not any(level.level.startswith("(") for level in shown)
    assert index.shared_levels({"city": "Oslo"}) == []


def test_ten_respondents_have_no_neighbours_to_show(fitted):
    columns, _ = planted(10)

    assert RespondentIndex.of(fitted.model, columns).shared_levels({"city": "Paris"}) == []


def test_contacts_like_the_respondents_have_not_drifted(fitted):
    """Counted in two batches."""
    columns, _ = planted(4000, seed=4)
    counts = LevelCounts.none(fitted.model)
    for rows in (slice(0, 1000), slice(1000, None)):
        counts = counts.plus(encode(fitted.model, {name: values[rows] for name, values in columns.items()}))

    drift = measure_drift(fitted.model, counts)

    assert counts.contacts == 4000
    assert not any(moved.is_notable for moved in drift)
    assert max(moved.distance for moved in drift) < 0.1


@pytest.mark.parametrize(("share", "is_unknown"), [(0.15, False), (0.25, True)])
def test_values_never_seen_are_counted_and_warned_about(fitted, share, is_unknown):
    """From a fifth of the contacts on."""
    columns, _ = planted(1000, seed=5)
    cut = round(1000 * share)
    columns["city"] = ["Atlantis"] * cut + [CITIES[n % 3] for n in range(1000 - cut)]

    drift = {
        moved.attribute: moved for moved in measure_drift(fitted.model, LevelCounts.none(fitted.model).plus(encode(fitted.model, columns)))
    }

    assert drift["city"].unknown == pytest.approx(share, abs=0.001)
    assert drift["city"].is_unknown == is_unknown


def test_a_base_that_is_older_has_drifted(fitted):
    """The distance is the share of contacts who would have to change level."""
    columns, _ = planted(1000, seed=6)
    columns["age"] = np.full(1000, 99.0)

    drift = measure_drift(fitted.model, LevelCounts.none(fitted.model).plus(encode(fitted.model, columns)))[0]

    top = fitted.model.encodings[0].people
    assert drift.is_notable
    assert drift.distance == pytest.approx(1 - top[-2] / sum(top))
