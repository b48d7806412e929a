"""Who may call which route: every route of the service is in this table, and a route that is missing fails the test."""

import re
import time
from datetime import timedelta

import pytest
from sqlmodel import func, select

from survey_service.crypto import Keyring
from survey_service.email_links import opt_out
from survey_service.hosted.page_tokens import page_token
from survey_service.links.lookup import find_link
from survey_service.links.tokens import LANDING, LinkTokens
from survey_service.preview.tokens import preview_token
from survey_service.store.tables.core import Answer, ApiKey, SurveySession
from survey_service.store.tables.inbound import InboundEvent
from survey_service.store.tables.links import Link
from survey_service.web.accounts import invite, make_link
from survey_service.web.api_keys import INTAKE, SCOPES, create_key, revoke_key
from tests.survey_service.email_links.mailbox import Mail
from tests.survey_service.inbound.signed_requests import create_source, hubspot_headers, milliseconds
from tests.survey_service.service import Service

SCOPED = {
    "POST /api/v1/attribution/<bank>/runs": "write",
    "GET /api/v1/attribution/<bank>/runs": "read",
    "GET /api/v1/attribution/<bank>/runs/<run>": "read",
    "POST /api/v1/attribution/<bank>/runs/<run>/cancel": "write",
    "GET /api/v1/attribution/<bank>/runs/<run>/beliefs": "read",
    "GET /api/v1/banks": "read",
    "POST /api/v1/banks": "write",
    "GET /api/v1/banks/<bank>": "read",
    "POST /api/v1/banks/check": "read",
    "POST /api/v1/banks/simulate": "read",
    "GET /api/v1/banks/<bank>/versions": "read",
    "GET /api/v1/banks/<bank>/draft": "read",
    "PUT /api/v1/banks/<bank>/draft": "write",
    "DELETE /api/v1/banks/<bank>/draft": "write",
    "GET /api/v1/banks/<bank>/draft/diff": "read",
    "POST /api/v1/banks/<bank>/draft/publish": "admin",
    "GET /api/v1/banks/<bank>/versions/<version>": "read",
    "GET /api/v1/contacts": "read",
    "POST /api/v1/contacts/merge": "write",
    "GET /api/v1/contacts/<external_id>": "read",
    "PUT /api/v1/contacts/<external_id>": "write",
    "DELETE /api/v1/contacts/<external_id>": "write",
    "GET /api/v1/contacts/<external_id>/export": "read",
    "GET /api/v1/contacts/<external_id>/looks": "admin",
    "GET /api/v1/contacts/<external_id>/timeline": "read",
    "POST /api/v1/contacts/<external_id>/identity": "write",
    "PUT /api/v1/contacts/<external_id>/label": "write",
    "DELETE /api/v1/contacts/<external_id>/label/<bank>": "write",
    "GET /api/v1/connections": "read",
    "POST /api/v1/connections": "admin",
    "GET /api/v1/connections/<connection>": "read",
    "PATCH /api/v1/connections/<connection>": "admin",
    "DELETE /api/v1/connections/<connection>": "admin",
    "POST /api/v1/connections/<connection>/test": "admin",
    "POST /api/v1/connections/<connection>/set-up": "admin",
    "POST /api/v1/connections/<connection>/dry-run": "admin",
    "GET /api/v1/sources": "read",
    "POST /api/v1/sources": "admin",
    "DELETE /api/v1/sources/<source>": "admin",
    "GET /api/v1/deliveries": "read",
    "POST /api/v1/deliveries/<delivery>/retry": "write",
    "POST /api/v1/deliveries/retry": "write",
    "GET /api/v1/endpoints": "read",
    "POST /api/v1/endpoints": "admin",
    "GET /api/v1/endpoints/<endpoint>": "read",
    "PATCH /api/v1/endpoints/<endpoint>": "admin",
    "DELETE /api/v1/endpoints/<endpoint>": "admin",
    "POST /api/v1/endpoints/<endpoint>/ping": "admin",
    "POST /api/v1/endpoints/<endpoint>/resync": "write",
    "POST /api/v1/endpoints/<endpoint>/rotate": "admin",
    "GET /api/v1/events": "read",
    "GET /api/v1/contacts/<external_id>/next": "read",
    "GET /api/v1/kpi/<bank>": "read",
    "POST /api/v1/links": "write",
    "GET /api/v1/quotes": "read",
    "POST /api/v1/quotes/<quote>/approve": "write",
    "DELETE /api/v1/quotes/<quote>/approve": "write",
    "GET /api/v1/sessions": "read",
    "GET /api/v1/surveys": "read",
    "PATCH /api/v1/surveys/<survey>": "admin",
    "GET /api/v1/surveys/<survey>/links": "read",
    "GET /api/v1/surveys/<survey>/report": "read",
    "POST /api/v1/surveys/<survey>/preview-link": "read",
}
OF_SESSIONS = {
    "GET /api/v1/sessions/<session_id>",
    "POST /api/v1/sessions/<session_id>/answers",
    "POST /api/v1/sessions/<session_id>/back",
    "POST /api/v1/sessions/<session_id>/finish",
    "POST /api/v1/sessions/<session_id>/identity",
}
OF_INTAKE = {
    "POST /v1/b",
    "POST /v1/batch",
    "POST /v1/import",
    "POST /v1/<kind>",
    "GET /v1/projects/<key>/settings",
}
SEALED = {  # the URL itself is the secret, or signs the request
    "POST /in/<source>",  # by its signature
    "GET /l/<token>",
    "POST /l/<token>",
    "GET /preview/<survey>",
    "GET /preview/<survey>/email",
    "GET /preview/<survey>/page",
    "POST /preview/<survey>/page",
    "POST /preview/<survey>/rehearsal",
    "GET /preview/<survey>/widget",
    "GET /s/<survey>/<ticket>",
    "POST /s/<survey>/<ticket>",
    "GET /s/<survey>/<ticket>/q/<question>",
    "POST /s/<survey>/<ticket>/q/<question>",
    "GET /s/<survey>/<ticket>/erase",
    "POST /s/<survey>/<ticket>/erase",
}
CONSOLE = {  # what somebody who is signed in may do; those with "contacts" need the right to see single contacts too
    "GET /console": "read",
    "GET /console/<rest>": "read",
    "GET /console/s": "read",
    "GET /console/s/<survey>": "read",
    "POST /console/s/<survey>/state": "admin",
    "GET /console/s/<survey>/without/<question>": "read",
    "GET /console/d": "read",
    "POST /console/d/<delivery>/again": "write",
    "GET /console/c": "read contacts",
    "POST /console/c": "read contacts",
    "GET /console/c/<contact>": "read contacts",
    "GET /console/c/<contact>/export": "write contacts",
    "POST /console/c/<contact>/label": "write contacts",
    "POST /console/c/<contact>/erase": "write contacts",
    "GET /console/new": "write",
    "POST /console/new": "write",
    "POST /console/new/starter": "write",
    "POST /console/new/file": "write",
    "GET /console/b": "read",
    "POST /console/b": "write",
    "GET /console/b/<bank>": "read",
    "GET /console/b/<bank>/draft": "read",
    "GET /console/b/<bank>/draft/q/<question>": "read",
    "POST /console/b/<bank>/draft/q/<question>": "write",
    "POST /console/b/<bank>/draft/q/<question>/try": "write",
    "GET /console/b/<bank>/draft/yaml": "read",
    "POST /console/b/<bank>/draft/yaml": "write",
    "POST /console/b/<bank>/draft/yaml/check": "read",
    "POST /console/b/<bank>/draft/publish": "admin",
    "POST /console/b/<bank>/draft/rebase": "write",
    "POST /console/b/<bank>/draft/discard": "write",
    "GET /console/b/<bank>/versions": "read",
    "GET /console/b/<bank>/versions/<version>": "read",
    "POST /console/b/<bank>/versions/<version>/restore": "write",
    "GET /console/p": "read",
    "GET /console/p/<bank>": "read",
    "GET /console/p/<bank>/booklet": "read",
    "GET /console/p/<bank>/booklet.pdf": "read",
    "GET /console/p/<bank>/<persona>/poster": "read",
    "GET /console/p/<bank>/<persona>/poster.pdf": "read",
    "GET /console/j": "read",
    "GET /console/j/<bank>": "read",
    "GET /console/a": "read",
    "GET /console/a/<bank>": "read",
    "POST /console/a/<bank>/run": "write",
    "GET /console/settings": "read",
    "POST /console/sign-out": "read",
    "POST /console/language": "read",
    "POST /console/people": "admin",
    "POST /console/people/<person>/remove": "admin",
    "POST /console/keys": "admin",
    "POST /console/keys/<key>/revoke": "admin",
}
BEFORE_SIGNING_IN = {
    "GET /",
    "GET /console/oidc",
    "GET /console/oidc/callback",
    "GET /console/static/<name>",
    "GET /console/sign-in/<token>",
    "POST /console/sign-in/<token>",
}
PUBLIC = {
    "GET /api/v1/docs",
    "GET /api/v1/events/schemas",
    "GET /api/v1/events/schemas/<event_type>",
    "GET /api/v1/openapi.json",
    "POST /api/v1/surveys/<survey>/sessions",
    "GET /embed/v1/<name>",
    "GET /embed/v1/widget-<fingerprint>.js",
    "GET /embed/v1/widget.js",
    "GET /embed/v1/widget.json",
    "GET /healthz",
    "GET /metrics",
    "GET /readyz",
    "GET /s/<survey>",
    "POST /s/<survey>",
    "GET /s/<survey>/qr.svg",
}
VALUES = {"version": "1", "delivery": "1", "kind": "track"}


def calls(app):
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:[^<>]*:)?(\w+)>", r"<\1>", str(rule))
        yield from (f"{method} {path}" for method in rule.methods - {"HEAD", "OPTIONS"})


def address(call):
    method, _, path = call.partition(" ")
    return method, re.sub(r"<(\w+)>", lambda name: VALUES.get(name[1], "nothing"), path)


def test_every_route_is_in_the_table(one_service):
    """A new route must be entered here with its callers."""
    assert set(calls(one_service.app)) == {*SCOPED, *OF_SESSIONS, *OF_INTAKE, *SEALED, *PUBLIC, *CONSOLE, *BEFORE_SIGNING_IN}


@pytest.fixture(scope="module")
def keys(one_service):
    """Create one key of each kind."""
    p = one_service.parts
    with p.store.writing() as session:
        made = {scope: create_key(session, p.keys, scope, scope, p.now()) for scope in (*SCOPES, INTAKE)}
        made["expired"] = create_key(session, p.keys, "admin", "old", p.now() - timedelta(days=2), timedelta(days=1))
        made["revoked"] = create_key(session, p.keys, "admin", "gone", p.now())
        session.flush()
        for api_key in session.exec(select(ApiKey).where(ApiKey.name == "gone")):
            revoke_key(session, api_key.id, p.now())
    return {**made, "unknown": "dk_" + "x" * 40, "no key": None, "a session's token": one_service.start().token}


@pytest.mark.parametrize("call", SCOPED)
def test_a_key_opens_what_its_scope_says_and_nothing_else(one_service, keys, call):
    """A 404 is never sent before the key is checked, so that nobody can probe for existing ids."""
    method, path = address(call)
    enough = SCOPES[SCOPES.index(SCOPED[call]) :]

    def status(key):
        headers = {"Authorization": f"Bearer {keys[key]}"} if keys[key] else {}
        return one_service.client.open(path, method=method, headers=headers).status_code

    assert {key: status(key) for key in ("no key", "unknown", "expired", "revoked", "a session's token")} == dict.fromkeys(
        ("no key", "unknown", "expired", "revoked", "a session's token"), 401
    )
    lacking = [scope for scope in (*SCOPES, INTAKE) if scope not in enough]
    assert {scope: status(scope) for scope in lacking} == dict.fromkeys(lacking, 403)
    assert not {status(scope) for scope in enough} & {401, 403}


@pytest.mark.parametrize("call", sorted(OF_SESSIONS))
def test_a_session_opens_with_its_own_token_only(one_service, keys, call):
    """The token of another session is refused, and so is no token; an API key may read the session and nothing else."""
    method, path = address(call)
    path = path.replace("nothing", one_service.start().session)
    body = {"answer_id": "a", "question": "owns", "kind": "skip"} if path.endswith("answers") else {"answer_id": "a"}
    body = {"identity": "x"} if path.endswith("identity") else {} if path.endswith("finish") else body

    def status(key):
        headers = {"Authorization": f"Bearer {keys[key]}"} if keys[key] else {}
        return one_service.client.open(path, method=method, headers=headers, **({} if method == "GET" else {"json": body})).status_code

    assert status("no key") == status("a session's token") == status("unknown") == status("expired") == status("revoked") == 401
    assert status("read") == (200 if method == "GET" else 401)
    assert status(INTAKE) == (403 if method == "GET" else 401)


@pytest.mark.parametrize("call", sorted(OF_INTAKE))
def test_events_are_accepted_with_an_intake_key_only(one_service, keys, call):
    """The source's own intake key and a key that may write are accepted, as Basic and as Bearer."""
    method, path = address(call)

    def status(key):
        sent = path.replace("nothing", keys[key] or "nothing")
        auth = (keys[key], "") if keys[key] and method == "POST" else None
        return one_service.client.open(sent, method=method, auth=auth, **({"json": {"batch": []}} if method == "POST" else {})).status_code

    for key in ("no key", "unknown", "expired", "revoked", "a session's token"):
        assert status(key) == 401, key
    assert status("read") == 403
    assert {status(key) for key in (INTAKE, "write", "admin")} <= {200, 400}


FOREIGN = Keyring(("the key of another service, long enough",))
OUTLIVED = 40 * 24 * 3600
"""Seconds: longer than any ticket or preview is valid."""


def sealed(service: Service) -> dict[str, dict[str, str]]:
    """Return, for every kind of sealed URL, its invalid variants by their fault."""
    p, someone = service.parts, service.start()
    revoked, expired = Mail.to(service, "revoked"), Mail.to(service, "expired")
    with p.store.writing() as session:
        opt_out.unlink_wrong_recipient(session, p.banks, find_link(session, LinkTokens(p.keys), revoked.token, p.now())[0], p.now())
        link = find_link(session, LinkTokens(p.keys), expired.token, p.now())[0]
        link.created_at, link.expires_at = p.now() - timedelta(days=2), p.now() - timedelta(days=1)
        session.add(link)
        some_link = session.exec(select(Link.id)).first()
    return {
        "ticket": {
            "none": "nothing",
            "of another survey": page_token(p.keys, "short", someone.session),
            "of another service": page_token(FOREIGN, "all", someone.session),
            "the session's token": someone.token,
            "an API key": service.key,
        },
        "token": {
            "none": "nothing",
            "of another service": LinkTokens(FOREIGN).write(some_link, LANDING),
            "revoked": revoked.token,
            "expired": expired.token,
            "an API key": service.key,
        },
        "t": {
            "none": "",
            "of another survey": preview_token(p.keys, "short"),
            "of another service": preview_token(FOREIGN, "all"),
            "the session's token": someone.token,
            "an API key": service.key,
        },
    }


@pytest.fixture(scope="module")
def wrong(one_service):
    return sealed(one_service)


def acts(service: Service) -> tuple[int, ...]:
    with service.parts.store.reading() as session:
        return tuple(session.scalar(select(func.count()).select_from(table)) for table in (Answer, SurveySession, InboundEvent))


@pytest.mark.parametrize("call", sorted(SEALED - {"POST /in/<source>"}))  # which has a signature: see below
def test_a_sealed_url_is_accepted_with_its_own_seal_only(one_service, wrong, call):
    """No seal, that of another survey or service, an expired one, or an API key in its place is refused, and nothing is written."""
    method = call.partition(" ")[0]
    kind = "ticket" if "<ticket>" in call else "token" if "<token>" in call else "t"
    before = acts(one_service)
    for what, seal in wrong[kind].items():
        place = call.partition(" ")[2].replace("<survey>", "all").replace("<ticket>", seal).replace("<token>", seal)
        response = one_service.client.open(place, method=method, query_string={"t": seal} if kind == "t" else {}, data={"act": "stop"})
        assert response.status_code in (403, 404, 410), (what, response.text)
    assert acts(one_service) == before


@pytest.mark.parametrize(
    "call", sorted(route for route in SEALED if "<ticket>" in route or route.startswith(("GET /preview", "POST /preview")))
)
def test_a_sealed_url_expires(one_service, monkeypatch, call):
    """A ticket expires after thirty days, a preview after an hour."""
    method = call.partition(" ")[0]
    ticket, shown = page_token(one_service.parts.keys, "all", one_service.start().session), preview_token(one_service.parts.keys, "all")
    later = time.time() + OUTLIVED
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: later)
    place = call.partition(" ")[2].replace("<survey>", "all").replace("<ticket>", ticket)

    response = one_service.client.open(place, method=method, query_string={"t": shown}, data={"act": "stop"})

    assert response.status_code in (403, 404), response.text


def test_an_event_of_a_source_is_accepted_with_its_signature_only(one_service):
    """No signature, that of another source, an API key, and a removed source are refused."""
    source, other = create_source(one_service, "hubspot"), create_source(one_service, "hubspot")
    body, now, before = b"[]", milliseconds(one_service), acts(one_service)

    def status(headers):
        return one_service.client.post(f"/in/{source['id']}", data=body, headers=headers).status_code

    assert status(hubspot_headers(source, body, now)) == 200
    assert status({}) == status(hubspot_headers(other, body, now)) == 401
    assert status({"Authorization": f"Bearer {one_service.key}"}) == status(hubspot_headers(source, body, now - 600_000)) == 401
    one_service.call("DELETE", f"/api/v1/sources/{source['id']}")
    assert status(hubspot_headers(source, body, now)) == 404
    assert acts(one_service) == before


def test_every_page_of_the_console_opens_with_its_right_and_without_it_not(one_service):
    """Nobody, a reader, an author and an admin, each with and without the right to see contacts; an API key is no right here."""
    p, sent = one_service.parts, {"Authorization": f"Bearer {one_service.key}"}
    browsers = {}
    for scope in SCOPES:
        for contacts in (False, True):
            with p.store.writing() as session:
                account = invite(session, f"{scope}{contacts}@example.com", scope, scope, p.now(), sees_contacts=contacts)
                token = make_link(session, p.keys, account, p.now())
            browser = one_service.client
            browser.post(f"/console/sign-in/{token}")
            browsers[scope, contacts] = browser
    for call, needed in CONSOLE.items():
        method, path = address(call)
        right, _, single = needed.partition(" ")
        assert one_service.client.open(path, method=method, headers=sent).status_code == 401, call
        for (scope, contacts), browser in browsers.items():
            may = SCOPES.index(scope) >= SCOPES.index(right) and (contacts or not single)
            if method == "POST" or not may:  # without the token of its form even an admin's POST is refused
                assert browser.open(path, method=method).status_code == 403, (call, scope, contacts)
            else:
                assert browser.open(path, method=method).status_code in (200, 303, 404), (call, scope, contacts)
