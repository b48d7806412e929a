"""An endpoint that keeps failing is paused, probed, and in the end disabled; other endpoints get an event for each step."""

from datetime import timedelta

import pytest

from survey_service.webhooks.circuit_breaker import DISABLED_AFTER, FIRST_PROBE, LONGEST_PROBE_GAP
from tests.survey_service.webhooks.world import GONE, failure

CONTACTS = 12
ALERTS = ("endpoint.degraded", "endpoint.disabled", "endpoint.recovered")
OPERATOR = "http://127.0.0.1:9/operator"


@pytest.fixture
def failing(world):
    """Create an endpoint that has failed for two minutes, with messages about twelve contacts, and the operator's endpoint. Return the
    first id.
    """
    made, _ = world.endpoint()
    world.endpoint(events=ALERTS, url=OPERATOR)
    for number in range(CONTACTS):
        world.store_belief(world.contact(str(number)), 0.5)
    fail(world)
    world.forward(minutes=2)
    fail(world)
    return made


def fail(world, times=None):
    """Deliver every message to the operator's endpoint and fail all others. Return the failed requests."""
    before = len(world.sent)

    def deliver(url, headers, body, policy):
        outcome = world.deliver(url, headers, body, policy)
        return outcome if url == OPERATOR else failure()

    while world.step(deliver):
        pass
    return [sent for sent in world.sent[before:] if sent.url != OPERATOR]


def alerts(world):
    return [(sent.message["type"], sent.data["reason"], sent.data["percent"]) for sent in world.sent if sent.url == OPERATOR]


def test_ten_failures_over_two_minutes_open_the_breaker_and_are_published(world, failing):
    """The operator's endpoint gets the event; it does not name the URL, which may hold a token."""
    assert world.health(failing).tripped_at == world.now
    assert fail(world) == []
    assert alerts(world) == [("endpoint.degraded", "failing", None)]
    assert "token" not in world.sent[-1].body.decode()


def test_short_failures_or_a_single_message_do_not_open_the_breaker(world):
    """The breaker stays closed when the failures span under two minutes (a restart) or concern one message (its schedule suffices)."""
    made, _ = world.endpoint()
    for number in range(CONTACTS):
        world.store_belief(world.contact(str(number)), 0.5)
    fail(world)

    assert (world.health(made).failures, world.health(made).tripped_at) == (CONTACTS, None)


def test_while_the_breaker_is_open_one_message_at_a_time_is_sent(world, failing):
    """Probes go out after 1, 2, 4 … 30 minutes, each with another message, and use up none of its attempts."""
    gaps, tried, counted = [], [], [row.attempt for row in world.deliveries if row.endpoint_id == failing]
    for _ in range(8):
        gap = world.health(failing).probe_at - world.now
        gaps.append(gap / FIRST_PROBE)
        world.now += gap - timedelta(seconds=1)
        assert fail(world) == []
        world.forward(seconds=1)
        [probe] = fail(world)
        tried.append(probe.headers["webhook-id"])

    assert gaps == [1, 2, 4, 8, 16, 30, 30, 30]
    assert len(set(tried)) == len(tried)
    assert LONGEST_PROBE_GAP / FIRST_PROBE == 30
    assert [row.attempt - row.uncounted for row in world.deliveries if row.endpoint_id == failing] == counted


def test_a_probe_that_is_in_flight_is_the_only_one(world, failing):
    world.forward(minutes=1)
    assert world.claim().is_probe

    assert world.claim() is None


def test_a_delivered_probe_closes_the_breaker_and_is_published(world, failing):
    """A delivered probe releases the waiting messages at once, without the rest of their back-off."""
    world.forward(minutes=1)
    sent = [request for request in world.deliver_due() if request.url != OPERATOR]

    assert len(sent) == CONTACTS
    assert alerts(world)[-1] == ("endpoint.recovered", "delivered", None)
    assert world.health(failing).failures == 0


def test_after_five_days_it_is_disabled_with_three_warnings_before(world, failing):
    """A disabled endpoint keeps no messages; a success before that restarts the five days."""
    started = world.now
    while world.health(failing).state == "active":
        world.forward(minutes=30)
        fail(world)
    fail(world)

    assert timedelta(0) <= world.now - started - DISABLED_AFTER < timedelta(hours=1)
    published = alerts(world)
    assert [percent for _, _, percent in published] == [None, 50, 70, 90, None]
    assert published[-1][:2] == ("endpoint.disabled", "failing")
    assert {row.state for row in world.deliveries if row.endpoint_id == failing} == {"dropped"}
    assert len(world.missed(failing)) == CONTACTS


def test_410_is_published_too(world):
    world.endpoint()
    world.endpoint(events=ALERTS, url=OPERATOR)
    world.store_belief(world.contact(), 0.5)
    world.answers = [GONE]
    world.deliver_due()

    assert alerts(world) == [("endpoint.disabled", "gone", None)]
