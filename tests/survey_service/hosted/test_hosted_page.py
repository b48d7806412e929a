"""The hosted page over HTTP: consent, stored answers, and deleting them."""

import re
from xml.etree import ElementTree

import pytest
from sqlmodel import func, select

from survey_service.store.tables.core import Answer, Contact, SurveySession
from survey_service.store.tables.webhooks import Delivery
from survey_service.webhooks.endpoints import add
from tests.survey_service.service import BANK, a_service
from tests.survey_service.web.test_hostile_clients import form_of

SURVEYS = """  - {id: asks, title: Asks, first: [happy], consent: {text: {en: We keep what you answer., fr: Nous gardons vos réponses.}}}
  - {id: goes, title: Goes, first: [happy], stop: {at_most: 1}, result: {default: {redirect: "https://shop.example/thanks"}}}
  - {id: open, title: Open, first: [happy, owns], consent: {text: Just so you know., required: false}}
"""


@pytest.fixture
def service(database_url):
    service = a_service(database_url, BANK + SURVEYS)
    yield service
    service.parts.store.close()


def begin(service, survey="open", query="", **form):
    """Submit the first answer, and return the address of the session's page and the response."""
    page = service.client.get(f"/s/{survey}{query}")
    service.clock.forward(seconds=8)
    sent = service.client.post(f"/s/{survey}{query}", data={**form_of(page), "act": "answer", "value": "4", **form})
    return page_of(sent), sent


def page_of(sent):
    """Return the address of the session's page, from the redirect to one of its questions; None where there is no redirect."""
    address = sent.headers.get("Location")
    return address and address.split("/q/")[0]


def count(service, table):
    with service.parts.store.reading() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def answers(service):
    """Return question and value of each current answer, oldest first."""
    with service.parts.store.reading() as session:
        return [(row.question, row.value) for row in session.exec(select(Answer).where(Answer.state == "current").order_by(Answer.id))]


def the_session(service) -> SurveySession:
    with service.parts.store.reading() as session:
        return session.exec(select(SurveySession)).one()


def test_nothing_is_stored_before_a_required_consent(service):
    """Without the ticked box the answer returns an error; with it the session starts."""
    page = service.client.get("/s/asks")
    assert "We keep what you answer." in page.text
    assert " checked" not in page.text
    address, refused = begin(service, "asks")
    assert (address, refused.status_code) == (None, 422)
    assert "Tick the box to agree" in refused.text
    assert 'value="4" checked' in refused.text
    assert count(service, SurveySession) == count(service, Contact) == 0
    address, _ = begin(service, "asks", agree="1")
    assert count(service, Answer) == 1
    assert "We keep what you answer." not in service.client.get(address, follow_redirects=True).text


def test_an_optional_consent_text_has_no_checkbox(service):
    """The text is shown and there is no box to tick."""
    page = service.client.get("/s/open").text
    assert "Just so you know." in page
    assert 'name="agree"' not in page


def test_an_option_named_agree_is_no_consent(service):
    """The value of the answer and the consent are two fields."""
    _, refused = begin(service, "asks", value="agree")
    assert 'name="agree" value="1" checked' not in refused.text


def test_the_language_can_be_changed_on_every_page(service):
    """Viewing a page in another language stores nothing; answering in it stores the language."""
    address, _ = begin(service)
    french = service.client.get(f"{address}?lang=fr", follow_redirects=True)
    assert '<html lang="fr">' in french.text
    assert "Avez-vous une voiture ?" in french.text
    assert '<button form="f" name="to" value="en" lang="en">English</button>' in french.text
    assert the_session(service).language == "en"
    service.client.post(f"{address}?lang=fr", data={**form_of(french), "act": "answer", "value": "no"})
    assert the_session(service).language == "fr"
    assert '<html lang="fr">' in service.client.get(address, follow_redirects=True).text
    assert '<html lang="fr">' in service.client.get(f"{address}?lang=xx", follow_redirects=True).text


def test_hidden_fields_of_the_address_are_stored_with_the_session(service):
    """They are cut to the API's limits, and later addresses do not contain them."""
    query = "?hidden-place=till-3&lang=en&other=x&hidden-=y&hidden-long=" + "z" * 900
    assert service.client.get(f"/s/open{query}").status_code == 200
    address, _ = begin(service, "open", query)
    assert the_session(service).hidden == {"place": "till-3", "long": "z" * 500}
    assert "till" not in address


def test_a_result_with_only_a_redirect_refreshes_at_once(service):
    """The page sends a Refresh header; inside a frame it shows a link instead."""
    address, _ = begin(service, "goes")
    end = service.client.get(address)
    assert end.headers["Refresh"] == "0;url=https://shop.example/thanks"
    framed = service.client.get(address, headers={"Sec-Fetch-Dest": "iframe"})
    assert "Refresh" not in framed.headers
    assert '<a class="m" href="https://shop.example/thanks" target="_top">' in framed.text


def test_a_respondent_can_delete_their_answers(service):
    """The button deletes answers and hidden fields, redacts unsent messages, restores the prior and publishes the change."""
    with service.parts.store.writing() as session:
        add(session, service.parts.settings, url="https://crm.example/hook", events=[], when="every_answer", now=service.clock())
    address, _ = begin(service, "open", "?hidden-place=till-3")
    service.client.post(address, data={**form_of(service.client.get(address, follow_redirects=True)), "act": "answer", "value": "yes"})
    assert f'href="{address}/erase"' in service.client.get(address, follow_redirects=True).text
    asked = service.client.get(f"{address}/erase")
    assert "cannot be undone" in asked.text
    assert count(service, Answer) == 2

    for _ in range(2):
        assert service.client.post(f"{address}/erase", follow_redirects=True).status_code == 200
    assert "Your answers are deleted." in service.client.get(address, follow_redirects=True).text
    assert count(service, Answer) == 0
    row = the_session(service)
    assert (row.status, row.hidden, row.question, row.finish_reason) == ("finished", {}, None, "erased")
    belief = service.call("GET", f"/api/v1/sessions/{row.id}").json["belief"]
    assert belief["probabilities"] == pytest.approx({"driver": 0.5, "family": 0.5})
    with service.parts.store.reading() as session:
        messages = session.exec(select(Delivery).order_by(Delivery.id)).all()
        before = [message for message in messages if message.state == "dropped"]
        assert before
        assert all(message.facts.get("explanation") == [] for message in before if "assignment" in message.facts)
        (response,) = [message for message in messages if message.event_type == "survey.response.completed" and message.state == "pending"]
        assert response.facts["response"]["reason"] == "erased"
        assert {question["state"] for question in response.facts["questions"]} == {"not_asked"}
        updates = [message for message in messages if message.event_type == "contact.persona.updated" and message.state == "pending"]
        assert updates[-1].facts["evidence"]["answers"] == 0
    assert service.client.post(address, data={"act": "answer", "value": "no", "question": "owns", "answer_id": "z"}).status_code == 303
    assert count(service, Answer) == 0


def test_deleting_answers_restores_earlier_answers(service):
    """Answers of an earlier session of the same contact count again."""
    identity = service.call("POST", "/api/v1/contacts/zoe/identity").json["identity"]
    service.start("open", identity=identity).answer("owns", "no")
    later = service.start("open", identity=identity)
    later.answer("owns", "yes")
    from survey_service.hosted.page_tokens import page_token

    ticket = page_token(service.parts.keys, "open", later.session)
    service.client.post(f"/s/open/{ticket}/erase")
    belief = service.call("GET", "/api/v1/contacts/zoe").json["beliefs"]["cars"]
    assert [(entry["question"], entry["value"]) for entry in belief["explanation"]] == [("owns", "no")]
    assert belief["probabilities"]["driver"] == pytest.approx(0.1 / 0.7)


def test_only_the_origins_of_the_survey_may_frame_it(service):
    """The policy also forbids loading and sending anything else."""
    policy = service.client.get("/s/all").headers["Content-Security-Policy"]
    assert "frame-ancestors https://shop.example" in policy
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in service.client.get("/s/short").headers["Content-Security-Policy"]
    nonces = {re.search("nonce-([^']+)", service.client.get("/s/all").headers["Content-Security-Policy"])[1] for _ in range(2)}
    assert len(nonces) == 2
    address, _ = begin(service)
    for path in ("/s/all", address, f"{address}/erase", "/s/none"):
        headers = service.client.get(path, follow_redirects=True).headers
        cached = "private, max-age=0" if path == "/s/all" else "no-store"
        assert (headers["Cache-Control"], headers["Referrer-Policy"], headers["X-Robots-Tag"]) == (cached, "no-referrer", "noindex")


def test_the_honeypot_field_is_hidden_from_people(service):
    """It is not displayed, not reachable with Tab and not autofilled, and its label says to leave it empty."""
    page = service.client.get("/s/all").text
    assert '<p class="w"><label>Leave this empty <input name="website" tabindex="-1" autocomplete="off"></label></p>' in page
    assert ".w{display:none}" in page


def test_the_qr_code_contains_the_address(service):
    """The SVG is the one that the library draws for the address with language and hidden fields."""
    import segno

    drawn = service.client.get("/s/open/qr.svg?lang=fr&hidden-place=till&t=no")
    assert (drawn.status_code, drawn.mimetype) == (200, "image/svg+xml")
    ElementTree.fromstring(drawn.data)
    address = f"{service.parts.settings.base_url}/s/open?lang=fr&hidden-place=till"
    line = re.findall(rb' d="([^"]+)"', drawn.data)[-1]
    assert line.decode() in segno.make(address, error="m", micro=False).svg_inline(border=4, scale=4)
    assert service.client.get("/s/none/qr.svg").status_code == 404
