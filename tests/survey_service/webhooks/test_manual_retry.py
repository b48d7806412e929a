"""A manual retry queues a dead message behind the pending ones of its contact, never before or beside them."""

import pytest
from sqlmodel import select

from survey_service.store.tables.webhooks import Acknowledged, Delivery
from survey_service.webhooks.deliveries import NotRetriable
from survey_service.webhooks.retry import SCHEDULE
from tests.survey_service.webhooks.world import OK, failure

DECIDED = "contact.persona.decided"


def exhaust(world):
    """Fail every attempt until the due messages are dead."""
    world.answers = [failure()] * len(SCHEDULE)
    for wait in SCHEDULE:
        world.forward(seconds=wait.total_seconds())
        world.deliver_due()


def test_an_acknowledgement_never_goes_back(world):
    """The acknowledged state stays the newest when an older dead message is delivered by a manual retry."""
    world.endpoint()
    contact = world.contact()
    world.store_belief(contact, 0.4)
    exhaust(world)
    world.store_belief(contact, 0.6)
    world.deliver_due()

    world.send_again(1)
    assert [request.data["sequence"] for request in world.deliver_due()] == [1]

    [known] = world.all(Acknowledged)
    assert (known.sequence, known.state["sequence"]) == (2, 2)


def test_a_retried_message_waits_for_the_one_in_flight(world):
    """Two messages about one contact in flight could overtake each other, so the retried one waits."""
    world.endpoint(events=(DECIDED,))
    contact = world.contact()
    world.store_belief(contact, 0.95)
    exhaust(world)
    world.store_belief(contact, 0.05)
    in_flight = world.claim()
    world.send_again(1)

    assert world.claim() is None
    world.record_results(in_flight, OK)
    again = world.claim()

    assert again.messages[0].delivery_id == 1
    assert world.attempts[-1].manual


def test_a_retried_message_takes_its_place_at_the_end(world):
    """A newer state neither supersedes a message that a person retries nor inherits its twelve attempts."""
    world.endpoint()
    contact = world.contact()
    world.store_belief(contact, 0.4)
    exhaust(world)
    world.send_again(1)
    world.store_belief(contact, 0.6)

    assert [(row.state, row.attempt) for row in world.deliveries] == [("pending", 12), ("pending", 0)]
    assert [request.data["sequence"] for request in world.deliver_due()] == [1, 3]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_claimed_message_is_not_waited_for(world):
    """A claimed message may itself wait for the contact's lock: waiting for it would deadlock, and would delay respondents."""
    world.endpoint()
    contact = world.contact()
    world.store_belief(contact, 0.4)

    with world.store.writing() as worker:
        worker.exec(select(Delivery).with_for_update()).one()
        with pytest.raises(NotRetriable):
            world.send_again(1)
        world.store_belief(contact, 0.5)

    assert world.states == ["pending", "pending"]
