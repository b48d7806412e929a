"""A link in the start call of the widget or the API."""

from tests.survey_service.email_links.mailbox import Mail
from tests.survey_service.service import Respondent


def arrive(service, mail, option=None, **more) -> Respondent:
    token = mail.path(option).removeprefix("/l/")
    response = service.client.post("/api/v1/surveys/all/sessions", json={"link": token, **more})
    assert response.status_code == 201, response.text
    return Respondent(service, response.json)


def test_a_link_starts_the_session_of_its_contact(service):
    """In the contact's language unless the client asks for another."""
    mail = Mail.to(service, contacts=[{"external_id": "zoe", "language": "fr"}])
    someone = arrive(service, mail)
    assert someone.view["language"] == "fr"
    assert "claimed" not in someone.view
    someone.answer("owns", "no")
    assert mail.answers() == [("owns", "answer", "no")]
    assert arrive(service, mail, language="en").view["language"] == "en"


def test_a_click_is_a_claim_until_the_first_act(service):
    """The widget asks the next question at once; the first answer keeps both."""
    mail = Mail.to(service)
    someone = arrive(service, mail, "yes")
    assert someone.view["claimed"]["text"] == "Yes"
    assert someone.view["claimed"]["question"]["id"] == "owns"
    assert someone.view["question"]["id"] == "km"
    assert someone.view["progress"]["answered"] == 1
    assert mail.answers() == []

    someone.silent("km")

    assert mail.answers() == [("owns", "answer", "yes"), ("km", "skip", None)]
    assert "claimed" not in someone.view
    assert someone.view["progress"]["answered"] == 2


def test_a_client_can_correct_the_click(service):
    """Another answer to the same question takes its place; going back afterwards does not bring the click back."""
    mail = Mail.to(service)
    someone = arrive(service, mail, "yes")
    someone.answer("owns", "no")
    assert mail.answers() == [("owns", "answer", "no")]
    someone.back()
    assert mail.answers() == []
    assert "claimed" not in someone.view
    assert someone.view["question"]["id"] == "owns"
    someone.silent("happy")
    assert mail.answers() == [("happy", "skip", None)]


def test_what_asks_for_a_yes_can_follow_an_unconfirmed_yes(service):
    """Conditions see the click."""
    mail = Mail.to(service)
    someone = arrive(service, mail, "yes")
    assert someone.answer("reasons", ["power"]).status_code == 200
    assert [answer[:2] for answer in mail.answers()] == [("owns", "answer"), ("reasons", "answer")]


def test_a_repeated_call_changes_nothing(service):
    """A lost reply may be asked for again."""
    mail = Mail.to(service)
    someone = arrive(service, mail, "yes")
    body = {"answer_id": "one", "question": "km", "kind": "skip"}
    assert someone.post("answers", body).json == someone.post("answers", body).json
    assert len(mail.answers()) == 2
