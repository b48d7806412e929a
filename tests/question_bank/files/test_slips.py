"""The commonest slips of a bank file are named with their remedy, and what authors forget is a warning."""

import pytest

from question_bank.files.load import check_bank, check_together
from question_bank.files.problems import count_of

BANK = """bank: cars
languages: [en, fr]
title: {en: Cars, fr: Autos}
personas:
  - {id: a, name: {en: A, fr: A}, prior: 0.5}
  - {id: b, name: {en: B, fr: B}, prior: 0.5}
questions:
  - id: owns
    type: single
    text: {en: Do you own a car?, fr: Une voiture ?}
    options: [{id: yes, text: {en: Yes, fr: Oui}}, {id: no, text: {en: No, fr: Non}}]
    likelihood: {a: [0.9, 0.1], b: [0.4, 0.6]}
  - id: days
    type: number
    text: {en: How many days?, fr: Combien de jours ?}
    unit: {en: days, fr: jours}
    min: 0
    likelihood: {a: {mean: 6, sd: 2}, b: {mean: 20, sd: 5}}
surveys: [{id: all, title: {en: All, fr: Tout}}]
"""


def warnings_after(old, new):
    assert old in BANK
    report = check_bank(BANK.replace(old, new), "f")
    assert report.errors == ()
    return [str(warning) for warning in report.warnings]


def test_a_complete_bank_has_no_warning():
    """Every rule of this file would warn about a change of this bank."""
    assert check_bank(BANK).warnings == ()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("text: {en: How many days?, fr: Combien de jours ?}", "text: How many days?", 'f:15: question "days" > text: has no fr'),
        ("{en: Yes, fr: Oui}", "{en: Yes}", "has no fr"),
        ("fr: Combien de jours ?", "fr: How many days?", "has the same words as en"),
        ("id: b, name: {en: B, fr: B}, prior: 0.5", "id: b, name: {en: B, fr: B}, prior: 0.6", "add up to 1.1, not 1"),
        ("bank: cars\n", "bank: cars\noutliers: 0\n", "can decide alone"),
        ("  - id: owns", "  - id: owns\n    help: {en: 'a b', fr: c}\n    topic: size #1 of all", 'ends before "#1 of all"'),
    ],
)
def test_what_authors_forget_is_a_warning(old, new, words):
    """With its line, and exit 0."""
    (warning,) = warnings_after(old, new)
    assert words in warning


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("unit: {en: days, fr: jours}", "unit: km"),
        ("prior: 0.5", "prior: 50"),
        ("min: 0", "min: 0  # none"),
        ("fr: Autos", "fr: Cars"),
        ("bank: cars\n", "bank: cars\noutliers: 0.02\n"),
    ],
)
def test_what_is_no_mistake_has_no_warning(old, new):
    """A plain unit, percentages, comments, a name that is the same in two languages."""
    assert warnings_after(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("a: [0.9, 0.1]", "a: [0,9, 0,1]", 12, "write decimals with a point, not a comma: [0.9, 0.1]"),
        ("a: [0.9, 0.1]", "a: [90%, 10%]", 12, "write 0.9 for 90%"),
        ("a: [0.9, 0.1]", 'a: ["0,9", "0,1"]', 12, "write 0.9, with a point"),
        ("prior: 0.5}", "prior: 50%}", 5, "write 0.5 for 50%"),
        ("en: Do you own a car?", "en: Well, do you own a car?", 10, "put a text that holds a comma in quotes"),
        ("text: {en: How many days?, fr: Combien de jours ?}", "text: How many: days?", 15, "put a text that holds a colon in quotes"),
        ("text: {en: How many days?, fr: Combien de jours ?}", "text: 'It's how many?'", 15, "apostrophe in double quotes"),
        ("    min: 0", "\tmin: 0", 17, "indent with spaces"),
        ("    min: 0", "   min: 0", 17, "align the line with"),
        ("unit: {en: days, fr: jours}", "unit: {en: days, de: Tage}", 16, "is not a language of this bank"),
    ],
)
def test_a_slip_is_named_with_its_line_and_remedy(old, new, line, words):
    """The first message already says what to write."""
    assert old in BANK
    errors = check_bank(BANK.replace(old, new, 1), "f").errors

    assert any(error.line in (line, line - 1) and words in str(error) for error in errors), [str(error) for error in errors]


def test_a_survey_id_of_two_banks_is_a_warning_with_its_line():
    """Publishing the second bank would be refused. The same bank in two files is not a conflict."""
    other = BANK.replace("bank: cars", "bank: bikes").encode()

    report = check_together([("a.yaml", BANK.encode()), ("b.yaml", other), ("c.yaml", BANK.encode())])

    assert report.errors == ()
    assert [(warning.file, warning.line, warning.path) for warning in report.warnings] == [("b.yaml", 19, "surveys.0.id")]
    assert '"all" is also a survey of the bank "cars" in a.yaml' in str(report.warnings[0])


@pytest.mark.parametrize(("number", "words"), [(0, "0 problems"), (1, "1 problem"), (2, "2 problems"), (1234, "1,234 problems")])
def test_one_is_singular(number, words):
    """Counts in the output of commands."""
    assert count_of(number, "problem") == words
