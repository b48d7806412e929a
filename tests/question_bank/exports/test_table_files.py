"""Files of answers as spreadsheets write them: encodings, separators, decimal commas and line numbers."""

import pytest

from question_bank.exports.table_files import AnswersInvalid, decode, parse_csv

TEXT = "name;größe\nécluse;1,5\nquai;2\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_the_encodings_of_spreadsheets_are_read(encoding):
    """With and without a byte order mark."""
    cells = parse_csv(decode(TEXT.encode(encoding), "a.csv"), "a.csv")

    assert cells.header == ["name", "größe"]
    assert cells.rows == [["écluse", "1.5"], ["quai", "2"]]


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\x01\x02", b"PK\x03\x04", b"caf\xe9,\x81"])
def test_a_binary_file_is_refused(content):
    """A workbook or a picture with the wrong name."""
    with pytest.raises(AnswersInvalid, match="neither UTF-8, UTF-16 nor Windows-1252"):
        decode(content, "a.csv")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_detected_from_the_first_line(separator):
    """Other separators may occur in quoted cells."""
    cells = parse_csv(f'"a, b"{separator}c;d\nx{separator}y\n'.replace("c;d", "c d"), "a.csv")
    assert (cells.header, cells.rows) == (["a, b", "c d"], [["x", "y"]])


def test_a_declared_separator_is_used_and_its_line_is_counted():
    """Excel writes it; problems name the lines of the file."""
    cells = parse_csv("sep=;\na;b\n1;2\n", "a.csv")
    assert (cells.header, cells.at(0)) == (["a", "b"], "a.csv:3")


def test_line_numbers_are_those_of_the_file():
    """Empty lines and cells of several lines are counted."""
    cells = parse_csv('a,b\n\n"two\nlines",1\nx,2\n', "a.csv")
    assert [cells.at(row) for row in range(2)] == ["a.csv:3", "a.csv:5"]
    with pytest.raises(AnswersInvalid, match=r"a.csv:5: has 1 cells where the first line names 2"):
        parse_csv('a,b\n\n"two\nlines",1\nx\n', "a.csv")


def test_only_columns_of_numbers_have_decimal_commas():
    """Commas in text are kept."""
    cells = parse_csv("a;b\n1,5;red, blue\n2;1,5\n", "a.csv")
    assert cells.rows == [["1.5", "red, blue"], ["2", "1,5"]]
