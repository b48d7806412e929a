"""The landing page of an email link, and what submitting its form stores."""

import pytest

from tests.survey_service.email_links.mailbox import Mail, opens, rows


def test_a_click_writes_nothing_until_the_next_form_is_submitted(service):
    """Submitting the second question stores the click too, in the same session, and both update the belief."""
    mail = Mail.to(service)
    before = rows(service)

    page = mail.open("yes")
    assert "You chose <strong>Yes</strong>." in page
    assert rows(service) == before
    assert "<legend>" in page
    assert "Do you own a car?</h1>" not in page
    asked = page.split('name="question" value="')[1].split('"')[0]
    assert asked == "km"
    after = mail.send("yes", act="skip")

    assert after.status_code == 200
    assert mail.answers() == [("owns", "answer", "yes"), ("km", "skip", None)]
    driver, family = 0.5 * 0.9 * 0.1, 0.5 * 0.4 * 0.4
    assert mail.probabilities()["driver"] == pytest.approx(driver / (driver + family), abs=1e-3)
    assert rows(service)["SurveySession"] == 1


@pytest.mark.parametrize(("act", "second"), [("skip", [("km", "skip", None)]), ("dont_know", [("km", "dont_know", None)])])
def test_skipping_the_second_question_confirms_the_click(service, act, second):
    """A skip and a "don't know" are acts of a person, so they store the clicked option."""
    mail = Mail.to(service)
    mail.open("yes")
    mail.send("yes", act=act)
    assert mail.answers() == [("owns", "answer", "yes"), *second]


def test_confirming_stores_the_click_and_asks_the_next_question(service):
    """Only the click is stored, and the hosted page asks the second question."""
    mail = Mail.to(service)
    mail.open("yes")
    page = mail.send("yes", act="confirm").text
    assert mail.answers() == [("owns", "answer", "yes")]
    assert "<legend><h1>How far do you drive in a year?</h1></legend>" in page


def test_a_form_submitted_twice_counts_once(service):
    """This also holds when the first submission has ended the session."""
    mail = Mail.to(service, survey="short", question="happy")
    mail.open("4")
    for _ in range(3):
        assert mail.send("4", act="answer", value="30000").status_code == 200
    assert mail.answers() == [("happy", "answer", 4), ("km", "answer", 30000)]
    assert rows(service)["SurveySession"] == 1


def test_a_click_can_be_changed_before_it_is_confirmed(service):
    """The change page asks the question of the email, with no option preselected."""
    mail = Mail.to(service)
    mail.open("yes")
    page = mail.open("yes", "?change=1")
    assert "<legend><h1>Do you own a car?</h1></legend>" in page
    assert " checked" not in page
    mail.send("yes", "?change=1", act="answer", value="no")
    assert mail.answers() == [("owns", "answer", "no")]


def test_a_stored_answer_can_be_changed_through_its_links_until_they_expire(service):
    """Another option or the change page replaces the answer, in an open session and after its end; replaced answers stay in the log."""
    mail = Mail.to(service)
    mail.open("yes")
    mail.send("yes", act="confirm")
    assert "That's right" not in mail.open("yes")

    assert "You chose <strong>No</strong>." in mail.open("no")
    assert mail.answers() == [("owns", "answer", "yes")]
    mail.send("no", act="confirm")
    assert mail.answers() == [("owns", "answer", "no")]

    service.clock.forward(days=30)
    assert "checked" in mail.open("no", "?change=1")
    mail.send("no", "?change=1", act="answer", value="yes")
    assert mail.answers() == [("owns", "answer", "yes")]

    service.clock.forward(days=31)
    assert "This link has expired." in mail.open("no", status=410)


def test_opening_links_never_shows_an_answer_as_confirmed(service):
    """However often the links were opened, the page still asks for confirmation."""
    mail = Mail.to(service)
    for _ in range(5):
        mail.open("yes")
        mail.open("no")
        mail.open()
    assert "That's right" in mail.open("yes")
    assert "<legend><h1>Do you own a car?</h1></legend>" in mail.open()
    assert opens(service) == 17


def test_an_invalid_form_shows_an_error_and_stores_nothing(service):
    """The page shows the error and the clicked option; the corrected form stores both answers."""
    mail = Mail.to(service)
    mail.open("no")
    assert "happy" in mail.page or "km" in mail.page
    asked = mail.page.split('name="question" value="')[1].split('"')[0]
    response = mail.send("no", act="answer", value="")
    assert response.status_code == 422
    assert 'role="alert"><span class="v">Error: </span>' in response.text
    assert "You chose <strong>No</strong>." in response.text
    assert mail.answers() == []
    mail.send("no", act="answer", value={"km": "30000", "happy": "4"}[asked])
    assert len(mail.answers()) == 2


def test_the_landing_page_uses_the_language_of_the_contact(service):
    """The email and the page are in the language of the contact's attribute."""
    service.call("PUT", "/api/v1/contacts/zoe", {"attributes": {"language": "fr-CA"}})
    mail = Mail.to(service)
    assert "Avez-vous une voiture ?" in mail.created["html"]
    page = mail.open("yes")
    assert "Vous avez choisi <strong>Oui</strong>." in page
    assert '<html lang="fr">' in page


def test_the_landing_page_sends_no_referrer_and_is_not_cached_or_framed(service):
    """The headers forbid referrers, caches and frames."""
    mail = Mail.to(service)
    headers = service.client.get(mail.path("yes")).headers
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_a_survey_of_one_question_only_asks_for_confirmation(service):
    """There is no second question, and confirming shows the end."""
    bank = "bank: one\npersonas: [{id: a}, {id: b}]\nquestions:\n  - {id: x, type: single, text: X?, options: [{id: y, text: Yes},"
    bank += " {id: n, text: No}], likelihood: {a: [0.9, 0.1], b: [0.2, 0.8]}}\nsurveys: [{id: single, title: One, stop: {at_most: 1}}]\n"
    assert service.call("POST", "/api/v1/banks", data=bank).status_code == 201
    mail = Mail.to(service, survey="single", question="x")
    assert "<legend>" not in mail.open("y")
    assert "Thank you" in mail.send("y", act="confirm").text
    assert "Your answer is kept" in mail.open("y")
