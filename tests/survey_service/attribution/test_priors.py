"""Answers start from what attributes or another system say about the contact, and one session in ten from the bank's prior."""

from math import log2

import pytest
from sqlmodel import select

from survey_service.belief.priors import HELD_OUT
from survey_service.store.tables.core import SurveySession
from tests.survey_service.contacts.people import respondent

pytestmark = pytest.mark.slow


def put_prior(service, name: str, probabilities, **more):
    return service.call("PUT", f"/api/v1/contacts/{name}", {"prior": {"bank": "cars", "probabilities": probabilities, **more}})


def odds(belief) -> float:
    return belief["driver"] / belief["family"]


def test_answers_multiply_the_prior_of_attributes(base):
    """A session that is not held out multiplies the odds of the attributes by those of the answer, .9 to .4."""
    base.run()
    for number in range(300, 330):
        person = respondent(base.service, f"c{number}", owns="yes")
        with base.service.parts.store.reading() as session:
            prior = session.exec(select(SurveySession.prior).where(SurveySession.id == person.session)).one()
        if prior["kind"] != HELD_OUT:
            break
    vector = base.attribution(f"c{number}")["vector"]
    belief = base.contact(f"c{number}")["beliefs"]["cars"]

    assert odds(person.belief()) == pytest.approx(odds(vector) * 0.9 / 0.4, rel=1e-5)
    assert belief["kind"] == "answered"
    [answer, prior] = belief["explanation"]
    assert (answer["kind"], prior["kind"]) == ("answer", "attributed")
    assert prior["bits"]["driver"] == pytest.approx(log2(odds(vector)), rel=1e-5)


def test_one_session_in_ten_begins_with_the_banks_prior(base):
    """Only these measure what the prior gains."""
    base.run()
    for number in range(300, 400):
        respondent(base.service, f"c{number}")
    with base.service.parts.store.reading() as session:
        priors = session.exec(select(SurveySession.prior).where(SurveySession.prior.is_not(None))).all()
    held_out = [prior for prior in priors if prior["kind"] == HELD_OUT]

    assert len(priors) == 100
    assert 1 <= len(held_out) <= 28  # three runs in 100,000 are outside
    assert {prior["instead_of"] for prior in held_out} == {"attributed"}


def test_a_session_keeps_the_prior_it_began_with(base):
    """A new run in the middle of a survey does not change it."""
    base.run()
    person = respondent(base.service, "c301")
    with base.service.parts.store.reading() as session:
        before = session.exec(select(SurveySession.prior).where(SurveySession.id == person.session)).one()
    base.answer(150, start=110)
    base.run()
    person.answer("owns", "yes")
    with base.service.parts.store.reading() as session:
        after = session.exec(select(SurveySession.prior).where(SurveySession.id == person.session)).one()

    assert after == before
    shares = before.get("probabilities", {"driver": 0.5, "family": 0.5})
    assert odds(person.belief()) == pytest.approx(odds(shares) * 0.9 / 0.4, rel=1e-5)


def test_a_prior_from_outside_counts_until_it_is_taken_back(service):
    """It makes a belief of its own kind, which says where it comes from."""
    assert put_prior(service, "zoe", {"driver": 0.8, "family": 0.2}, source="segments 2026").status_code == 201
    belief = service.call("GET", "/api/v1/contacts/zoe").json["beliefs"]["cars"]
    assert (belief["kind"], belief["probabilities"]["driver"]) == ("external", pytest.approx(0.8))
    [item] = belief["explanation"]
    assert (item["kind"], item["source"], item["bits"]["driver"]) == ("external", "segments 2026", pytest.approx(2))

    assert put_prior(service, "zoe", None).status_code == 200
    belief = service.call("GET", "/api/v1/contacts/zoe").json["beliefs"]["cars"]
    assert (belief["kind"], belief["probabilities"]["driver"]) == ("prior", pytest.approx(0.5))


@pytest.mark.parametrize(("reliability", "expected"), [(1, 4), (0.5, 2), (0, 1)])
def test_its_reliability_is_the_exponent_on_its_odds(service, reliability, expected):
    """Odds of 4 become 2 at one half, and 1 at nothing."""
    put_prior(service, "zoe", {"driver": 0.8, "family": 0.2}, reliability=reliability)
    assert odds(service.call("GET", "/api/v1/contacts/zoe").json["beliefs"]["cars"]["probabilities"]) == pytest.approx(expected)


def test_a_prior_from_outside_ranks_above_attributes_and_below_answers(base):
    """The belief is that of the outside prior, and of both once the contact has answered."""
    base.run()
    put_prior(base.service, "c300", {"driver": 0.1, "family": 0.9})
    assert base.contact("c300")["beliefs"]["cars"]["kind"] == "external"
    respondent(base.service, "c300", owns="yes")
    assert base.contact("c300")["beliefs"]["cars"]["kind"] == "answered"


@pytest.mark.parametrize(
    ("probabilities", "problem"),
    [
        ({"driver": 0.9, "family": 0.3}, "adds up to 1.2, not 1"),
        ({"driver": 1.0}, "give one probability to each persona of the bank, driver, family"),
        ({"driver": 0.5, "nobody": 0.5}, "names driver, nobody"),
    ],
)
def test_probabilities_that_are_none_are_refused(service, probabilities, problem):
    """The error names the field, and nothing is stored."""
    refused = put_prior(service, "zoe", probabilities)
    assert refused.status_code == 422
    assert refused.json["errors"][0]["path"] == "prior.probabilities"
    assert problem in refused.json["errors"][0]["message"]
    assert service.call("GET", "/api/v1/contacts/zoe").status_code == 404


def test_who_does_not_want_a_profile_gets_no_prior(service):
    """A refusal takes an earlier one away as well."""
    put_prior(service, "zoe", {"driver": 0.8, "family": 0.2})
    service.call("PUT", "/api/v1/contacts/zoe", {"consent": {"profiling": False}})
    assert service.call("GET", "/api/v1/contacts/zoe").json["priors"] == {}
    assert put_prior(service, "zoe", {"driver": 0.8, "family": 0.2}).status_code == 422
