"""Deliveries over HTTP: list messages with their attempts, and send one again."""

import pytest

from survey_service.webhooks.retry import SCHEDULE
from tests.survey_service.webhooks.world import failure


def dead(world, contact):
    """Create a message whose last attempt failed."""
    world.store_belief(contact, 0.4, ended=True)
    world.answers = [failure()] * len(SCHEDULE)
    for wait in SCHEDULE:
        world.forward(seconds=wait.total_seconds())
        world.deliver_due()
    return world.deliveries[-1].id


def test_deliveries_are_listed_with_their_attempts(world, call, made):
    """Deliveries are listed newest first, in pages, filtered by endpoint, state and external id of the contact."""
    for name in ("one", "two", "three"):
        world.store_belief(world.contact(name), 0.4, ended=True)
    world.answers = [failure()]
    world.deliver_due()

    first = call("get", "/deliveries?limit=2").json
    second = call("get", f"/deliveries?limit=2&after={first['next']}").json
    assert [delivery["id"] for page in (first, second) for delivery in page["items"]] == [3, 2, 1]
    assert second["next"] is None
    assert [delivery["id"] for delivery in call("get", "/deliveries?contact=two").json["items"]] == [2]
    assert call("get", "/deliveries?contact=nobody").json["items"] == []
    [pending] = call("get", f"/deliveries?state=pending&endpoint={made['id']}").json["items"]
    assert [(attempt["number"], attempt["status"], attempt["error"], attempt["manual"]) for attempt in pending["attempts"]] == [
        (1, 500, "status", False)
    ]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "after=x", "after=0", "after=9223372036854775808", "state=lost", "sort=up"])
def test_a_wrong_question_is_named(call, query):
    answer = call("get", f"/deliveries?{query}")

    assert (answer.status_code, answer.json["errors"][0]["path"]) == (422, query.partition("=")[0])


def test_only_admins_see_the_response_of_a_receiver(world, call, made):
    """Only admin keys see the excerpt of a response: it may be any page, also an internal one."""
    world.store_belief(world.contact(), 0.4, ended=True)
    world.answers = [failure()]
    world.deliver_due()

    assert call("get", "/deliveries").json["items"][0]["attempts"][0]["excerpt"] == "oops, inside \x00"
    for scope in ("read", "write"):
        assert "oops, inside" not in call("get", "/deliveries", scope=scope).text


def test_a_dead_message_is_sent_again_by_hand(world, call, made):
    """A manual retry has the same id and bytes, a new time and one attempt marked manual; when it fails, the message is dead again."""
    number = dead(world, world.contact())
    world.forward(hours=1)
    answer = call("post", f"/deliveries/{number}/retry", scope="write")
    assert (answer.status_code, answer.json["state"]) == (200, "pending")
    world.answers = [failure()]
    world.deliver_due()
    assert world.states == ["dead"]

    call("post", f"/deliveries/{number}/retry")
    world.deliver_due()

    assert world.states == ["delivered"]
    assert len({(sent.headers["webhook-id"], sent.body) for sent in world.sent}) == 1
    assert world.sent[-1].headers["webhook-timestamp"] != world.sent[0].headers["webhook-timestamp"]
    assert [attempt.manual for attempt in world.attempts][-3:] == [False, True, True]


def test_a_waiting_message_is_sent_at_once_instead_of_later(world, call, made):
    """A retry of a waiting message makes one request, not two; when it fails, the schedule continues."""
    world.store_belief(world.contact(), 0.4, ended=True)
    world.answers = [failure(), failure()]
    world.deliver_due()
    call("post", "/deliveries/1/retry")

    assert len(world.deliver_due()) == 1
    world.forward(seconds=30)
    assert len(world.deliver_due()) == 1
    world.forward(days=4)
    assert world.deliver_due() == []
    assert [attempt.manual for attempt in world.attempts] == [False, True, False]


def test_only_undelivered_messages_are_retried(world, call, made):
    """A message that is delivered, in flight or dropped cannot be sent again."""
    world.store_belief(world.contact(), 0.4, ended=True)
    claimed = world.claim()
    assert call("post", "/deliveries/1/retry").json["code"] == "not_to_be_retried"
    world.record_results(claimed, failure())
    world.deliver_due()
    world.forward(seconds=5)
    world.deliver_due()

    answer = call("post", "/deliveries/1/retry")
    assert (answer.status_code, answer.json["code"]) == (409, "not_to_be_retried")
    assert call("post", "/deliveries/99/retry").status_code == 404
    assert call("post", f"/deliveries/{2**63}/retry").status_code == 404


def test_a_disabled_endpoint_is_not_pinged_and_nothing_is_sent_again(world, call, made):
    number = dead(world, world.contact())
    call("patch", f"/endpoints/{made['id']}", {"state": "disabled"})

    for path in (f"/endpoints/{made['id']}/ping", f"/deliveries/{number}/retry"):
        assert (call("post", path).status_code, call("post", path).json["code"]) == (409, "endpoint_disabled")
    call("patch", f"/endpoints/{made['id']}", {"state": "active"})
    assert call("post", f"/endpoints/{made['id']}/ping").status_code == 202
