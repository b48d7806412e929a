"""The attribution of a bank file: what may be used, what must not, and what reveals protected data."""

import pytest

from question_bank.definitions import Attribution
from question_bank.files.load import check_bank, read_bank

BANK = """
bank: cars
personas: [{id: driver}, {id: family}]
questions: [{id: age, type: number, text: How old are you?, likelihood: {driver: {mean: 30, sd: 8}, family: {mean: 42, sd: 9}}}]
surveys: [{id: buyers}]
attribution: GIVEN
"""


def check(given: str):
    return check_bank(BANK.replace("GIVEN", given).encode(), "bank.yaml")


def test_the_defaults_of_an_attribution():
    """Consent is required unless the author says otherwise."""
    bank = read_bank(BANK.replace("GIVEN", "{attributes: {age: number, city: category}}"))
    assert bank.attribution == Attribution({"age": "number", "city": "category"}, (), 0.8, 0.05, "required")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("{attributes: {age: numbr}}", '"numbr" is not one of number, date, category, text'),
        ("{}", "is missing"),
        ("{attributes: {}}", "names no attribute"),
        ("{attributes: {health: text}, never: [health]}", "is under never as well"),
        ("{attributes: {age: number}, never: health}", "is not a list of names"),
        ("{attributes: {age: number}, target: 1}", "is not less than 1"),
        ("{attributes: {age: number}, hysteresis: 0.7}", "is more than 0.5"),
        ("{attributes: {age: number}, consent: maybe}", '"maybe" is not one of required, objection'),
        ("{attributes: {age: number}, treshold: 1}", "is not a field of this"),
    ],
)
def test_mistakes_are_named_with_their_line(given, problem):
    """Every error has the line and what to do."""
    errors = [str(error) for error in check(given).errors]
    assert any(problem in error and error.startswith("bank.yaml:6") for error in errors), errors


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("health_score", "health"),
        ("Religion", "religion or belief"),
        ("place-of-birthplace", "ethnic origin"),
        ("syndicat", "membership of a union"),
    ],
)
def test_attributes_that_reveal_protected_data_are_warned_about(name, field):
    """Article 9 of the GDPR forbids them without an explicit consent."""
    warnings = [str(warning) for warning in check(f"{{attributes: {{{name}: category, city: category}}}}").warnings]
    assert [warning for warning in warnings if "article 9" in warning] == [
        warning for warning in warnings if f"may reveal {field}" in warning
    ]
    assert any(f"may reveal {field}" in warning for warning in warnings)


def test_ordinary_attributes_are_not():
    """City, age and profession pass."""
    assert not [
        warning for warning in check("{attributes: {city: category, age: number, job: text}}").warnings if "article 9" in str(warning)
    ]
