"""A disabled endpoint records which contacts changed; enabled again, it gets a ping and then the current state of each of them."""

import pytest

from survey_service.contacts.erasure import erase
from survey_service.outbox import publish
from survey_service.outbox.resync import resume_after_restore
from survey_service.store.tables.core import Contact
from survey_service.webhooks.retry import SCHEDULE
from tests.survey_service.webhooks.world import failure

DECIDED, UPDATED = "contact.persona.decided", "contact.persona.updated"


@pytest.fixture
def endpoint(world, made):
    """Create an endpoint that has acknowledged two contacts."""
    world.publish()
    for name in ("one", "two"):
        world.store_belief(world.contact(name), 0.4, ended=True)
    world.deliver_due()
    world.sent.clear()
    return made["id"]


def catch_up(world):
    while publish.resync_some(world.store, world.banks, world.now):
        pass
    return world.deliver_due()


def test_missed_changes_are_sent_once_a_contact_after_the_ping(world, call, endpoint):
    """Ten changes of one contact lead to one message; the unchanged contact gets none."""
    call("patch", f"/endpoints/{endpoint}", {"state": "disabled"})
    for number in range(10):
        world.store_belief("ct_one", 0.5 + number / 100)
    assert (world.deliver_due(), world.missed(endpoint)) == ([], ["ct_one"])

    assert call("patch", f"/endpoints/{endpoint}", {"state": "active"}).json["awaits_ping"]
    world.store_belief("ct_one", 0.7)
    assert [sent.message["type"] for sent in catch_up(world)] == ["endpoint.ping"]
    [sent] = catch_up(world)

    assert (sent.data["contact"]["id"], sent.data["reason"], sent.data["probabilities"]["driver"]) == ("ct_one", "resync", 0.7)
    assert sent.data["previous"]["probabilities"]["driver"] == 0.4
    assert catch_up(world) == []
    assert not call("get", f"/endpoints/{endpoint}").json["awaits_ping"]


def test_nothing_is_sent_before_the_ping_and_a_failed_ping_disables_again(world, call, endpoint):
    call("patch", f"/endpoints/{endpoint}", {"state": "disabled"})
    call("patch", f"/endpoints/{endpoint}", {"state": "active"})
    world.store_belief("ct_one", 0.7)
    for path in ("resync", "ping"):
        assert call("post", f"/endpoints/{endpoint}/{path}").status_code == (409 if path == "resync" else 202)
    world.answers = [failure()] * len(SCHEDULE)
    for wait in SCHEDULE:
        world.forward(seconds=wait.total_seconds())
        catch_up(world)

    assert {sent.message["type"] for sent in world.sent} == {"endpoint.ping"}
    assert call("get", f"/endpoints/{endpoint}").json["disabled_because"] == "failing"
    assert world.missed(endpoint) == ["ct_one"]


def test_a_contact_erased_meanwhile_is_sent_as_erased(world, call, endpoint):
    """The event has the contact's id only, because its external ids were erased."""
    call("patch", f"/endpoints/{endpoint}", {"state": "disabled"})
    with world.store.writing() as session:
        erase(session, world.keys, session.get_one(Contact, "ct_one", with_for_update=True), world.now)
    call("patch", f"/endpoints/{endpoint}", {"state": "active"})
    catch_up(world)

    [sent] = catch_up(world)

    assert (sent.message["type"], sent.data["contact"]) == ("contact.erased", {"id": "ct_one", "external_ids": []})


@pytest.mark.parametrize(("body", "contacts"), [({}, ["ct_one", "ct_two"]), ({"untold": True}, []), (None, ["ct_one", "ct_two"])])
def test_a_resync_sends_the_present_state_of_every_contact(world, call, endpoint, body, contacts):
    """The sequences are new, so a receiver accepts a state that it has seen before."""
    answer = call("post", f"/endpoints/{endpoint}/resync", body)
    sent = catch_up(world)

    assert (answer.status_code, answer.json) == (202, {"contacts": len(contacts)})
    assert [delivery.data["contact"]["id"] for delivery in sent] == contacts
    assert {delivery.data["sequence"] for delivery in sent} <= {2}
    assert {row.lane for row in world.deliveries if row.facts["reason"] == "resync"} <= {"bulk"}


def test_a_resync_since_a_time_sends_those_that_changed(world, call, endpoint):
    since = world.now.isoformat()
    world.forward(hours=1)
    world.store_belief("ct_two", 0.8, ended=True)
    world.deliver_due()
    call("post", f"/endpoints/{endpoint}/resync", {"since": world.now.isoformat()})

    assert [request.data["contact"]["id"] for request in catch_up(world)] == ["ct_two"]
    assert call("post", f"/endpoints/{endpoint}/resync", {"since": since}).json == {"contacts": 2}


def test_a_resync_supersedes_pending_updates_and_a_change_supersedes_a_resync(world, call, endpoint):
    """The latest state is sent once, and not with bulk priority."""
    world.store_belief("ct_one", 0.45)
    call("post", f"/endpoints/{endpoint}/resync")
    while publish.resync_some(world.store, world.banks, world.now):
        pass
    world.store_belief("ct_two", 0.8, ended=True)

    waiting = [row for row in world.deliveries if row.state == "pending"]
    assert [(row.contact_id, row.lane, row.facts["coalesced"]["updates"]) for row in waiting] == [
        ("ct_one", "interactive", 2),
        ("ct_two", "interactive", 2),
    ]


def test_an_endpoint_without_bulk_cannot_be_resynced(world, call, endpoint):
    call("patch", f"/endpoints/{endpoint}", {"bulk": False})
    answer = call("post", f"/endpoints/{endpoint}/resync")

    assert (answer.status_code, answer.json["code"]) == (409, "bulk_refused")


@pytest.fixture
def given_up(world, call, made):
    """Create three dead messages, a day apart."""
    for name in ("one", "two", "three"):
        world.store_belief(world.contact(name), 0.4, ended=True)
        world.answers = [failure()] * len(SCHEDULE)
        for wait in SCHEDULE:
            world.forward(seconds=wait.total_seconds())
            world.deliver_due()
    assert world.states == ["dead"] * 3
    world.sent.clear()
    return made["id"]


def test_dead_messages_are_sent_again_by_range(world, call, given_up):
    """Dead messages are selected by type and time, recorded as manual, and sent with the same ids and bytes."""
    first, *others = world.deliveries
    body = {"endpoint": given_up, "type": UPDATED, "from": first.created_at.isoformat(), "to": others[1].created_at.isoformat()}
    assert call("post", "/deliveries/retry", {**body, "type": DECIDED}, scope="write").json == {"retried": 0, "left": 0}

    assert call("post", "/deliveries/retry", body, scope="write").json == {"retried": 2, "left": 0}
    assert call("post", "/deliveries/retry", body, scope="write").json == {"retried": 0, "left": 0}
    sent = world.deliver_due()

    assert [(delivery.headers["webhook-id"], delivery.body) for delivery in sent] == [
        (row.event_id, row.body) for row in (first, others[0])
    ]
    assert world.states == ["delivered", "delivered", "dead"]
    assert [attempt.manual for attempt in world.attempts][-2:] == [True, True]


def test_nothing_is_sent_again_to_a_disabled_endpoint(world, call, given_up):
    call("patch", f"/endpoints/{given_up}", {"state": "disabled"})
    answer = call("post", "/deliveries/retry", {"endpoint": given_up})

    assert (answer.status_code, answer.json["code"]) == (409, "endpoint_disabled")
    assert call("post", "/deliveries/retry", {}).status_code == 422


def test_messages_claimed_when_the_backup_was_made_delay_nothing(world):
    """No worker of the saved database is running any more, so its claims end at once."""
    world.endpoint()
    contact = world.contact()
    world.store_belief(contact, 0.5)
    in_hand = world.claim()
    world.store_belief(contact, 0.6)
    assert world.deliver_due() == []

    with world.store.writing() as session:
        resume_after_restore(session, world.now)
    world.forward(milliseconds=1)

    first = world.deliver_due()[0]
    assert first.message["id"] == in_hand.messages[0].event_id
