"""The hosted page over HTTP: what it needs before it keeps anything, what it keeps, and how to have it deleted."""

import re
from html import unescape
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
    made = a_service(database_url, BANK + SURVEYS)
    yield made
    made.parts.store.close()


def begin(service, survey="open", query="", **form):
    """The first answer; the address of what follows."""
    page = service.client.get(f"/s/{survey}{query}")
    service.clock.forward(seconds=8)
    sent = service.client.post(f"/s/{survey}{query}", data={**form_of(page), "act": "answer", "value": "4", **form})
    return sent.headers.get("Location"), sent


def kept(service, table):
    with service.parts.store.reading() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def the_session(service) -> SurveySession:
    with service.parts.store.reading() as session:
        return session.exec(select(SurveySession)).one()


def test_nothing_is_kept_before_a_required_consent(service):
    """The box is empty at first; without it the answer comes back with an error, with it everything goes on."""
    page = service.client.get("/s/asks")
    assert "We keep what you answer." in page.text
    assert "checked" not in page.text
    address, refused = begin(service, "asks")
    assert (address, refused.status_code) == (None, 422)
    assert "Tick the box to agree" in refused.text
    assert 'value="4" checked' in refused.text
    assert kept(service, SurveySession) == kept(service, Contact) == 0
    address, _ = begin(service, "asks", agree="1")
    assert kept(service, Answer) == 1
    assert "We keep what you answer." not in service.client.get(address).text


def test_a_consent_that_is_not_required_is_only_said(service):
    """No box to tick."""
    page = service.client.get("/s/open").text
    assert "Just so you know." in page
    assert 'name="agree"' not in page


def test_an_option_named_agree_is_no_consent(service):
    """What is chosen and what is agreed to are two fields."""
    _, refused = begin(service, "asks", value="agree")
    assert 'name="agree" value="1" checked' not in refused.text


def test_the_language_can_be_changed_on_every_page(service):
    """Looking in another language writes nothing; answering in it does."""
    address, _ = begin(service)
    french = service.client.get(f"{address}?lang=fr")
    assert '<html lang="fr">' in french.text
    assert "Avez-vous une voiture ?" in french.text
    assert 'href="?lang=en" lang="en" hreflang="en">English' in french.text
    assert the_session(service).language == "en"
    service.client.post(f"{address}?lang=fr", data={**form_of(french), "act": "answer", "value": "no"})
    assert the_session(service).language == "fr"
    assert '<html lang="fr">' in service.client.get(address).text
    assert '<html lang="fr">' in service.client.get(f"{address}?lang=xx").text


def test_hidden_fields_of_the_address_are_kept_with_the_session(service):
    """As many and as long as the API takes; the language link keeps them, and the next address has them no more."""
    query = "?hidden-place=till-3&lang=en&other=x&hidden-=y&hidden-long=" + "z" * 900
    assert "hidden-place=till-3" in unescape(service.client.get(f"/s/open{query}").text)
    address, _ = begin(service, "open", query)
    assert the_session(service).hidden == {"place": "till-3", "long": "z" * 500}
    assert "till" not in address


def test_a_result_that_only_leads_on_does_so_at_once(service):
    """By a header, which a policy for forms does not stop; as a link where the page is in a frame."""
    address, _ = begin(service, "goes")
    end = service.client.get(address)
    assert end.headers["Refresh"] == "0;url=https://shop.example/thanks"
    framed = service.client.get(address, headers={"Sec-Fetch-Dest": "iframe"})
    assert "Refresh" not in framed.headers
    assert '<a href="https://shop.example/thanks" target="_top">' in framed.text


def test_what_was_answered_can_be_deleted(service):
    """Only by the button. Answers, hidden fields and what messages said of them are gone; the belief is the prior; the CRM is told."""
    with service.parts.store.writing() as session:
        add(session, service.parts.settings, url="https://crm.example/hook", events=[], when="every_answer", now=service.clock())
    address, _ = begin(service, "open", "?hidden-place=till-3")
    service.client.post(address, data={**form_of(service.client.get(address)), "act": "answer", "value": "yes"})
    assert f'href="{address}/erase"' in service.client.get(address).text
    asked = service.client.get(f"{address}/erase")
    assert "cannot be undone" in asked.text
    assert kept(service, Answer) == 2

    for _ in range(2):
        assert service.client.post(f"{address}/erase", follow_redirects=True).status_code == 200
    assert "Your answers are deleted." in service.client.get(address).text
    assert kept(service, Answer) == 0
    row = the_session(service)
    assert (row.status, row.hidden, row.question, row.finish_reason) == ("finished", {}, None, "erased")
    belief = service.call("GET", f"/api/v1/sessions/{row.id}").json["belief"]
    assert belief["probabilities"] == pytest.approx({"driver": 0.5, "family": 0.5})
    with service.parts.store.reading() as session:
        messages = session.exec(select(Delivery).order_by(Delivery.id)).all()
        before = [message for message in messages if message.state == "dropped"]
        assert before
        assert all(item.facts.get("explanation") == [] for item in before if "assignment" in item.facts)
        (response,) = [message for message in messages if message.event_type == "survey.response.completed" and message.state == "pending"]
        assert response.facts["response"]["reason"] == "erased"
        assert {question["state"] for question in response.facts["questions"]} == {"not_asked"}
        updates = [message for message in messages if message.event_type == "contact.persona.updated" and message.state == "pending"]
        assert updates[-1].facts["evidence"]["answers"] == 0
    assert service.client.post(address, data={"act": "answer", "value": "no", "question": "owns", "answer_id": "z"}).status_code == 303
    assert kept(service, Answer) == 0


def test_deleting_brings_back_what_was_said_before(service):
    """An earlier session of the same person is not touched."""
    identity = service.call("POST", "/api/v1/contacts/zoe/identity").json["identity"]
    service.start("open", identity=identity).answer("owns", "no")
    later = service.start("open", identity=identity)
    later.answer("owns", "yes")
    from survey_service.hosted.pages import page_token

    ticket = page_token(service.parts.keys, "open", later.session)
    service.client.post(f"/s/open/{ticket}/erase")
    told = service.call("GET", "/api/v1/contacts/zoe").json["beliefs"]["cars"]
    assert [(item["question"], item["value"]) for item in told["explanation"]] == [("owns", "no")]
    assert told["probabilities"]["driver"] == pytest.approx(0.1 / 0.7)


def test_only_the_sites_of_the_survey_may_frame_it(service):
    """And the policy lets it load, run and send nothing else."""
    policy = service.client.get("/s/all").headers["Content-Security-Policy"]
    assert "frame-ancestors https://shop.example" in policy
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in service.client.get("/s/short").headers["Content-Security-Policy"]
    nonces = {re.search("nonce-([^']+)", service.client.get("/s/all").headers["Content-Security-Policy"])[1] for _ in range(2)}
    assert len(nonces) == 2
    address, _ = begin(service)
    for path in ("/s/all", address, f"{address}/erase", "/s/none"):
        headers = service.client.get(path).headers
        assert (headers["Cache-Control"], headers["Referrer-Policy"], headers["X-Robots-Tag"]) == ("no-store", "no-referrer", "noindex")


def test_the_trap_is_for_machines_only(service):
    """Not seen, not heard, not reached with Tab, not filled in by a browser; who sees the bare page is told to leave it empty."""
    page = service.client.get("/s/all").text
    assert '<p class="w"><label>Leave this empty <input name="website" tabindex="-1" autocomplete="off"></label></p>' in page
    assert ".w{display:none}" in page


def test_the_address_as_a_qr_code(service):
    """SVG with the language and the hidden fields of the request; the same picture as its own library draws of the address."""
    import segno

    drawn = service.client.get("/s/open/qr.svg?lang=fr&hidden-place=till&t=no")
    assert (drawn.status_code, drawn.mimetype) == (200, "image/svg+xml")
    ElementTree.fromstring(drawn.data)
    address = f"{service.parts.settings.base_url}/s/open?lang=fr&hidden-place=till"
    line = re.findall(rb' d="([^"]+)"', drawn.data)[-1]
    assert line.decode() in segno.make(address, error="m", micro=False).svg_inline(border=4, scale=4)
    assert service.client.get("/s/none/qr.svg").status_code == 404
