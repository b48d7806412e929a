"""A failing CRM is paused, probed and in the end disabled, and the operator is notified. A batch of a worker that died is repeated."""

from datetime import timedelta
from threading import Event

from survey_service.crm import connections
from survey_service.store.tables.webhooks import Acknowledged
from survey_service.webhooks.circuit_breaker import DISABLED_AFTER
from tests.survey_service.crm.fake_crm import Answer, hubspot
from tests.survey_service.egress.hostile_receiver import Receiver
from tests.survey_service.worker.test_worker import start_worker

CONTACTS = 12
OPERATOR = "http://127.0.0.1:9/operator"
ALERTS = ("endpoint.degraded", "endpoint.disabled", "endpoint.recovered")


def published(there):
    return [(sent.message["type"], sent.data["reason"], sent.data["percent"]) for sent in there.world.deliver_due() if sent.url == OPERATOR]


def failing_connection(there, status=500):
    """Create a connection whose CRM has failed for two minutes. Return its id."""
    made = there.connect()
    there.world.endpoint(events=ALERTS, url=OPERATOR)
    there.people(CONTACTS)
    there.crm.behaviour = lambda _: Answer(status)
    there.deliver_due()
    there.world.forward(minutes=2)
    there.deliver_due()
    return made


def test_a_failing_crm_is_probed_with_single_records(there):
    """Probes use up no attempt of a message; after a successful probe all other messages follow at once."""
    made = failing_connection(there)
    counted = [row.attempt - row.uncounted for row in there.world.deliveries if row.endpoint_id == made]
    assert published(there) == [("endpoint.degraded", "failing", None)]
    for gap in (1, 2, 4):
        before = len(there.crm.asked)
        there.world.forward(minutes=gap, seconds=-1)
        there.deliver_due()
        assert len(there.crm.asked) == before
        there.world.forward(seconds=1)
        there.deliver_due()
        assert [len(call.body["inputs"]) for call in there.crm.asked[before:]] == [1]
    assert [row.attempt - row.uncounted for row in there.world.deliveries if row.endpoint_id == made] == counted

    there.crm.behaviour = hubspot
    there.world.forward(minutes=8)
    there.deliver_due()
    assert {row.state for row in there.world.deliveries if row.endpoint_id == made} == {"delivered"}
    assert published(there) == [("endpoint.recovered", "delivered", None)]
    assert len(there.world.all(Acknowledged)) == CONTACTS


def test_a_crm_that_fails_for_days_is_disabled_and_published(there):
    """A disabled connection keeps no messages, only a list of the contacts whose changes it missed."""
    made = failing_connection(there)
    started = there.world.now
    while there.world.health(made).state == "active":
        there.world.forward(minutes=30)
        there.deliver_due()

    assert timedelta(0) <= there.world.now - started - DISABLED_AFTER < timedelta(hours=1)
    assert [(event.rpartition(".")[2], percent) for event, _, percent in published(there)] == [
        *[("degraded", None), ("degraded", 50), ("degraded", 70), ("degraded", 90)],
        ("disabled", None),
    ]
    assert len(there.world.missed(made)) == CONTACTS
    there.deliver_due()
    assert {row.state for row in there.world.deliveries if row.endpoint_id == made} == {"dropped"}


def test_credentials_refused_for_days_are_published(there):
    """The pause uses up no attempt, and after some days it is published."""
    made = failing_connection(there, status=403)
    started = there.world.now
    while there.world.now - started < DISABLED_AFTER * 0.6:
        there.world.forward(hours=1)
        there.deliver_due()

    assert ("endpoint.degraded", "failing", 50) in published(there)
    assert there.world.health(made).state == "active"
    assert {row.attempt - row.uncounted for row in there.world.deliveries if row.endpoint_id == made} == {0}


def test_a_worker_that_is_killed_in_the_middle_of_a_batch_loses_nothing(there):
    """SIGKILL during a request: the same records are sent again after the lease, with the same trace ids."""
    arrived = Event()

    def hang(wire, closing):
        arrived.set()
        closing.wait()

    with Receiver(hang) as thinking:
        made = there.connect(url=thinking.url().rpartition("/")[0])
        there.people(3)
        process = start_worker(there.world.settings)
        assert arrived.wait(30)
        process.kill()
        process.communicate(timeout=30)
        asked = thinking.requests[0]
    there.world.forward(minutes=6)
    with there.world.store.writing() as session:
        connections.change(session, there.world.settings, there.world.banks, made, {"url": there.crm.url}, there.world.now)
    there.deliver_due()

    assert set(there.world.states) == {"delivered"}
    assert len(there.inputs) == 3
    assert all(input_["objectWriteTraceId"].encode() in asked for input_ in there.inputs)
    assert [(attempt.number, attempt.outcome) for attempt in there.world.attempts] == [(1, None)] * 3 + [(2, "delivered")] * 3
