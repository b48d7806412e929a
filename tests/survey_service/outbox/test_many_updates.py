"""Many changes, long outages and concurrent updates lead to few messages, the latest state, and a correct count of changes."""

from survey_service.outbox import events
from tests.survey_service.webhooks.world import OK, failure

HOURS_DOWN = 6


def test_a_thousand_changes_of_one_contact_are_few_messages(world):
    """The messages arrive within ten seconds; the last state is exact, and every change is counted once."""
    world.endpoint(when="material")
    contact = world.contact()
    for number in range(1000):
        world.store_belief(contact, 0.2 + 0.5 * (number % 2) + number / 10_000)
        world.forward(seconds=0.01)
        if number % 100 == 0:
            world.deliver_due()
    world.forward(seconds=60)
    world.deliver_due()

    assert len(world.sent) <= 3
    assert sum(sent.data["coalesced"]["updates"] for sent in world.sent) == 1000
    assert world.sent[-1].data["probabilities"]["driver"] == 0.7999


def test_a_change_while_a_message_is_on_its_way_comes_after_it(world):
    """The later message has a higher sequence, and the acknowledged state as `previous`."""
    world.endpoint()
    contact = world.contact()
    world.store_belief(contact, 0.4)
    on_its_way = world.claim()
    world.store_belief(contact, 0.6)
    assert world.claim() is None
    world.record_results(on_its_way, OK)
    [sent] = world.deliver_due()

    assert (sent.data["sequence"], sent.data["previous"]["sequence"]) == (2, 1)
    assert sent.data["previous"]["probabilities"]["driver"] == 0.4


def test_an_outage_of_six_hours_with_constant_changes_is_bounded(world):
    """Pending messages never outnumber contacts, requests are bounded, and after the outage each contact gets one message."""
    world.endpoint()
    contacts = [world.contact(str(number)) for number in range(4)]
    for minute in range(0, HOURS_DOWN * 60, 2):
        for contact in contacts:
            world.store_belief(contact, 0.3 + (minute % 40) / 100)
        world.answers = [failure()] * 100
        world.deliver_due()
        assert world.states.count("pending") <= len(contacts)
        world.forward(minutes=2)
    requests, world.answers = len(world.sent), []
    world.forward(minutes=30)
    sent = world.deliver_due()

    assert requests <= 12 + 2 * HOURS_DOWN + 12
    assert sorted(delivery.data["contact"]["id"] for delivery in sent) == contacts
    assert {delivery.data["probabilities"]["driver"] for delivery in sent} == {0.68}


def test_stored_bytes_are_sent_unchanged_by_a_later_release(world, monkeypatch):
    """A retry sends the stored bytes after an upgrade too, because the signature covers them."""
    world.endpoint(events=(events.DECIDED,))
    world.store_belief(world.contact(), 0.95)
    world.answers = [failure()]
    [before] = world.deliver_due()
    monkeypatch.setattr(events, "MODEL", {"id": "another", "version": "2", "calibrated_at": None})
    monkeypatch.setattr(events, "body_of", lambda *given: b'{"new":"form"}')
    world.forward(seconds=10)
    [after] = world.deliver_due()

    assert (after.headers["webhook-id"], after.body) == (before.headers["webhook-id"], before.body)
