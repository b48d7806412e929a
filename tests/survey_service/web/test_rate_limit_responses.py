"""A refusal by a rate limit loses no data: the API says when to retry, and pages keep the entered values."""

from dataclasses import replace
from html import unescape

import pytest
from sqlmodel import func, select

from survey_service.settings import Limit
from survey_service.store.tables.core import Answer
from survey_service.web.rate_limit import Limits
from tests.survey_service.email_links.mailbox import Mail
from tests.survey_service.service import a_service
from tests.survey_service.web.test_hostile_clients import form_of


@pytest.fixture
def strict(database_url):
    """A service that allows two requests per token at once and then one in ten seconds."""
    made = a_service(database_url)
    narrow = replace(made.parts.settings, limit_per_token=Limit(2, 0.1))
    made.app.extensions["discern"] = replace(made.parts, settings=narrow, limits=Limits(made.parts.store, [Limit(2, 0.1)]))
    yield made
    made.parts.store.close()


def test_a_refused_api_call_says_when_to_retry(strict):
    """429 is a problem with Retry-After that a page of the shop may read; the same request is accepted later, once."""
    zoe = strict.start()
    zoe.answer("owns", "yes")
    zoe.answer("happy", 4)
    path, body = f"/api/v1/sessions/{zoe.session}/answers", {"answer_id": "last", "question": "km", "kind": "skip", "token": zoe.token}
    refused = strict.client.post(path, json=body, headers={"Origin": "https://shop.example"})
    assert (refused.status_code, refused.mimetype, refused.headers["Retry-After"]) == (429, "application/problem+json", "10")
    assert refused.json["code"] == "too_many_requests"
    assert refused.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    seen = strict.client.get(f"/api/v1/sessions/{zoe.session}", headers={"Authorization": f"Bearer {zoe.token}"})
    assert seen.json["progress"]["answered"] == 2
    strict.clock.forward(seconds=10)
    assert strict.client.post(path, json=body).json["progress"]["answered"] == 3


def test_the_page_keeps_what_was_filled_in(strict):
    """The page shows the same question with the entered answer, an error and Retry-After; reading a page is never limited."""
    address = strict.client.post("/s/short", data={**form_of(strict.client.get("/s/short")), "act": "answer", "value": "4"}).headers[
        "Location"
    ]
    for _ in range(2):
        strict.client.post(address, data={"act": "nothing"})
    page = strict.client.get(address)
    asked = form_of(page)
    value = {"owns": "no", "km": "12345"}[asked["question"]]
    refused = strict.client.post(address, data={**asked, "act": "answer", "value": value})
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")
    assert "There is a great rush" in refused.text
    assert f'value="{value}"' in refused.text
    again = form_of(refused)
    strict.clock.forward(seconds=10)
    assert strict.client.post(address, data={**again, "act": "answer", "value": value}).status_code == 303
    with strict.parts.store.reading() as session:
        assert session.exec(select(func.count()).select_from(Answer)).one() == 2


def test_the_page_of_an_email_link_keeps_it_too(strict):
    """The click stays as it was."""
    mail = Mail.to(strict)
    mail.open("yes")
    for _ in range(2):
        strict.client.post(mail.path("yes"), data={"act": "nothing"})
    refused = strict.client.post(mail.path("yes"), data={**form_of(strict.client.get(mail.path("yes"))), "act": "answer", "value": "4321"})
    assert refused.status_code == 429
    assert "You chose <strong>Yes</strong>" in unescape(refused.text)
    assert mail.answers() == []
