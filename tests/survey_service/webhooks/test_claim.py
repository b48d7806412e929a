"""Messages about one contact are claimed one at a time, in order, by one worker; a late result changes nothing; bytes never change."""

from datetime import timedelta

import pytest
from sqlmodel import select
from standardwebhooks import Webhook

from survey_service.store.tables.webhooks import Acknowledged, Endpoint
from survey_service.webhooks import due
from survey_service.webhooks.retry import LEASE, SCHEDULE
from tests.survey_service.webhooks.world import GONE, OK, failure

DECIDED = "contact.persona.decided"


def test_messages_about_one_contact_go_one_by_one_in_order(world):
    """Messages about one contact are sent in the order of their sequence, whichever is due first."""
    world.endpoint(when="material", events=())
    contact = world.contact()
    for driver in (0.95, 0.1, 0.95):
        world.store_belief(contact, driver, ended=True)
    sequences = []
    while claimed := world.claim():
        assert world.claim() is None
        world.record_results(claimed, OK)
        sequences.append(next(row.sequence for row in world.deliveries if row.id == claimed.messages[0].delivery_id))

    assert sequences == [2, 4, 5, 6]  # three decisions and the last of the three updates


def test_a_message_that_waits_for_its_next_attempt_holds_back_the_later_ones(world):
    """A decision is never sent before the decision that it replaces."""
    world.endpoint(events=(DECIDED,))
    contact = world.contact()
    world.store_belief(contact, 0.95)
    world.store_belief(contact, 0.05)
    world.answers = [failure()]
    world.deliver_due()
    assert world.deliver_due() == []

    world.forward(seconds=5)

    assert [sent.data["sequence"] for sent in world.deliver_due()] == [2, 4]


def test_contacts_do_not_wait_for_each_other(world):
    world.endpoint()
    for name in ("one", "two"):
        world.store_belief(world.contact(name), 0.5)

    assert world.claim() is not None
    assert world.claim() is not None


def test_an_endpoint_that_hangs_leaves_threads_free_for_the_others(world):
    """An endpoint that hangs may occupy four threads, never all of them."""
    hanging, _ = world.endpoint()
    for number in range(6):
        world.store_belief(world.contact(str(number)), 0.5)
    world.forward(seconds=1)
    other, _ = world.endpoint()
    world.store_belief(world.contact("more"), 0.5)

    claimed = [world.claim() for _ in range(6)]

    endpoints = [batch.endpoint_id for batch in claimed if batch]
    assert endpoints.count(hanging) == due.PLACES_PER_ENDPOINT
    assert endpoints.count(other) == 1


def test_a_worker_that_dies_after_claiming_loses_nothing(world):
    """Another worker sends the message after the lease, with the same id and bytes; the attempt without an outcome shows the crash."""
    world.endpoint()
    world.store_belief(world.contact(), 0.5)
    lost = world.claim()  # never recorded
    world.forward(seconds=LEASE.total_seconds())
    assert world.claim() is None

    world.forward(seconds=1)
    [sent] = world.deliver_due()

    assert (sent.message["id"], sent.body) == (lost.messages[0].event_id, lost.messages[0].body)
    assert [(attempt.number, attempt.outcome) for attempt in world.attempts] == [(1, None), (2, "delivered")]
    assert world.states == ["delivered"]


@pytest.mark.parametrize("late", [OK, failure(), GONE], ids=["delivered", "retry", "rejected"])
def test_a_result_that_comes_after_the_lease_changes_nothing(world, late):
    """A result after the lease leaves the message to the worker that has it now; the late attempt is logged."""
    world.endpoint()
    world.store_belief(world.contact(), 0.5)
    slow = world.claim()
    world.forward(seconds=61)
    quick = world.claim()

    assert world.record_results(slow, late) is False

    assert world.states == ["pending"]
    assert world.the_endpoint().state == "active"
    assert world.all(Acknowledged) == []
    assert world.record_results(quick, OK) is True
    assert world.record_results(slow, late) is False
    assert world.states == ["delivered"]
    assert all(attempt.outcome for attempt in world.attempts)


@pytest.mark.parametrize("outcome", [OK, failure()], ids=["delivered", "retry"])
def test_a_message_dropped_in_flight_stays_dropped(world, outcome):
    """The result of a message whose endpoint was removed during the request leaves it dropped."""
    endpoint, _ = world.endpoint()
    world.store_belief(world.contact(), 0.5)
    claimed = world.claim()
    world.remove(endpoint)

    assert world.record_results(claimed, outcome) is False
    assert world.states == ["dropped"]


def test_the_bytes_are_frozen_and_each_attempt_is_signed_at_its_own_time(world):
    """Every attempt sends the same bytes; only time and signature differ, and a public verifier accepts all three."""
    endpoint, secret = world.endpoint(include_pii=True)
    contact = world.contact()
    world.store_belief(contact, 0.5)
    world.answers = [failure(), failure()]
    for seconds in (0, 5, 30):
        world.forward(seconds=seconds)
        world.deliver_due()
        world.change(endpoint, include_pii=False)

    bodies, ids, stamps = ({pick(delivery) for delivery in world.sent} for pick in (_body, _id, _stamp))
    assert (len(world.sent), len(bodies), len(ids), len(stamps)) == (3, 1, 1, 3)
    for delivery in world.sent:
        assert Webhook(secret).verify(delivery.body, delivery.headers)["data"]["contact"]["id"] == contact


def test_the_schedule_is_followed_to_its_end(world):
    """A failing message is sent twelve times in 75.7 hours, never early, and not a thirteenth time."""
    world.endpoint()
    world.store_belief(world.contact(), 0.5)
    began = world.now
    world.answers = [failure()] * 20
    for wait in SCHEDULE:
        if wait:
            world.forward(seconds=wait.total_seconds() - 1)
            assert world.deliver_due() == []
            world.forward(seconds=1)
        assert len(world.deliver_due()) == 1

    assert world.states == ["dead"]
    assert world.now - began == sum(SCHEDULE, timedelta(0))
    world.forward(days=30)
    assert world.deliver_due() == []


def test_the_answer_of_the_receiver_is_kept_as_it_came(world):
    """The excerpt is stored byte for byte, NUL and lone surrogates included."""
    world.endpoint()
    world.store_belief(world.contact(), 0.5)
    world.answers = [failure()]
    world.deliver_due()

    assert world.attempts[0].excerpt == b"oops, inside \x00"
    assert world.deliveries[0].last_error == "status"


def test_410_disables_the_endpoint_and_drops_pending_messages(world):
    """A 410 disables its endpoint and drops its pending messages; another endpoint is unaffected."""
    gone, _ = world.endpoint()
    world.answers = [GONE]
    for name in ("one", "two"):
        world.store_belief(world.contact(name), 0.5)
    world.step()
    other, _ = world.endpoint()
    world.store_belief(world.contact("three"), 0.5)

    assert world.states == ["dead", "dropped", "pending"]
    assert len(world.deliver_due()) == 1
    with world.store.reading() as session:
        states = dict(session.exec(select(Endpoint.id, Endpoint.disabled_because)).all())
    assert states == {gone: "gone", other: None}


def test_410_from_a_former_url_disables_nothing(world):
    """A 410 from the former URL does not disable an endpoint that has a new URL."""
    endpoint, _ = world.endpoint()
    world.store_belief(world.contact(), 0.5)
    claimed = world.claim()
    world.change(endpoint, url="http://127.0.0.1:9/new")
    world.record_results(claimed, GONE)

    assert world.the_endpoint().state == "active"


def test_retry_after_pauses_the_whole_endpoint(world):
    """Retry-After delays every message of the endpoint, not only the one that was answered."""
    world.endpoint()
    for name in ("one", "two"):
        world.store_belief(world.contact(name), 0.5)
    world.answers = [failure(429, timedelta(seconds=120))]
    assert len(world.deliver_due()) == 1
    world.forward(seconds=119)
    assert world.deliver_due() == []

    world.forward(seconds=1)

    assert len(world.deliver_due()) == 2


def _body(sent):
    return sent.body


def _id(sent):
    return sent.headers["webhook-id"]


def _stamp(sent):
    return sent.headers["webhook-timestamp"]
