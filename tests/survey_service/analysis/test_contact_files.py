"""Files of contacts are read in batches: the same rows whatever the batches, and ids that are repeated far apart are found."""

import csv

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from adaptive.lookalike.encode import Dictionary, Encoding, encode_column
from question_bank.datasets.attribute_kinds import Kind
from question_bank.exports.table_files import AnswersInvalid
from survey_service.analysis import contact_files
from survey_service.analysis.contact_files import ContactFile, RepeatedIds, cells_of, kernel_column
from survey_service.analysis.data_quality import DataQuality, look_alikes


def write(path, rows, header=("id", "city"), **how):
    with path.open("w", newline="", encoding=how.pop("encoding", "utf-8")) as file:
        csv.writer(file, **how).writerows([header, *rows])
    return path


def rows_of(file, columns=("id", "city")):
    return [row for batch in file.batches(columns) for row in cells_of(batch)]


@pytest.fixture
def small_batches(monkeypatch):
    """Batches of a few rows, and ids compared in many parts."""
    monkeypatch.setattr(contact_files, "BATCH", 7)
    monkeypatch.setattr(contact_files, "BLOCK", 400)
    monkeypatch.setattr(contact_files, "PART", 50)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_batches_hold_the_rows_of_the_file(tmp_path, small_batches, suffix):
    """In its order, with the place of each; `done` ends at the size of the file."""
    rows = [[f"c{n}", f"town {n % 5}"] for n in range(300)]
    if suffix == "csv":
        path = write(tmp_path / "c.csv", rows)
    else:
        path = tmp_path / "c.parquet"
        parquet.write_table(pa.table({"id": [row[0] for row in rows], "city": [row[1] for row in rows]}), path, row_group_size=100)
    file = ContactFile(path)

    batches = list(file.batches(("id", "city")))

    assert len(batches) > 5
    assert [batch.first for batch in batches] == np.cumsum([0, *(batch.rows for batch in batches)])[:-1].tolist()
    assert [row for batch in batches for row in cells_of(batch)] == rows
    assert batches[-1].done == file.size


def test_line_breaks_and_separators_within_quotes_belong_to_the_cell(tmp_path):
    rows = [["1", "a\nb"], ["2", "c;d"], ["3", 'say "e"'], ["4", ""]]

    assert rows_of(ContactFile(write(tmp_path / "c.csv", rows, delimiter=";"))) == rows


def test_a_letter_that_is_not_utf_8_far_into_the_file_makes_it_windows_1252(tmp_path):
    """The whole file is looked at, not its beginning only."""
    rows = [[str(n), "Paris"] for n in range(200_000)] + [["x", "Orléans"]]

    file = ContactFile(write(tmp_path / "c.csv", rows, encoding="cp1252"))

    assert rows_of(file)[-1] == ["x", "Orléans"]


def test_blank_lines_are_no_contacts(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("\nid,city\n1,Paris\n\n2,Lyon\n")

    assert rows_of(ContactFile(path)) == [["1", "Paris"], ["2", "Lyon"]]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_ids_repeated_far_apart_are_found(tmp_path, small_batches, suffix):
    """Across batches and parts, three times the same one too; equal hashes of different ids are no repetition."""
    ids = [f"c{n}" for n in range(400)]
    ids[399], ids[200], ids[300] = "c0", "c1", "c1"
    path = tmp_path / f"c.{suffix}"
    if suffix == "csv":
        write(path, [[value, ""] for value in ids])
    else:
        parquet.write_table(pa.table({"id": ids}), path)
    file = ContactFile(path)

    with RepeatedIds(file, "id") as repeated:
        for batch in file.batches(["id"]):
            repeated.add(batch)
        problems = repeated.problems()

    first = 2 if suffix == "csv" else 1
    assert problems == [
        f'c.{suffix}:{row + first}: column "id": "{value}" is on line {before + first} already: keep one line a contact'
        for row, value, before in ((200, "c1", 1), (300, "c1", 1), (399, "c0", 0))
    ]


def test_equal_hashes_of_different_ids_are_no_repetition(tmp_path, monkeypatch):
    monkeypatch.setattr(contact_files, "hash", lambda value: 7, raising=False)
    file = ContactFile(write(tmp_path / "c.csv", [["a", ""], ["b", ""], ["c", ""], ["a", ""]]))

    with RepeatedIds(file, "id") as repeated:
        for batch in file.batches(["id"]):
            repeated.add(batch)
        assert [problem.partition(" already")[0] for problem in repeated.problems()] == ['c.csv:5: column "id": "a" is on line 2']


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (pa.array(["1", "", None, "x"]), "number", [0, 2, 2, 2]),
        (pa.array(["1", "", None, "30"]), "number", [0, 2, 2, 1]),
        (pa.array([1, None, 30]), "number", [0, 2, 1]),
        (pa.array([1.0, float("nan"), 30.5]), "number", [0, 2, 1]),
        (pa.array([True, False, None]), "number", [0, 0, 2]),
        (pa.array(["1970-01-02", "", "1970-02-20"]), "date", [0, 2, 1]),
        (pa.array(["1970-01-02", "soon"]), "date", [0, 2]),
        (pa.array([1, 50], pa.date32()), "date", [0, 1]),
        (pa.array([86_400_000, 50 * 86_400_000, None], pa.timestamp("ms")), "date", [0, 1, 2]),
        (pa.array(["1", "30", "1"]).dictionary_encode(), "number", [0, 1, 0]),
    ],
)
def test_arrow_columns_become_table_rows(values, kind, expected):
    """Whatever their type; the edge is 10."""
    encoding = Encoding("x", kind, edges=(10.0,), people=(20, 20, 20))

    assert encode_column(encoding, kernel_column(values, kind)).codes.tolist() == expected


@pytest.mark.parametrize("values", [pa.array(["3", "", None, "4"]), pa.array([3, None, None, 4]), pa.array([3.0, None, float("nan"), 4.0])])
def test_a_category_is_compared_as_text(values):
    """A whole number in a Parquet file is the level that a CSV file names."""
    encoding = Encoding("x", "category", levels=("3",), people=(20, 20, 20))

    column = kernel_column(values, "category")

    assert isinstance(column, Dictionary)
    assert encode_column(encoding, column).codes.tolist() == [0, 2, 2, 1]


def test_lists_in_a_parquet_file_are_refused(tmp_path):
    parquet.write_table(pa.table({"id": ["a"], "tags": [["x", "y"]]}), tmp_path / "c.parquet")

    with pytest.raises(AnswersInvalid, match='column "tags": holds lists or structures'):
        list(ContactFile(tmp_path / "c.parquet").batches(["id", "tags"]))


def test_the_quality_of_a_file_names_what_is_doubtful(tmp_path, small_batches):
    """Constant, unique, nearly empty columns, levels that look alike, and dates of another century; counted over batches."""
    header = ("constant", "unique", "sparse", "city", "since", "fine")
    rows = [["x", f"u{n}", "y" if n % 10 == 0 else "", ["Marseille", "Lyon"][n % 2], "2020-01-01", str(n % 7)] for n in range(100)]
    rows[3][3], rows[5][3], rows[7][4] = "marseille", "Marseile", "1066-10-14"
    file = ContactFile(write(tmp_path / "c.csv", rows, header))
    quality = DataQuality()
    for batch in file.batches(file.header):
        quality.add(batch)

    found = {
        column.name: column
        for column in quality.found({name: Kind("date", "ymd") if name == "since" else Kind("category") for name in header})
    }

    assert found["constant"].warnings == ('holds "x" everywhere',)
    assert found["unique"].warnings == ("has another value on every line",)
    assert (found["sparse"].filled, "is empty for 90% of the contacts" in found["sparse"].warnings) == (0.1, True)
    assert found["city"].warnings == ('"marseille" looks like "Marseille"', '"Marseile" looks like "Marseille"')
    assert found["since"].warnings == ('has 1 impossible dates, such as "1066-10-14"',)
    assert (found["fine"].distinct, found["fine"].warnings) == (7, ())


@pytest.mark.parametrize("values", [{"North": 3, "South": 4}, {"18-25": 3, "18-26": 4}, {"A1": 2, "A2": 2}, {"Austria": 5, "Australia": 5}])
def test_different_levels_do_not_look_alike(values):
    assert look_alikes(values) == []
