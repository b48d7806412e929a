"""Malicious answer files and column maps are refused like any other wrong file, with their place."""

import pytest

from question_bank.datasets.column_map import read_column_map
from question_bank.datasets.infer import read_dataset
from question_bank.exports.table_files import AnswersInvalid, parse_csv

LAUGHS = "columns: {}\nignore:\n- &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"- &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(12)
)


@pytest.mark.parametrize("text", [LAUGHS, "columns:\n  - " * 5 + "- " * 50_000, "[" * 100_000, "columns: {a: {b: &a [*a]}}"])
def test_aliases_and_depth_of_a_column_map_are_limited(text):
    """Aliases are counted where they are used, as in banks."""
    with pytest.raises(AnswersInvalid, match="map"):
        read_column_map(text, "map")


def test_strings_of_a_column_map_stay_strings():
    """A value that looks like a date or like yes is kept as it is written in the file of answers."""
    names = read_column_map("columns: {}\nignore: [2026-99-99, yes, 1:30, 007]\nlabels: {seg: {no: driver}}", "map")

    assert names.ignore == {"2026-99-99", "yes", "1:30", "007"}
    assert names.labels == {"seg": {"no": "driver"}}


def test_a_column_map_with_a_duplicate_key_is_refused():
    with pytest.raises(AnswersInvalid, match=r"map:3: is written twice, first on line 1"):
        read_column_map("columns: {}\nignore: []\ncolumns: {}", "map")


def test_an_overlong_first_line_is_refused():
    """No cell has more than the 128 kB that the CSV reader takes."""
    with pytest.raises(AnswersInvalid, match="f:1: is not readable CSV"):
        parse_csv("x" * 200_000 + "\n1", "f")


def test_overlong_numbers_are_reported_with_their_line():
    answers = "a,b\n1,2\n" + "9" * 400 + ",3\n3,4\n"

    with pytest.raises(AnswersInvalid, match=r'f:3: .*"99999999999999999999\.\.\." is larger than any number'):
        read_dataset(answers, "f")
