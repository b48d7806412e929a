"""The same respondent twice is refused where it is certain, told where it is likely, and short patterns are nobody's fault."""

import numpy as np
import pytest

from question_bank.datasets.duplicate_rows import find_duplicate_rows, looks_like_id
from question_bank.datasets.infer import ReadOptions, read_dataset
from question_bank.datasets.table_files import AnswersInvalid, parse_csv
from tests.real_answers import CAR_BUYERS, shared_file


def lines(respondents=40, questions=8, options=5, seed=1):
    rng = np.random.default_rng(seed)
    return [",".join(map(str, row)) for row in rng.integers(1, options + 1, (respondents, questions))]


def found(rows, names=8):
    return find_duplicate_rows(parse_csv("\n".join([",".join(f"q{n}" for n in range(names)), *rows]), "a.csv"))


def test_a_block_that_was_pasted_twice_is_refused_with_its_place():
    """From which line on, and what it repeats."""
    rows = lines()
    (problem,) = found(rows + rows).problems
    assert problem.startswith("a.csv:42: 40 lines from here on repeat the lines from 2 on, in the same order")


def test_a_small_block_is_a_warning():
    """Twelve lines of forty are refused, of two hundred only told."""
    rows = lines(200)
    assert found(rows[:40] + rows[:12]).problems
    told = found(rows + rows[:12])
    assert (told.problems, len(told.warnings)) == ((), 1)


def test_equal_lines_in_any_order_are_refused_where_chance_brings_none():
    """Twelve questions of five options: forty people hardly agree in all."""
    rows = lines(questions=12)
    mixed = [rows[n % 40] for n in np.random.default_rng(2).permutation(80)]
    (problem,) = found(mixed, names=12).problems
    assert "in all 12 columns" in problem
    assert "chance would bring" in problem


def test_short_patterns_are_shared_by_many():
    """Three yes/no questions have eight patterns for four hundred people."""
    told = found(lines(400, 3, 2), names=3)
    assert (told.problems, told.warnings) == ((), ())


@pytest.mark.parametrize("rows", [["1,1,1,1,1,1,1,1", "5,5,5,5,5,5,5,5"] * 50, [f"{n},1,1,1,1,1,1,{n}" for n in range(5)] * 20])
def test_a_few_patterns_in_turn_are_no_repeats(rows):
    """As in a file that was made by hand to try things out."""
    told = found(rows)
    assert (told.problems, told.warnings) == ((), ())


@pytest.mark.parametrize("name", ["vnf", "hobbies", "election"])
def test_real_questionnaires_are_not_refused(name):
    """Nobody is taken for somebody else."""
    told = find_duplicate_rows(parse_csv(shared_file(f"{name}.csv").read_text(), f"{name}.csv"))
    assert (told.problems, told.warnings) == ((), ())


def test_nineteen_car_buyers_who_were_entered_twice_are_a_warning():
    """They are few enough not to be refused."""
    told = find_duplicate_rows(parse_csv(CAR_BUYERS.read_text(), CAR_BUYERS.name))
    assert told.problems == ()
    assert [warning.split(":")[1] for warning in told.warnings] == ["734"]


def test_an_id_that_comes_again_is_refused_line_by_line():
    """Also where the id is left out of the questions, and whatever the answers."""
    rows = [f"r{n % 38},{line}" for n, line in enumerate(lines())]
    text = "\n".join(["Respondent ID," + ",".join(f"q{n}" for n in range(8)), *rows])
    with pytest.raises(AnswersInvalid) as told:
        read_dataset(text, "a.csv", ReadOptions(without=["Respondent ID"]))
    assert told.value.problems == [
        f'a.csv:{line}: column "Respondent ID": "r{line - 40}" is on line {line - 38} already: '
        "keep one line a respondent, or accept it with --keep-repeats"
        for line in (40, 41)
    ]
    kept = read_dataset(text, "a.csv", ReadOptions(without=["Respondent ID"], keep_repeats=True))
    assert len(kept.codes) == 40
    assert len(kept.warnings) == 2


@pytest.mark.parametrize("name", ["id", "ID", "respondent_id", "customerNo", "e-mail", "Email", "user key", "participant"])
def test_what_ids_are_called(name):
    """By surveys and by CRMs."""
    assert looks_like_id(name)


@pytest.mark.parametrize("name", ["paid", "idea", "user", "q1", "satisfaction", "number of children", "mailbox"])
def test_what_no_id_is_called(name):
    """Questions that sound a little like one."""
    assert not looks_like_id(name)
