"""HubSpot's webhooks: verified, handled once, in the order in which the events occurred."""

import json

import pytest
from hubspot.utils.signature import Signature
from sqlmodel import select

from survey_service.store.tables.core import Contact
from survey_service.store.tables.inbound import InboundEvent
from tests.survey_service.inbound.signed_requests import (
    SECRET,
    create_source,
    from_hubspot,
    handle_due_events,
    hubspot_headers,
    milliseconds,
    post,
)


def event(service, kind, number=1, ago=0, **more):
    return {"eventId": number, "subscriptionId": 7, "subscriptionType": kind, "occurredAt": milliseconds(service) - ago, **more}


def stored(service):
    with service.parts.store.reading() as session:
        return list(session.exec(select(InboundEvent).order_by(InboundEvent.id)))


def create_contact(service, name, vid):
    given = {"external_ids": [{"system": "hubspot", "type": "vid", "id": vid}], "email": f"{name}@example.com"}
    assert service.call("PUT", f"/api/v1/contacts/{name}", given).status_code < 300


def test_a_request_signed_by_hubspots_library_is_accepted(service):
    """The signature covers the address of the source, whatever host the request arrived at."""
    source = create_source(service, "hubspot")
    body, now = (
        json.dumps([event(service, "contact.privacyDeletion", objectId=1, note="Zoé 🦊")], ensure_ascii=False).encode(),
        milliseconds(service),
    )
    headers = hubspot_headers(source, body, now)
    theirs = Signature.get_signature(SECRET, body.decode(), "v3", http_uri=source["url"], http_method="POST", timestamp=str(now))
    assert headers["X-HubSpot-Signature-v3"] == theirs
    through_a_proxy = service.client.post(f"/in/{source['id']}", data=body, headers={**headers, "Host": "10.0.0.7:9999"})
    assert through_a_proxy.status_code == 200


@pytest.mark.parametrize("wrong", ["signature", "body", "old", "future", "none", "not a number", "huge", "no ascii"])
def test_a_request_with_an_invalid_signature_is_refused(service, wrong):
    """The response is 401 and nothing is stored, also for timestamps in the past or the future."""
    source, now = create_source(service, "hubspot"), milliseconds(service)
    body = json.dumps([event(service, "contact.privacyDeletion", objectId=1)]).encode()
    headers = {
        "signature": lambda: hubspot_headers(source, body, now, "another secret"),
        "body": lambda: hubspot_headers(source, body.replace(b" ", b""), now),
        "old": lambda: hubspot_headers(source, body, now - 301_000),
        "future": lambda: hubspot_headers(source, body, now + 301_000),
        "none": dict,
        "not a number": lambda: {**hubspot_headers(source, body, now), "X-HubSpot-Request-Timestamp": "x"},
        "huge": lambda: {**hubspot_headers(source, body, now), "X-HubSpot-Request-Timestamp": "9" * 6000},
        "no ascii": lambda: {**hubspot_headers(source, body, now), "X-HubSpot-Signature-v3": "é"},
    }[wrong]()
    response = post(service, source, body, headers)
    assert response.status_code == 401, response.text
    assert response.json["code"] == "not_genuine"
    assert stored(service) == []


@pytest.mark.parametrize("body", [b"{}", b"[1]", b"[", b'[{"subscriptionType": "contact.merge", "occurredAt": 1}]'])
def test_a_malformed_body_is_refused(service, body):
    """The response is 400 and no event is stored."""
    source = create_source(service, "hubspot")
    assert post(service, source, body, hubspot_headers(source, body, milliseconds(service))).status_code == 400
    assert stored(service) == []


def test_a_merge_in_hubspot_merges_the_contacts(service):
    """The kept contact has the ids of both, and the new record id."""
    create_contact(service, "ann", "1")
    create_contact(service, "bea", "2")
    source = create_source(service, "hubspot")
    merge = event(service, "contact.merge", primaryObjectId=1, mergedObjectIds=[2], newObjectId=3)
    assert from_hubspot(service, source, merge).status_code == 200
    service.clock.forward(seconds=5)
    assert handle_due_events(service) == 1
    first, second = (service.call("GET", f"/api/v1/contacts/{name}").json for name in ("ann", "bea"))
    assert first["id"] == second["id"]
    assert {external["id"] for external in first["external_ids"] if external["system"] == "hubspot"} == {"1", "2", "3"}


def test_repeated_events_are_handled_once(service):
    """HubSpot sends an event again that was not acknowledged in time, possibly in another batch."""
    create_contact(service, "ann", "1")
    source = create_source(service, "hubspot", attributes={"city": "town"})
    change = event(service, "contact.propertyChange", objectId=1, propertyName="city", propertyValue="Lyon")
    for _ in range(2):
        assert from_hubspot(service, source, change, change).status_code == 200
    service.clock.forward(seconds=5)
    assert handle_due_events(service) == 1
    assert service.call("GET", "/api/v1/contacts/ann").json["attributes"] == {"town": "Lyon"}


def test_events_are_handled_in_the_order_in_which_they_occurred(service):
    """The later change wins, even if it arrives first."""
    create_contact(service, "ann", "1")
    source = create_source(service, "hubspot", attributes={"city": "town"})

    def moved(number, city, ago):
        return event(service, "contact.propertyChange", number, ago, objectId=1, propertyName="city", propertyValue=city)

    from_hubspot(service, source, moved(2, "Paris", 0))
    from_hubspot(service, source, moved(1, "Lyon", 1000))
    service.clock.forward(seconds=5)
    assert handle_due_events(service) == 2
    assert service.call("GET", "/api/v1/contacts/ann").json["attributes"] == {"town": "Paris"}


def test_a_privacy_deletion_erases_the_contact(service):
    """The stored facts of its events are deleted too."""
    create_contact(service, "ann", "1")
    source = create_source(service, "hubspot")
    from_hubspot(service, source, event(service, "contact.privacyDeletion", objectId=1))
    from_hubspot(
        service, source, event(service, "contact.propertyChange", 2, objectId=1, propertyName="email", propertyValue="a@example.com")
    )
    service.clock.forward(seconds=5)
    assert handle_due_events(service) == 2
    assert service.call("GET", "/api/v1/contacts/ann").status_code == 404
    assert [(row.facts, row.problem) for row in stored(service)] == [({}, None), ({}, "not_known")]
    with service.parts.store.reading() as session:
        assert session.exec(select(Contact)).one().email is None


def test_the_id_property_links_a_record_to_a_contact(service):
    """The contact has the record id as an external id afterwards."""
    source = create_source(service, "hubspot", id_property="crm_id")
    from_hubspot(service, source, event(service, "contact.propertyChange", objectId=51, propertyName="crm_id", propertyValue="crm-42"))
    service.clock.forward(seconds=5)
    handle_due_events(service)
    names = service.call("GET", "/api/v1/contacts/crm-42").json["external_ids"]
    assert {(name["system"], name["id"]) for name in names} == {("crm", "crm-42"), ("hubspot", "51")}


def test_sources_are_created_listed_and_removed(service):
    """The list has no secret; after removal new events are refused and waiting events are not handled."""
    create_contact(service, "ann", "1")
    source = create_source(service, "hubspot")
    assert SECRET not in service.call("GET", "/api/v1/sources").text
    assert [row["id"] for row in service.call("GET", "/api/v1/sources").json["items"]] == [source["id"]]
    from_hubspot(service, source, event(service, "contact.privacyDeletion", objectId=1))
    assert service.call("DELETE", f"/api/v1/sources/{source['id']}").status_code == 204
    assert from_hubspot(service, source, event(service, "contact.privacyDeletion", 2, objectId=1)).status_code == 404
    service.clock.forward(seconds=5)
    assert handle_due_events(service) == 0


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        ({"kind": "hubspot"}, {"secret"}),
        ({"kind": "hubspot", "secret": "s", "survey": "all"}, {"survey"}),
        ({"kind": "shopify", "id_property": "x"}, {"secret", "survey", "id_property"}),
        ({"kind": "signed", "secret": "s"}, {"secret"}),
    ],
)
def test_an_invalid_source_names_every_wrong_field(service, given, paths):
    """The response is 422 with the path of each field."""
    response = service.call("POST", "/api/v1/sources", given)
    assert response.status_code == 422
    assert {error["path"] for error in response.json["errors"]} == paths
