"""Loading a file: the bank, or all its problems."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptive.stopping import StopRule
from question_bank.definitions import (
    DEFAULT_STOP,
    Bank,
    Consent,
    Counts,
    LogNormal,
    Normal,
    Result,
    Shares,
    Words,
)
from question_bank.files.load import BankInvalid, check_bank, read_bank
from tests.question_bank.a_bank import ABSENT, GOOD, changed, report_of

TEN = Path(__file__).parents[1] / "ten-mistakes.yaml"


def good() -> Bank:
    """The good bank, read."""
    return read_bank(json.dumps(GOOD))


def test_ten_mistakes_are_reported_at_once_each_at_its_line():
    """Every problem has its line and its path by ids."""
    report = check_bank(TEN.read_bytes(), TEN.name)

    assert report.bank is None
    assert [(error.line, error.where) for error in report.errors] == [
        (9, 'persona "family" > name > de'),
        (18, 'question "owns_car" > likelihood > persona "family"'),
        (22, 'question "reasons" > txet'),
        (25, 'question "reasons" > likelihood > persona "driver" > "power"'),
        (27, 'question "reasons" > ask_if > question "own_car"'),
        (28, 'question "reasons" > id'),
        (32, 'question "reasons" > max'),
        (38, 'question "age" > likelihood > persona "driver" > "sd"'),
        (43, 'signal "brochure" > likelihood'),
        (48, 'survey "post-purchase" > stop > confidence'),
    ]


def test_a_problem_is_printed_with_file_line_path_and_remedy():
    """The remedy is on a line of its own."""
    with pytest.raises(BankInvalid) as caught:
        read_bank(TEN.read_text("utf-8"), TEN.name)

    second = caught.value.problems[1]
    assert str(second) == (
        'ten-mistakes.yaml:18: question "owns_car" > likelihood > persona "family": adds up to 0.9, not 1\n'
        "    → give one probability an option, adding up to 1, or counts: {counts: [18, 4, 2]}"
    )
    assert second.path == "questions.0.likelihood.family"
    assert str(caught.value).split("\n")[2:4] == str(second).split("\n")


def places(data: Any, path: str = "") -> Iterator[str]:
    """Every place in plain data, as a dotted path."""
    entries = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, below in entries:
        yield f"{path}{key}"
        yield from places(below, f"{path}{key}.")


ODD = [None, True, 0, -1, 2.5, 1e300, 10**300, "", "x", "++", "a: b", [], [[]], {}, {"": None}, {"x": {"y": []}}, [None, 1, "a"], ABSENT]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(list(places(GOOD))), st.sampled_from(ODD))
def test_any_input_gives_a_report(path, value):
    """Nonsense anywhere is reported or accepted and never raises; there is a bank exactly when there are no errors."""
    report = report_of(changed(path, value))

    assert (report.bank is None) == bool(report.errors)
    assert all(problem.wrong and problem.todo and problem.line == 1 for problem in (*report.errors, *report.warnings))


def test_a_valid_bank_has_no_errors_and_no_warnings_but_of_its_missing_french():
    """The smallest bank that uses every field is accepted."""
    report = report_of(GOOD)

    assert report.errors == ()
    assert {warning.wrong for warning in report.warnings} == {"has no fr: it is shown in en"}
    assert report.bank == good()


def test_rows_keep_the_form_their_author_chose():
    """Shares by list or map, counts, words and distributions keep their form and follow the order of the options."""
    bank = good()

    assert bank.question("owns").likelihood == {"driver": Shares((0.9, 0.1)), "family": Shares((0.5, 0.5))}
    assert bank.question("reasons").likelihood == {"driver": Counts((1, 9), of=10), "family": Words(("++", "0"))}
    assert bank.question("age").likelihood == {"driver": Normal(30, 9), "family": LogNormal(40, 1.3)}
    assert bank.question("happy").likelihood == {}
    assert bank.question("happy").likelihood_given == {
        "driver": {"yes": Shares((0.2, 0.3, 0.5)), "no": Normal(2, 1)},
        "family": {"yes": Words(("--", "0", "++")), "no": Counts((1, 2, 3))},
    }


def test_omitted_fields_get_their_defaults():
    """A plain text is in the first language; priors are equal; effort follows the type; titles follow ids."""
    bank = read_bank("bank: b\npersonas: [{id: x}, {id: y}]\nquestions: [{id: q, type: text, text: Why?}]\nsurveys: [{id: s}]")

    assert (bank.title, bank.languages) == ({"en": "b"}, ("en",))
    assert [(persona.name, persona.prior) for persona in bank.personas] == [({"en": "x"}, 0.5), ({"en": "y"}, 0.5)]
    assert bank.question("q").seconds == 20
    assert (bank.survey("s").title, bank.survey("s").questions, bank.survey("s").stop) == ({"en": "b"}, ("q",), DEFAULT_STOP)


def test_all_fields_of_a_survey_are_read():
    """Only the criteria written under stop apply; consent is required unless written otherwise."""
    survey = good().survey("after")

    assert survey.stop == StopRule(confidence=0.9, at_most=6, at_least=1)
    assert survey.consent == Consent({"en": "Fine?"}, required=True)
    assert survey.result == {"default": Result({"en": "Thanks"}), "driver": Result(redirect="https://shop.example/d")}
    assert survey.actions == {"call": {"driver": -5.0, "family": 40.0}}


@pytest.mark.parametrize(
    ("chosen", "asked"),
    [
        ("all", ("owns", "reasons", "happy", "age", "more", "colour")),
        (["age", "owns"], ("owns", "age")),
        ({"topics": ["choice"]}, ("reasons",)),
    ],
)
def test_the_questions_of_a_survey_are_in_bank_order(chosen, asked):
    """For all, a list in any order, and topics."""
    bank = changed("surveys.0.questions", chosen)
    bank["surveys"][0]["first"] = []

    assert read_bank(json.dumps(bank)).survey("after").questions == asked


def test_priors_and_rows_close_to_one_are_normalised():
    """Priors in any unit become shares; a row within a millionth of 1 becomes exactly 1."""
    bank = changed("personas.0.prior", 1.4)
    bank["questions"][0]["likelihood"]["driver"] = [0.3333333, 0.6666666]

    read = read_bank(json.dumps(bank))

    assert [persona.prior for persona in read.personas] == pytest.approx([2 / 3, 1 / 3])
    assert sum(read.question("owns").likelihood["driver"].values) == pytest.approx(1, abs=1e-15)


def test_one_number_for_no_answer_holds_for_every_persona():
    """`no_answer: 0.1` is the same as 0.1 for each persona."""
    bank = read_bank(json.dumps(changed("questions.1.no_answer", 0.1)))

    assert bank.question("reasons").no_answer == {"driver": 0.1, "family": 0.1}


def test_the_table_of_a_pilot_question_is_ignored():
    """A warning reports it."""
    bank = changed("questions.0.pilot", True)
    bank["questions"].pop(2)  # which has it for a parent

    report = report_of(bank)

    assert report.bank.question("owns").likelihood == {}
    assert "is not used while pilot is true" in [warning.wrong for warning in report.warnings]


TWICE = """
bank: twice
personas: none
personas: [{id: a}, {id: b}]
questions:
  - {id: x, type: single, text: X, options: [{id: yes, text: Y}, {id: no, text: N}], likelihood: {a: [0.9, 0.1], b: [0.4, 0.6]}}
"""


def test_a_duplicate_field_with_a_wrong_first_value_is_reported():
    """The rest is still checked, with this field treated as unreadable."""
    assert "is written twice, first on line 3" in [problem.wrong for problem in check_bank(TWICE).errors]
