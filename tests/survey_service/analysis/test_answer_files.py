"""Parquet files and Excel sheets read as CSV files do."""

import datetime

import openpyxl
import pytest

from question_bank.datasets.infer import read_dataset
from question_bank.exports.table_files import AnswersInvalid
from survey_service.analysis.answer_files import read_cells


def parquet(path, **columns):
    import pyarrow
    from pyarrow import parquet as files

    files.write_table(pyarrow.table({name: pyarrow.array(values) for name, values in columns.items()}), path)
    return path


def test_the_types_of_parquet_give_the_types_of_the_questions(tmp_path):
    """Booleans, integers, numbers, strings, categories and nulls."""
    import pyarrow

    path = parquet(
        tmp_path / "a.parquet",
        owns=[True, False, None, True],
        stars=[1, 5, None, 3],
        score=[1.0, 2.0, float("nan"), 4.0],
        income=[1000.5, 2000.25, 3000.125, None],
        word=pyarrow.array(["red", "blue", None, "red"]).dictionary_encode(),
    )

    sheet = read_dataset(read_cells(path), path.name)

    assert [column.question.type for column in sheet.columns] == ["single", "scale", "scale", "number", "single"]
    assert [column.codes[2] for column in sheet.columns[:3]] == [-1, -1, -1]
    assert sheet.columns[0].question.outcomes == ("false", "true")
    assert sheet.columns[4].question.outcomes == ("blue", "red")


def test_problems_name_the_row_of_the_table(tmp_path):
    """Counted from one; rows without any value are counted too."""
    path = parquet(tmp_path / "a.parquet", a=["1", None, "x", *"23456789"], b=["p", None, *"pqpqpqpqp"])
    with pytest.raises(AnswersInvalid, match=r'a.parquet:3: column "a": "x" is not a number'):
        read_dataset(read_cells(path), path.name)


def test_an_unreadable_parquet_file_is_refused(tmp_path):
    """Another format, lists in cells, and an empty table."""
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 but not really")
    for path, words in (
        (broken, "is not a readable Parquet file"),
        (parquet(tmp_path / "lists.parquet", a=[[1], [2]]), 'column "a": holds lists or structures'),
        (parquet(tmp_path / "empty.parquet", a=[None, None]), "has no answers"),
    ):
        with pytest.raises(AnswersInvalid, match=words):
            read_cells(path)


def test_a_time_stamp_becomes_a_string(tmp_path):
    """The column is then left out as dates are."""
    days = [datetime.datetime(2026, 1, day, 12, day) for day in range(1, 13)]
    path = parquet(tmp_path / "a.parquet", when=days, b=list("pqpqpqpqpqpq"))

    found = read_dataset(read_cells(path), path.name)

    assert [column.name for column in found.columns] == ["b"]
    assert found.notes == ('left out: "when" (a time stamp); --type COLUMN=KIND takes one in',)


def workbook(path, *rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.create_sheet("notes").append(["not", "read"])
    book.save(path)
    return path


def test_a_sheet_is_read_as_its_csv_would_be(tmp_path):
    """Numbers, dates, booleans and empty cells of the first sheet; empty rows are skipped, and rows keep their number."""
    path = workbook(
        tmp_path / "a.xlsx",
        ["name", "age", "since", "owns", "rate", None],
        ["Ann", 30, datetime.date(2020, 1, 31), True, 2.5],
        [None] * 5,
        [" Bob ", None, datetime.datetime(2021, 2, 1, 12, 30), False, 3.0],
    )

    cells = read_cells(path)

    assert cells.header == ["name", "age", "since", "owns", "rate"]
    assert cells.rows == [["Ann", "30", "2020-01-31", "true", "2.5"], ["Bob", "", "2021-02-01 12:30:00", "false", "3"]]
    assert [cells.at(row) for row in range(2)] == ["a.xlsx:2", "a.xlsx:4"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "has no answers"),
        ([["a", "b"]], "has no answers"),
        ([["a", "b"], [1, 2, 3], [4, 5, 6]], "a.xlsx:1: column 3 has no name"),
    ],
)
def test_an_unusable_sheet_is_refused(tmp_path, rows, words):
    with pytest.raises(AnswersInvalid, match=words):
        read_dataset(read_cells(workbook(tmp_path / "a.xlsx", *rows)), "a.xlsx")


def test_a_file_that_is_no_workbook_is_refused(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(b"a,b\n1,2\n")

    with pytest.raises(AnswersInvalid, match="is not a readable workbook"):
        read_cells(tmp_path / "a.xlsx")
