"""Messages are claimed, sent and recorded in batches; a message that was not sent is released unchanged."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError

from survey_service.contacts.erasure import erase
from survey_service.store.tables.core import Contact
from survey_service.store.tables.webhooks import Acknowledged
from survey_service.webhooks import dispatch, due
from survey_service.webhooks.dispatch import Speeds
from survey_service.webhooks.retry import LEASE
from tests.survey_service.webhooks.world import GONE, OK, failure
from tests.survey_service.worker.test_worker import Unsteady

DECIDED = "contact.persona.decided"


@pytest.fixture
def endpoint(world):
    """Create an endpoint with one pending message about each of six contacts. Return its id."""
    made, _ = world.endpoint()
    for number in range(6):
        world.store_belief(world.contact(str(number)), 0.5)
    return made


def test_a_batch_holds_one_message_of_each_contact_in_order(world):
    """A batch never holds two messages about the same contact."""
    world.endpoint(events=(DECIDED,))
    for name in ("one", "two"):
        contact = world.contact(name)
        for driver in (0.95, 0.05):
            world.store_belief(contact, driver)
    first = world.claim(most=100)
    assert world.claim(most=100) is None
    world.record_results(first, OK, OK)
    second = world.claim(most=100)

    order = [[message.delivery_id for message in batch.messages] for batch in (first, second)]
    assert order == [[1, 3], [2, 4]]


def test_each_message_is_settled_on_its_own(world, endpoint):
    """Each message of a batch is recorded with its own outcome and its own time; only the delivered ones are acknowledged."""
    world.answers = [OK, failure(), OK, failure(), OK, OK]

    def deliver(*given):
        world.forward(seconds=1)
        return world.deliver(*given)

    began = world.now
    world.step(deliver)

    assert world.states == ["delivered", "pending", "delivered", "pending", "delivered", "delivered"]
    assert [(attempt.started_at - began, attempt.finished_at - began) for attempt in world.attempts] == [
        (timedelta(seconds=number), timedelta(seconds=number + 1)) for number in range(6)
    ]
    assert [attempt.outcome for attempt in world.attempts] == ["delivered", "retry", "delivered", "retry", "delivered", "delivered"]
    assert len(world.all(Acknowledged)) == 4
    assert [row.due - world.now for row in world.deliveries if row.state == "pending"] == [timedelta(seconds=5)] * 2
    world.forward(seconds=5)
    assert [sent.data["contact"]["id"] for sent in world.deliver_due()] == ["ct_1", "ct_3"]


@pytest.mark.parametrize("last", [GONE, failure(503, timedelta(seconds=60))], ids=["410", "retry-after"])
def test_an_endpoint_that_answers_410_gets_no_more_of_the_batch(world, endpoint, last):
    """After a 410 the rest of the batch is released without an attempt and without a log entry."""
    world.answers = [OK, last]
    world.step()

    assert len(world.sent) == len(world.attempts) == 2
    assert [row.attempt for row in world.deliveries] == [1, 1, 0, 0, 0, 0]
    assert {row.body for row in world.deliveries[2:]} == {None}
    assert {row.state for row in world.deliveries[2:]} == ({"dropped"} if last is GONE else {"pending"})


def test_a_failing_endpoint_gets_one_message_at_a_time(world, endpoint):
    """A failing endpoint gets one message at a time; after a successful delivery it gets the rest as one batch."""
    world.answers = [failure()] * 4
    batches = []

    def deliver(*given):
        batches.append(len([row for row in world.deliveries if row.lease_until is not None]))
        return world.deliver(*given)

    world.step(deliver)

    assert batches == [6, 6, 6, 1, 1, 1]
    world.forward(seconds=5)
    world.step(deliver)
    assert batches[6:] == [4, 4, 4, 4]


def test_a_released_manual_retry_stays_manual(world, endpoint):
    """A manual retry that is released unsent stays manual: its next attempt is recorded as manual."""
    world.answers = [OK, failure()]
    world.step()
    world.send_again(2)
    world.record_results(world.claim(most=6))  # released without being sent
    assert [row.manual for row in world.deliveries] == [False, True, False, False, False, False]
    world.step()
    assert [attempt.manual for attempt in world.attempts if attempt.delivery_id == 2] == [False, True]


def test_a_stopping_worker_finishes_one_message_and_releases_the_rest(world, endpoint):
    sender = world.sender(enough=lambda: bool(world.sent))
    dispatch.step(sender)

    assert len(world.sent) == len(world.attempts) == 1
    assert sorted(world.states) == ["delivered"] + ["pending"] * 5
    assert [row.lease_until for row in world.deliveries] == [None] * 6
    assert len(world.deliver_due()) == 5


def test_a_batch_whose_worker_died_comes_again_with_the_same_bytes(world, endpoint):
    """Another worker sends the batch after the lease, with the same bytes; the attempt without an outcome uses up no step of the
    schedule.
    """
    lost = world.claim(most=100)
    world.forward(seconds=LEASE.total_seconds() + 1)
    world.answers = [failure()]
    sent = world.deliver_due()

    assert [delivery.body for delivery in sent] == [message.body for message in lost.messages]
    assert [(attempt.number, attempt.outcome) for attempt in world.attempts if attempt.delivery_id == 1] == [(1, None), (2, "retry")]
    assert world.deliveries[0].due - world.now == timedelta(seconds=5)  # the delay after a first attempt


def test_a_message_claimed_by_another_thread_is_not_recorded_with_the_batch(world, endpoint):
    """Recording a batch leaves out the messages that another thread has claimed since."""
    slow = world.claim(most=2)
    world.forward(seconds=LEASE.total_seconds() + 1)
    quick = world.claim(most=1)

    assert world.record_results(slow, OK, OK) is False
    assert world.states[:2] == ["pending", "delivered"]
    assert world.record_results(quick, failure()) is True
    assert world.deliveries[0].last_error == "status"


def test_a_contact_erased_during_a_batch_is_not_sent_any_more(world, endpoint, monkeypatch):
    """A batch reads its messages again when it has run for a while, and does not send those that were dropped."""
    monkeypatch.setattr(dispatch, "LOOK_AGAIN_SECONDS", 0.0)

    def deliver(*given):
        if not world.sent:
            with world.store.writing() as session:
                erase(session, world.keys, session.get_one(Contact, "ct_3", with_for_update=True), world.now)
        return world.deliver(*given)

    world.step(deliver)

    assert [sent.data["contact"]["id"] for sent in world.sent] == ["ct_0", "ct_1", "ct_2", "ct_4", "ct_5"]
    assert world.deliveries[3].state == "dropped"
    assert not [attempt for attempt in world.attempts if attempt.delivery_id == 4]


def test_a_url_changed_during_a_batch_gets_the_rest(world, endpoint, monkeypatch):
    monkeypatch.setattr(dispatch, "LOOK_AGAIN_SECONDS", 0.0)

    def deliver(*given):
        if not world.sent:
            world.change(endpoint, url="http://127.0.0.1:9/new")
        return world.deliver(*given)

    while world.step(deliver):
        pass

    assert [sent.url.rpartition("/")[2].partition("?")[0] for sent in world.sent] == ["hook"] + ["new"] * 5


class FullBatches(Speeds):
    """Speeds that allow a first-size batch however long each message took."""

    def most(self, endpoint_id):
        return dispatch.FIRST


def test_a_batch_ends_when_its_time_is_over(world, endpoint, monkeypatch):
    """A batch ends long before its lease does, and its remaining messages are claimed again."""
    monkeypatch.setattr(dispatch, "BATCH_SECONDS", -1.0)
    claimed = []

    def deliver(*given):
        claimed.append([row.attempt for row in world.deliveries if row.lease_until is not None])
        return world.deliver(*given)

    dispatch.step(world.sender(deliver, speeds=FullBatches()))

    assert claimed == [[1] * left for left in (6, 5, 4, 3, 2, 1)]
    assert LEASE.total_seconds() > dispatch.BATCH_SECONDS * 10


def test_a_short_database_outage_sends_nothing_twice(world, endpoint, monkeypatch):
    """Recording is retried until the database is back, so that no delivered message is sent twice."""
    monkeypatch.setattr(dispatch, "SETTLE_AGAIN_SECONDS", 0.001)
    problem = OperationalError("", {}, Exception("server closed"))
    store = Unsteady(world.settings.database_url, problem, 0)

    def deliver(*given):
        store.times = 3
        return world.deliver(*given)

    sender = dispatch.Sender(store, world.keys, None, world.clock, deliver)
    dispatch.step(sender)
    store.close()

    assert len(world.sent) == 6
    assert set(world.states) == {"delivered"}
    assert store.met.is_set()


def test_parallel_deliveries_are_counted_in_batches(world):
    """An endpoint's limit of parallel deliveries counts batches, not messages."""
    world.endpoint()
    for number in range(30):
        world.store_belief(world.contact(str(number)), 0.5)
    taken = [world.claim(most=5) for _ in range(due.PLACES_PER_ENDPOINT + 1)]

    assert [message and len(message.messages) for message in taken] == [5] * due.PLACES_PER_ENDPOINT + [None]
    world.record_results(taken[0], *[OK] * 5)
    assert world.claim(most=5)


def test_the_batch_size_follows_the_speed_of_the_endpoint():
    """A batch starts small, grows for a fast endpoint and holds one message for a slow one."""
    seen = Speeds()
    assert seen.most("new") == dispatch.FIRST
    for seconds, most in ((0.001, dispatch.MOST), (0.05, 10), (0.4, 1), (15.0, 1)):
        seen.note("ep", 10, 10 * seconds)
        assert seen.most("ep") == most


def test_half_of_the_threads_skip_slow_endpoints(world, endpoint):
    """A thread for fast endpoints skips a slow endpoint until one delivery to it was fast again."""
    seen = Speeds()
    seen.note(endpoint, 1, 15.0)
    assert dispatch.step(world.sender(speeds=seen), slow_too=False) is False
    assert dispatch.step(world.sender(speeds=seen), slow_too=True) is True
    assert seen.slow() == set()
