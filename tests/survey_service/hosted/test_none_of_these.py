"""Continue with nothing ticked in a multiple choice: an answer, or a slip. The page asks before it counts, without JavaScript."""

from html import unescape

import pytest

from survey_service.preview.tokens import preview_token
from survey_service.respondent.translations import STRINGS
from tests.survey_service.email_links.mailbox import Mail
from tests.survey_service.hosted.test_hosted_page import answers, begin
from tests.survey_service.service import BANK, a_service
from tests.survey_service.web.test_hostile_clients import form_of

SURVEYS = """  - {id: open, title: Open, first: [happy, owns, reasons], stop: {at_most: 5, gain_below: 0, confidence: 0.9999}}
  - {id: ticks, title: Ticks, questions: [reasons]}
"""
BANK_OF_ALL = BANK.replace("ask_if: {owns: [yes]}", "").replace("languages: [en, fr]", f"languages: [{', '.join(STRINGS)}]")
REASONS = "Why that one?"
NONE = "None of these? Then press Continue again."


@pytest.fixture
def service(database_url):
    service = a_service(database_url, BANK_OF_ALL + SURVEYS)
    yield service
    service.parts.store.close()


@pytest.fixture
def reasons(service):
    """The address of the multiple choice on the hosted page."""
    address, begun = begin(service)
    owns = begun.headers["Location"]
    return service.client.post(address, data={**form_of(service.client.get(owns)), "act": "answer", "value": "yes"}).headers["Location"]


def test_the_hosted_page_asks_whether_none_fits_and_continue_confirms(service, reasons):
    """Nothing is stored by the first press. The second one stores an answer without ticks."""
    page = service.client.get(reasons)
    assert NONE not in page.text
    asked = service.client.post(reasons, data={**form_of(page), "act": "answer"})
    assert asked.status_code == 422
    assert REASONS in asked.text
    assert f'<p id="s" role="alert">{NONE}</p>' in asked.text
    assert asked.text.split("<title>")[1].startswith(f"{NONE} – Question 3 of")
    assert "Error" not in asked.text
    assert len(answers(service)) == 2

    assert service.client.post(reasons, data={**form_of(asked), "act": "answer"}).status_code == 303
    assert answers(service)[2:] == [("reasons", {"ticked": [], "seen": ["safety", "power", "price"]})]


def test_an_option_that_is_ticked_after_the_question_is_the_answer(service, reasons):
    """The page that asks is the form itself, so the slip is mended there."""
    asked = service.client.post(reasons, data={**form_of(service.client.get(reasons)), "act": "answer"})
    assert service.client.post(reasons, data={**form_of(asked), "act": "answer", "value": "price"}).status_code == 303
    assert answers(service)[2][1]["ticked"] == ["price"]


def test_a_skip_is_not_asked_about(service, reasons):
    """Other buttons say what they mean."""
    assert service.client.post(reasons, data={**form_of(service.client.get(reasons)), "act": "skip"}).status_code == 303
    assert answers(service)[2:] == [("reasons", None)]


def test_the_question_about_one_form_confirms_no_other(service, reasons):
    """The field names its question."""
    form = {**form_of(service.client.get(reasons)), "act": "answer", "none": "happy"}
    assert service.client.post(reasons, data=form).status_code == 422


@pytest.mark.parametrize("language", STRINGS)
def test_the_question_is_asked_in_the_language_of_the_page(service, language):
    """The words are those of the widget."""
    path = f"/s/ticks?lang={language}"
    asked = service.client.post(path, data={**form_of(service.client.get(path)), "act": "answer"})
    assert STRINGS[language]["none"] in unescape(asked.text)


def test_the_page_behind_an_email_link_asks_too(service):
    """The click and the answer without ticks are stored together, by the second press."""
    mail = Mail.to(service, survey="open")
    mail.open("yes")
    mail.send("yes", act="skip")
    mail.open("yes")
    first = mail.answers()
    assert REASONS in mail.page
    asked = mail.send("yes", act="answer")
    assert asked.status_code == 422
    assert f'role="alert">{NONE}</p>' in asked.text
    assert mail.answers() == first
    form = {**form_of(asked), "act": "answer"}
    assert service.client.post(mail.path("yes"), data=form).status_code == 303
    assert mail.answers() == [*first, ("reasons", "answer", {"ticked": [], "seen": ["safety", "power", "price"]})]


def test_the_preview_asks_too(service):
    """An author sees what respondents will see."""
    path = f"/preview/open/page?t={preview_token(service.parts.keys, 'open')}"
    page = service.client.get(path)
    for value in ("4", "yes"):
        page = service.client.post(path, data={**form_of(page), "act": "answer", "value": value})
    assert REASONS in page.text
    asked = service.client.post(path, data={**form_of(page), "act": "answer"})
    assert REASONS in asked.text
    assert NONE in asked.text
    assert REASONS not in service.client.post(path, data={**form_of(asked), "act": "answer"}).text
