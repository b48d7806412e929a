"""Addresses that were altered on their way open the page that they are of, or say in words what to do."""

import logging
from html import unescape
from urllib.parse import quote

import pytest
from sqlmodel import select

from survey_service.preview.tokens import preview_token
from survey_service.store.tables.core import SurveySession
from survey_service.web.addresses import clean_address
from tests.survey_service.email_links.mailbox import Mail
from tests.survey_service.web.test_hostile_clients import form_of

PARAMETERS = ("?utm_source=x", "&utm_source=x", "&amp;utm_source=x", "?fbclid=x&gclid=y", "%3Futm_source%3Dx", "%253Futm_source%253Dx")
PUNCTUATION = (*".,)]>'!;*=/", ").", "%3E", "%22", "%20", "%20.", "//", "%0D%0A", "%C2%A0", "%3C/a%3E", "%2F")


@pytest.mark.parametrize("added", ["", *PARAMETERS, *PUNCTUATION])
def test_what_is_added_behind_an_address_does_no_harm(one_service, added):
    """Email links, tickets, surveys and previews open with parameters, punctuation, quotes and white space behind them."""
    mail, page = Mail.to(one_service), one_service.client.get("/s/all")
    ticket = one_service.client.post("/s/all", data={**form_of(page), "act": "skip"}).headers["Location"]
    preview = f"/preview/all?t={preview_token(one_service.parts.keys, 'all')}"
    for address in (mail.path("yes"), ticket, "/s/all", preview):
        decorated = address + (added.replace("?", "&") if "?" in address else added)
        assert one_service.client.get(decorated).status_code == 200, decorated
    assert "You chose" in one_service.client.get(mail.path("yes") + added).text
    confirmed = one_service.client.post(mail.path("yes") + added, data={"act": "confirm"})
    assert confirmed.status_code == 303


@pytest.mark.parametrize("wrap", ["%s=\r\n%s", "%s\n%s", "%s %s", "%s=\n %s", "%s\u200b%s", "%s\u00ad%s"])
def test_an_address_that_was_wrapped_opens(one_service, wrap):
    """Line breaks, spaces and invisible characters inside a token are removed."""
    mail = Mail.to(one_service)
    assert one_service.client.get("/l/" + quote(wrap % (mail.token[:20], mail.token[20:]))).status_code == 200
    assert one_service.client.get("/l/" + quote(quote(wrap % (mail.token[:20], mail.token[20:])))).status_code == 200


@pytest.mark.parametrize("added", ["&utm_source=x", ".", " ", ">", "%26utm_source%3Dx", "?x"])
def test_a_decorated_token_starts_a_session_over_the_api(one_service, added):
    """The widget sends what stands in the fragment of the host page."""
    token = Mail.to(one_service).token
    assert one_service.call("POST", "/api/v1/surveys/all/sessions", {"link": token + added}).status_code == 201
    assert one_service.call("POST", "/api/v1/surveys/all/sessions", {"link": token[:-4] + added}).json["code"] == "link_invalid"


def test_a_token_that_is_incomplete_or_in_lower_case_says_what_to_do(one_service):
    """Nothing can be recovered from it."""
    token = Mail.to(one_service).token
    for broken in (token[:-3], token.lower(), token[5:]):
        page = one_service.client.get(f"/l/{broken}")
        assert (page.status_code, page.mimetype) == (404, "text/html")
        assert "open it again from the email" in page.text


@pytest.mark.parametrize(
    ("address", "hidden", "language"),
    [
        ("/s/all&hidden-plan=gold", {"plan": "gold"}, "en"),
        ("/s/all?lang=fr&amp;hidden-plan=gold", {"plan": "gold"}, "fr"),
        ("/s/all?lang=fr%26amp%3Bhidden-plan=gold", {"plan": "gold"}, "fr"),
        ("/s/all?hidden-plan%3Dgold", {"plan": "gold"}, "en"),
        ("/s/all%3Fhidden-plan=gold&lang=fr", {"plan": "gold"}, "fr"),
        ("/s/all?hidden-plan=gold%00", {"plan": "gold"}, "en"),
        ("/s/all?lang=" + "x" * 3000, {}, "en"),
        ("/s/all?hidden-=x&hidden-" + "n" * 300 + "=secret&hidden-a=" + "y" * 900, {"a": "y" * 500}, "en"),
        ("/s/all?" + "&".join(f"hidden-{number}=x" for number in range(80)), {str(number): "x" for number in range(50)}, "en"),
    ],
)
def test_side_data_is_repaired_cut_or_left_out(service, caplog, address, hidden, language):
    """The questions come in any case, and the log has numbers instead of names and values."""
    caplog.set_level(logging.DEBUG)
    page = service.client.get(address)
    assert page.status_code == 200
    assert f'<html lang="{language}">' in page.text
    assert service.client.post(address, data={**form_of(page), "act": "skip"}).status_code == 303
    with service.parts.store.reading() as session:
        assert session.exec(select(SurveySession)).one().hidden == hidden
    lines = [record for record in caplog.records if "hidden fields" in record.getMessage()]
    assert bool(lines) == (len(address) > 100 and "lang=xxx" not in address)
    assert "secret" not in unescape(str([vars(record) for record in lines]))


def test_addresses_of_programs_are_not_touched():
    """Only the addresses of pages are cleaned: a program gets an error that names what is wrong."""
    for path in ("/api/v1/surveys/all)/sessions", "/", "/embed/v1/widget.js", "/v1/track", "/l"):
        assert clean_address(path, "a=1&amp;b=2") == (path, "a=1&amp;b=2")
