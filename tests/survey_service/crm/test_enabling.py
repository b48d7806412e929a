"""A new connection writes nothing until somebody turns it on, which its test allows or says what is missing."""

import pytest

from survey_service.outbox import publish
from survey_service.store.tables.webhooks import Endpoint, MissedContact
from tests.survey_service.crm.connected import HUBSPOT, a_local_service
from tests.survey_service.crm.fake_crm import Answer, crm
from tests.survey_service.crm.test_routes import SCOPES, TEXT, Portal


@pytest.fixture
def service(database_url):
    with a_local_service(database_url) as made:
        yield made


def connect(service, url, **given):
    """Create a connection that sends one field. Return its path."""
    whole = {**HUBSPOT, "url": url, "bank": "cars", "mapping": {"top": "persona_top"}, **given}
    made = service.call("POST", "/api/v1/connections", whole)
    assert made.status_code == 201, made.text
    return f"/api/v1/connections/{made.json['id']}"


def turn_on(service, path, **more):
    return service.call("PATCH", path, {"state": "active", **more})


def test_a_new_connection_is_disabled(service):
    path = connect(service, "http://127.0.0.1:9")
    shown = service.call("GET", path).json
    assert (shown["state"], shown["disabled_because"], shown["waiting"]) == ("disabled", "new", {})


def test_it_is_turned_on_when_its_test_is_green(service):
    with crm(Portal(top=TEXT)) as there:
        path = connect(service, there.url)
        response = turn_on(service, path)
        assert response.status_code == 200, response.text
        assert (response.json["state"], response.json["disabled_because"]) == ("active", None)
        tests = len(there.asked)
        assert turn_on(service, path).status_code == 200
        assert len(there.asked) == tests  # it was active already


def test_what_is_missing_is_said_and_it_stays_off(service):
    with crm(Portal(SCOPES[1:])) as there:
        path = connect(service, there.url)
        response = turn_on(service, path)
    assert (response.status_code, response.json["code"]) == (409, "connection_not_ready")
    assert [error["path"] for error in response.json["errors"]] == ["state", "state"]
    assert [error["message"].partition(":")[0] for error in response.json["errors"]] == [f"scope {SCOPES[0]}", "property top"]
    assert service.call("GET", path).json["state"] == "disabled"


def test_a_change_is_tested_together_with_turning_it_on(service):
    """The new mapping counts, and nothing of the change is stored when the test is red."""
    with crm(Portal(persona=TEXT)) as there:
        path = connect(service, there.url)
        assert turn_on(service, path, mapping={"other": "persona_top"}).status_code == 409
        assert service.call("GET", path).json["mapping"] == {"top": "persona_top"}
        assert turn_on(service, path, mapping={"persona": "persona_top"}).json["mapping"] == {"persona": "persona_top"}
        assert turn_on(service, path, mapping={"x": "nothing"}).status_code == 422


def test_a_connection_without_an_answer_stays_off(service):
    path = connect(service, "http://127.0.0.1:9")
    response = turn_on(service, path)
    assert (response.status_code, response.json["errors"][0]["message"]) == (409, "url: no answer (unreachable)")


def test_one_that_its_owner_turned_off_is_tested_again(service):
    with crm(Portal(top=TEXT)) as there:
        path = connect(service, there.url)
        turn_on(service, path)
        assert service.call("PATCH", path, {"state": "disabled"}).json["disabled_because"] == "owner"
        there.behaviour = lambda asked: Answer(401)
        assert turn_on(service, path).status_code == 409


def test_it_cannot_be_created_active(service):
    given = {**HUBSPOT, "url": "http://127.0.0.1:9", "bank": "cars", "state": "active"}
    assert service.call("POST", "/api/v1/connections", given).status_code == 422


def test_what_happened_before_is_sent_when_it_is_turned_on(there):
    """A disabled connection keeps no messages, only whose changes it missed."""
    connection = there.connect(enabled=False)
    contacts = there.people(2)
    assert there.world.deliveries == []
    assert not there.step()
    assert there.world.missed(connection) == contacts
    with there.world.store.writing() as session:
        session.get_one(Endpoint, connection).state = "active"
    while publish.resync_some(there.world.store, there.world.banks, there.world.now):
        pass
    there.deliver_due()
    assert set(there.world.states) == {"delivered"}
    assert there.world.all(MissedContact) == []


def test_a_new_connection_raises_no_alert(service):
    """The alert about disabled endpoints is for those that were on."""
    connect(service, "http://127.0.0.1:9")
    assert 'discern_endpoints{state="disabled"} 0.0' in service.client.get("/metrics").text
