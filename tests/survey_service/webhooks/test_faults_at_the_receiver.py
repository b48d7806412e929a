"""A receiver on a real socket that fails gets exactly the documented requests: no part of the client is replaced."""

import json

import pytest
from standardwebhooks import Webhook

from survey_service.webhooks import dispatch
from tests.survey_service.egress.hostile_receiver import LOOPBACK, Receiver, answers

DECIDED = "contact.persona.decided"


def in_turn(*behaviours):
    """Use the next behaviour for each connection, and the last one for all that follow."""
    left = list(behaviours)

    def behave(wire, closing):
        now = left.pop(0) if len(left) > 1 else left[0]
        now(wire, closing)

    return behave


def hang_up(wire, closing):
    """Read the request and close the connection without a response."""


def deliver_until_done(world):
    while dispatch.step(dispatch.Sender(world.store, world.keys, LOOPBACK, world.clock, chance=lambda: 0.0)):
        pass


def read(request):
    """Split a request into headers and body."""
    top, _, body = request.partition(b"\r\n\r\n")
    lines = (line.decode("latin1").partition(": ") for line in top.split(b"\r\n")[1:])
    return {name.lower(): value for name, _, value in lines}, body


@pytest.mark.parametrize(
    "fault", [answers("500 Internal Server Error"), answers("404 Not Found"), answers("301 Moved", Location="/"), hang_up]
)
def test_a_message_that_failed_twice_is_sent_a_third_time_unchanged(world, fault):
    """A retry has the same id and bytes and a new signature, so that a receiver can recognise the repetition."""
    with Receiver(in_turn(fault, fault, answers())) as receiver:
        _, secret = world.endpoint(url=receiver.url())
        world.store_belief(world.contact(), 0.5)
        for wait in (0, 5, 30):
            world.forward(seconds=wait)
            deliver_until_done(world)
    came = [read(request) for request in receiver.requests]

    assert len(came) == 3
    assert len({body for _, body in came}) == len({headers["webhook-id"] for headers, _ in came}) == 1
    assert len({headers["webhook-timestamp"] for headers, _ in came}) == 3
    for headers, body in came:
        assert Webhook(secret).verify(body, headers)["id"] == headers["webhook-id"]
    assert [attempt.outcome for attempt in world.attempts] == ["retry", "retry", "delivered"]


def test_410_is_the_last_request(world):
    """After a 410 the other eleven messages are dropped."""
    with Receiver(answers("410 Gone")) as receiver:
        world.endpoint(url=receiver.url())
        for number in range(12):
            world.store_belief(world.contact(str(number)), 0.5)
        deliver_until_done(world)
        world.forward(days=3)
        deliver_until_done(world)

    assert len(receiver.requests) == 1
    assert sorted(set(world.states)) == ["dead", "dropped"]


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_retry_after_of_two_minutes_is_obeyed(world, status):
    """Retry-After delays the whole endpoint, also the messages of the same batch."""
    with Receiver(in_turn(answers(status, Retry_After="120"), answers())) as receiver:
        world.endpoint(url=receiver.url())
        for number in range(5):
            world.store_belief(world.contact(str(number)), 0.5)
        deliver_until_done(world)
        world.forward(seconds=119)
        deliver_until_done(world)
        assert len(receiver.requests) == 1
        world.forward(seconds=1)
        deliver_until_done(world)

    assert len(receiver.requests) == 6
    assert set(world.states) == {"delivered"}


def test_a_receiver_that_is_down_for_hours_gets_each_contact_once(world):
    """After an outage each contact gets one message with its latest state."""
    contacts = [world.contact(str(number)) for number in range(3)]
    with Receiver(answers("500 Internal Server Error")) as down, Receiver(answers()) as back:
        made, _ = world.endpoint(url=down.url())
        for minute in range(0, 360, 5):
            for contact in contacts:
                world.store_belief(contact, 0.3 + (minute % 40) / 100)
            deliver_until_done(world)
            world.forward(minutes=5)
        world.change(made, url=back.url())
        world.forward(minutes=30)
        deliver_until_done(world)
    payloads = [json.loads(read(request)[1])["data"] for request in back.requests]

    assert sorted(payload["contact"]["id"] for payload in payloads) == contacts
    assert {payload["probabilities"]["driver"] for payload in payloads} == {0.65}
    assert {payload["coalesced"]["updates"] for payload in payloads} == {72}


def test_a_contact_erased_while_messages_wait_is_sent_as_erased_only(world):
    """After the erasure neither the pending messages nor the failed decision are sent."""
    from survey_service.contacts.erasure import erase
    from survey_service.store.tables.core import Contact

    with Receiver(in_turn(answers("500 Internal Server Error"), answers())) as receiver:
        world.endpoint(url=receiver.url(), events=(DECIDED, "contact.erased"))
        contact = world.contact()
        for driver in (0.95, 0.05):
            world.store_belief(contact, driver)
        deliver_until_done(world)
        with world.store.writing() as session:
            erase(session, world.keys, session.get_one(Contact, contact, with_for_update=True), world.now)
        world.forward(days=1)
        deliver_until_done(world)

    assert [json.loads(read(request)[1])["type"] for request in receiver.requests] == [DECIDED, "contact.erased"]
