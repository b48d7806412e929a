"""Connections over HTTP: invalid input is reported before anything is stored, missing fields before anything is sent."""

import pytest

from survey_service.store.tables.webhooks import Endpoint
from tests.survey_service.crm.connected import HUBSPOT, TOKEN, a_local_service
from tests.survey_service.crm.fake_crm import Answer, crm

PROBABILITY = {"type": "number", "fieldType": "number"}
SCOPES = ["crm.objects.contacts.write", "crm.schemas.contacts.read"]
WRONG = ["hs_persona", "persona_p_driver", "persona_p_family", "crm_id"]
TEXT = {"type": "string", "fieldType": "text"}


class Portal:
    """A HubSpot with properties and scopes."""

    def __init__(self, scopes=SCOPES, **properties):
        self.scopes, self.properties = scopes, properties

    def __call__(self, asked):
        if asked.path == "/oauth/v2/private-apps/get/access-token-info":
            return Answer(200, {"scopes": self.scopes})
        if asked.path == "/crm/v3/properties/contacts" and asked.method == "GET":
            return Answer(200, {"results": [{"name": name, **property_} for name, property_ in self.properties.items()]})
        if asked.path == "/crm/v3/properties/contacts":
            self.properties[asked.body["name"]] = {"type": asked.body["type"], "fieldType": asked.body["fieldType"]}
            return Answer(201, asked.body)
        return Answer(201, {}) if asked.path.endswith("/groups") else Answer(404)


@pytest.fixture
def service(database_url):
    with a_local_service(database_url) as made:
        yield made


def connect(service, url, **given):
    response = service.call("POST", "/api/v1/connections", {**HUBSPOT, "url": url, "bank": "cars", **given})
    assert response.status_code == 201, response.text
    return response.json


def test_a_connection_is_made_shown_changed_and_removed(service):
    """Credentials are in no response, and not in clear in the database."""
    made = connect(service, "http://127.0.0.1:9")
    path = f"/api/v1/connections/{made['id']}"
    assert made["mapping"]["persona_p_driver"] == "persona_p_driver"
    assert made["create_contacts"] is False
    assert service.call("GET", path).json == made
    assert [connection["id"] for connection in service.call("GET", "/api/v1/connections").json["items"]] == [made["id"]]
    changed = service.call("PATCH", path, {"mapping": {"top": "persona_top"}, "description": "ours"}).json
    assert (changed["mapping"], changed["description"]) == ({"top": "persona_top"}, "ours")
    with service.parts.store.reading() as session:
        assert TOKEN not in str(session.get_one(Endpoint, made["id"]).secrets)
    assert TOKEN not in service.call("GET", "/api/v1/connections").text
    assert service.call("DELETE", path).status_code == 204
    assert service.call("GET", path).status_code == 404
    with service.parts.store.reading() as session:
        assert session.get_one(Endpoint, made["id"]).secrets == []


def test_a_connection_is_no_endpoint(service):
    """The routes of endpoints neither list nor change a connection."""
    made = connect(service, "http://127.0.0.1:9")
    assert service.call("GET", "/api/v1/endpoints").json["items"] == []
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/ping"), ("POST", "/rotate")):
        body = {} if method in ("PATCH", "POST") else None
        assert service.call(method, f"/api/v1/endpoints/{made['id']}{path}", body).status_code == 404


def test_everything_wrong_is_named_at_once(service):
    """One response names all problems of URL, credentials, identity, mapping and options."""
    given = {
        "kind": "hubspot",
        "bank": "cars",
        "url": "http://169.254.169.254",
        "credentials": {"password": "x"},
        "identity": ["phone", "external_id"],
        "mapping": {"hs_persona": "persona_top", "x": "persona_p_pilot"},
        "options": {"hs_persona": {"driver": "persona_1"}, "nowhere": {}},
        "template": {"body": {}},
    }
    response = service.call("POST", "/api/v1/connections", given)
    assert response.status_code == 422
    paths = {error["path"] for error in response.json["errors"]}
    assert paths == {
        "url",
        "credentials",
        "identity.0",
        "external_id.field",
        "mapping.x",
        "options.hs_persona.family",
        "options.nowhere",
        "template",
    }
    assert service.call("POST", "/api/v1/connections", {**HUBSPOT, "bank": "none"}).status_code == 404


@pytest.mark.parametrize(
    "headers", [{"X-Key": "a\r\nX-Evil: 1"}, {"Host": "evil"}, {"Content-Length": "1"}, {"webhook-id": "1"}, {"a b": "1"}]
)
def test_headers_that_would_change_the_request_are_refused(service, headers):
    """Custom headers may contain no line breaks and set no transport header."""
    for where in (
        {"credentials": {"headers": headers}, "template": {"body": {}}},
        {"credentials": {}, "template": {"body": {}, "headers": headers}},
    ):
        given = {"kind": "http", "bank": "cars", "url": "http://127.0.0.1:9/x", **where}
        assert service.call("POST", "/api/v1/connections", given).status_code == 422


def test_the_test_names_what_is_missing_before_anything_is_sent(service):
    """Named are a missing scope, a missing property, one of a wrong type, a missing option of hs_persona, and a non-unique id."""
    persona = {"type": "enumeration", "options": [{"value": "persona_1", "label": "Betty"}]}
    portal = Portal([SCOPES[1]], persona_top=TEXT, persona_p_driver={"type": "datetime"}, hs_persona=persona, crm_id=TEXT)
    with crm(portal) as hubspot:
        made = connect(
            service,
            hubspot.url,
            identity=["external_id"],
            external_id={"field": "crm_id"},
            mapping={name: name for name in ("persona_top", "persona_p_driver", "persona_p_family")} | {"hs_persona": "persona_top"},
            options={"hs_persona": {"driver": "persona_1", "family": "persona_2"}},
        )
        result = service.call("POST", f"/api/v1/connections/{made['id']}/test").json
        assert result["ok"] is False
        named = [line.partition(":")[0] for line in result["problems"]]
        assert named == ["scope crm.objects.contacts.write", *(f"property {name}" for name in WRONG)]
        assert 'no option persona_2; it has persona_1 ("Betty")' in result["problems"][1]
        assert {asked.path.partition("/batch")[1] for asked in hubspot.asked} == {""}


def test_the_set_up_creates_what_is_missing_and_the_test_passes(service):
    """The group is created first, then its properties; hs_ properties and their options are never created."""
    with crm(Portal()) as hubspot:
        made = connect(service, hubspot.url)
        path = f"/api/v1/connections/{made['id']}"
        done = service.call("POST", f"{path}/set-up").json["done"]
        assert len(done) == len(made["mapping"])
        assert [asked.path.rpartition("/")[2] for asked in hubspot.asked][1] == "groups"
        probability = next(asked.body for asked in hubspot.asked if (asked.body or {}).get("name") == "persona_p_driver")
        assert (probability["type"], probability["numberDisplayHint"]) == ("number", "probability")
        assert service.call("POST", f"{path}/test").json == {"ok": True, "problems": []}
        assert service.call("POST", f"{path}/set-up").json == {"done": []}
    assert service.call("POST", f"{path}/test").json["problems"] == ["url: no answer (unreachable)"]


@pytest.mark.parametrize(("status", "problem"), [(401, "credentials"), (403, "scope crm.schemas.contacts.read"), (500, "properties")])
def test_refused_credentials_are_named_too(service, status, problem):
    with crm(lambda asked: Answer(status)) as hubspot:
        made = connect(service, hubspot.url)
        (line,) = service.call("POST", f"/api/v1/connections/{made['id']}/test").json["problems"]
    assert line.partition(":")[0] == problem


def test_the_dry_run_shows_the_requests_and_sends_nothing(service):
    """The dry run covers the named or the latest contacts, and hides the token."""
    service.call("PUT", "/api/v1/contacts/crm-7", {"email": "Zoe@Example.com"})
    service.call("PUT", "/api/v1/contacts/crm-8", {"attributes": {}})
    for name in ("crm-7", "crm-8"):
        label = service.call("PUT", f"/api/v1/contacts/{name}/label", {"bank": "cars", "persona": "driver", "reliability": 0.9})
        assert label.status_code < 300, label.text
    with crm(Portal()) as hubspot:
        made = connect(service, hubspot.url, mapping={"p": "persona_p_driver", "who": "email"})
        path = f"/api/v1/connections/{made['id']}/dry-run"
        shown = service.call("POST", path, {"contacts": ["crm-7", "crm-8", "nobody"]})
        assert hubspot.asked == []
    (request,) = shown.json["requests"]
    assert request["headers"]["authorization"] == "(hidden)"
    assert request["url"].endswith("/batch/update")
    (record,) = request["body"]["inputs"]
    assert (record["idProperty"], record["id"], record["properties"]["who"]) == ("email", "zoe@example.com", "zoe@example.com")
    assert {skip["problem"] for skip in shown.json["skipped"]} == {"unknown", "no_identity"}
    assert TOKEN not in shown.text
    assert len(service.call("POST", path, {"limit": 2}).json["requests"]) == 1
