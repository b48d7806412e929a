"""The kind of an attribute is inferred from its values; cells that contradict it are named."""

import pytest

from question_bank.datasets.attribute_kinds import infer_kind, is_id, is_possible_date


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2.5", "", "1e3"], "number"),
        (["1", "2", "3"], "number"),
        (["0", "1", ""], "category"),
        (["yes", "no"], "category"),
        (["2024-01-31", "2023-05-01", ""], "date"),
        (["31.01.2024", "01.05.2023"], "date"),
        (["Paris", "Lyon", "Paris"], "category"),
        (["North Rhine", "Bavaria"] * 30, "category"),
        ([f"the {n} words of person number {n}" for n in range(100)], "text"),
        ([f"Town{n}" for n in range(100)], "category"),
        ([], "category"),
    ],
)
def test_the_kind_is_that_of_the_values(values, kind):
    found = infer_kind("x", values)

    assert (found.kind, found.problems) == (kind, ())


def test_a_wanted_kind_overrides_the_values():
    assert infer_kind("plz", ["01067", "20095"], "category").kind == "category"


def test_words_among_numbers_are_named():
    """Each with its row, and how to go on."""
    found = infer_kind("age", ["30", "40", "n/a", "50", "60", "70"])

    assert found.kind == "number"
    assert found.problems == (
        (2, '"n/a" is not a number like the others: write a number, empty the cell if there is none, or say --type age=category'),
    )


def test_mixed_dates_are_named():
    """Two American dates among German ones; dates that do not exist are found in the same way."""
    found = infer_kind("since", ["31.01.2024", "15.02.2024", "12/31/2023", "30.02.2024", *["17.05.2020"] * 20])

    assert (found.kind, found.date_order) == ("date", "dmy")
    assert [row for row, _ in found.problems] == [2, 3]
    assert '"12/31/2023" is not a date like the others, day.month.year' in found.problems[0][1]


@pytest.mark.parametrize(
    ("name", "values", "is_one"), [("customer_id", list("abcd"), True), ("city_id", list("aabb"), False), ("city", list("abcd"), False)]
)
def test_a_column_with_the_name_of_an_id_and_different_values_is_one(name, values, is_one):
    assert is_id(name, values) == is_one


@pytest.mark.parametrize(("days", "is_possible"), [(0, True), (-30_000, False), (60_000, False), (float("nan"), False)])
def test_contacts_do_not_come_from_other_centuries(days, is_possible):
    assert is_possible_date(days) == is_possible
