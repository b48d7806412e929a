"""Answers of another shape than the CRM documents: no contact counts as delivered or as dead by them, and nothing else stops."""

import json

import pytest

from survey_service.clock import utc_now
from survey_service.crm import dry_run
from survey_service.crm.adapters.client import call
from survey_service.crm.adapters.protocol import Accepted, ConnectionConfig, Identity, Later, Record, Response
from survey_service.crm.adapters.registry import ADAPTERS
from survey_service.crm.batches import connection_config
from survey_service.crm.sync import SyncRun
from survey_service.store.tables.webhooks import Connection, Endpoint
from tests.survey_service.crm.fake_crm import Answer, hubspot
from tests.survey_service.crm.kinds import BREVO, KINDS, KLAVIYO, TOKEN, answer_with, connect
from tests.survey_service.egress.hostile_receiver import LOOPBACK

pytestmark = pytest.mark.slow

HTML = b"<!doctype html><title>Sign in</title>"
BODIES = {
    "null": b"null",
    "list": b"[]",
    "list of words": b'["a", "b"]',
    "list of nulls": b"[null]",
    "word": b'"yes"',
    "number": b"7",
    "object": b"{}",
    "html": HTML,
    "nothing": b"",
    "results null": b'{"results": null}',
    "results an object": b'{"results": {"id": "1"}}',
    "results of nulls": b'{"results": [null], "errors": [null]}',
    "results of other objects": b'{"results": [{"success": "yes", "statusCode": "200", "id": 5}], "errors": [{"context": 5}]}',
    "errors of words": b'[{"success": false, "errors": ["no"]}]',
    "deep": b"[" * 5000,
    "not utf-8": b'{"\xff": 1}',
    "NaN": b'{"results": [{"statusCode": NaN}]}',
    "huge number": b'{"results": [{"statusCode": ' + b"9" * 5000 + b"}]}",
}
CRMS = [kind for kind in KINDS if kind != "http"]
"""All but the kind that may answer in any way."""
ID = "003000000000001AAA"
IDENTITIES = {
    "hubspot": Identity("email", "zoe@example.com"),
    "salesforce": Identity("external_id", "crm-42", "Crm_Id__c"),
    "salesforce upsert": Identity("external_id", "crm-42", "Crm_Id__c"),
    "salesforce by id": Identity("record_id", ID),
    "brevo": Identity("email", "zoe@example.com"),
    "klaviyo": Identity("email", "zoe@example.com"),
}


def verdict_of(kind, answer):
    """Return the verdict about one record, None where the connection waits."""
    record = Record("evt_1", IDENTITIES[kind], {"TOP": "driver"}, may_create=kind == "salesforce upsert", of_mapping={"TOP"})
    config = ConnectionConfig("https://crm.example", external_id={"field": "Crm_Id__c"}, credentials={"token": "t"})
    run = SyncRun(ADAPTERS[kind.partition(" ")[0]], config, lambda _: answer, utc_now, token="t")
    run.send([record])
    assert run.faults == 0
    return run.verdicts.get("evt_1")


@pytest.mark.parametrize("status", [200, 201, 202, 206, 207, 300, 302])
@pytest.mark.parametrize("kind", CRMS)
@pytest.mark.parametrize("body", BODIES)
def test_an_answer_that_does_not_fit_is_the_failure_of_its_record(kind, body, status):
    """The record is tried again by the schedule, as after a 502."""
    assert isinstance(verdict_of(kind, Response(status, {}, BODIES[body])), Later)


@pytest.mark.parametrize("status", [400, 404, 409, 422])
@pytest.mark.parametrize("kind", CRMS)
def test_a_page_of_html_makes_no_contact_dead(kind, status):
    """It comes from something on the way to the CRM."""
    assert isinstance(verdict_of(kind, Response(status, {}, HTML)), Later | None)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 429, 500, 503])
@pytest.mark.parametrize("kind", CRMS)
@pytest.mark.parametrize("body", BODIES)
def test_by_any_other_status_nothing_is_delivered(kind, body, status):
    assert not isinstance(verdict_of(kind, Response(status, {}, BODIES[body])), Accepted)


def test_its_bytes_are_in_the_logs_and_nothing_of_the_contact_is(there, caplog):
    """The attempt has the answer for the operator's eyes; the log of the worker has its beginning, without addresses and secrets."""
    connect(there, "hubspot")
    there.people(1)
    answer_with(there.crm, Answer(200, raw=b"<p>maintenance of crm-0@example.com pat-eu1-not-for-logs</p>"))
    there.deliver_due()
    (attempt,) = there.world.attempts
    assert (attempt.error, attempt.excerpt[:14]) == ("unexpected_answer", b"<p>maintenance")
    assert "<p>maintenance of (hidden) (hidden)</p>" in caplog.text
    for secret in ("example.com", "pat-eu1", TOKEN):
        assert secret not in caplog.text


def test_in_a_batch_only_the_entry_that_does_not_fit_is_tried_again(there):
    """Salesforce: two of three entries are in order."""
    connect(there, "salesforce upsert")
    there.people(3)
    fine = {"success": True, "errors": []}
    answer_with(there.crm, Answer(200, [fine, "what?", fine]))
    there.deliver_due()
    found = {row.contact_id: (row.state, row.last_error) for row in there.world.deliveries}
    assert found["ct_crm-1"] == ("pending", "unexpected_answer")
    assert {found["ct_crm-0"], found["ct_crm-2"]} == {("delivered", None)}
    assert next(attempt.excerpt for attempt in there.world.attempts if attempt.error) == b'"what?"'


def test_an_answer_that_fits_again_delivers_what_waited(there):
    connect(there, "hubspot")
    there.people(3)
    answer_with(there.crm, Answer(200, raw=b"null"))
    there.deliver_due()
    there.crm.behaviour = hubspot
    there.world.forward(seconds=5)
    there.deliver_due()
    assert set(there.world.states) == {"delivered"}


def test_the_test_of_a_connection_says_that_something_else_answers(there):
    """Every kind but http, and what gives the tokens."""
    made = {kind: connect(there, kind) for kind in CRMS}
    for body in BODIES.values():
        there.crm.behaviour = lambda asked, body=body: Answer(200, raw=body)
        for kind, connection in made.items():
            lines = lines_for(there, connection)
            assert lines, (kind, body)
            assert all(line.partition(":")[2] for line in lines)


def lines_for(there, connection_id):
    with there.world.store.reading() as session:
        endpoint, connection = session.get_one(Endpoint, connection_id), session.get_one(Connection, connection_id)
        config = connection_config(endpoint, connection, ["driver", "family"], there.world.keys)
    return dry_run.missing(connection.kind, config, lambda request: call(request, LOOPBACK))


@pytest.mark.parametrize(("given", "answer"), [(BREVO, {"id": 1}), (KLAVIYO, {"data": {"type": "profile", "id": "01"}})])
def test_documented_answers_are_deliveries(there, given, answer):
    there.connect(**given)
    there.people(1)
    there.crm.behaviour = lambda asked: Answer(201, raw=json.dumps(answer).encode())
    there.deliver_due()
    assert there.world.states == ["delivered"]
