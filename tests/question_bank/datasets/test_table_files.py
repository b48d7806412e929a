"""Files of answers as spreadsheets write them: encodings, separators, decimal commas, and lines that keep their numbers."""

import pytest

from question_bank.datasets.table_files import AnswersInvalid, decode, parse_csv

TEXT = "name;größe\nécluse;1,5\nquai;2\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_the_encodings_of_spreadsheets_are_read(encoding):
    """With a mark at the beginning or without."""
    cells = parse_csv(decode(TEXT.encode(encoding), "a.csv"), "a.csv")

    assert cells.header == ["name", "größe"]
    assert cells.rows == [["écluse", "1.5"], ["quai", "2"]]


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\x01\x02", b"PK\x03\x04", b"caf\xe9,\x81"])
def test_what_is_no_text_is_told(content):
    """A workbook or a picture under the wrong name."""
    with pytest.raises(AnswersInvalid, match="neither UTF-8, UTF-16 nor Windows-1252"):
        decode(content, "a.csv")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_told_from_the_first_line(separator):
    """Other separators may stand in quoted words."""
    cells = parse_csv(f'"a, b"{separator}c;d\nx{separator}y\n'.replace("c;d", "c d"), "a.csv")
    assert (cells.header, cells.rows) == (["a, b", "c d"], [["x", "y"]])


def test_a_declared_separator_counts_and_so_does_its_line():
    """As Excel writes it; problems name the lines of the file."""
    cells = parse_csv("sep=;\na;b\n1;2\n", "a.csv")
    assert (cells.header, cells.at(0)) == (["a", "b"], "a.csv:3")


def test_lines_are_numbered_as_an_editor_does():
    """Empty lines and cells of several lines count."""
    cells = parse_csv('a,b\n\n"two\nlines",1\nx,2\n', "a.csv")
    assert [cells.at(row) for row in range(2)] == ["a.csv:3", "a.csv:5"]
    with pytest.raises(AnswersInvalid, match=r"a.csv:5: has 1 cells where the first line names 2"):
        parse_csv('a,b\n\n"two\nlines",1\nx\n', "a.csv")


def test_commas_in_words_are_no_decimal_commas():
    """Only a column that is all numbers changes."""
    cells = parse_csv("a;b\n1,5;red, blue\n2;1,5\n", "a.csv")
    assert cells.rows == [["1.5", "red, blue"], ["2", "1,5"]]
