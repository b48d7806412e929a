"""What a model gains is measured on the sessions that began without it; one that misleads is switched off."""

from math import log

import pytest
from sqlmodel import select

from question_bank.files.load import read_bank
from survey_service.attribution import gain
from survey_service.attribution.runs import RunWork
from survey_service.banks.publishing import publish
from survey_service.belief import priors
from survey_service.store.tables.core import ExternalId, SurveySession
from tests.survey_service.attribution.base import bank
from tests.survey_service.contacts.people import respondent

pytestmark = pytest.mark.slow

ANSWERED = range(100, 180)


@pytest.fixture
def halves(base, monkeypatch):
    """Let every second session begin without the model, so that a test needs few of them."""
    monkeypatch.setattr(priors, "HOLD_OUT", 2)
    return base


def answer(base, name: str, owns: str) -> None:
    person = respondent(base.service, name, owns=owns)
    assert person.post("finish", {}).status_code == 200


def measured(base, run):
    base.service.clock.forward(hours=2)
    gain.measure_gains(base.service.parts.store, base.service.parts.banks, base.service.clock())
    return base.read(run["id"])["model"]


def test_the_gain_is_measured_on_held_out_sessions(halves):
    """It has an interval, and is above 0 where attributes tell something."""
    run = halves.run()
    for number in ANSWERED:
        answer(halves, f"c{number}", "yes" if number % 2 == 0 else "no")
    model = measured(halves, run)

    assert 20 <= model["gain"]["sessions"] <= 60
    assert model["gain"]["low"] < model["gain"]["nats"] < model["gain"]["high"]
    assert model["gain"]["nats"] > 0
    assert model["is_used"] is True


def test_the_gain_is_that_of_the_probability_of_the_answers(halves):
    """For one answer it is log P(answer | attributes) - log P(answer), by the likelihoods of the bank."""
    run = halves.run()
    vectors = {item["external_id"]: item["vector"] for item in halves.beliefs(run["id"])}
    for number in range(100, 120):
        answer(halves, f"c{number}", "yes")
    with halves.service.parts.store.reading() as session:
        rows = session.exec(
            select(ExternalId.value, SurveySession.prior).join(SurveySession, SurveySession.contact_id == ExternalId.contact_id)
        )
        held_out = [name for name, prior in rows if prior is not None and prior["kind"] == priors.HELD_OUT]
    expected = [log(0.9 * vectors[name]["driver"] + 0.4 * vectors[name]["family"]) - log(0.65) for name in held_out]

    model = measured(halves, run)
    assert expected
    assert model["gain"]["nats"] == pytest.approx(sum(expected) / len(expected), abs=1e-5)


def test_a_model_is_not_measured_by_what_the_next_one_says(halves):
    """While a later run goes on, some results are of its model already, whose personas may have another order."""
    run = halves.run()
    for number in ANSWERED:
        answer(halves, f"c{number}", "yes" if number % 2 == 0 else "no")
    before = measured(halves, run)["gain"]
    lines = bank().splitlines()
    first = next(number for number, line in enumerate(lines) if "id: driver, name" in line)
    lines[first : first + 2] = reversed(lines[first : first + 2])
    parts, clock = halves.service.parts, halves.service.clock
    with parts.store.writing() as session:
        publish(session, read_bank("\n".join(lines)), clock())
    halves.start()
    RunWork(parts.store, parts.banks, clock, enough=lambda: True).step_run()

    assert measured(halves, run)["gain"] == before


def test_a_model_that_misleads_is_not_used_any_more(halves, monkeypatch):
    """Sessions begin with the bank's prior again."""
    monkeypatch.setattr(gain, "FEWEST_SESSIONS", 20)
    run = halves.run()
    vectors = {item["external_id"]: item["vector"] for item in halves.beliefs(run["id"])}
    for number in ANSWERED:  # they answer against their attributes
        answer(halves, f"c{number}", "no" if vectors[f"c{number}"]["driver"] > 0.5 else "yes")
    model = measured(halves, run)

    assert model["gain"]["nats"] < -0.01
    assert model["is_used"] is False
    for number in range(300, 310):
        assert respondent(halves.service, f"c{number}", owns="yes").belief()["driver"] == pytest.approx(0.9 / 1.3)
