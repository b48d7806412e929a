"""A message exists exactly if its cause was committed; newer messages supersede older ones; counts add up."""

from datetime import timedelta

import pytest

from survey_service.store.tables.core import Contact
from survey_service.store.tables.webhooks import Delivery
from tests.survey_service.webhooks.world import OK, failure

ALL: tuple[str, ...] = ()
DECIDED = "contact.persona.decided"


class Changed(Exception):
    pass


def test_a_change_is_published_with_its_probabilities(world):
    world.endpoint()
    world.store_belief(world.contact(), 0.62)

    [sent] = world.deliver_due()

    assert sent.message["type"] == "contact.persona.updated"
    assert sent.message["id"] == sent.headers["webhook-id"]
    assert sent.data["probabilities"] == {"driver": 0.62, "family": 0.38}
    assert sent.data["contact"]["external_ids"] == [{"system": "crm", "type": "id", "id": "crm-42"}]
    assert world.states == ["delivered"]


def test_a_rolled_back_change_is_not_published(world):
    """The message is part of the transaction of its cause and is rolled back with it."""
    world.endpoint()
    contact = world.contact()

    def change_and_fail():
        with world.store.writing() as session:
            world.store_belief_in(session, contact, 0.9)
            session.flush()
            assert session.get(Delivery, 1) is not None
            raise Changed

    with pytest.raises(Changed):
        change_and_fail()
    assert world.deliver_due() == []
    assert world.deliveries == []


def test_each_endpoint_gets_the_events_it_subscribed_to(world):
    """Each subscribed endpoint gets one row; an unsubscribed or disabled endpoint gets none."""
    updates, _ = world.endpoint()
    decisions, _ = world.endpoint(events=(DECIDED,))
    everything, _ = world.endpoint(events=ALL)
    world.store_belief(world.contact(), 0.95)

    published = [(row.endpoint_id, row.event_type.rpartition(".")[2]) for row in world.deliveries]

    assert sorted(published) == sorted([(updates, "updated"), (everything, "updated"), (decisions, "decided"), (everything, "decided")])


def test_a_newer_update_supersedes_those_never_sent_and_counts_them(world):
    """`coalesced` counts every superseded change, over any number of messages."""
    world.endpoint()
    contact = world.contact()
    for driver in (0.4, 0.5, 0.6, 0.7):
        world.store_belief(contact, driver)

    [sent] = world.deliver_due()

    assert sent.data["coalesced"] == {"updates": 4, "first_sequence": 1}
    assert sent.data["sequence"] == 4
    assert sent.data["probabilities"]["driver"] == 0.7
    assert world.states == ["superseded", "superseded", "superseded", "delivered"]


def test_updates_of_other_contacts_and_endpoints_are_not_superseded(world):
    world.endpoint()
    world.endpoint()
    for name in ("one", "two"):
        world.store_belief(world.contact(name), 0.5)

    assert len(world.deliver_due()) == 4


def test_a_message_in_flight_is_not_superseded(world):
    """A newer state is a message of its own; its `previous` is the state that the endpoint acknowledged in the meantime."""
    world.endpoint()
    contact = world.contact()
    world.store_belief(contact, 0.4)
    in_flight = world.claim()
    world.store_belief(contact, 0.6)

    assert world.claim() is None  # one at a time
    world.record_results(in_flight, OK)
    [sent] = world.deliver_due()

    assert sent.data["previous"] == {"sequence": 1, "persona": "family", "confidence": 0.6, "probabilities": {"driver": 0.4, "family": 0.6}}
    assert sent.data["coalesced"] == {"updates": 1, "first_sequence": 2}
    assert world.states == ["delivered", "delivered"]


def test_a_successor_of_a_failed_message_inherits_its_attempts_and_its_wait(world):
    """Without this, changes of a busy contact would restart the back-off of a failing endpoint for ever."""
    world.endpoint()
    contact = world.contact()
    world.store_belief(contact, 0.4)
    world.answers = [failure(), failure()]
    world.deliver_due()
    world.forward(seconds=5)
    world.deliver_due()  # after two failures the third attempt is due in 30 s
    world.forward(seconds=1)
    world.store_belief(contact, 0.6)

    old, new = world.deliveries

    assert (old.state, new.state) == ("superseded", "pending")
    assert (new.attempt, new.due) == (2, world.now + timedelta(seconds=29))
    assert world.deliver_due() == []
    world.forward(seconds=29)
    [sent] = world.deliver_due()
    assert sent.data["coalesced"] == {"updates": 2, "first_sequence": 1}
    assert [attempt.number for attempt in world.attempts] == [1, 2, 3]


def test_an_update_never_supersedes_a_decision(world):
    world.endpoint(events=ALL)
    contact = world.contact()
    world.store_belief(contact, 0.95)
    world.store_belief(contact, 0.96)

    published = [sent.message["type"].rpartition(".")[2] for sent in world.deliver_due()]

    assert published == ["decided", "updated"]


def test_every_message_about_a_contact_has_a_sequence_of_its_own(world):
    """Two endpoints get the same sequence, and the contact stores the highest one."""
    world.endpoint(events=ALL)
    world.endpoint(events=(DECIDED,))
    contact = world.contact()
    world.store_belief(contact, 0.95)
    world.store_belief(contact, 0.2)

    assert [(row.event_type.rpartition(".")[2], row.sequence) for row in world.deliveries] == [
        ("updated", 1),
        ("decided", 2),
        ("decided", 2),
        ("updated", 3),
    ]
    assert world.all(Contact)[0].sequence == 3


def test_email_addresses_go_only_to_endpoints_that_ask_for_them(world):
    """An endpoint that no longer asks for email addresses gets none, not even from pending messages."""
    world.endpoint()
    with_pii, _ = world.endpoint(include_pii=True)
    world.store_belief(world.contact("one"), 0.5)

    plain, full = sorted(world.deliver_due(), key=lambda sent: "email" in sent.data["contact"])
    assert "email" not in plain.data["contact"]
    assert full.data["contact"]["email"] == "one@example.com"

    world.store_belief(world.contact("two"), 0.5)
    world.change(with_pii, include_pii=False)
    assert not any(b"two@example.com" in sent.body for sent in world.deliver_due())
