"""Starting a session with an email link, in the widget or the API."""

from tests.survey_service.email_links.mailbox import Mail
from tests.survey_service.service import Respondent


def arrive(service, mail, option=None, **more) -> Respondent:
    token = mail.path(option).removeprefix("/l/")
    response = service.client.post("/api/v1/surveys/all/sessions", json={"link": token, **more})
    assert response.status_code == 201, response.text
    return Respondent(service, response.json)


def test_a_link_starts_the_session_of_its_contact(service):
    """The session is in the contact's language unless the client asks for another."""
    mail = Mail.to(service, contacts=[{"external_id": "zoe", "language": "fr"}])
    respondent = arrive(service, mail)
    assert respondent.view["language"] == "fr"
    assert "claimed" not in respondent.view
    respondent.answer("owns", "no")
    assert mail.answers() == [("owns", "answer", "no")]
    assert arrive(service, mail, language="en").view["language"] == "en"


def test_a_click_stays_unconfirmed_until_the_first_act(service):
    """The view has the next question at once, and the first answer stores both."""
    mail = Mail.to(service)
    respondent = arrive(service, mail, "yes")
    assert respondent.view["claimed"]["text"] == "Yes"
    assert respondent.view["claimed"]["question"]["id"] == "owns"
    assert respondent.view["question"]["id"] == "km"
    assert respondent.view["progress"]["answered"] == 1
    assert mail.answers() == []

    respondent.silent("km")

    assert mail.answers() == [("owns", "answer", "yes"), ("km", "skip", None)]
    assert "claimed" not in respondent.view
    assert respondent.view["progress"]["answered"] == 2


def test_a_client_can_correct_the_click(service):
    """Another answer to the same question replaces the click, and going back does not restore it."""
    mail = Mail.to(service)
    respondent = arrive(service, mail, "yes")
    respondent.answer("owns", "no")
    assert mail.answers() == [("owns", "answer", "no")]
    respondent.back()
    assert mail.answers() == []
    assert "claimed" not in respondent.view
    assert respondent.view["question"]["id"] == "owns"
    respondent.silent("happy")
    assert mail.answers() == [("happy", "skip", None)]


def test_conditions_of_questions_use_the_unconfirmed_click(service):
    """A question that requires "yes" can be answered after an unconfirmed "yes"."""
    mail = Mail.to(service)
    respondent = arrive(service, mail, "yes")
    assert respondent.answer("reasons", ["power"]).status_code == 200
    assert [answer[:2] for answer in mail.answers()] == [("owns", "answer"), ("reasons", "answer")]


def test_a_repeated_call_changes_nothing(service):
    """A call with the same answer id returns the same response and stores nothing new."""
    mail = Mail.to(service)
    respondent = arrive(service, mail, "yes")
    body = {"answer_id": "one", "question": "km", "kind": "skip"}
    assert respondent.post("answers", body).json == respondent.post("answers", body).json
    assert len(mail.answers()) == 2
