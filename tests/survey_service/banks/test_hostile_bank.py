"""Texts of a bank are shown as text and cannot become markup, a header or a policy."""

import re

import pytest

from question_bank.files.load import check_bank
from survey_service.preview.tokens import preview_token
from tests.survey_service.email_links.mailbox import Mail
from tests.survey_service.service import BANK as GOOD
from tests.survey_service.service import a_service
from tests.survey_service.web.test_hostile_clients import form_of

EVIL = '</title></style></script><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}{% raw %}\\" onload=\\"alert(3)'
TABLE = "likelihood: {a: {mean: 4, sd: 1}, b: {mean: 2, sd: 1}}"
BANK = f"""
bank: evil
title: "{EVIL}"
personas: [{{id: a, name: "{EVIL}", description: "{EVIL}"}}, {{id: b, name: "{EVIL}"}}]
questions:
  - id: x
    type: single
    text: "{EVIL}"
    help: "{EVIL}"
    options: [{{id: yes, text: "{EVIL}"}}, {{id: no, text: "{EVIL}"}}]
    likelihood: {{a: [0.9, 0.1], b: [0.4, 0.6]}}
  - {{id: y, type: scale, text: "{EVIL}", min: 1, max: 5, labels: {{1: "{EVIL}", 5: "{EVIL}"}}, {TABLE}}}
  - {{id: z, type: number, text: "{EVIL}", unit: "{EVIL}", min: 0, max: 9, {TABLE}}}
surveys:
  - id: evil
    title: "{EVIL}"
    consent: {{text: "{EVIL}", required: false}}
    result: {{default: {{text: "{EVIL}"}}}}
"""
VALUES = {"x": "yes", "y": "3", "z": "4"}


def pages(service):
    """Yield every page that shows texts of the bank, to the end of the survey."""
    client, token = service.client, preview_token(service.parts.keys, "evil")
    path, page = "/s/evil", client.get("/s/evil")
    yield page
    while 'name="question"' in page.text:
        form = form_of(page)
        path = client.post(path, data={**form, "act": "answer", "value": VALUES[form["question"]]}).headers["Location"]
        page = client.get(path)
        yield page
    mail = Mail.to(service, survey="evil", question="x")
    yield client.get(mail.path("yes"))
    yield client.get(mail.leave)
    for view in ("", "/page", "/email", "/widget"):
        yield client.get(f"/preview/evil{view}?t={token}&lang={EVIL[:30]}&primary={EVIL[:60]}")


def test_texts_of_a_bank_are_escaped_on_every_page(database_url):
    """No tag, attribute or template in an author's text takes effect on any page."""
    service = a_service(database_url, BANK)
    responses = list(pages(service))
    service.parts.store.close()

    assert len(responses) >= 10
    for page in responses:
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert not re.search(r'<[^>]*\sonload="', page.text)
        assert "script-src 'unsafe" not in page.headers["Content-Security-Policy"]
    assert "&lt;script&gt;alert(1)" in responses[0].text
    assert "{{7*7}}" in responses[0].text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("text: Thanks", 'redirect: "javascript:alert(1)"'),
        ("text: Thanks", 'redirect: "https://a.example/\\nSet-Cookie: a=1"'),
        ("https://shop.example", "https://a.example; script-src *"),
        ("https://shop.example", "https://a.example\\nX-Evil: 1"),
        ("https://shop.example", "javascript:"),
        ("https://shop.example", "null"),
    ],
)
def test_redirects_and_origins_must_be_addresses(before, after):
    """A redirect or an origin that is not one web address on one line makes the bank invalid."""
    assert before in GOOD
    assert check_bank(GOOD).bank is not None
    assert check_bank(GOOD.replace(before, after)).bank is None
