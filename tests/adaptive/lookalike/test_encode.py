"""Encoding of attributes: bins, levels and words that enough people share, and what cannot be read."""

import datetime

import numpy as np
import pytest

from adaptive.lookalike.encode import FEWEST_PEOPLE, Dictionary, Encoding, days_of, encode_column, learn_encoding, text_of, tokens_of


def test_numbers_are_cut_into_six_bins_of_about_equal_size():
    """The edges are quantiles, and each bin holds a sixth of the people."""
    encoding = learn_encoding("age", "number", np.arange(600.0))

    assert len(encoding.edges) == 5
    assert encoding.people[:6] == pytest.approx([100] * 6, abs=2)
    assert encoding.people[-1] == 0


@pytest.mark.parametrize("people", [12, 40, 66, 100])
def test_no_bin_describes_fewer_than_eleven_people(people):
    """With few people there are fewer bins."""
    values = np.random.default_rng(people).normal(size=people)

    encoding = learn_encoding("age", "number", values)

    assert min(encoding.people[:-1]) >= min(FEWEST_PEOPLE, people)
    assert sum(encoding.people) == people


def test_an_edge_is_not_the_exact_number_of_a_respondent():
    """Edges keep four digits."""
    encoding = learn_encoding("income", "number", np.linspace(20_000.37, 91_234.56, 200))

    assert all(edge == float(f"{edge:.4g}") for edge in encoding.edges)


def test_a_category_needs_eleven_people_else_it_is_other():
    """Eleven people make a level, ten do not; an unseen value is other and unknown, an empty one missing."""
    encoding = learn_encoding("city", "category", ["Paris"] * 11 + ["Lyon"] * 10 + [None] * 3)

    encoded = encode_column(encoding, ["Paris", "Lyon", "Oslo", "", None])

    assert encoding.levels == ("Paris",)
    assert encoding.row_labels() == ["Paris", "(other)", "(missing)"]
    assert encoding.people == (11, 10, 3)
    assert encoded.codes.tolist() == [0, 1, 1, 2, 2]
    assert encoded.unknown.tolist() == [False, True, True, False, False]


def test_a_text_is_the_words_that_eleven_people_use():
    """Several words apply to one text; a number is no word."""
    encoding = learn_encoding("job", "text", ["Sales at 7 shops"] * 12 + ["rare trade"] * 10)

    encoded = encode_column(encoding, ["at SALES, at work", "rare", None])

    assert encoding.levels == ("at", "sales", "shops")
    assert encoded.hot[encoded.codes].tolist() == [[1, 1, 0, 1, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("value", "order", "days"),
    [
        ("1970-01-02", "ymd", 1),
        ("1970-01-02", "dmy", 1),
        ("02.01.1970", "dmy", 1),
        ("01/02/1970", "mdy", 1),
        ("1970-01-02T23:59:00", "ymd", 1),
        (datetime.date(1970, 1, 2), "ymd", 1),
        (datetime.datetime(1970, 1, 2, 23), "ymd", 1),
        (np.datetime64("1970-01-02"), "ymd", 1),
    ],
)
def test_dates_become_days(value, order, days):
    assert days_of(value, order) == days


@pytest.mark.parametrize("value", ["31.02.2020", "2020-13-01", "1.1.70", "yesterday", "", None, 3.0, "2020-01-01 noon"])
def test_what_is_no_date_is_unreadable(value):
    """It is missing, and unknown where there was something to read."""
    assert np.isnan(days_of(value, "dmy"))
    encoded = encode_column(Encoding("since", "date", edges=(10.0,), people=(11, 11, 0)), [value])
    assert encoded.codes.tolist() == [2]
    assert encoded.unknown.tolist() == [bool(text_of(value))]


def test_the_order_of_day_and_month_is_that_which_reads_most_dates():
    encoding = learn_encoding("since", "date", ["03/04/2020", "12/31/2020", "01/15/2021"] * 10)

    assert encoding.date_order == "mdy"


def test_words_among_numbers_are_unknown():
    """Infinite numbers too."""
    encoding = learn_encoding("age", "number", np.arange(100.0))

    encoded = encode_column(encoding, ["12", 3, "old", float("inf"), float("nan"), "", True])

    assert encoded.unknown.tolist() == [False, False, True, True, False, False, True]
    assert encoded.codes[[2, 3, 4, 5]].tolist() == [encoding.missing] * 4


@pytest.mark.parametrize("kind", ["number", "category", "text", "date"])
def test_a_dictionary_column_is_encoded_as_its_values_are(kind):
    """So are arrays: Arrow gives dictionaries, which are encoded once a value."""
    values = {"number": ["1", "2", None, "2"], "date": ["2020-01-01", "2021-01-01", None, "2021-01-01"]}.get(
        kind, ["red car", "blue", None, "blue"]
    )
    encoding = learn_encoding("x", kind, values * 20)
    known = Dictionary([values[0], values[1]], np.array([0, 1, -1, 1]))

    plain, coded = encode_column(encoding, values), encode_column(encoding, known)

    table = np.random.default_rng(1).normal(size=(encoding.size, 3))
    assert np.array_equal(plain.evidence(table), coded.evidence(table))
    assert np.array_equal(plain.counts(encoding.size), coded.counts(encoding.size))


@pytest.mark.parametrize(
    ("value", "text"), [(3.0, "3"), (True, "true"), (np.float64("nan"), ""), (None, ""), (" a ", "a"), (np.int64(3), "3"), (2.5, "2.5")]
)
def test_values_are_compared_as_text(value, text):
    assert text_of(value) == text


def test_words_are_letters_in_any_script():
    assert tokens_of("Été à Αθήνα, x²y 3D_model") == {"été", "αθήνα", "model"}


def test_an_encoding_survives_json():
    encoding = learn_encoding("since", "date", ["03/04/2020", "12/31/2020"] * 20)

    assert Encoding.from_json(encoding.to_json()).to_json() == encoding.to_json()


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match='attribute "age": "float" is not one of number, date, category, text'):
        learn_encoding("age", "float", [1.0])
