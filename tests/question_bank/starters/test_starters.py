"""Starter banks pass all checks without a warning, and their comments say what the simulation says."""

import re

import pytest

from question_bank.files.load import check_bank
from question_bank.starters.first_bank import starter_names, starter_text
from survey_service.banks.simulation import SimulationRequest, simulate_bank

STATED = re.compile(r"#   ([\w-]+): ([\d.]+) questions, right about (\d+)% of people")


@pytest.mark.parametrize("name", starter_names())
def test_a_starter_bank_is_complete_and_says_how_good_it_is(name):
    """It has both languages, surveys, signals, journeys, barometers and plays, and each survey's figures are those of the simulation."""
    text = starter_text(name, "mine")
    report = check_bank(text)
    bank = report.bank

    assert (report.errors, report.warnings) == ((), ())
    assert bank is not None
    assert (bank.id, bank.languages) == ("mine", ("en", "fr"))
    assert all([len(bank.personas) >= 3, bank.surveys, bank.signals, bank.journeys, bank.barometers, bank.plays])
    stated = {survey: (float(questions), int(right)) for survey, questions, right in STATED.findall(text)}
    assert list(stated) == [survey.id for survey in bank.surveys]
    for survey, (questions, right) in stated.items():
        found = simulate_bank(bank, SimulationRequest(survey, respondents=2000, seed=1))
        assert found["questions"]["mean"] == pytest.approx(questions, abs=0.06)
        assert 100 * found["accuracy"]["mean"] == pytest.approx(right, abs=0.6)


def test_an_unknown_starter():
    """There are those that the command lists."""
    assert starter_names() == ["b2b-software", "insurance", "retail", "travel"]
    with pytest.raises(KeyError):
        starter_text("no", "mine")
