"""Merging and erasing contacts publish their events in order, whatever was pending or in flight (fault list, rows 35 and 36)."""

import pytest
from sqlmodel import select

from survey_service.contacts import erasure, merging
from survey_service.contacts.directory import find
from survey_service.outbox import messages
from survey_service.store.tables.core import Contact
from survey_service.store.tables.webhooks import Delivery
from survey_service.webhooks.retry import LEASE
from tests.survey_service.webhooks.world import OK, failure

EVERYTHING = ()
UPDATED, MERGED, ERASED = "contact.persona.updated", "contact.merged", "contact.erased"


def merge(world, gone, kept):
    with world.store.writing() as session:
        assert merging.merge(session, world.banks, gone, kept, world.now)


def erase(world, name):
    with world.store.writing() as session:
        contact = find(session, name, lock=True)
        erasure.erase(session, world.keys, contact, world.now)


def summary(sent):
    return [(delivery.message["type"], delivery.data["contact"]["id"], delivery.data["sequence"]) for delivery in sent]


def test_merged_comes_before_the_update_and_the_numbers_only_grow(world):
    """Pending updates of the merged contact are dropped, and no change is sent twice."""
    world.publish()
    world.endpoint("every_answer", EVERYTHING)
    gone, kept = world.contact("browser"), world.contact("crm-42")
    for _ in range(3):
        world.store_belief(gone, 0.3)
    world.store_belief(kept, 0.6)

    merge(world, gone, kept)
    sent = world.deliver_due()

    assert [(kind, who) for kind, who, _ in summary(sent)] == [(MERGED, kept), (UPDATED, kept)]
    numbers = [number for *_, number in summary(sent)]
    assert numbers == sorted(set(numbers))
    [merged] = [delivery.data for delivery in sent if delivery.message["type"] == MERGED]
    assert merged["merged"] == {"id": gone, "external_ids": [{"system": "crm", "type": "id", "id": "browser"}]}
    assert merged["contact"]["merged_from"] == [gone]
    assert {external_id["id"] for external_id in merged["contact"]["external_ids"]} == {"browser", "crm-42"}


def test_a_message_in_flight_about_a_merged_contact_is_recorded(world):
    """The result of a message in flight is recorded, and later messages wait for it."""
    world.publish()
    world.endpoint("every_answer", EVERYTHING)
    gone, kept = world.contact("browser"), world.contact("crm-42")
    world.store_belief(gone, 0.3)
    in_flight = world.claim()

    merge(world, gone, kept)
    assert world.deliver_due() == []
    assert world.record_results(in_flight, OK)

    assert next(kind for kind, *_ in summary(world.deliver_due())) == MERGED


def test_only_the_erasure_goes_out_whatever_was_pending_dead_or_in_flight(world):
    """Erasure deletes every body at once, also of a message in flight, whose result changes nothing."""
    world.endpoint("every_answer", EVERYTHING)
    contact = world.contact("crm-42")
    world.store_belief(contact, 0.3)
    dead = world.claim()
    world.record_results(dead, failure())
    with world.store.writing() as session:
        for row in session.exec(select(Delivery)):
            row.state, row.settled_at, row.lease_until = "dead", world.now, None
            session.add(row)
    world.store_belief(contact, 0.6)
    in_flight = world.claim()
    world.store_belief(contact, 0.7)

    erase(world, "crm-42")

    assert not world.record_results(in_flight, failure())
    stored = [row for row in world.deliveries if row.event_type != ERASED]
    assert {row.state for row in stored} == {"dead", "dropped"}
    assert all(row.body is None and row.facts == {} for row in stored)
    assert all(attempt.excerpt is None for attempt in world.attempts)
    [only] = world.deliver_due()
    assert only.message["type"] == ERASED
    assert only.data["contact"] == {"id": contact, "external_ids": [{"system": "crm", "type": "id", "id": "crm-42"}]}
    assert "crm-42" not in repr([row.facts for row in world.deliveries])


def test_an_erased_contact_is_a_tombstone_without_content(world):
    """The row of an erased contact remains for its references and holds no personal data."""
    contact = world.contact("crm-42")
    erase(world, "crm-42")

    [tombstone] = [row for row in world.all(Contact) if row.id == contact]

    assert tombstone.erased_at is not None
    assert (tombstone.email, tombstone.email_sha256, tombstone.attributes, tombstone.consent) == (None, None, {}, {})


@pytest.mark.parametrize("outcome", [OK, failure(), None], ids=["delivered", "failed", "not sent"])
def test_the_erasure_waits_for_the_message_that_is_being_sent(world, outcome):
    """Two requests at once could overtake each other, and nothing about a contact may arrive behind its erasure."""
    for _ in range(2):
        world.endpoint("every_answer", EVERYTHING)
    contact = world.contact("crm-42")
    world.store_belief(contact, 0.3)
    in_flight = world.claim()

    erase(world, "crm-42")

    [at_once] = world.deliver_due()  # to the endpoint to which nothing was being sent
    assert world.deliver_due() == []
    world.record_results(in_flight, *([outcome] if outcome else []))
    [waited] = world.deliver_due()
    assert [sent.message["type"] for sent in (at_once, waited)] == [ERASED, ERASED]


def test_the_erasure_waits_for_a_dead_worker_as_long_as_its_lease(world):
    world.endpoint("every_answer", EVERYTHING)
    world.store_belief(world.contact("crm-42"), 0.3)
    world.claim()

    erase(world, "crm-42")
    world.forward(seconds=LEASE.total_seconds() - 1)
    assert world.deliver_due() == []
    world.forward(seconds=2)

    assert [sent.message["type"] for sent in world.deliver_due()] == [ERASED]


def test_a_result_that_comes_after_the_lease_ends_no_wait_for_a_later_attempt(world):
    """A worker that was held up longer than its lease does not release what waits for another worker's attempt."""
    world.endpoint("every_answer", EVERYTHING)
    world.store_belief(world.contact("crm-42"), 0.3)
    late = world.claim()
    world.forward(seconds=LEASE.total_seconds() + 2)
    present = world.claim()

    erase(world, "crm-42")
    world.record_results(late, OK)
    assert world.deliver_due() == []
    world.record_results(present, OK)

    assert [sent.message["type"] for sent in world.deliver_due()] == [ERASED]


def test_what_is_left_after_a_withdrawal_waits_for_the_message_with_the_answers(world):
    """The message that is being sent has the withdrawn answers; the receiver gets the one without them behind it."""
    world.endpoint("every_answer")
    contact = world.contact("crm-42")
    world.store_belief(contact, 0.3)
    in_flight = world.claim()

    with world.store.writing() as session:
        person = session.get_one(Contact, contact, with_for_update=True)
        messages.drop_answers(session, person, "cars", world.now)
        world.store_belief_in(session, contact, 0.5)
        messages.wait_for_dropped(session, person, world.now)
    assert world.deliver_due() == []
    world.record_results(in_flight, OK)

    assert [sent.data["probabilities"]["driver"] for sent in world.deliver_due()] == [0.5]
