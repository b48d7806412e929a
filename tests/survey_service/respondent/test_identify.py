"""A respondent is identified as a known contact during a survey."""

import pytest

from tests.survey_service.contacts.people import belief_of, respondent


def identity(service, name):
    return service.call("POST", f"/api/v1/contacts/{name}/identity").json["identity"]


def test_answers_given_before_belong_to_the_identified_contact(service):
    """A signed identity is accepted, repeating it changes nothing, and the survey continues."""
    respondent(service, "zoe", km=9_000)
    person = respondent(service, None, owns="yes")

    for _ in range(2):
        assert person.post("identity", {"identity": identity(service, "zoe")}).status_code == 200

    assert belief_of(service, "zoe")["evidence"]["answers"] == 2
    assert person.answer("happy", 4).status_code == 200
    assert belief_of(service, "zoe")["evidence"]["answers"] == 3


def test_an_email_link_identifies_too(service):
    """The token of an email link identifies the contact."""
    person = respondent(service, None, owns="yes")
    [made] = service.call("POST", "/api/v1/links", {"survey": "all", "contacts": [{"external_id": "zoe"}]}).json["items"]

    assert person.post("identity", {"link": made["url"].rpartition("/")[2]}).status_code == 200

    assert belief_of(service, "zoe")["evidence"]["answers"] == 1


def test_the_session_of_one_customer_does_not_become_anothers(service):
    """The response is 409, and both contacts keep their data."""
    person = respondent(service, "max", owns="yes")

    refused = person.post("identity", {"identity": identity(service, "zoe")})

    assert (refused.status_code, refused.json["code"]) == (409, "somebody_else")
    assert belief_of(service, "max")["evidence"]["answers"] == 1


@pytest.mark.parametrize("body", [{}, {"identity": "x", "link": "y"}, {"identity": "forged"}, {"link": "forged"}])
def test_a_body_without_identity_is_refused(service, body):
    """The response is 422."""
    assert respondent(service, None).post("identity", body).status_code == 422
