"""Endpoints over HTTP, as the operator of a CRM uses them."""

import pytest
from standardwebhooks import Webhook

from tests.survey_service.webhooks.api_clients import ENDPOINT as GOOD
from tests.survey_service.webhooks.world import GONE

SCOPES = {
    ("post", "/endpoints"): "admin",
    ("get", "/endpoints"): "read",
    ("get", "/endpoints/x"): "read",
    ("patch", "/endpoints/x"): "admin",
    ("delete", "/endpoints/x"): "admin",
    ("post", "/endpoints/x/ping"): "admin",
    ("post", "/endpoints/x/rotate"): "admin",
    ("get", "/deliveries"): "read",
    ("post", "/deliveries/1/retry"): "write",
}


@pytest.mark.parametrize(("method", "path"), SCOPES)
def test_each_route_asks_for_its_scope(call, method, path):
    """A key of a lower scope gets a 403 that names the missing scope; a request without a key gets a 401 before anything is checked."""
    needed = SCOPES[method, path]

    assert call(method, path, scope=None).status_code == 401
    below = {"admin": "write", "write": "read"}.get(needed)
    if below:
        assert call(method, path, scope=below).status_code == 403
    assert call(method, path, scope=needed).status_code in (200, 404, 422)


def test_the_secret_is_in_the_first_answer_and_in_no_other(call, made):
    """Later responses show only the first letters of the secret."""
    assert made["secret"].startswith("whsec_")
    for answer in (call("get", "/endpoints"), call("get", f"/endpoints/{made['id']}"), call("patch", f"/endpoints/{made['id']}", {})):
        assert answer.status_code == 200
        assert made["secret"] not in answer.text
        assert made["secret"][:10] in answer.text


def test_an_endpoint_has_useful_defaults(made):
    """By default an endpoint gets all events, on material changes, without personal data."""
    shown = {name: made[name] for name in ("url", "events", "when", "include_pii", "state")}

    assert shown == {**GOOD, "events": [], "when": "material", "include_pii": False, "state": "active"}


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({}, ["url"]),
        ({"url": 7}, ["url"]),
        ({"url": "https://10.0.0.1/"}, ["url"]),
        ({"url": "ftp://example.com"}, ["url"]),
        ({"url": "https://user@example.com"}, ["url"]),
        ({**GOOD, "events": ["contact.erase"]}, ["events.0"]),
        ({"url": "x", "events": ["endpoint.ping", "y"]}, ["events.1", "url"]),
        ({**GOOD, "events": "all"}, ["events"]),
        ({**GOOD, "when": "later"}, ["when"]),
        ({**GOOD, "include_pii": "perhaps"}, ["include_pii"]),
        ({**GOOD, "description": "x" * 201}, ["description"]),
        ({**GOOD, "secret": "whsec_mine"}, ["secret"]),
        ({**GOOD, "state": "active"}, ["state"]),
        ([], [""]),
    ],
)
def test_every_problem_of_a_body_is_named(call, body, paths):
    answer = call("post", "/endpoints", body)

    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert [error["path"] for error in answer.json["errors"]] == paths


def test_an_unknown_event_is_refused_with_the_list(call):
    answer = call("post", "/endpoints", {**GOOD, "events": ["x"]})

    assert "survey.response.abandoned" in answer.json["errors"][0]["message"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/endpoints/{id}", {"state": "removed"}, "state"),
        ("/endpoints/{id}", {"url": "https://127.0.0.1@example.com"}, "url"),
        ("/endpoints/{id}", {"events": ["x"]}, "events.0"),
        ("/endpoints/{id}/rotate", {"overlap_hours": 169}, "overlap_hours"),
        ("/endpoints/{id}/rotate", {"overlap_hours": -1}, "overlap_hours"),
    ],
)
def test_every_problem_of_a_change_is_named(call, made, path, body, field):
    answer = call("post" if "rotate" in path else "patch", path.format(**made), body)

    assert (answer.status_code, answer.json["errors"][0]["path"]) == (422, field)


def test_a_changed_url_applies_to_pending_messages(world, call, made):
    world.store_belief(world.contact(), 0.4, ended=True)
    call("patch", f"/endpoints/{made['id']}", {"url": "http://127.0.0.1:9/new"})

    assert [sent.url.rpartition("/")[2] for sent in world.deliver_due()] == ["new"]


def test_unsubscribing_from_events_drops_their_pending_messages(world, call, made):
    world.store_belief(world.contact(), 0.95)
    call("patch", f"/endpoints/{made['id']}", {"events": ["contact.persona.decided"]})

    assert world.states == ["dropped", "pending"]


def test_disabling_drops_pending_messages(world, call, made):
    """An endpoint that is enabled again gets a ping and none of the dropped messages."""
    world.store_belief(world.contact(), 0.4, ended=True)
    call("patch", f"/endpoints/{made['id']}", {"state": "disabled"})
    call("patch", f"/endpoints/{made['id']}", {"state": "active"})

    assert [(row.event_type, row.state) for row in world.deliveries] == [
        ("contact.persona.updated", "dropped"),
        ("endpoint.ping", "pending"),
    ]


def test_a_removed_endpoint_is_gone_and_its_messages_stay_on_record(world, call, made):
    """Neither URL nor secret is stored after the removal."""
    world.store_belief(world.contact(), 0.4, ended=True)
    assert call("delete", f"/endpoints/{made['id']}").status_code == 204

    assert world.deliver_due() == []
    assert (world.the_endpoint().url, world.the_endpoint().secrets) == ("", [])
    assert call("get", f"/endpoints/{made['id']}").status_code == 404
    assert call("delete", f"/endpoints/{made['id']}").status_code == 404
    assert call("get", "/endpoints").json["items"] == []
    assert [item["state"] for item in call("get", "/deliveries").json["items"]] == ["dropped"]
    world.store_belief("ct_crm-42", 0.8, ended=True)
    assert len(world.deliveries) == 1


def test_a_ping_tests_an_endpoint(world, call, made):
    """Repeated requests create one ping; its delivery shows the outcome."""
    pinged = call("post", f"/endpoints/{made['id']}/ping")
    assert (pinged.status_code, pinged.json) == (202, call("post", f"/endpoints/{made['id']}/ping").json)

    [sent] = world.deliver_due()

    assert sent.message["type"] == "endpoint.ping"
    assert sent.message["id"] == pinged.json["event_id"]
    assert Webhook(made["secret"]).verify(sent.body, sent.headers) == sent.message
    [item] = call("get", "/deliveries").json["items"]
    assert (item["id"], item["state"], item["contact"]) == (pinged.json["delivery"], "delivered", None)


def test_an_endpoint_that_answered_410_shows_the_reason(world, call, made):
    call("post", f"/endpoints/{made['id']}/ping")
    world.answers = [GONE]
    world.deliver_due()

    shown = call("get", f"/endpoints/{made['id']}").json
    assert (shown["state"], shown["disabled_because"]) == ("disabled", "gone")


def test_while_a_secret_is_replaced_both_verify(world, call, made):
    """Both secrets sign for a day, then only the new one; a third rotation ends the first secret at once."""
    second = call("post", f"/endpoints/{made['id']}/rotate").json["secret"]
    assert _verifying(world, call, made, made["secret"], second) == [True, True]

    third = call("post", f"/endpoints/{made['id']}/rotate", {"overlap_hours": 1}).json["secret"]
    assert _verifying(world, call, made, made["secret"], second, third) == [False, True, True]
    world.forward(hours=1)
    assert _verifying(world, call, made, second, third) == [False, True]


def test_a_secret_that_has_leaked_ends_at_once(world, call, made):
    new = call("post", f"/endpoints/{made['id']}/rotate", {"overlap_hours": 0}).json["secret"]

    assert _verifying(world, call, made, made["secret"], new) == [False, True]


def _verifying(world, call, made, *secrets):
    call("post", f"/endpoints/{made['id']}/ping")
    [sent] = world.deliver_due()
    return [_verifies(secret, sent, world) for secret in secrets]


def _verifies(secret, sent, world):
    # The library reads the real clock, and the test clock may be hours ahead: only the signature is checked.
    verifier = Webhook(secret)
    moment = world.now.replace(microsecond=0)
    signed = verifier.sign(sent.message["id"], moment, sent.body.decode())
    return signed in sent.headers["webhook-signature"].split(" ")


def test_endpoints_are_listed_page_by_page(call):
    ids = [call("post", "/endpoints", GOOD).json["id"] for _ in range(3)]
    first = call("get", "/endpoints?limit=2").json
    second = call("get", f"/endpoints?limit=2&after={first['next']}").json

    assert sorted(ids) == [item["id"] for page in (first, second) for item in page["items"]]
    assert second["next"] is None
