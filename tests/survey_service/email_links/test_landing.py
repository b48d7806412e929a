"""What a person sees who clicked in an email, and what their first act does."""

import pytest

from tests.survey_service.email_links.mailbox import Mail, opens, rows


def test_a_click_writes_nothing_and_the_next_act_counts_for_both(service):
    """Dealing with the second question keeps the click too, in one session of the contact; both move the belief."""
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
def test_not_answering_the_second_question_confirms_the_first(service, act, second):
    """A silence is an act of a person too."""
    mail = Mail.to(service)
    mail.open("yes")
    mail.send("yes", act=act)
    assert mail.answers() == [("owns", "answer", "yes"), *second]


def test_that_is_right_confirms_and_asks_on(service):
    """The click alone counts, and the second question is asked on the hosted page."""
    mail = Mail.to(service)
    mail.open("yes")
    page = mail.send("yes", act="confirm").text
    assert mail.answers() == [("owns", "answer", "yes")]
    assert "<legend><h1>How far do you drive in a year?</h1></legend>" in page


def test_a_button_pressed_twice_is_pressed_once(service):
    """Also when the first press has ended the session."""
    mail = Mail.to(service, survey="short", question="happy")
    mail.open("4")
    for _ in range(3):
        assert mail.send("4", act="answer", value="30000").status_code == 200
    assert mail.answers() == [("happy", "answer", 4), ("km", "answer", 30000)]
    assert rows(service)["SurveySession"] == 1


def test_a_click_can_be_changed_before_it_counts(service):
    """Change asks the question of the email, with nothing chosen in advance."""
    mail = Mail.to(service)
    mail.open("yes")
    page = mail.open("yes", "?change=1")
    assert "<legend><h1>Do you own a car?</h1></legend>" in page
    assert "checked" not in page
    mail.send("yes", "?change=1", act="answer", value="no")
    assert mail.answers() == [("owns", "answer", "no")]


def test_a_committed_answer_is_changed_by_the_same_links_until_they_expire(service):
    """By another option of the email, by Change, in an open session and after its end; the log keeps what was replaced."""
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


def test_nobody_is_told_that_they_have_answered_who_has_not(service):
    """However often the links were opened."""
    mail = Mail.to(service)
    for _ in range(5):
        mail.open("yes")
        mail.open("no")
        mail.open()
    assert "That's right" in mail.open("yes")
    assert "<legend><h1>Do you own a car?</h1></legend>" in mail.open()
    assert opens(service) == 17


def test_a_mistake_in_the_form_loses_nothing(service):
    """It is told in words, and nothing is kept until it is mended."""
    mail = Mail.to(service)
    mail.open("no")
    assert "happy" in mail.page or "km" in mail.page
    asked = mail.page.split('name="question" value="')[1].split('"')[0]
    response = mail.send("no", act="answer", value="")
    assert response.status_code == 422
    assert "There is a problem" in response.text
    assert "You chose <strong>No</strong>." in response.text
    assert mail.answers() == []
    mail.send("no", act="answer", value={"km": "30000", "happy": "4"}[asked])
    assert len(mail.answers()) == 2


def test_the_page_speaks_the_language_of_the_contact(service):
    """As the email did."""
    service.call("PUT", "/api/v1/contacts/zoe", {"attributes": {"language": "fr-CA"}})
    mail = Mail.to(service)
    assert "Avez-vous une voiture ?" in mail.created["html"]
    page = mail.open("yes")
    assert "Vous avez choisi <strong>Oui</strong>." in page
    assert '<html lang="fr">' in page


def test_the_page_tells_no_other_site_where_it_was(service):
    """Neither cache nor referrer nor frame."""
    mail = Mail.to(service)
    headers = service.client.get(mail.path("yes")).headers
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_a_survey_that_ends_with_the_click_only_asks_whether_it_is_right(service):
    """There is no second question to answer."""
    item = "bank: one\npersonas: [{id: a}, {id: b}]\nquestions:\n  - {id: x, type: single, text: X?, options: [{id: y, text: Yes},"
    item += " {id: n, text: No}], likelihood: {a: [0.9, 0.1], b: [0.2, 0.8]}}\nsurveys: [{id: single, title: One, stop: {at_most: 1}}]\n"
    assert service.call("POST", "/api/v1/banks", data=item).status_code == 201
    mail = Mail.to(service, survey="single", question="x")
    assert "<legend>" not in mail.open("y")
    assert "Thank you" in mail.send("y", act="confirm").text
    assert "Your answer is kept" in mail.open("y")
