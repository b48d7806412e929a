"""What single columns hold: several options in a cell, ordered words, written numbers, and what is no question."""

import pytest

from question_bank.exports.not_questions import reason_of_name
from question_bank.exports.numbers import find_writing
from question_bank.exports.scales import complete, families_of, numbered_points, ranks_of
from question_bank.exports.table_files import parse_csv
from question_bank.exports.ticks import find_cell_ticks, stem_of


@pytest.mark.parametrize(
    ("cells", "options"),
    [
        (["Price;Style", "Style", "Price"], ("Price", "Style")),
        (["Price;", "Style;"], ("Price", "Style")),
        (["Price, Style", "Price", "Style, Comfort", "Comfort"], ("Price", "Style", "Comfort")),
        (["Price, quality, Style", "Style", "Price, quality", "Comfort, Style"], ("Price, quality", "Comfort", "Style")),
        (["Red, white", "Red, blue", "blue, white"], ("Red", "blue", "white")),
        (['["Price","Style"]', '["Style"]'], ("Price", "Style")),
        (["1,2,3", "1", "2,3"], ("1", "2", "3")),
        (["Price\nStyle", "Style"], ("Price", "Style")),
    ],
)
def test_several_options_in_a_cell(cells, options):
    assert set(find_cell_ticks(cells).options) == set(options)


@pytest.mark.parametrize(
    "cells",
    [
        ["Yes, often", "No, never"],
        ["Yes, often", "Yes, rarely", "No, never", "No, rarely"],
        ["Paris, France", "Lyon, France"],
        ["Müller, Hans", "Meier, Anna"],
        ["1,5", "2"],
        ["A", "B"],
        ["[" * 100_000 + "]", "A"],
    ],
)
def test_an_answer_with_a_comma_is_one_answer(cells):
    assert find_cell_ticks(cells) is None


@pytest.mark.parametrize(
    ("words", "family", "points"),
    [
        (["strongly agree", "AGREE", "Neutral"], "agreement", 5),
        (["Tout à fait d’accord", "Plutôt pas d'accord"], "agreement", 4),
        (["stimme voll zu", "teils, teils"], "agreement", 3),
        (["De acuerdo", "Muy en desacuerdo"], "agreement", 4),
        (["Très satisfait(e)", "Plutôt insatisfaite"], "satisfaction", 4),
        (["Muy satisfecho/a", "Insatisfecha"], "satisfaction", 4),
        (["nie", "Manchmal", "immer"], "frequency", 3),
        (["täglich", "einmal pro Woche", "nie"], "how often", 3),
        (["Very likely", "Unlikely"], "likelihood", 4),
        (["Not at all important", "Very important", "important"], "importance", 3),
        (["Poor", "Fair", "Excellent"], "quality", 3),
    ],
)
def test_ordered_words_belong_to_a_family(words, family, points):
    """A family with two poles is completed by its mirror image."""
    assert families_of(words)[0] == family
    assert len(complete(set(ranks_of(words, family).values()), family)) == points


def test_words_of_no_family_have_no_order():
    assert families_of(["red", "blue"]) == families_of(["Agree", "blue"]) == []


@pytest.mark.parametrize(
    ("texts", "ends"),
    [
        (["1 - Not at all", "2", "5 - Completely"], (1, 5)),
        (["0 (very bad)", "10 (very good)", "5"], (0, 10)),
        (["Not at all 1", "3", "Very much 5"], (1, 5)),
        (["1 = nie", "2 = selten", "3 = oft"], (1, 3)),
        (["7/10", "3/10"], (0, 10)),
        (["★", "★★★★"], (1, 5)),
        (["1", "2", "5 or more"], (1, 5)),
    ],
)
def test_numbers_with_labels_are_points(texts, ends):
    points = numbered_points(texts)
    assert (points.minimum, points.maximum) == ends


@pytest.mark.parametrize("texts", [["1. Car", "2. Bike"], ["1", "2"], ["18 - 24", "25 - 34"], ["3", "more than 3"], ["Room 1", "Room 2"]])
def test_numbered_things_are_no_scale(texts):
    assert numbered_points(texts) is None


@pytest.mark.parametrize(
    ("cells", "number"),
    [
        (["45\u202f000 €", "7 500 €"], 45000),
        (["1.234,56", "7,5"], 1234.56),
        (["$45,000", "$7"], 45000),
        (["€ 45.000", "€ 3.500"], 45000),
        (["12,- €"], 12),
        (["1'200", "50"], 1200),
        (["-3.5 %", "4 %"], -3.5),
        (["1,500", "25,000"], 1500),
    ],
)
def test_written_numbers(cells, number):
    assert find_writing(cells).read(cells[0]) == number


@pytest.mark.parametrize("cells", [["3+"], ["18-24"], ["1 2"], ["2024-01-02"], ["12:30"], ["A1"], ["5 km", "5 miles"], ["1,234", "1.234"]])
def test_what_is_no_number(cells):
    assert find_writing(cells) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("RecordedDate", "a time stamp"),
        ("Duration (in seconds)", "a duration"),
        ("TIME001", "a duration"),
        ("groupTime12", "a duration"),
        ("weight", "a weight"),
        ("What is your ZIP code?", "a postcode"),
        ("Quel est votre nom ?", "a name"),
        ("E-Mail-Adresse", "an e-mail address"),
        ("Geburtsdatum", "a date of birth"),
        ("How often do you read e-mail?", None),
        ("Which brand name do you know?", None),
        ("body weight", None),
        ("leisure time", None),
        ("Sometimes", None),
    ],
)
def test_columns_that_are_no_question_by_their_name(name, reason):
    assert reason_of_name([name]) == reason


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Q1[SQ001]. Why? [Price]", ("Q1. Why?", "Price")),
        ("Why? [Price, e.g. low]", ("Why?", "Price, e.g. low")),
        ("why.Old car", ("why", "Old car")),
        ("Q5_2", ("Q5", "2")),
        ("Q1. Why? (Price)", ("Q1. Why?", "Price")),
        ("Age", None),
    ],
)
def test_the_question_of_an_options_column(name, parts):
    assert stem_of(name) == parts


@pytest.mark.parametrize(
    ("text", "header", "rows"),
    [
        ("Title\n\na,b,c\n1,2,3\n2,3,4\nTotal,5,7\n", ["a", "b", "c"], 2),
        (",a,b\n0,x,5\n1,y,4\n2,x,4\n", ["a", "b"], 3),
        ("a;b;;\n1;2;;\n2;3;;\n", ["a", "b"], 2),
        ('"a,b"\n"1,2"\n"2,3"\n', ["a", "b"], 2),
        ("a,b\n1,2\na,b\n2,3\n", ["a", "b"], 2),
        (",R,,\nid,x,y,n\n1,x,,2\n2,,y,3\n", ["id", "R [x]", "R [y]", "R [n]"], 2),
        ("a,b,c\n1,2,3\n2,3,4\nSource: our survey of 2026,,\n", ["a", "b", "c"], 2),
        ("colour,car,extra\nred,yes,a\nblue,no,b\n", ["colour", "car", "extra"], 2),
    ],
)
def test_the_names_and_the_answers_of_a_file(text, header, rows):
    """Titles, footers, totals, index columns, empty columns, repeated names and lines saved as one cell."""
    cells = parse_csv(text, "f")
    assert (cells.header, len(cells.rows)) == (header, rows)


def test_lines_of_one_cell_are_unwrapped_once():
    """A file that is quoted twice has one column; reading it ends."""
    assert parse_csv('"""a;b"""\n"""1;2"""\n"""2;3"""\n', "f").header == ["a;b"]
