"""Back, Forward, reload, second tabs and old forms: each question has an address of its own, and its form corrects its own answer."""

import re
from html import unescape

import pytest

from survey_service.store.tables.core import SurveySession
from tests.survey_service.hosted.test_hosted_page import SURVEYS, answers, begin, count, the_session
from tests.survey_service.service import BANK, a_service
from tests.survey_service.web.test_hostile_clients import form_of


@pytest.fixture
def service(database_url):
    service = a_service(database_url, BANK + SURVEYS)
    yield service
    service.parts.store.close()


def send(service, address, page, **form):
    """Submit the form of a page. Return the page that is shown then, and its address."""
    service.clock.forward(seconds=6)
    reply = service.client.post(address, data={**form_of(page), **form})
    assert reply.status_code == 303, reply.text
    return reply.headers["Location"], service.client.get(reply.headers["Location"], follow_redirects=True)


def test_each_question_has_an_address_that_shows_its_stored_answer(service):
    """The address of an answered question shows that question with what was answered, however far the survey has gone."""
    _, begun = begin(service)
    second = begun.headers["Location"]
    page = service.client.get(second)
    third, _ = send(service, second, page, act="answer", value="yes")

    assert second.endswith("/q/owns")
    assert third != second
    again = service.client.get(second).text
    assert "Do you own a car?" in again
    assert 'value="yes" checked' in again
    assert "Question 2 of" in again
    first = service.client.get(second.replace("/q/owns", "/q/happy")).text
    assert 'value="4" checked' in first
    assert "Question 1 of" in first


def test_the_form_of_an_answered_question_corrects_its_answer_and_keeps_later_ones(service):
    """The answer is replaced, and the survey goes on where it was."""
    _, begun = begin(service)
    second = begun.headers["Location"]
    old = service.client.get(second)
    third, _ = send(service, second, old, act="answer", value="yes")
    send(service, third, service.client.get(third), act="skip")

    send(service, second, service.client.get(second), act="answer", value="no")

    assert sorted(answers(service)) == sorted([("happy", 4), ("owns", "no"), (third.split("/q/")[1], None)])


def test_an_old_form_corrects_its_own_answer_as_often_as_it_is_sent(service):
    """The same form with another answer, and then with the first one again, counts each time; sent twice in a row it counts once."""
    _, begun = begin(service)
    second = begun.headers["Location"]
    old = service.client.get(second)
    for value in ("yes", "yes", "no", "yes"):
        send(service, second, old, act="answer", value=value)
        assert ("owns", value) in answers(service)
    log = service.call("GET", f"/api/v1/sessions/{the_session(service).id}").json["log"]
    assert [entry["value"] for entry in log if entry["question"] == "owns"] == ["yes", "no", "yes"]


def test_the_first_form_sent_again_corrects_the_answer_of_its_session(service):
    """A browser's Back shows the first page again with the same form; it begins no second session."""
    page = service.client.get("/s/open")
    assert page.headers["Cache-Control"] == "private, max-age=0"
    for value in ("4", "2"):
        service.client.post("/s/open", data={**form_of(page), "act": "answer", "value": value})
    assert count(service, SurveySession) == 1
    assert answers(service) == [("happy", 2)]


def test_the_first_form_of_a_survey_that_has_ended_changes_nothing_and_leads_to_a_new_session(service):
    """At a kiosk the browser's Back leads the next person to it."""
    page = service.client.get("/s/open")
    address = service.client.post("/s/open", data={**form_of(page), "act": "answer", "value": "4"}).headers["Location"]
    send(service, address, service.client.get(address), act="stop")
    again = service.client.post("/s/open", data={**form_of(page), "act": "answer", "value": "1"}, follow_redirects=True)
    assert "This survey has ended. What you answered is kept." in again.text
    assert '<a href="/s/open">Start again</a>' in again.text
    assert answers(service) == [("happy", 4)]
    begin(service)
    assert count(service, SurveySession) == 2


def test_a_page_runs_one_script_of_its_own(service):
    """A page that a browser shows again from memory shows what is stored, and the first page nothing. No other script runs."""
    _, begun = begin(service)
    for path, act in (("/s/open", "f.reset()"), (begun.headers["Location"], "location.reload()")):
        page = service.client.get(path)
        (nonce,) = set(re.findall('nonce="([^"]+)"', page.text))
        assert f'<script nonce="{nonce}">onpageshow=e=>{{if(e.persisted){act}}}</script>' in page.text
        assert page.text.count("<script") == 1
        assert f"script-src 'nonce-{nonce}';" in page.headers["Content-Security-Policy"]
    assert "script" not in service.client.get("/s/none").headers["Content-Security-Policy"]


def test_a_form_that_was_not_valid_keeps_its_session_and_its_time(service):
    """An error does not begin the time of reading anew, so the corrected form is not hasty."""
    form = form_of(service.client.get("/s/open"))
    service.clock.forward(seconds=20)
    wrong = service.client.post("/s/open", data={**form, "act": "answer"})
    assert wrong.status_code == 422
    assert form_of(wrong)["form"] == form["form"]
    service.client.post("/s/open", data={**form_of(wrong), "act": "answer", "value": "4"})
    (entry,) = service.call("GET", f"/api/v1/sessions/{the_session(service).id}").json["log"]
    assert (entry["measured_seconds"], entry["weight"]) == (20, 1)


def test_a_skipped_question_says_so_at_its_address(service):
    """The page says what was chosen instead of an answer, and the question can be answered there."""
    _, begun = begin(service)
    second = begun.headers["Location"]
    send(service, second, service.client.get(second), act="skip")
    page = service.client.get(second)
    assert "You chose Skip." in unescape(page.text)
    send(service, second, page, act="answer", value="no")
    assert ("owns", "no") in answers(service)


def test_an_old_page_says_that_the_survey_has_ended(service):
    """Looking at an old page and sending its form show the end and the reason, and change nothing."""
    _, begun = begin(service)
    second = begun.headers["Location"]
    old = service.client.get(second)
    _, done = send(service, second, old, act="stop")
    assert "This survey has ended." not in done.text
    for page in (service.client.get(second), send(service, second, old, act="answer", value="no")[1]):
        assert "This survey has ended. What you answered is kept." in page.text
    assert answers(service) == [("happy", 4)]


def test_a_form_that_cannot_be_stored_says_so(service):
    """A question that is not in the survey is not stored; the page asks the current question and says why."""
    address, _ = begin(service)
    form = {"act": "answer", "value": "30000", "question": "nothing", "answer_id": "x"}
    page = service.client.post(address, data=form, follow_redirects=True)
    assert "came from an old page" in page.text
    assert "Do you own a car?" in page.text


def test_an_address_of_a_question_that_was_not_answered_leads_to_the_current_one(service):
    """Nobody jumps ahead by changing the address."""
    address, begun = begin(service)
    assert service.client.get(f"{address}/q/why").headers["Location"] == begun.headers["Location"]
    assert service.client.get(address).headers["Location"] == begun.headers["Location"]


def test_browsers_are_told_not_to_fill_forms_in(service):
    """A browser that restores a form would tick the option of another question."""
    address, _ = begin(service)
    for path in ("/s/open", address):
        text = service.client.get(path, follow_redirects=True).text
        assert text.count("<form") == text.count('<form method="post"') == text.count('autocomplete="off">') - 1  # one is the honeypot


@pytest.mark.parametrize("begun", [False, True])
def test_changing_the_language_keeps_what_was_filled_in(service, begun):
    """The language is a button of the same form; nothing is stored by it."""
    path = begin(service)[1].headers["Location"] if begun else "/s/open?hidden-place=till"
    value, before = "no" if begun else "3", count(service, SurveySession)
    page = service.client.get(path)
    french = service.client.post(path, data={**form_of(page), "value": value, "to": "fr"})
    assert french.status_code == 200
    assert '<html lang="fr">' in french.text
    assert f'value="{value}" checked' in french.text
    assert count(service, SurveySession) == before
    send(service, path, french, act="answer", value=value)
    assert the_session(service).language == "fr"
    untouched = service.client.post(path, data={**form_of(page), "to": "fr"})
    assert untouched.status_code == 303
