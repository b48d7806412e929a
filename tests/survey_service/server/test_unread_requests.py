"""Requests that the web server refuses before the application: people see a page, programs JSON."""

import json
import re
import socket
from dataclasses import dataclass
from html import unescape

import pytest

from question_bank.files.load import read_bank
from survey_service.banks.publishing import publish
from survey_service.hosted.translations import PAGE_STRINGS
from survey_service.respondent.translations import STRINGS
from survey_service.store.session import Store
from survey_service.web.context import utc_now
from tests.processes import Web, web_server
from tests.survey_service.databases import sqlite_copy
from tests.survey_service.service import BANK

LONG = "x" * 9000
HEADERS = "Host: x\r\nConnection: close\r\n"
TOO_LONG = f"GET %s HTTP/1.1\r\n{HEADERS}\r\n"
LARGE_HEADER = f"GET %s HTTP/1.1\r\n{HEADERS}Cookie: {LONG}\r\n\r\n"
MALFORMED = f"GET %s WHAT/1.1 X\r\n{HEADERS}\r\n"


@pytest.fixture(scope="module")
def web(sqlite_template, tmp_path_factory):
    """A server process with the survey "all"."""
    url = sqlite_copy(sqlite_template, tmp_path_factory.mktemp("unread"))
    store = Store(url)
    with store.writing() as session:
        publish(session, read_bank(BANK), utc_now())
    store.close()
    with web_server(url) as (web, _):
        yield web


@dataclass
class Reply:
    status: int
    head: str
    body: str


def send(web: Web, request: str) -> Reply:
    """Send bytes as they are, and return the response."""
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as sock:
        sock.sendall(request.encode())
        answer = b"".join(iter(lambda: sock.recv(65536), b"")).decode()
    head, _, body = answer.partition("\r\n\r\n")
    assert f"content-length: {len(body.encode())}" in head.lower()
    return Reply(int(head.split(" ")[1]), head, unescape(body))


def expect_page(reply: Reply, status: int, language: str = "en") -> str:
    assert reply.status == status
    assert "content-type: text/html" in reply.head.lower()
    assert "style-src 'nonce-" in reply.head
    assert f'<html lang="{language}"' in reply.body
    return reply.body


@pytest.mark.parametrize("language", STRINGS)
def test_an_address_that_side_data_makes_too_long_leads_to_the_survey_without_it(web, language):
    """The page speaks the language that the address names, and its link keeps the language."""
    target = f"/s/all?lang={language}&hidden-cart={LONG}"
    page = expect_page(send(web, TOO_LONG % target), 414, language)
    words = PAGE_STRINGS[language]
    assert f"<h1>{words['page_long']}</h1>" in page
    assert f'<a href="?lang={language}">{words["open"]}</a>' in page
    opened = send(web, TOO_LONG % f"/s/all?lang={language}")
    assert opened.status == 200
    assert '<form method="post"' in opened.body


@pytest.mark.parametrize("path", ["/s/all", "/l/AAAA", "/s/all/a.b.c/q/owns"])
@pytest.mark.parametrize("query", ["?hidden-cart=", "?a=b&amp;lang=fr&q="])
def test_the_page_of_a_long_address_is_english_where_the_address_names_no_language(web, path, query):
    """A language that lost its place in a text that was encoded twice is found too."""
    language = "fr" if "lang" in query else "en"
    page = expect_page(send(web, TOO_LONG % f"{path}{query}{LONG}"), 414, language)
    assert f'<a href="{"?lang=fr" if language == "fr" else "?"}">' in page


@pytest.mark.parametrize("target", [f"/s/{LONG}", f"/l/{LONG}?lang=en", f"/s/all&x={LONG * 8}"])
def test_a_path_that_is_too_long_has_no_survey_to_open(web, target):
    """The page says that the address is not complete."""
    page = expect_page(send(web, TOO_LONG % target), 414)
    assert "There is no page at this address" in page
    assert "<a " not in page


@pytest.mark.parametrize(("request_", "status"), [(LARGE_HEADER, 431), (MALFORMED, 400)], ids=["large header", "malformed"])
@pytest.mark.parametrize(("target", "language"), [("/s/all?lang=de", "de"), ("/l/AAAA", "en"), ("/preview/all?t=x&lang=fr", "fr")])
def test_other_refused_requests_are_pages_too(web, request_, status, target, language):
    """A header that is too large, and what is not HTTP."""
    page = expect_page(send(web, request_ % target), status, language)
    assert PAGE_STRINGS[language]["page_wrong"] in page
    assert ("<a " in page) == ("/preview/" not in target)


def test_the_second_request_of_a_connection_has_its_own_page(web):
    """Requests that follow each other at once are distinguished."""
    first = f"GET /api/v1/surveys/none/{'x' * 10} HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as sock:
        sock.sendall((first + TOO_LONG % f"/s/all?lang=it&q={LONG}").encode())
        answer = b"".join(iter(lambda: sock.recv(65536), b"")).decode()
    statuses = re.findall(r"HTTP/1.1 (\d+) ", answer)
    assert statuses == ["404", "414"]
    assert '<html lang="it"' in answer


@pytest.mark.parametrize(
    ("request_", "status"), [(TOO_LONG, 414), (LARGE_HEADER, 431), (MALFORMED, 400)], ids=["long", "large header", "malformed"]
)
@pytest.mark.parametrize("target", ["/api/v1/surveys/all/sessions", "/embed/v1/widget.js", "/sx/all"])
def test_programs_get_json(web, request_, status, target):
    """Outside of the pages the shape of errors stays."""
    reply = send(web, request_ % (f"{target}?{LONG}" if request_ is TOO_LONG else target))
    assert reply.status == status
    assert "content-type: application/problem+json" in reply.head.lower()
    assert json.loads(reply.body)["status"] == status


def test_bytes_without_a_request_get_json(web):
    """Nothing is known of such a request."""
    assert json.loads(send(web, "\x00\x01\x02\r\n\r\n" * 3).body)["status"] == 400
