"""Errors on the pages of people are pages in their language with a way on, never JSON."""

import re

import pytest
from sqlalchemy.exc import InternalError, OperationalError

from survey_service.email_links.create import LIFETIME, Recipient, create_links, prepare_mailing
from survey_service.links.tokens import LANDING, LinkTokens
from survey_service.preview.tokens import preview_token
from tests.survey_service.email_links.mailbox import Mail
from tests.survey_service.web.test_hostile_clients import form_of

FRENCH = {"Accept-Language": "fr-CA, en;q=0.5"}


def see(response, status):
    """Check that a response is a page in French for people, and return its text."""
    assert response.status_code == status
    assert response.mimetype == "text/html"
    assert '<html lang="fr">' in response.text
    assert "<h1" in response.text
    assert "urn:discern" not in response.text
    assert "style-src 'nonce-" in response.headers["Content-Security-Policy"]
    return response.text


@pytest.mark.parametrize(
    "path", ["/s/none", "/s/all/x.y.z", "/s/all/x.y.z/q/owns", "/s/all/x.y.z/erase", "/s/all/a/b/c/d", "/s/", "/preview/none/a", "/l/a/b/c"]
)
def test_an_unknown_address_is_a_page(one_service, path):
    """Whether the survey, the ticket or the whole address is unknown."""
    text = see(one_service.client.get(path, headers=FRENCH), 404)
    assert ("Recommencer" in text) == ("x.y.z" in path)
    assert ("Il n’y a pas de page" in text) or ("lien" in text)


FRENCH_BANK = """
bank: jardin
languages: [ja, fr, en]
personas: [{id: a, prior: 0.5}, {id: b, prior: 0.5}]
questions:
  - {id: x, type: single, text: X, options: [{id: yes, text: Y}, {id: no, text: N}], likelihood: {a: [0.9, 0.1], b: [0.4, 0.6]}}
surveys: [{id: jardin, title: Jardin}]
"""


@pytest.mark.parametrize("path", ["/s/jardin/x.y.z", "/s/jardin/x.y.z/q/x", "/s/jardin/a/b/c/d", "/preview/jardin/a"])
def test_a_request_without_a_language_gets_the_language_of_the_survey(service, path):
    """It is the first language of the bank that the interface has; what the request asks for goes first."""
    assert service.call("POST", "/api/v1/banks", data=FRENCH_BANK).status_code == 201
    see(service.client.get(path), 404)
    assert '<html lang="de">' in service.client.get(path, headers={"Accept-Language": "de"}).text
    assert '<html lang="es">' in service.client.get(f"{path}?lang=es").text
    assert '<html lang="en">' in service.client.get(path.replace("jardin", "none")).text


def test_a_link_that_cannot_be_used_speaks_the_language_of_its_recipient(service):
    """Where the request names no language: an expired link, a revoked one, and a method that is not allowed. Others are English."""
    with service.parts.store.writing() as session:
        mailing = prepare_mailing(session, service.parts.banks, "all", "owns", LIFETIME)
        (link,) = create_links(session, service.parts.keys, mailing, [Recipient("zoe", "fr")], service.clock())
    path = f"/l/{LinkTokens(service.parts.keys).write(link.link_id, LANDING)}"
    see(service.client.put(path), 405)
    service.clock.forward(days=61)
    assert "Ce lien a expiré" in see(service.client.get(path), 410)
    assert '<html lang="de">' in service.client.get(path, headers={"Accept-Language": "de"}).text
    assert '<html lang="en">' in service.client.get("/l/AAAA").text


@pytest.mark.parametrize("path", ["/s/all", "/s/all/x.y.z", "/l/AAAA"])
def test_a_method_that_is_not_allowed_is_a_page(one_service, path):
    """The header `Allow` is kept."""
    refused = one_service.client.put(path, headers=FRENCH)
    see(refused, 405)
    assert "GET" in refused.headers["Allow"]


def test_a_form_that_is_too_large_is_a_page(one_service):
    """The person is asked to go back."""
    for path in ("/s/all", Mail.to(one_service).path()):
        refused = one_service.client.post(path, data={"value": "x" * 70_000}, headers=FRENCH)
        assert "n’a pas pu être lu" in see(refused, 413)


@pytest.mark.parametrize("body", [b"{", b"\xff=\xfe&act=%zz", b"--x\r\nbroken"])
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "no/type"])
def test_a_form_in_a_broken_encoding_is_a_page(one_service, body, kind):
    """Nothing is stored, and the question is asked again."""
    see(one_service.client.post("/s/all", data=body, content_type=kind, headers=FRENCH), 422)


@pytest.mark.parametrize("error", [OperationalError, InternalError])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_database_that_is_away_or_read_only_is_a_page(one_service, monkeypatch, error, method):
    """The page offers to try again, says when in `Retry-After`, and may be shown in a frame."""

    def fail(*_, **__):
        raise error("statement", {}, Exception("away"))

    mail, page = Mail.to(one_service), one_service.client.get("/s/all")
    monkeypatch.setattr(type(one_service.parts.store), "reading", fail)
    monkeypatch.setattr(type(one_service.parts.store), "writing", fail)
    for path in ("/s/all", mail.path()):
        away = one_service.client.open(path, method=method, data={**form_of(page), "act": "skip"}, headers=FRENCH)
        text = see(away, 503)
        assert re.search(rf'<a href="{path}">Réessayer</a>', text)
        assert away.headers["Retry-After"]
        assert "frame-ancestors *" in away.headers["Content-Security-Policy"]


def test_a_fault_of_the_service_is_a_page(one_service, monkeypatch):
    """A bug shows the same page as a database that is away, without its details."""
    monkeypatch.setattr("survey_service.hosted.pages._first_view", lambda *_: 1 / 0)
    monkeypatch.setitem(one_service.app.config, "PROPAGATE_EXCEPTIONS", False)
    assert "division" not in see(one_service.client.get("/s/all", headers=FRENCH), 500)


def test_programs_get_json(one_service):
    """The calls of the API and of the widget in a preview keep their errors in JSON."""
    preview = f"/preview/all/rehearsal?t={preview_token(one_service.parts.keys, 'all')}"
    for path in ("/api/v1/surveys/none/sessions", preview):
        refused = one_service.client.post(path, data="{", content_type="application/json")
        assert (refused.status_code, refused.mimetype) == (400, "application/problem+json")
