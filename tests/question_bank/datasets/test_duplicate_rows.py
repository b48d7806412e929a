"""Duplicate respondents are refused where they are certain and a warning where they are likely; short patterns are accepted."""

import numpy as np
import pytest

from question_bank.datasets.duplicate_rows import find_duplicate_rows
from question_bank.datasets.infer import read_dataset
from question_bank.datasets.read_options import ReadOptions
from question_bank.exports.not_questions import looks_like_id
from question_bank.exports.table_files import AnswersInvalid, parse_csv
from tests.real_answers import CAR_BUYERS, shared_file


def lines(respondents=40, questions=8, options=5, seed=1):
    rng = np.random.default_rng(seed)
    return [",".join(map(str, row)) for row in rng.integers(1, options + 1, (respondents, questions))]


def found(rows, names=8):
    return find_duplicate_rows(parse_csv("\n".join([",".join(f"q{n}" for n in range(names)), *rows]), "a.csv"))


def test_a_repeated_block_of_lines_is_refused_with_its_place():
    """The message names the lines of both."""
    rows = lines()
    (problem,) = found(rows + rows).problems
    assert problem.startswith("a.csv:42: 40 lines from here on repeat the lines from 2 on, in the same order")


def test_a_small_repeated_block_is_a_warning():
    """Twelve lines of forty are refused, of two hundred only a warning."""
    rows = lines(200)
    assert found(rows[:40] + rows[:12]).problems
    repeats = found(rows + rows[:12])
    assert (repeats.problems, len(repeats.warnings)) == ((), 1)


def test_equal_lines_are_refused_where_chance_does_not_explain_them():
    """With twelve questions of five options, forty people hardly ever agree in all."""
    rows = lines(questions=12)
    mixed = [rows[n % 40] for n in np.random.default_rng(2).permutation(80)]
    (problem,) = found(mixed, names=12).problems
    assert "in all 12 columns" in problem
    assert "chance would bring" in problem


def test_short_answer_patterns_are_not_duplicates():
    """Three yes/no questions have eight patterns for four hundred people."""
    repeats = found(lines(400, 3, 2), names=3)
    assert (repeats.problems, repeats.warnings) == ((), ())


@pytest.mark.parametrize("rows", [["1,1,1,1,1,1,1,1", "5,5,5,5,5,5,5,5"] * 50, [f"{n},1,1,1,1,1,1,{n}" for n in range(5)] * 20])
def test_a_few_alternating_patterns_are_not_duplicates(rows):
    """A file made by hand for a trial has them."""
    repeats = found(rows)
    assert (repeats.problems, repeats.warnings) == ((), ())


@pytest.mark.parametrize("name", ["vnf", "hobbies", "election"])
def test_real_questionnaires_are_not_refused(name):
    """Rows that only resemble each other are not reported."""
    repeats = find_duplicate_rows(parse_csv(shared_file(f"{name}.csv").read_text(), f"{name}.csv"))
    assert (repeats.problems, repeats.warnings) == ((), ())


def test_nineteen_car_buyers_who_were_entered_twice_are_a_warning():
    """They are few enough not to be refused."""
    repeats = find_duplicate_rows(parse_csv(CAR_BUYERS.read_text(), CAR_BUYERS.name))
    assert repeats.problems == ()
    assert [warning.split(":")[1] for warning in repeats.warnings] == ["734"]


def test_a_repeated_id_is_refused_at_each_line():
    """Also where the id is not a question, and for any answers."""
    rows = [f"r{n % 38},{line}" for n, line in enumerate(lines())]
    text = "\n".join(["Respondent ID," + ",".join(f"q{n}" for n in range(8)), *rows])
    with pytest.raises(AnswersInvalid) as repeats:
        read_dataset(text, "a.csv", ReadOptions(without=["Respondent ID"]))
    assert repeats.value.problems == [
        f'a.csv:{line}: column "Respondent ID": "r{line - 40}" is on line {line - 38} already: '
        "keep one line a respondent, or accept it with --keep-repeats"
        for line in (40, 41)
    ]
    kept = read_dataset(text, "a.csv", ReadOptions(without=["Respondent ID"], keep_repeats=True))
    assert len(kept.codes) == 40
    assert len(kept.warnings) == 2


@pytest.mark.parametrize("name", ["id", "ID", "respondent_id", "customerNo", "e-mail", "Email", "user key", "participant"])
def test_names_of_id_columns_are_recognised(name):
    """Names used by survey tools and CRMs."""
    assert looks_like_id(name)


@pytest.mark.parametrize("name", ["paid", "idea", "user", "q1", "satisfaction", "number of children", "mailbox"])
def test_names_of_questions_are_not_taken_for_ids(name):
    """Names that only resemble those of ids."""
    assert not looks_like_id(name)
