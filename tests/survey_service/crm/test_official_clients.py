"""Salesforce, Klaviyo, Brevo: our adapters send the same requests as the official clients, compared field by field."""

import json
from typing import Any
from urllib.parse import unquote

import pytest
from brevo import Brevo
from klaviyo_api import KlaviyoAPI
from simple_salesforce import Salesforce

from survey_service.crm.adapters import brevo, klaviyo, salesforce
from survey_service.crm.adapters.client import call
from survey_service.crm.adapters.protocol import ConnectionConfig, Identity, Record, Response
from tests.survey_service.crm.fake_crm import Answer, Asked, crm
from tests.survey_service.egress.hostile_receiver import LOOPBACK

VALUES: dict[str, Any] = {"TOP": "driver", "P_DRIVER": 0.62, "SEQ": 17}
EMAIL = Identity("email", "zoe+a@example.com")
RECORD_ID = Identity("record_id", "51")
EXTERNAL = Identity("external_id", "crm/42", "Crm_Id__c")


def record(identity: Identity, may_create: bool = False, values: dict[str, Any] = VALUES) -> Record:
    return Record("evt_1", identity, values, {}, may_create)


def seen(
    adapter: Any, records: list[Record], official: Any, token: str = "tok", answer: Answer | None = None
) -> tuple[list[Asked], list[Asked]]:
    """Return the requests that a CRM gets from us and from the official client."""
    with crm(lambda _: answer or Answer(200, {})) as ours, crm(lambda _: answer or Answer(200, {})) as theirs:
        for request in adapter.requests(ConnectionConfig(ours.url, external_id={"field": "Crm_Id__c"}), token, records):
            call(request, LOOPBACK)
        official(theirs.url)
    return ours.asked, theirs.asked


def same(ours: list[Asked], theirs: list[Asked], *headers: str) -> None:
    assert len(ours) == len(theirs) > 0
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine.method, unquote(mine.path), mine.body) == (other.method, unquote(other.path), other.body)
        assert {name: mine.headers[name] for name in headers} == {name: other.headers[name] for name in headers}


def salesforce_client(url: str) -> Salesforce:
    client = Salesforce(instance_url="https://x.my.salesforce.com", session_id="tok", version="59.0")
    client.base_url = f"{url}/services/data/v59.0/"
    return client


def test_salesforce_collections():
    """Contacts are upserted by external id if the connection may create them, and updated by record id."""
    upsert = {"allOrNone": False, "records": [{"attributes": {"type": "Contact"}, "Crm_Id__c": "crm/42", **VALUES}]}
    update = {"allOrNone": False, "records": [{"attributes": {"type": "Contact"}, "id": "51", **VALUES}]}

    def official(url: str) -> None:
        client = salesforce_client(url)
        client.restful("composite/sobjects/Contact/Crm_Id__c", method="PATCH", json=upsert)
        client.restful("composite/sobjects", method="PATCH", json=update)

    records = [record(EXTERNAL, True), record(RECORD_ID)]
    same(*seen(salesforce, records, official, answer=Answer(200, [])), "authorization", "content-type")


def test_salesforce_is_asked_to_update_only_where_no_contact_may_be_made():
    """A composite request has 25 updates; the path of each equals that of the client's single upsert."""
    records = [record(Identity("external_id", f"crm {number}", "Crm_Id__c")) for number in range(26)]
    made = salesforce.requests(ConnectionConfig("https://x", external_id={"field": "Crm_Id__c"}), "tok", records)
    assert [len(asked.body["batchRequests"]) for asked in made] == [25, 1]
    first = made[0].body["batchRequests"][0]
    with crm(lambda _: Answer(204)) as theirs:
        contact = salesforce_client(theirs.url).Contact
        contact.base_url = f"{theirs.url}/services/data/v59.0/sobjects/Contact/"
        contact.upsert("Crm_Id__c/crm%200", VALUES)
    assert f"/services/data/{first['url']}" == theirs.asked[0].path + "?updateOnly=true"
    assert (first["method"], first["richInput"]) == (theirs.asked[0].method, theirs.asked[0].body)


def test_klaviyo():
    """Contacts are imported by email and external id, and updated by Klaviyo's own id; an empty property is unset."""

    def official(url: str) -> None:
        profiles = KlaviyoAPI("tok", test_host=url).Profiles
        for by in ({"email": EMAIL.value}, {"external_id": EXTERNAL.value}):
            body = {"data": {"type": "profile", "attributes": {**by, "properties": VALUES}}}
            profiles.create_or_update_profile(body, options={"serialize": False})
        profiles.update_profile("51", {"data": {"type": "profile", "id": "51", "attributes": {"properties": VALUES}}})

    profile = {"data": {"type": "profile", "id": "51", "attributes": {}, "links": {"self": "https://x"}}}
    records = [record(EMAIL, True), record(EXTERNAL, True), record(RECORD_ID)]
    same(*seen(klaviyo, records, official, answer=Answer(200, profile)), "authorization", "revision", "content-type")
    (emptied,) = klaviyo.requests(ConnectionConfig("https://x"), "tok", [record(RECORD_ID, values={"TOP": None, "SEQ": 1})])
    assert emptied.body["data"]["meta"] == {"patch_properties": {"unset": ["TOP"]}}
    assert emptied.body["data"]["attributes"] == {"properties": {"SEQ": 1}}


def test_brevo():
    """A contact is created or updated if the connection may create contacts, otherwise updated by its known id."""

    def official(url: str) -> None:
        contacts = Brevo(api_key="tok", base_url=f"{url}/v3").contacts
        contacts.create_contact(email=EMAIL.value, attributes=VALUES, update_enabled=True)
        contacts.create_contact(ext_id=EXTERNAL.value, attributes=VALUES, update_enabled=True)
        for identity, kind in ((EMAIL, "email_id"), (EXTERNAL, "ext_id"), (RECORD_ID, "contact_id")):
            contacts.update_contact(identity.value, identifier_type=kind, attributes=VALUES)

    records = [record(EMAIL, True), record(EXTERNAL, True), record(EMAIL), record(EXTERNAL), record(RECORD_ID)]
    same(*seen(brevo, records, official, answer=Answer(201, {"id": 1})), "api-key", "content-type")


@pytest.mark.parametrize(
    ("kind", "identity", "more"),
    [
        ("brevo", ["email"], {"credentials": {"token": "k"}}),
        ("klaviyo", ["email"], {"credentials": {"token": "k"}, "create_contacts": True}),
    ],
)
def test_one_contact_a_request_has_its_own_outcome(there, kind, identity, more):
    """A contact unknown to the CRM is dead; the next one is delivered."""
    there.connect(kind=kind, identity=identity, **more)
    there.people(2)
    there.crm.answers.append(Answer(404))
    there.crm.behaviour = lambda asked: Answer(204)
    there.deliver_due()
    assert sorted((row.state, row.last_error) for row in there.world.deliveries) == [("dead", "not_found"), ("delivered", None)]


SALESFORCE = {
    "kind": "salesforce",
    "identity": ["external_id"],
    "external_id": {"field": "Crm_Id__c"},
    "credentials": {"client_id": "c", "client_secret": "s"},
    "create_contacts": True,
}


def salesforce_says(result: Any) -> Any:
    def behave(asked: Asked) -> Answer:
        if asked.path == "/services/oauth2/token":
            return Answer(200, {"access_token": "tok", "instance_url": "https://elsewhere.example"})
        return Answer(200, [result(record) for record in asked.body["records"]])

    return behave


def test_salesforce_reports_each_record_in_a_200(there):
    """success:false is final for its record, a locked row is retried, and the token is requested once and sent to no other host."""
    there.connect(**SALESFORCE)
    there.people(3)
    codes = {"crm-0": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "crm-1": "UNABLE_TO_LOCK_ROW"}

    def result(record: dict[str, Any]) -> dict[str, Any]:
        code = codes.get(record["Crm_Id__c"])
        return {"success": code is None, "errors": [{"statusCode": code, "message": record["Crm_Id__c"]}] if code else []}

    there.crm.behaviour = salesforce_says(result)
    there.deliver_due()
    assert {row.contact_id: (row.state, row.last_error) for row in there.world.deliveries} == {
        "ct_crm-0": ("dead", "field_custom_validation_exception"),
        "ct_crm-1": ("pending", "unable_to_lock_row"),
        "ct_crm-2": ("delivered", None),
    }
    codes.clear()
    there.world.forward(seconds=5)
    there.deliver_due()
    paths = [asked.path.rpartition("/")[2] for asked in there.crm.asked]
    assert paths == ["token", "Crm_Id__c", "Crm_Id__c"]
    assert there.crm.asked[0].body == {"grant_type": "client_credentials", "client_id": "c", "client_secret": "s"}


def test_salesforce_is_paused_when_its_daily_limit_is_used_up(there):
    """403 REQUEST_LIMIT_EXCEEDED pauses the connection and uses up no attempt."""
    there.connect(**SALESFORCE)
    there.people(1)
    there.crm.answers += [Answer(200, {"access_token": "tok"}), Answer(403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED"}])]
    there.deliver_due()
    assert there.world.states == ["pending"]
    assert "rate_limited" in there.connection.paused_because


def test_what_is_missing_in_salesforce_and_brevo_is_named():
    """Each missing field is named with its problem."""
    config = ConnectionConfig(
        "", {"A__c": "persona_top", "B__c": "persona_p_x", "C__c": "persona_kind"}, external_id={"field": "A__c"}, identity=["external_id"]
    )
    fields = [{"name": "A__c", "type": "string", "updateable": True}, {"name": "B__c", "type": "date", "updateable": True}]
    named = salesforce.missing(config, "tok", lambda _: a_response({"fields": fields}))
    assert [line.partition(":")[0] for line in named] == ["field B__c", "field C__c", "field A__c"]
    attributes = [{"name": "A__c", "category": "normal", "type": "text"}, {"name": "B__c", "category": "normal", "type": "text"}]
    named = brevo.missing(config, "tok", lambda _: a_response({"attributes": attributes}))
    assert [line.partition(":")[0] for line in named] == ["attribute B__c", "attribute C__c"]


def a_response(body: Any) -> Any:

    return Response(200, {}, json.dumps(body).encode())
