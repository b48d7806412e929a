"""Signing in to the console, inviting, signing out, and forms of other sites."""

import json
import re
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from sqlalchemy.exc import OperationalError

from survey_service.app import create_app
from survey_service.cli.main import main
from survey_service.settings import Settings
from survey_service.web.api_keys import all_keys, create_key
from tests.survey_service.console.browsers import Browser, link_for, signed_in
from tests.survey_service.service import SECRET


def test_a_link_survives_filters_and_signs_in_once(service):
    """Three GETs and a HEAD of a mail filter change nothing; the first POST signs in, the second gets a page that asks for a new link."""
    link = link_for(service)
    seen = [service.client.get(link) for _ in range(3)]
    assert [page.status_code for page in seen] == [200, 200, 200]
    assert service.client.head(link).status_code == 200
    assert "Set-Cookie" not in seen[0].headers

    first, second = service.client.post(link), service.client.post(link)

    assert first.status_code == 303
    assert re.fullmatch(r"discern=[\w-]+; Expires=.*; Max-Age=1209600; HttpOnly; Path=/; SameSite=Lax", first.headers["Set-Cookie"])
    assert (second.status_code, service.client.get(link).status_code) == (410, 410)
    late = link_for(service)
    service.clock.forward(minutes=31)
    assert service.client.post(late).status_code == 410


def test_behind_https_the_cookie_is_bound_to_the_host(tmp_path, service):
    """The name `__Host-` makes browsers refuse it from other hosts and over http."""
    settings = Settings(service.parts.settings.database_url, (SECRET,), base_url="https://surveys.example.com")
    app = create_app(settings, service.clock)

    cookie = app.test_client().post(link_for(service), base_url="https://surveys.example.com").headers["Set-Cookie"]

    assert cookie.startswith("__Host-discern=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    app.extensions["discern"].store.close()


def test_an_admin_invites_changes_and_removes_people(service):
    """The invitation is shown once; who is removed is signed out at once; the last admin cannot be removed."""
    claire = signed_in(service)
    invited = claire.post("/console/people", email="Ben@example.com", name="Ben", scope="read")
    (link,) = re.findall(r"/console/sign-in/[\w-]+", invited.text)
    assert link not in claire.get("/console/settings").text
    ben = Browser(service.client)
    assert ben.client.post(link).status_code == 303
    assert ben.get("/console").status_code == 200
    assert ben.get("/console/c").status_code == 403

    claire.post("/console/people", email="ben@example.com", scope="write", contacts="yes")
    assert ben.get("/console/c").status_code == 200
    people = re.findall(r"/console/people/(acc_\w+)/remove", claire.get("/console/settings").text)
    answers = [claire.post(f"/console/people/{person}/remove").status_code for person in people]

    assert sorted(answers) == [303, 409]
    assert ben.get("/console").status_code == 401
    wrong = claire.post("/console/people", email="nobody", scope="owner")
    assert wrong.status_code == 422
    assert "is not an e-mail address" in wrong.text


def test_signing_out_everywhere_ends_every_browser(service):
    """Signing out of one browser leaves the others."""
    here, there, third = signed_in(service), signed_in(service), signed_in(service)

    assert third.post("/console/sign-out").status_code == 303
    assert (third.get("/console").status_code, there.get("/console").status_code) == (401, 200)
    here.post("/console/sign-out", everywhere="yes")
    assert [browser.get("/console").status_code for browser in (here, there)] == [401, 401]
    service.clock.forward(days=15)
    assert signed_in(service).get("/console").status_code == 200


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "null"}]
)
def test_a_form_of_another_site_is_refused(one_service, headers):
    """Also with the cookie of somebody who is signed in, and with the right token; and without the token from our own site."""
    browser = signed_in(one_service)
    token = re.search(r'name="csrf" value="(\w+)"', browser.text)[1]

    assert browser.client.post("/console/language", data={"csrf": token, "language": "fr"}, headers=headers).status_code == 403
    assert browser.client.post("/console/language", data={"csrf": "x" * 32, "language": "fr"}).status_code == 403
    assert browser.client.post("/console/language", data={"csrf": "é", "language": "fr"}).status_code == 403
    assert browser.client.post(link_for(one_service), headers=headers).status_code == 403
    own = {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}
    assert browser.client.post("/console/language", data={"csrf": token, "language": "en"}, headers=own).status_code == 303


def test_keys_are_made_shown_once_and_revoked(one_service):
    """A key of the settings page opens the API with its scope."""
    browser = signed_in(one_service)
    (key,) = re.findall(r"dk_[\w-]{20,}", browser.post("/console/keys", scope="read", name="CRM", days="30").text)
    assert one_service.call("GET", "/api/v1/banks", key=key).status_code == 200

    with one_service.parts.store.reading() as session:
        row = next(item for item in all_keys(session) if item.name == "CRM")
    browser.post(f"/console/keys/{row.id}/revoke")

    assert one_service.call("GET", "/api/v1/banks", key=key).status_code == 401
    assert browser.post("/console/keys", scope="read", name="a\0b").status_code == 422
    assert browser.post("/console/keys", scope="all", name="x" * 101, days="many").status_code == 422


def test_the_first_page_welcomes_and_leads_on(one_service):
    """Before anybody has signed in it says how; it needs no account, and no page of the console leaks through it."""
    page = one_service.client.get("/")

    assert page.status_code == 200
    assert 'href="/s/all"' in page.text
    assert 'href="/console"' in page.text
    assert one_service.client.get("/console").status_code == 401
    assert "discern login" in one_service.client.get("/console").text
    assert one_service.client.get("/", headers={"Accept-Language": "fr-CA,en;q=0.5"}).text.count('lang="fr"') == 1


def test_an_api_key_is_no_way_in(one_service):
    """The console knows its cookie only."""
    p = one_service.parts
    with p.store.writing() as session:
        key = create_key(session, p.keys, "admin", "x", p.now())
    client = one_service.client
    client.set_cookie("discern", key)

    assert client.get("/console", headers={"Authorization": f"Bearer {key}"}).status_code == 401


def test_the_command_prints_a_link_for_whoever_may_come(service):
    """The first person may do everything; another one reads, unless the command says more; the link signs in."""
    environment = {"DISCERN_DATABASE_URL": service.parts.settings.database_url, "DISCERN_SECRET_KEYS": SECRET}

    def login(*arguments: str) -> dict:
        done = CliRunner().invoke(main, ["login", *arguments, "--json"], env=environment)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    first, second, third = login("claire@example.com"), login("ben@example.com"), login("ben@example.com", "--scope", "write", "--contacts")

    assert [made["scope"] for made in (first, second, third)] == ["admin", "read", "write"]
    service.clock.now = datetime.now(UTC)
    browser = Browser(service.client)
    assert browser.client.post(first["link"].removeprefix("http://127.0.0.1:8000")).status_code == 303
    assert {browser.get(f"/console/{page}").status_code for page in ("settings", "c")} == {200}
    refused = CliRunner().invoke(main, ["login", "nobody"], env=environment)
    assert (refused.exit_code, "is not an e-mail address" in refused.output) == (1, True)


def test_while_the_database_is_away_a_page_says_so(service, monkeypatch):
    """In HTML, with Retry-After, and nothing was lost."""
    browser = signed_in(service)

    def away() -> None:
        raise OperationalError("SELECT", None, Exception("away"))

    monkeypatch.setattr(service.parts.store, "reading", away)
    page = browser.get("/console")

    assert (page.status_code, page.mimetype, page.headers["Retry-After"]) == (503, "text/html", "2")
    assert "Nothing was lost" in page.text
