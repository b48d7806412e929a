"""What another site can make a browser do: submit a form, read a response, frame a page. Each is possible only where it is allowed."""

import re
import time

import pytest
from sqlmodel import func, select

from survey_service.preview.tokens import preview_token
from survey_service.store.tables.core import Answer, Contact, SurveySession
from survey_service.store.tables.links import LinkOpen
from tests.processes import ROOT
from tests.survey_service.email_links.mailbox import Mail
from tests.survey_service.web.test_authorisation import calls
from tests.survey_service.web.test_hostile_clients import form_of

EVIL = {"Origin": "https://evil.example", "Referer": "https://evil.example/", "Sec-Fetch-Site": "cross-site", "Cookie": "session=1"}
SHOP = "https://shop.example"
QUESTION = "POST /s/<survey>/<ticket>/q/<question>"
FORMS = {  # every form of every page: its action, and the secret that a submission needs
    "console/templates/base_contacts.html": ("POST /console/a/<bank>/run",),
    "console/templates/begin.html": ("POST /console/new", "POST /console/new/starter", "POST /console/new/file"),
    "console/templates/begin_words.html": ("POST /console/new",),
    "console/templates/survey.html": ("POST /console/s/<survey>/state",),
    "console/templates/banks.html": ("POST /console/b",),
    "console/templates/contact.html": ("POST /console/c/<contact>/label", "POST /console/c/<contact>/erase"),
    "console/templates/contacts.html": ("POST /console/c",),
    "console/templates/deliveries.html": ("POST /console/d/<delivery>/again",),
    "console/templates/editor.html": (
        "POST /console/b/<bank>/draft/q/<question>",
        "POST /console/b/<bank>/draft/q/<question>/try",
    ),
    "console/templates/link.html": ("POST /console/sign-in/<token>",),
    "console/templates/review.html": tuple(f"POST /console/b/<bank>/draft/{act}" for act in ("publish", "rebase", "discard")),
    "console/templates/settings.html": (
        *("POST /console/people", "POST /console/people/<person>/remove", "POST /console/keys", "POST /console/keys/<key>/revoke"),
        *("POST /console/language", "POST /console/sign-out"),
    ),
    "console/templates/text.html": ("POST /console/b/<bank>/draft/yaml", "POST /console/b/<bank>/draft/yaml/check"),
    "console/templates/versions.html": ("POST /console/b/<bank>/versions/<version>/restore",),
    "hosted/templates/question.html": ("POST /s/<survey>", "POST /s/<survey>/<ticket>", QUESTION, "POST /preview/<survey>/page"),
    "hosted/templates/erase.html": ("POST /s/<survey>/<ticket>/erase",),
    "email_links/templates/landing.html": ("POST /l/<token>",),
    "email_links/templates/leave.html": ("POST /l/<token>",),
}
OF_PROGRAMS = ("POST /api/", "POST /v1/", "POST /in/", "POST /preview/<survey>/rehearsal")  # no form posts there: they read JSON


def written(service):
    with service.parts.store.reading() as session:
        return [session.scalar(select(func.count()).select_from(table)) for table in (Answer, Contact, LinkOpen, SurveySession)]


def test_every_form_is_in_the_table(one_service):
    """A new form must be entered here with its secret."""
    folder = ROOT / "survey_service"
    with_forms = {
        str(file.relative_to(folder)) for file in folder.rglob("templates/*.html") if '<form method="post"' in file.read_text().lower()
    }
    posts = {call for call in calls(one_service.app) if call.startswith("POST") and not call.startswith(OF_PROGRAMS)}

    assert with_forms == set(FORMS)
    assert posts == {post for posted in FORMS.values() for post in posted}


@pytest.mark.parametrize("post", sorted({post for posted in FORMS.values() for post in posted}))
def test_a_form_sent_by_another_site_does_nothing(one_service, post):
    """The other site knows neither signed form nor ticket nor token, and a browser adds no credential by itself."""
    before = written(one_service)
    path = post.removeprefix("POST ").replace("<survey>", "all").replace("<ticket>", "x.y.z").replace("<token>", "AAAA")
    path = re.sub("<(version|delivery)>", "1", path)
    for form in (
        {},
        {"form": "x", "walk": "x"},
        {"act": "stop"},
        {"act": "leave_alone"},
        {"question": "owns", "value": "yes", "act": "answer"},
    ):
        response = one_service.client.post(path, data=form, headers=EVIL)
        assert response.status_code in (403, 404, 422), response.text
    assert written(one_service) == before


def test_the_first_form_is_valid_for_its_survey_and_a_day(one_service, monkeypatch):
    """A form of another survey or of yesterday starts no session and shows the reason."""
    form, before = form_of(one_service.client.get("/s/short")), written(one_service)
    answer = {**form, "question": "owns", "value": "yes", "act": "answer"}
    assert one_service.client.post("/s/all", data=answer, headers=EVIL).status_code == 422
    later = time.time() + 2 * 24 * 3600
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: later)
    assert one_service.client.post("/s/short", data=answer).status_code == 422
    assert written(one_service) == before


def test_no_response_sets_a_cookie_and_no_code_reads_one(one_service):
    """Without cookies a request that another site causes has no more rights than that site. Only the console has one: it refuses the
    forms of other sites.
    """
    for call in calls(one_service.app):
        method, _, path = call.partition(" ")
        response = one_service.client.open(re.sub(r"<\w+>", "all", path), method=method, headers=EVIL)
        assert "Set-Cookie" not in response.headers, call
    files = (ROOT / "survey_service").rglob("*.py")
    code = "".join(file.read_text() for file in files if file.parent.name != "console")
    assert re.findall(r"request\.cookies|flask import .*\bsession\b", code) == []


def kinds(service):
    """Return one URL of every kind of page and response."""
    someone, mail, shown = service.start(), Mail.to(service), preview_token(service.parts.keys, "all")
    form = form_of(service.client.get("/s/all"))
    form |= {"act": "answer", "value": {"owns": "yes", "happy": "4", "km": "9", "why": "so"}[form["question"]]}
    page = service.client.post("/s/all", data=form).headers["Location"]
    token = f"Bearer {someone.token}"
    return {
        "hosted": ("/s/all", ""),
        "hosted, begun": (page, ""),
        "hosted, before erasing": (f"{page.split('/q/')[0]}/erase", ""),
        "hosted, of a survey for nobody": ("/s/short", ""),
        "hosted, gone": ("/s/all/x.y.z", ""),
        "email": (mail.path(), ""),
        "leaving": (mail.leave, ""),
        "no email": ("/l/AAAA", ""),
        "preview": (f"/preview/all?t={shown}", ""),
        "preview, inside": (f"/preview/all/page?t={shown}", ""),
        "reference": ("/api/v1/docs", ""),
        "respondent": (f"/api/v1/sessions/{someone.session}", token),
        "author": ("/api/v1/banks", f"Bearer {service.key}"),
        "document": ("/api/v1/openapi.json", ""),
        "widget": ("/embed/v1/widget.js", ""),
        "intake": ("/v1/projects/x/settings", ""),
        "qr": ("/s/all/qr.svg", ""),
        "metrics": ("/metrics", ""),
        "nowhere": ("/nowhere", ""),
    }


FRAMED_BY = {  # everything else may not be framed
    "hosted": SHOP,
    "hosted, begun": SHOP,
    "hosted, before erasing": SHOP,
    "preview, inside": "'self'",
}
READ_BY = {"respondent": SHOP, "widget": "*", "intake": "*"}  # no other site may read anything else


def test_every_kind_of_page_says_who_may_frame_it(service):
    """The origins of a survey apply to the pages of that survey."""
    for kind, (address, token) in kinds(service).items():
        policy = service.client.get(address, headers={"Authorization": token} if token else {}).headers["Content-Security-Policy"]
        ancestors = re.search(r"frame-ancestors ([^;]+)", policy)
        assert ancestors, kind
        assert ancestors[1] == FRAMED_BY.get(kind, "'none'"), kind


def test_every_kind_of_answer_says_which_site_may_read_it(service):
    """The shop may read its survey's responses, everyone the widget and the reason of a refusal, and nobody a response to an API key."""
    for kind, (address, token) in kinds(service).items():
        for origin in (SHOP, "https://evil.example", "null"):
            headers = {"Origin": origin, **({"Authorization": token} if token else {})}
            response = service.client.get(address, headers=headers)
            allowed = response.headers.get("Access-Control-Allow-Origin")
            wanted = origin if kind == "respondent" else READ_BY.get(kind)
            assert allowed == (wanted if wanted in ("*", origin) else None), (kind, origin)
            assert "Access-Control-Allow-Credentials" not in response.headers
            if kind == "respondent":
                assert response.status_code == (200 if origin == SHOP else 403)


def test_erasing_goes_on_in_the_frame_it_began_in(service):
    """The page before the erasure and the page after it may be framed alike."""
    page = kinds(service)["hosted, begun"][0].split("/q/")[0]
    assert service.client.post(f"{page}/erase").status_code == 303
    assert f"frame-ancestors {SHOP}" in service.client.get(page).headers["Content-Security-Policy"]
