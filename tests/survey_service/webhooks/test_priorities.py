"""Bulk messages never delay the answer of a respondent, and no endpoint gets more requests than its rate."""

from datetime import timedelta

import pytest

from survey_service.outbox import messages, publish
from survey_service.webhooks import dispatch
from survey_service.webhooks.due import BULK_PLACES, PLACES_PER_ENDPOINT
from survey_service.worker import process


def add_bulk_message(world, contact, driver):
    """Change the belief of every contact."""
    with world.store.writing() as session:
        change = world.store_belief_in(session, contact, driver)
        session.rollback()
    with world.store.writing() as session:
        contact_row = session.get_one(type(change.contact), contact, with_for_update=True)
        contact_row.sequence += 1
        change.belief.sequence = contact_row.sequence
        locked = type(change)(**{**vars(change), "contact": contact_row})
        publish.publish_belief_change(session, locked, ended=False, now=world.now, lane=messages.BULK)


@pytest.fixture
def bulk_endpoint(world):
    """Create twenty contacts with a bulk message each."""
    made, _ = world.endpoint()
    for number in range(20):
        add_bulk_message(world, world.contact(f"{number:02}"), 0.5)
    assert {row.lane for row in world.deliveries} == {"bulk"}
    return made


def test_an_answer_goes_before_a_thousand_recomputed_beliefs(world, bulk_endpoint):
    """An answer is sent first although it came last and bulk uses all threads that it may use."""
    for _ in range(BULK_PLACES):
        assert world.claim() is not None
    assert world.claim() is None
    world.forward(seconds=1)
    world.store_belief(world.contact("new"), 0.5)

    claimed = world.claim()

    assert world.deliveries[-1].id == claimed.messages[0].delivery_id
    assert BULK_PLACES < PLACES_PER_ENDPOINT


def test_half_of_a_worker_never_sends_bulk_and_one_thread_sends_it_first(world, bulk_endpoint):
    lanes = process.LANES_OF_THREADS
    assert [messages.BULK in lanes_of_thread for lanes_of_thread in lanes].count(False) == len(lanes) / 2
    assert [lanes_of_thread[0] for lanes_of_thread in lanes].count(messages.BULK) == 1

    reserved = dispatch.step(world.sender(), lanes=lanes[0])
    bulk = dispatch.step(world.sender(), lanes=lanes[-1])

    assert (reserved, bulk) == (False, True)


def test_an_answer_moves_its_contact_out_of_the_bulk_lane(world, bulk_endpoint):
    """The answer supersedes the bulk message: one message with the latest state goes out at once."""
    world.store_belief("ct_07", 0.6)

    assert [row.lane for row in world.deliveries if row.contact_id == "ct_07" and row.state == "pending"] == ["interactive"]
    assert world.deliveries[-1].facts["coalesced"]["updates"] == 2


def test_an_endpoint_without_bulk_gets_only_interactive_messages(world):
    world.endpoint(bulk=False)
    add_bulk_message(world, world.contact(), 0.5)
    world.store_belief(world.contact("new"), 0.5)

    assert [(row.contact_id, row.lane) for row in world.deliveries] == [("ct_new", "interactive")]


def test_an_endpoint_gets_no_more_a_second_than_its_rate(world):
    """After an idle time the endpoint gets one second's worth at once, then single messages at its rate."""
    world.endpoint(per_second=5)
    for number in range(30):
        world.store_belief(world.contact(str(number)), 0.5)

    counts = []
    for _ in range(20):
        counts.append(len(world.deliver_due()))
        world.now += timedelta(seconds=0.1)

    assert sum(counts) <= 5 + 5 * 2
    assert counts[0] == 5
    assert set(counts[1:]) == {0, 1}


def test_a_rate_below_one_a_second_is_kept(world, call, made):
    """The rate may be below one message a second, and it can be changed."""
    assert call("patch", f"/endpoints/{made['id']}", {"per_second": 0.1}).json["per_second"] == 0.1
    for number in range(5):
        world.store_belief(world.contact(str(number)), 0.5, ended=True)
    assert len(world.deliver_due()) == 1
    world.forward(seconds=9)
    assert world.deliver_due() == []
    world.forward(seconds=1)
    assert len(world.deliver_due()) == 1

    call("patch", f"/endpoints/{made['id']}", {"per_second": None})
    assert len(world.deliver_due()) == 3
