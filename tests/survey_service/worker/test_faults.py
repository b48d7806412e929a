"""A fault of the service in one task: it is logged whole, tried a few times and set aside, and everything else goes on."""

import logging
from dataclasses import replace
from datetime import timedelta
from threading import Event

import pytest
from sqlmodel import select

from survey_service.contacts import retention
from survey_service.crm import batches, sync
from survey_service.crm.adapters import registry
from survey_service.inbound import handler, sources
from survey_service.outbox import publish
from survey_service.respondent import expiry
from survey_service.store.tables.core import SurveySession
from survey_service.store.tables.inbound import InboundEvent, Source
from survey_service.store.tables.webhooks import Connection, Delivery, Endpoint, MissedContact
from survey_service.webhooks import claim, dispatch, results
from survey_service.worker import process as worker_process
from survey_service.worker.maintenance import Maintenance
from survey_service.worker.process import Worker
from tests.survey_service.crm.connected import Connected
from tests.survey_service.crm.fake_crm import Answer, crm, hubspot
from tests.survey_service.webhooks.world import BANK, OK

pytestmark = pytest.mark.slow

POISON = "ct_poison"


class Bug(Exception):
    """What no part of the service expects."""


@pytest.fixture(autouse=True)
def published(world):
    world.publish()


@pytest.fixture
def there(world):
    with crm(hubspot) as made:
        yield Connected(world, made)


def with_poison(world):
    """Create a healthy contact and one whose message no code can handle, each with a message."""
    for name in ("poison", "healthy"):
        world.store_belief(world.contact(name), 0.6)


def state_of(world, contact, endpoint=None):
    rows = [row for row in world.deliveries if row.contact_id == contact and endpoint in (None, row.endpoint_id)]
    return rows[-1].state, rows[-1].last_error


def run_out_of_tries(world, step):
    """Work until everything that waits has been tried again."""
    for _ in range(5):
        while step():
            pass
        world.forward(minutes=10)


def test_a_message_that_cannot_be_sent_is_set_aside_and_the_others_arrive(world, caplog):
    """Three tries with a pause between them; the endpoint is not to blame and stays healthy; the log has the traceback."""
    endpoint, _ = world.endpoint()
    with_poison(world)

    def deliver(url, headers, body, policy):
        if POISON.encode() in body:
            raise Bug
        return OK

    while world.step(deliver):
        pass
    assert state_of(world, POISON) == ("pending", "fault")
    assert state_of(world, "ct_healthy") == ("delivered", None)
    run_out_of_tries(world, lambda: world.step(deliver))

    assert state_of(world, POISON) == ("dead", "fault")
    assert [attempt.outcome for attempt in world.attempts] == ["fault", "delivered", "fault", "fault"]
    assert world.health(endpoint).failures == 0
    assert "Traceback" in caplog.text
    assert "test_faults.Bug" in caplog.text


def test_a_message_that_cannot_be_written_is_set_aside(world):
    """Its stored facts are of no shape that this version knows."""
    world.endpoint()
    with_poison(world)
    with world.store.writing() as session:
        session.exec(select(Delivery).where(Delivery.contact_id == POISON)).one().facts = {"assignment": 5}

    run_out_of_tries(world, world.step)

    assert state_of(world, POISON) == ("dead", "fault")
    assert state_of(world, "ct_healthy") == ("delivered", None)


def test_a_result_that_cannot_be_recorded_costs_no_other_result(world, monkeypatch):
    """The other messages of the batch are recorded as delivered, once."""
    world.endpoint()
    with_poison(world)
    acknowledge = results.acknowledge

    def fail_for_poison(session, states):
        rows = session.exec(select(Delivery).where(Delivery.contact_id == POISON)).all()
        if {row.id for row in rows} & states.keys():
            raise Bug
        acknowledge(session, states)

    monkeypatch.setattr(results, "acknowledge", fail_for_poison)
    run_out_of_tries(world, world.step)

    assert state_of(world, POISON) == ("dead", "fault")
    assert state_of(world, "ct_healthy") == ("delivered", None)
    assert sum(b"ct_healthy" in sent.body for sent in world.sent) == 1


def test_an_endpoint_whose_messages_cannot_be_claimed_holds_up_no_other(world, monkeypatch):
    """It waits for some minutes, and the endpoint behind it is served."""
    broken, _ = world.endpoint()
    healthy, _ = world.endpoint()
    world.store_belief(world.contact(), 0.6)
    original = claim.claim

    def fail_for_one(session, now, line, **more):
        if line[0] == broken:
            raise Bug
        return original(session, now, line, **more)

    monkeypatch.setattr(claim, "claim", fail_for_one)
    assert len(world.deliver_due()) == 1
    assert {row.endpoint_id: row.state for row in world.deliveries} == {broken: "pending", healthy: "delivered"}
    assert world.health(broken).paused_until > world.now
    monkeypatch.undo()
    world.forward(minutes=6)
    assert len(world.deliver_due()) == 1


def an_open_session(world, name):
    """Return a session that somebody has left in the middle."""
    moments = {"started_at": world.now, "last_at": world.now, "expires_at": world.now + timedelta(days=30)}
    where = {"survey": "after", "bank": BANK.bank.id, "bank_version": 1, "language": "en", "question": "owns", "limit": 3}
    return SurveySession(id=name, token_digest=name, contact_id=world.contact(name), **where, **moments)


@pytest.mark.parametrize("stored", [{"secrets": []}, {"secrets": [{}]}, {"secrets": [{"encrypted": 5}]}, {"headers": {"X-Key": 5}}])
def test_an_endpoint_stored_in_an_unknown_shape_holds_up_no_other(world, stored):
    """Its messages wait, none of them is dead; a worker starts, and maintenance goes on."""
    broken, _ = world.endpoint()
    healthy, _ = world.endpoint()
    left = an_open_session(world, "ses_1")
    with world.store.writing() as session:
        session.add(left)
        for name, value in stored.items():
            setattr(session.get_one(Endpoint, broken), name, value)
    world.store_belief(world.contact(), 0.6)

    Worker(world.settings, world.store).check_secrets()
    run_out_of_tries(world, world.step)
    world.forward(days=60)
    assert worker_process.pending_work.is_any(world.store, world.now)
    Maintenance(world.settings, world.store, world.clock).do()

    assert {row.endpoint_id: row.state for row in world.deliveries if row.event_type == "contact.persona.updated"} == {
        broken: "pending",
        healthy: "delivered",
    }
    assert [row.status for row in world.all(SurveySession)] == ["expired"]


class BrokenAdapter:
    """An adapter that raises in one of its functions for one contact, and else is HubSpot's."""

    def __init__(self, function, error):
        self.function, self.error, self.real = function, error, registry.ADAPTERS["hubspot"]

    def __getattr__(self, name):
        real = getattr(self.real, name)
        if name != self.function:
            return real

        def call(*given):
            records = given[0].records if name == "judge" else given[-1]
            if name == "token_request" or any("poison" in record.identity.value for record in records):
                raise self.error
            return real(*given)

        return call


ANYTHING = [
    Bug("x"),
    AttributeError("x"),
    KeyError("x"),
    RecursionError(),
    MemoryError(),
    AssertionError(),
    ValueError("x"),
    StopIteration(),
    SystemExit(),
]


@pytest.mark.parametrize("function", ["requests", "judge"])
@pytest.mark.parametrize("error", ANYTHING, ids=lambda error: type(error).__name__)
def test_an_adapter_may_raise_anything_at_all(there, monkeypatch, function, error):
    """Only the record at which it raises is set aside; the others of its batch arrive, and so do webhooks."""
    monkeypatch.setitem(registry.ADAPTERS, "hubspot", BrokenAdapter(function, error))
    connection = there.connect()
    endpoint, _ = there.world.endpoint()
    with_poison(there.world)
    there.people(6)

    run_out_of_tries(there.world, there.step)
    there.world.deliver_due()

    at_crm = {row.contact_id: (row.state, row.last_error) for row in there.world.deliveries if row.endpoint_id == connection}
    assert at_crm.pop(POISON) == ("dead", "fault")
    assert set(at_crm.values()) == {("delivered", None)}
    assert {row.state for row in there.world.deliveries if row.endpoint_id == endpoint} == {"delivered"}
    assert there.world.health(connection).failures == 0


def test_an_adapter_that_cannot_even_ask_for_a_token_pauses_its_connection(there, monkeypatch):
    """The connection says so, and its messages wait."""
    monkeypatch.setitem(registry.ADAPTERS, "hubspot", BrokenAdapter("token_request", Bug()))
    there.connect()
    there.people(1)
    there.deliver_due()
    assert there.world.states == ["pending"]
    assert there.connection.paused_because.startswith("fault")


def test_a_result_of_a_crm_that_cannot_be_settled_costs_no_other_result(there, monkeypatch):
    there.connect()
    with_poison(there.world)
    original = batches._delivered

    def fail_for_poison(session, row, now):
        if row.contact_id == POISON:
            raise Bug
        original(session, row, now)

    monkeypatch.setattr(batches, "_delivered", fail_for_poison)
    run_out_of_tries(there.world, there.step)
    assert state_of(there.world, POISON) == ("dead", "fault")
    assert state_of(there.world, "ct_healthy") == ("delivered", None)


def test_a_connection_that_cannot_be_claimed_holds_up_no_other(there):
    """Its stored credentials are of no shape that this version knows."""
    broken, healthy = there.connect(), there.connect()
    with there.world.store.writing() as session:
        session.get_one(Endpoint, broken).secrets = [{}]
    there.people(1)

    run_out_of_tries(there.world, there.step)

    assert {row.endpoint_id: row.state for row in there.world.deliveries} == {broken: "pending", healthy: "delivered"}
    assert next(row for row in there.world.all(Connection) if row.endpoint_id == broken).paused_because.startswith("fault")


def test_a_thread_of_the_worker_survives_what_nobody_expects(there, world, monkeypatch):
    """CRM synchronisation, maintenance and the heartbeat raise all the time: webhooks are delivered, and the worker does not end."""
    endpoint, _ = world.endpoint()
    there.connect()
    contact = world.contact()
    failed, delivered = Event(), Event()

    def fail(*_, **__):
        failed.set()
        raise Bug

    def deliver(*_):
        delivered.set()
        return OK

    monkeypatch.setattr(sync, "step", fail)
    monkeypatch.setattr(worker_process.pending_work, "is_any", fail)
    monkeypatch.setattr(worker_process, "FIRST_RETRY_SECONDS", 0.01)
    worker = Worker(world.settings, world.store)
    monkeypatch.setattr(worker, "_heartbeat", type("Broken", (), {"beat": fail, "stop": lambda _: None})())
    worker._sender = dispatch.Sender(world.store, world.keys, None, deliver=deliver, enough=worker._stop.is_set)
    worker.start()
    try:
        assert failed.wait(30)
        world.store_belief(contact, 0.6)
        assert delivered.wait(30)
        assert worker._stop_requests.empty()
    finally:
        worker.stop()
        worker.join()
    assert {row.endpoint_id: row.state for row in world.deliveries}[endpoint] == "delivered"


def test_an_inbound_event_that_fails_is_set_aside_and_the_later_ones_are_handled(world, monkeypatch):
    """Three tries; then it counts as done, with the problem, and keeps nothing of what was sent."""

    class Receiver:
        def handle(self, context, kind, facts):
            if facts["poison"]:
                raise Bug
            return handler.Handled()

    monkeypatch.setitem(sources.RECEIVERS, "signed", Receiver())
    with world.store.writing() as session:
        session.add(Source(id="src_1", kind="signed", secret="", created_at=world.now))
        session.flush()
        for number, poison in enumerate((True, False)):
            moments = {"occurred_at": world.now, "received_at": world.now, "due": world.now}
            session.add(InboundEvent(source_id="src_1", event_id=str(number), kind="x", facts={"poison": poison}, **moments))
    maintenance = Maintenance(world.settings, world.store, world.clock)

    while maintenance.do():
        pass
    assert [(event.done_at is None, event.problem) for event in world.all(InboundEvent)] == [(True, "fault"), (False, None)]
    run_out_of_tries(world, maintenance.do)

    poison, healthy = world.all(InboundEvent)
    assert (poison.problem, poison.faults, poison.facts) == ("fault", 3, {})
    assert poison.done_at is not None
    assert (healthy.problem, healthy.faults) == (None, 0)


def test_a_contact_that_cannot_be_resynced_holds_up_no_other(world, monkeypatch):
    endpoint, _ = world.endpoint()
    with_poison(world)
    world.deliver_due()
    with world.store.writing() as session:
        for contact in (POISON, "ct_healthy"):
            session.add(MissedContact(endpoint_id=endpoint, contact_id=contact))
    original = publish.publish_snapshot

    def fail_for_poison(session, endpoint, contact, banks, now):
        if contact.id == POISON:
            raise Bug
        original(session, endpoint, contact, banks, now)

    monkeypatch.setattr(publish, "publish_snapshot", fail_for_poison)
    maintenance = Maintenance(world.settings, world.store, world.clock)
    while maintenance.do():
        pass

    assert world.missed(endpoint) == []
    assert [row.contact_id for row in world.deliveries if row.state == "pending"] == ["ct_healthy"]


def test_a_session_that_cannot_be_expired_holds_up_no_other(world, monkeypatch):
    """It is closed without a message, because it would come back for ever."""
    left = [an_open_session(world, name) for name in ("ses_poison", "ses_healthy")]
    with world.store.writing() as session:
        session.add_all(left)
    original = expiry.expire

    def fail_for_poison(session, banks, session_id, now):
        if session_id == "ses_poison":
            raise Bug
        original(session, banks, session_id, now)

    monkeypatch.setattr(expiry, "expire", fail_for_poison)
    world.forward(days=60)
    maintenance = Maintenance(world.settings, world.store, world.clock)
    while maintenance.do():
        pass

    assert {row.status for row in world.all(SurveySession)} == {"expired"}


def test_one_kind_of_maintenance_that_fails_does_not_stop_the_others(world, monkeypatch):
    def fail(*_, **__):
        raise Bug

    monkeypatch.setattr(handler, "step", fail)
    monkeypatch.setattr(publish, "resync_some", fail)
    left = an_open_session(world, "ses_1")
    with world.store.writing() as session:
        session.add(left)
    world.forward(days=60)
    Maintenance(world.settings, world.store, world.clock).do()
    assert [row.status for row in world.all(SurveySession)] == ["expired"]


def test_retention_goes_on_behind_a_fault(world, monkeypatch):
    """What can be deleted is deleted; the worker goes on, and the command says that something is left."""

    def fail(*_, **__):
        raise Bug

    monkeypatch.setattr(retention, "_delete_sessions", fail)
    world.endpoint()
    with_poison(world)
    world.deliver_due()
    world.forward(days=100)
    settings = replace(world.settings, retention_days=30)
    Maintenance(settings, world.store, world.clock).prune()
    assert world.deliveries == []
    with pytest.raises(retention.RetentionIncomplete, match="sessions"):
        retention.prune(world.store, world.banks, 30, world.clock)


def test_a_fault_names_no_secret_in_the_log(there, monkeypatch, caplog):
    """The log has the traceback and the task, and neither the token nor the address."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setitem(registry.ADAPTERS, "hubspot", BrokenAdapter("judge", Bug()))
    there.connect()
    there.crm.behaviour = lambda asked: Answer(200, {"secret": "poison@example.com"})
    with_poison(there.world)
    there.deliver_due()
    assert "Traceback" in caplog.text
    for secret in ("pat-eu1-not-for-logs", "poison@example.com", there.crm.url):
        assert secret not in caplog.text
