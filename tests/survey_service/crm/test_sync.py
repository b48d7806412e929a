"""Batches to a CRM on loopback: the CRM's failures and the outcome of every single record."""

import logging

import pytest

from survey_service.contacts.erasure import erase
from survey_service.crm import batches, connections, sync
from survey_service.egress.addresses import Policy
from survey_service.store.tables.core import Contact
from survey_service.worker import process
from tests.survey_service.crm.connected import TOKEN
from tests.survey_service.crm.fake_crm import MOMENTS, Answer, hubspot, hubspot_result
from tests.survey_service.egress.hostile_receiver import LOOPBACK


def test_contacts_go_out_in_batches_and_each_is_acknowledged(there):
    """The first request has a hundred records, the next the rest; fields are strings; no record is sent twice."""
    there.connect()
    there.people(103)

    there.deliver_due()

    assert [len(asked.body["inputs"]) for asked in there.crm.asked] == [100, 3]
    assert {asked.path for asked in there.crm.asked} == {"/crm/v3/objects/contacts/batch/update"}
    assert there.crm.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert set(there.world.states) == {"delivered"}
    first = there.inputs[0]
    assert first["idProperty"] == "email"
    assert first["properties"]["persona_p_driver"] == "0.7000"
    assert all(isinstance(value, str) for value in first["properties"].values())
    assert not there.step()


def test_contacts_are_made_only_where_the_connection_says_so(there):
    """Upsert creates missing contacts, so it is used only if the connection allows it."""
    there.connect(create_contacts=True)
    there.people(1)
    there.deliver_due()
    assert [asked.path for asked in there.crm.asked] == ["/crm/v3/objects/contacts/batch/upsert"]


def test_the_most_reliable_id_is_used_with_one_request_per_kind(there):
    """The order is record id, external id property, email."""
    there.connect(identity=["record_id", "external_id", "email"], external_id={"field": "crm_id", "system": "shop"})
    people = there.people(3)
    there.named(people[0], "hubspot", "51")
    there.named(people[1], "shop", "s-1")

    for contact in people:
        there.world.store_belief(contact, 0.9)
    there.deliver_due()

    found = {(input_.get("idProperty"), input_["id"]) for input_ in there.inputs}
    assert found == {(None, "51"), ("crm_id", "s-1"), ("email", "crm-2@example.com")}


def test_one_bad_record_of_a_hundred_is_the_only_dead_one(there):
    """207 with an error for one trace id: ninety-nine are delivered."""
    there.connect()
    there.people(100)

    def reject_one(asked):
        inputs = asked.body["inputs"]
        error = {
            "category": "VALIDATION_ERROR",
            "context": {"objectWriteTraceId": [inputs[0]["objectWriteTraceId"]]},
            "message": "crm-0@example.com",
        }
        body = {
            "status": "COMPLETE",
            "results": [hubspot_result(input_) for input_ in inputs[1:]],
            "numErrors": 1,
            "errors": [error],
            **MOMENTS,
        }
        return Answer(207, body)

    there.crm.behaviour = reject_one
    there.deliver_due()

    assert sorted(there.world.states).count("delivered") == 99
    assert [row.last_error for row in there.world.deliveries if row.state == "dead"] == ["validation_error"]
    assert len(there.crm.asked) == 1


def test_a_batch_that_is_refused_whole_is_halved_until_the_bad_record_is_found(there):
    """400 for the whole batch because of one record: the others still arrive."""
    there.connect()
    there.people(8)

    def reject_batches(asked):
        bad = any(input_["id"].startswith("crm-5@") for input_ in asked.body["inputs"])
        return Answer(400, {"status": "error", "category": "VALIDATION_ERROR"}) if bad else hubspot(asked)

    there.crm.behaviour = reject_batches
    there.deliver_due()
    assert sorted(there.world.states) == ["dead"] + ["delivered"] * 7


def test_too_large_a_batch_is_halved(there):
    """413 blames no record."""
    there.connect()
    there.people(4)
    there.crm.answers.append(Answer(413))
    there.deliver_due()
    assert [len(asked.body["inputs"]) for asked in there.crm.asked] == [4, 2, 2]
    assert set(there.world.states) == {"delivered"}


@pytest.mark.parametrize(("policy", "seconds"), [("TEN_SECONDLY_ROLLING", 10), ("DAILY", None)])
def test_a_rate_limit_stops_the_connection_and_costs_no_attempt(there, policy, seconds):
    """The pause lasts ten seconds or until the end of the day; then the same records are sent."""
    there.connect()
    there.people(2)
    there.crm.answers.append(Answer(429, {"status": "error", "errorType": "RATE_LIMIT", "policyName": policy}))

    there.deliver_due()

    assert len(there.crm.asked) == 1
    assert there.world.states == ["pending", "pending"]
    assert [row.attempt for row in there.world.deliveries] == [0, 0]
    until = there.world.the_endpoint().paused_until
    waits = (until - there.world.now).total_seconds()
    assert waits == seconds or (seconds is None and (until.hour, until.minute) == (0, 0) and 0 < waits <= 86400)
    assert "rate_limited" in there.connection.paused_because
    there.world.now = until
    there.deliver_due()
    assert there.world.states == ["delivered", "delivered"]
    assert there.connection.paused_because is None


def test_a_token_is_renewed_once(there):
    """After a 401 with OAuth credentials the same records are sent with a new token, which the next batch uses too."""
    tokens = iter(["old", "new", "never"])

    def require_new_token(asked):
        if asked.path == "/oauth/v1/token":
            return Answer(200, {"access_token": next(tokens), "expires_in": 1800})
        return hubspot(asked) if asked.headers["authorization"] == "Bearer new" else Answer(401)

    there.crm.behaviour = require_new_token
    there.connect(credentials={"client_id": "c", "client_secret": "s", "refresh_token": "r"})
    contact = there.people(1)[0]
    there.deliver_due()
    there.world.store_belief(contact, 0.9)
    there.deliver_due()

    paths = [asked.path.rpartition("/")[2] for asked in there.crm.asked]
    assert paths == ["token", "update", "token", "update", "update"]
    assert there.crm.asked[0].body == {"grant_type": "refresh_token", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
    assert set(there.world.states) == {"delivered"}
    assert "new" not in (there.connection.token or "")


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_pause_the_connection_until_it_is_changed(there, status):
    """Nothing is lost and nothing is sent until the connection is changed or an hour is over."""
    connection = there.connect()
    there.people(1)
    there.crm.answers.append(Answer(status))
    there.deliver_due()
    assert there.world.states == ["pending"]
    assert "unauthorised" in there.connection.paused_because
    with there.world.store.writing() as session:
        given = {"credentials": {"token": "pat-new"}}
        connections.change(session, there.world.settings, there.world.banks, connection, given, there.world.now)
    there.deliver_due()
    assert there.crm.asked[-1].headers["authorization"] == "Bearer pat-new"
    assert there.world.states == ["delivered"]


def test_a_failing_crm_is_tried_again_by_the_schedule(there):
    """After a 502 the record waits and is delivered by the next attempt."""
    there.connect()
    there.people(1)
    there.crm.answers.append(Answer(502))
    there.deliver_due()
    (row,) = there.world.deliveries
    assert (row.state, row.attempt, row.last_error) == ("pending", 1, "status_502")
    there.world.forward(seconds=5)
    there.deliver_due()
    assert there.world.states == ["delivered"]


def test_what_an_answer_leaves_out_is_sent_again(there):
    """200 with fewer results than inputs: the records without a result are retried."""
    there.connect()
    there.people(2)
    body = {"status": "COMPLETE", "results": []}
    there.crm.behaviour = lambda asked: Answer(200, {**body, "results": [hubspot_result(asked.body["inputs"][0])]})
    there.step()
    assert sorted(there.world.states) == ["delivered", "pending"]
    there.crm.behaviour = hubspot
    there.world.forward(seconds=5)
    there.deliver_due()
    assert set(there.world.states) == {"delivered"}


def test_an_id_in_another_field_is_no_acknowledgement(there):
    """Only id fields are matched: contact 1 is not acknowledged because another field of a result contains 1."""
    there.connect(identity=["record_id"], mapping={"seen": "persona_seq"})
    people = there.people(2)
    for number, contact in enumerate(people, start=1):
        there.named(contact, "hubspot", str(number))
        there.world.store_belief(contact, 0.8)

    def omit_first(asked):
        second = next(input_ for input_ in asked.body["inputs"] if input_["id"] == "2")
        result = {**hubspot_result(second), "properties": {"seen": "1"}}
        del result["objectWriteTraceId"]
        return Answer(200, {"results": [result]})

    there.crm.behaviour = omit_first
    there.step()
    assert {row.contact_id: row.state for row in there.world.deliveries if row.attempt} == {people[0]: "pending", people[1]: "delivered"}


def test_the_newest_state_of_a_contact_arrives_last(there):
    """Three changes during an outage lead to one record with the latest sequence."""
    there.connect()
    contact = there.people(1)[0]
    for driver in (0.6, 0.5, 0.3):
        there.world.store_belief(contact, driver)
    there.deliver_due()
    (input_,) = there.inputs
    assert input_["properties"]["persona_p_driver"] == "0.3000"
    assert input_["properties"]["persona_seq"] == "4"


def test_only_one_batch_is_under_way_to_a_crm(there):
    """A second worker finds nothing to do during the first one's request."""
    there.connect()
    there.people(101)
    steps = []

    def claim_again(asked):
        steps.append(there.step())
        return hubspot(asked)

    there.crm.behaviour = claim_again
    there.step()
    assert steps == [False]


def test_a_result_after_the_lease_is_not_recorded(there):
    """After its lease, when another worker has delivered the batch, its result is not recorded."""
    there.connect()
    there.people(1)

    def deliver_elsewhere(asked):
        there.crm.behaviour = hubspot
        there.world.forward(minutes=6)
        assert there.step()
        return Answer(400)

    there.crm.behaviour = deliver_elsewhere
    there.step()
    assert there.world.states == ["delivered"]


def test_webhooks_do_not_claim_messages_of_connections(there):
    """The webhook dispatcher does not claim messages of a connection."""
    there.connect()
    there.people(1)
    assert there.world.deliver_due() == []


@pytest.mark.slow
def test_the_worker_serves_both(there):
    """One process serves webhooks and CRMs."""
    there.connect()
    there.people(1)
    process.run(there.world.settings, once=True)
    assert there.world.states == ["delivered"]


def test_a_private_address_is_not_called(there):
    """The address is checked as for webhooks, at save and at send."""
    there.connect()
    there.people(1)
    sync.step(there.world.store, there.world.keys, Policy(), there.world.clock)
    assert there.crm.asked == []
    assert [row.last_error for row in there.world.deliveries] == ["unreachable"]


def test_nothing_secret_is_logged(there, caplog):
    """The log has no token, no URL, no email address and no response of the CRM."""
    caplog.set_level(logging.DEBUG)
    there.connect()
    there.people(2)
    there.crm.answers.append(Answer(403, {"message": "secret answer about crm-0@example.com"}))
    there.deliver_due()
    there.world.forward(hours=1)
    there.deliver_due()
    assert "connection=cn_" in caplog.text
    for secret in (TOKEN, "example.com", "secret answer", there.crm.url):
        assert secret not in caplog.text


def test_an_erased_contact_is_emptied_and_never_made(there):
    """Our fields are cleared in the CRM; a contact that it does not have is not created for that."""
    there.connect(identity=["record_id"], create_contacts=True)
    contact = there.world.contact("crm-0")
    there.named(contact, "hubspot", "51")
    there.world.store_belief(contact, 0.8)
    there.deliver_due()
    with there.world.store.writing() as session:
        erase(session, there.world.keys, session.get_one(Contact, contact, with_for_update=True), there.world.now)
    there.deliver_due()
    assert there.crm.asked[-1].path.endswith("/update")
    assert set(there.inputs[-1]["properties"].values()) == {""}


def erase_contact(there, contact):
    with there.world.store.writing() as session:
        erase(session, there.world.keys, session.get_one(Contact, contact, with_for_update=True), there.world.now)


def test_an_erased_contact_is_emptied_behind_the_record_that_is_being_sent(there):
    """The batch under way may set the contact's fields: they are emptied when it has ended."""
    there.connect(identity=["external_id"], external_id={"field": "crm_id"})
    contact, other = there.people(2)
    with there.world.store.writing() as session:
        batch = batches.claim(session, there.world.keys, there.connection.endpoint_id, there.world.now, there.world.now)
    assert len(batch.rows) == 2

    erase_contact(there, contact)
    result = sync.send(batch, lambda request: sync.call(request, LOOPBACK), there.world.clock)
    erase_contact(there, other)
    there.deliver_due()
    assert len(there.crm.asked) == 1
    with there.world.store.writing() as session:
        batches.settle(session, there.world.keys, batch, result, there.world.now)
    there.deliver_due()

    assert [input_["properties"]["persona_top"] for input_ in there.inputs[2:]] == ["", ""]


def test_a_contact_erased_while_a_batch_is_sent_is_left_out_of_its_further_requests(there, monkeypatch):
    """A batch takes as long as its CRM. Before each request it is looked again whether the contact still is one."""
    monkeypatch.setattr(sync, "LOOK_AGAIN_SECONDS", 0.0)
    there.connect(identity=["record_id", "email"])
    people = there.people(3)
    there.named(people[0], "hubspot", "51")  # is sent in a request of its own, behind the others
    order = []

    def erase_during_the_first(asked):
        order.append([input_["id"] for input_ in asked.body["inputs"]])
        if len(order) == 1:
            erase_contact(there, people[0] if len(order[0]) == 2 else people[1])
        return hubspot(asked)

    there.crm.behaviour = erase_during_the_first
    there.step()

    assert sum(map(len, order)) == 2
    assert there.world.states.count("dropped") == 1


def test_a_connection_disabled_while_a_batch_is_sent_gets_nothing_more(there, monkeypatch):
    monkeypatch.setattr(sync, "LOOK_AGAIN_SECONDS", 0.0)
    connection = there.connect(identity=["record_id", "email"])
    there.named(there.people(2)[0], "hubspot", "51")

    def disable(asked):
        with there.world.store.writing() as session:
            connections.change(session, there.world.settings, there.world.banks, connection, {"state": "disabled"}, there.world.now)
        return hubspot(asked)

    there.crm.behaviour = disable
    there.step()

    assert len(there.crm.asked) == 1
