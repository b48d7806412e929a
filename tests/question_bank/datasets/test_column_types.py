"""Types of columns: inferred, requested, and refused with the cell and a remedy."""

import numpy as np
import pytest

from question_bank.datasets.infer import read_dataset
from question_bank.datasets.read_options import ReadOptions
from question_bank.exports.table_files import AnswersInvalid


def read_columns(columns, **wishes):
    """A file of some columns, each a list of cells."""
    rows = zip(*columns.values(), strict=True)
    text = "\n".join([",".join(columns), *(",".join(f'"{cell}"' for cell in row) for row in rows)])
    return read_dataset(text, "a.csv", ReadOptions(**wishes))


def problems(columns, **wishes):
    with pytest.raises(AnswersInvalid) as errors:
        read_columns(columns, **wishes)
    return errors.value.problems


OTHER = ["1", "2"] * 10


def test_numbers_beyond_a_scale_become_a_number_question():
    """Bins of equal size are used for latent classes, the numbers for the tables, and the range is wider than observed."""
    ages = [str(20 + 3 * n) for n in range(18)] + ["", "20"]
    column = read_columns({"age": ages, "q": OTHER}).columns[0]

    assert (column.question.type, column.question.minimum, column.question.maximum) == ("number", 0, 100)
    assert column.codes.max() == 5
    assert column.codes[18] == -1
    assert np.isnan(column.numbers[18])
    assert (np.diff(column.codes[:18]) >= 0).all()
    assert column.question.unit is None


def test_binary_columns_with_one_prefix_become_one_multiple_question():
    """Empty cells are options that were not seen."""
    found = read_columns({"why.Price": ["1", "0"] * 10, "why.Old car": ["yes", ""] * 10, "q": OTHER})

    why = found.columns[0]
    assert (why.question.id, why.question.type, why.question.outcomes) == ("why", "multiple", ("price", "old-car"))
    assert why.codes[:2].tolist() == [[1, 1], [0, -1]]
    assert found.linkable.tolist() == [False, False, True]
    assert found.questions.tolist() == [0, 0, 1]
    assert found.column_map().columns == {"why.Price": "why.price", "why.Old car": "why.old-car", "q": "q"}


def test_a_prefix_with_other_answers_does_not_make_a_multiple_question():
    """Q1.a, Q1.b, ... may be scales."""
    found = read_columns({"Q.1": ["1", "0"] * 10, "Q.2": ["1", "3"] * 10})
    assert [column.question.type for column in found.columns] == ["single", "scale"]


@pytest.mark.parametrize(("kind", "expected"), [("single", ("1", "2", "10")), ("scale", tuple(map(str, range(1, 11)))), ("number", ())])
def test_the_requested_type_overrides_the_inferred_one(kind, expected):
    """One column is read as three types."""
    found = read_columns({"q": ["1", "10", "2", "1"] * 5, "r": OTHER}, kinds={"q": kind}).columns[0].question
    assert (found.type, found.outcomes) == (kind, expected)


def test_options_leave_columns_out_or_make_them_ticks():
    """--type ignore, --without, and a single option as a multiple question."""
    columns = {"why.a": ["1", "0"] * 10, "why.b": ["0", "1"] * 10, "q": OTHER, "r": OTHER}
    assert [column.name for column in read_columns(columns, kinds={"q": "ignore"}, without=["r"]).columns] == ["why"]
    assert [column.name for column in read_columns(columns, kinds={"why.a": "single"}).columns] == ["why.a", "why.b", "q", "r"]
    only = read_columns({"why.a": ["1", "0"] * 10, "q": OTHER}, kinds={"why": "multiple"}).columns[0]
    assert only.question.type == "multiple"


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["34", "forty", *map(str, range(20, 38))], 'a.csv:3: column "q": "forty" is not a number like the others'),
        (["3"] * 20, 'everybody answered "3", which is uninformative: leave it out with --without q'),
    ],
)
def test_an_unusable_column_is_reported_with_its_cell(cells, words):
    """The message says what to do."""
    (errors,) = problems({"q": cells, "r": OTHER})
    assert words in errors


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([f"r{n}" for n in range(20)], "another value on every line"),
        ([str(1000 + n) for n in range(20)], "an id"),
        ([""] * 20, "empty"),
        ([f"word {n} of many others" for n in range(20)], "free text"),
    ],
)
def test_a_column_that_is_no_question_is_left_out_and_said(cells, words):
    """The note names the column and the option that takes it in."""
    found = read_columns({"q": cells, "r": OTHER})

    assert [column.name for column in found.columns] == ["r"]
    assert found.notes == (f'left out: "q" ({words}); --type COLUMN=KIND takes one in',)
    assert found.ignored == ("q",)


def test_a_code_for_no_answer_is_a_missing_answer():
    """It is named with the number of its cells; --type q=number reads it as a number."""
    cells = ["1", "2", "99", "5"] * 5

    found = read_columns({"q": cells, "r": OTHER})

    assert found.columns[0].question.outcomes == ("1", "2", "3", "4", "5")
    assert found.columns[0].codes[:4].tolist() == [0, 1, -1, 4]
    assert found.notes == ('no answer: "q": "99" not answered (5); --missing COLUMN= reads them as answers',)
    assert read_columns({"q": cells, "r": OTHER}, kinds={"q": "number"}).columns[0].numbers.max() == 99
    assert read_columns({"q": cells, "r": OTHER}, missing={"q": []}).columns[0].question.type == "number"


def test_every_word_among_numbers_is_reported():
    """Not only the first one."""
    errors = problems({"q": ["x", "y", *map(str, range(20, 38))], "r": OTHER})
    assert [error.split(":")[1] for error in errors] == ["2", "3"]
    assert all("empty the cell if there is no answer, or say --type q=single" in error for error in errors)


@pytest.mark.parametrize("cells", [["0", "1", "2", "3+"] * 5, ["< 20", "20", "> 20", "20"] * 5, ["a", "b", "7", "c"] * 5])
def test_bands_among_numbers_are_a_choice(cells):
    """ "3 or more" is an option, not a typing error."""
    assert read_columns({"q": cells, "r": OTHER}).columns[0].question.type == "single"


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        ({"z": "single"}, '--type: there is no column "z"'),
        ({"q": "text"}, '--type: "text" for q is not one of single, multiple, scale, number, ignore'),
        ({"q": "multiple"}, 'column "q": is one column whose cells hold one option each'),
        ({"q": "number"}, 'column "q": "red" is not a number, which a number question needs'),
    ],
)
def test_a_type_that_does_not_fit_its_column_is_refused(kinds, words):
    """The message gives the reason."""
    assert words in problems({"q": ["red", "blue"] * 10, "r": OTHER}, kinds=kinds)[0]


def test_a_cell_that_is_not_binary_is_reported_in_a_multiple_question():
    """It is neither 1 nor 0."""
    errors = problems({"w.a": ["1", "0", "2", "1"] * 5, "w.b": ["1", "0"] * 10}, kinds={"w": "multiple"})
    assert errors[0] == 'a.csv:4: column "w.a": "2" in "w.a" is neither 1 nor 0'


def test_soft_labels_have_to_add_up_to_one():
    """Unlabelled lines are dropped and counted; sums other than 1 are reported, but not those of shares with two decimals."""
    found = read_columns({"A": ["0.25", "1", ""], "B": ["0.75", "0.0005", ""], "q": ["1", "2", "1"]}, probabilities=["A", "B"])
    assert found.labels.names == ("A", "B")
    assert found.labels.membership == pytest.approx(np.array([[0.25, 0.75], [1 / 1.0005, 0.0005 / 1.0005]]))
    assert found.dropped == 1

    thirds = read_columns({"A": ["0.33", "1"], "B": ["0.33", "0"], "C": ["0.33", "0"], "q": ["1", "2"]}, probabilities=["A", "B", "C"])
    assert thirds.labels.membership[0] == pytest.approx([1 / 3, 1 / 3, 1 / 3])

    errors = problems({"A": ["0.25", "x", "80"], "B": ["0.7", "1", "20"], "q": ["1", "2", "1"]}, probabilities=["A", "B"])
    assert errors[0] == "a.csv:2: the probabilities of A, B add up to 0.95, not 1: correct them"
    todo = "write 0.8 for 80%, and leave all of them empty for a respondent whose persona is not known"
    assert errors[1] == f'a.csv:3: column "A": "x" is not a probability from 0 to 1: {todo}'
    assert errors[3] == f'a.csv:4: column "B": "20" is not a probability from 0 to 1: {todo}'
