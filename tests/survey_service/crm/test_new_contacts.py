"""Contacts that the CRM does not know are created with all that it requires, and existing ones keep what they have in these fields."""

from dataclasses import replace

import pytest

from survey_service.crm.adapters import salesforce
from survey_service.crm.adapters.protocol import ConnectionConfig
from survey_service.store.tables.core import Contact
from tests.survey_service.crm.connected import HUBSPOT
from tests.survey_service.crm.fake_crm import Answer, hubspot
from tests.survey_service.crm.kinds import BREVO, HTTP, KLAVIYO, SALESFORCE, connect
from tests.survey_service.crm.test_official_clients import a_response
from tests.survey_service.egress.hostile_receiver import LOOPBACK
from tests.survey_service.service import a_service

LAST_NAME = {"attribute": "last_name", "constant": "Unknown"}
CREATING = {
    "create_contacts": True,
    "mapping": {"Persona_Top__c": "persona_top", "LastName": LAST_NAME, "LeadSource": {"constant": "Survey"}},
}
FIELDS = [
    {"name": "Persona_Top__c", "type": "string", "updateable": True, "createable": True, "nillable": True},
    {"name": "Crm_Id__c", "type": "string", "updateable": True, "createable": True, "nillable": True, "externalId": True, "unique": True},
    {"name": "LastName", "type": "string", "updateable": True, "createable": True, "nillable": False, "defaultedOnCreate": False},
    {"name": "OwnerId", "type": "reference", "updateable": True, "createable": True, "nillable": False, "defaultedOnCreate": True},
    {"name": "Id", "type": "id", "updateable": False, "createable": False, "nillable": False, "defaultedOnCreate": True},
]


class Org:
    """A Salesforce with some contacts, where LastName is required."""

    def __init__(self, *known):
        self.contacts = {external_id: {"LastName": "Miller"} for external_id in known}
        self.created = []

    def __call__(self, asked):
        if asked.path.endswith("/token"):
            return Answer(200, {"access_token": "tok"})
        if "batchRequests" in asked.body:
            return Answer(200, {"hasErrors": False, "results": [self.update(part) for part in asked.body["batchRequests"]]})
        return Answer(200, [self.upsert(dict(record)) for record in asked.body["records"]])

    def update(self, part):
        assert part["url"].endswith("?updateOnly=true")
        external_id = part["url"].rpartition("/")[2].partition("?")[0]
        if external_id not in self.contacts:
            return {"statusCode": 404, "result": [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]}
        self.contacts[external_id] |= part["richInput"]
        return {"statusCode": 204, "result": None}

    def upsert(self, record):
        external_id = record.pop("Crm_Id__c")
        del record["attributes"]
        if external_id not in self.contacts and not record.get("LastName"):
            error = {"statusCode": "REQUIRED_FIELD_MISSING", "message": "Required fields are missing: [LastName]", "fields": ["LastName"]}
            return {"success": False, "errors": [error]}
        if external_id not in self.contacts:
            self.created.append(external_id)
        self.contacts.setdefault(external_id, {}).update(record)
        return {"success": True, "created": external_id in self.created, "errors": []}


def named(there, contact, **attributes):
    with there.world.store.writing() as session:
        session.get_one(Contact, contact).attributes = attributes


def test_only_new_contacts_get_constants_and_attributes(there):
    """An existing contact keeps its last name, a new one gets the attribute, or the constant where it has none."""
    there.crm.behaviour = org = Org("crm-0")
    connect(there, "salesforce", **CREATING)
    people = there.people(3)
    named(there, people[0], last_name="Wrong")
    named(there, people[1], last_name="Garcia")
    there.deliver_due()

    assert set(there.world.states) == {"delivered"}
    assert sorted(org.created) == ["crm-1", "crm-2"]
    assert {name: contact["LastName"] for name, contact in org.contacts.items()} == {
        "crm-0": "Miller",
        "crm-1": "Garcia",
        "crm-2": "Unknown",
    }
    assert "LeadSource" not in org.contacts["crm-0"]
    assert org.contacts["crm-1"]["LeadSource"] == "Survey"
    assert {contact["Persona_Top__c"] for contact in org.contacts.values()} == {"driver"}


def test_a_contact_without_the_required_attribute_is_set_aside_alone(there):
    """The mapping gives the field, so the contact is to blame and not the connection."""
    there.crm.behaviour = org = Org()
    connect(there, "salesforce", create_contacts=True, mapping={**CREATING["mapping"], "LastName": {"attribute": "last_name"}})
    people = there.people(2)
    named(there, people[1], last_name="Garcia")
    there.deliver_due()
    assert {row.contact_id: (row.state, row.last_error) for row in there.world.deliveries} == {
        people[0]: ("dead", "required_field_missing"),
        people[1]: ("delivered", None),
    }
    assert org.created == ["crm-1"]
    assert there.connection.paused_because is None


def test_without_the_required_field_the_connection_waits_and_says_so(there):
    there.crm.behaviour = Org()
    connect(there, "salesforce", create_contacts=True, mapping={"Persona_Top__c": "persona_top"})
    there.people(2)
    there.deliver_due()
    assert there.world.states == ["pending", "pending"]
    assert there.connection.paused_because == "field LastName: is required for new contacts; test the connection"


def missing(**given):
    config = ConnectionConfig("", external_id={"field": "Crm_Id__c"}, identity=["external_id"], create_contacts=True, **given)
    return salesforce.missing(config, "tok", lambda _: a_response({"fields": FIELDS}))


def test_the_test_names_required_fields():
    """LastName, and neither a field with a default nor one that nobody sets."""
    (line,) = missing(mapping={"Persona_Top__c": "persona_top"})
    assert line.startswith("field LastName: Salesforce creates no contact without it")
    assert missing(mapping={"Persona_Top__c": "persona_top", "LastName": LAST_NAME}) == []


def test_the_test_names_fields_that_new_contacts_cannot_get():
    lines = missing(mapping={"Persona_Top__c": "persona_top", "LastName": LAST_NAME, "Id": {"constant": "x"}, "No__c": {"constant": "x"}})
    assert [line.partition(":")[0] for line in lines] == ["field Id", "field No__c"]


def test_the_test_names_an_external_id_that_is_not_unique(monkeypatch):
    twice = [{**field, "unique": False} for field in FIELDS]
    monkeypatch.setattr("tests.survey_service.crm.test_new_contacts.FIELDS", twice)
    (line,) = missing(mapping={"Persona_Top__c": "persona_top", "LastName": LAST_NAME})
    assert "not marked as unique" in line


def test_hubspot_is_asked_to_create_only_what_it_does_not_find(there):
    """207 with OBJECT_NOT_FOUND for one of two: that one is upserted with the fields of new contacts."""

    def portal(asked):
        if asked.path.endswith("/upsert"):
            return hubspot(asked)
        known, unknown = asked.body["inputs"]
        error = {"category": "OBJECT_NOT_FOUND", "context": {"ids": [unknown["id"]]}, "message": "not found"}
        found = hubspot(replace(asked, raw=b'{"inputs": []}')).body
        return Answer(207, {**found, "results": [{"id": "1", "properties": {"email": known["id"]}}], "errors": [error]})

    there.crm.behaviour = portal
    there.connect(create_contacts=True, mapping={"top": "persona_top", "lifecyclestage": {"constant": "lead"}})
    there.people(2)
    there.deliver_due()
    assert set(there.world.states) == {"delivered"}
    update, upsert = there.crm.asked
    assert [sorted(input_["properties"]) for input_ in update.body["inputs"]] == [["top"], ["top"]]
    assert [input_["properties"] for input_ in upsert.body["inputs"]] == [{"top": "driver", "lifecyclestage": "lead"}]


def test_brevo_is_asked_to_create_only_what_it_does_not_find(there):
    there.crm.answers = [Answer(404, {"code": "document_not_found"}), Answer(201, {"id": 7})]
    there.connect(**BREVO, create_contacts=True, mapping={"TOP": "persona_top", "SOURCE": {"constant": "survey"}})
    there.people(1)
    there.deliver_due()
    assert there.world.states == ["delivered"]
    assert [(asked.method, asked.body["attributes"]) for asked in there.crm.asked] == [
        ("PUT", {"TOP": "driver"}),
        ("POST", {"TOP": "driver", "SOURCE": "survey"}),
    ]


def test_a_template_refers_to_attributes(there):
    """Any other system: the constant is written into the template."""
    there.crm.behaviour = lambda asked: Answer(200)
    body = {"name": "{{attribute.last_name}}", "source": "survey", "top": "{{persona_top}}"}
    connect(there, "http", template={"body": body})
    (contact,) = there.people(1)
    named(there, contact, last_name="Garcia")
    there.deliver_due()
    assert there.crm.asked[0].body == {"name": "Garcia", "source": "survey", "top": "driver"}


WRONG = [
    (SALESFORCE, {}, "mapping.X", "set create_contacts"),
    (KLAVIYO, {}, "mapping.X", "Klaviyo does not tell new profiles"),
    (HTTP, {}, "mapping.X", "template"),
    (HUBSPOT, {"create_contacts": True, "mapping": {"X": {"constant": "c"}}}, "mapping", "has none of our values"),
    (HUBSPOT, {"create_contacts": True, "mapping": {"top": "persona_top", "X": {}}}, "mapping.X", "give the name"),
    (HUBSPOT, {"create_contacts": True, "mapping": {"top": "persona_top", "X": {"const": 1}}}, "mapping.X", "give the name"),
    (HUBSPOT, {"create_contacts": True, "mapping": {"top": "persona_top", "X": {"constant": [1]}}}, "mapping.X.constant", "give a text"),
    (HUBSPOT, {"create_contacts": True, "mapping": {"top": "persona_top", "X": {"attribute": 1}}}, "mapping.X.attribute", "give a word"),
    (HUBSPOT, {"mapping": {"top": 5}}, "mapping.top", "is not a value"),
    (HUBSPOT, {"mapping": {"top": ["persona_top"]}}, "mapping.top", "is not a value"),
    (BREVO, {"mapping": {"EMAIL": "email"}}, "mapping.EMAIL", "subscribes"),
]


@pytest.mark.parametrize(("kind", "more", "path", "message"), WRONG)
def test_a_wrong_mapping_is_named(database_url, kind, more, path, message):
    service = a_service(database_url)
    parts = service.parts
    service.app.extensions["discern"] = replace(parts, settings=replace(parts.settings, allow_private_targets=LOOPBACK.allow_private))
    usual = {"mapping": {"top": "persona_top", "X": {"constant": "c"}}}
    response = service.call(
        "POST", "/api/v1/connections", {"url": "http://127.0.0.1:9/x".removesuffix("/x"), "bank": "cars", **kind, **usual, **more}
    )
    parts.store.close()
    assert response.status_code == 422, response.text
    found = {error["path"]: error["message"] for error in response.json["errors"]}
    assert message in found[path], found
