"""HubSpot's webhooks: only genuine ones, each once, in the order in which things happened."""

import json

import pytest
from hubspot.utils.signature import Signature
from sqlmodel import select

from survey_service.store.tables.core import Contact
from survey_service.store.tables.inbound import InboundEvent
from tests.survey_service.inbound.signed_requests import SECRET, create_source, from_hubspot, hubspot_headers, milliseconds, post, handle_due_events


def event(service, kind, number=1, ago=0, **more):
    return {"eventId": number, "subscriptionId": 7, "subscriptionType": kind, "occurredAt": milliseconds(service) - ago, **more}


def stored(service):
    with service.parts.store.reading() as session:
        return list(session.exec(select(InboundEvent).order_by(InboundEvent.id)))


def known(service, name, vid):
    given = {"external_ids": [{"system": "hubspot", "type": "vid", "id": vid}], "email": f"{name}@example.com"}
    assert service.call("PUT", f"/api/v1/contacts/{name}", given).status_code < 300


def test_what_their_library_signs_is_taken(service):
    """Over the address that the source was given, whatever host the request seems to have come to."""
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
def test_nothing_that_is_not_genuine_is_kept(service, wrong):
    """401, and no row; a timestamp of tomorrow is as bad as one of yesterday."""
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
def test_what_cannot_be_read_is_refused_whole(service, body):
    source = create_source(service, "hubspot")
    assert post(service, source, body, hubspot_headers(source, body, milliseconds(service))).status_code == 400
    assert stored(service) == []


def test_a_merge_over_there_is_a_merge_here(service):
    """The one that is kept has the names of both, and the new record id."""
    known(service, "ann", "1")
    known(service, "bea", "2")
    source = create_source(service, "hubspot")
    merge = event(service, "contact.merge", primaryObjectId=1, mergedObjectIds=[2], newObjectId=3)
    assert from_hubspot(service, source, merge).status_code == 200
    service.clock.forward(seconds=5)
    assert handle_due_events(service) == 1
    item, other = (service.call("GET", f"/api/v1/contacts/{name}").json for name in ("ann", "bea"))
    assert item["id"] == other["id"]
    assert {name["id"] for name in item["external_ids"] if name["system"] == "hubspot"} == {"1", "2", "3"}


def test_the_same_events_again_change_nothing(service):
    """HubSpot sends what was not answered in time again, in other company too."""
    known(service, "ann", "1")
    source = create_source(service, "hubspot", attributes={"city": "town"})
    change = event(service, "contact.propertyChange", objectId=1, propertyName="city", propertyValue="Lyon")
    for _ in range(2):
        assert from_hubspot(service, source, change, change).status_code == 200
    service.clock.forward(seconds=5)
    assert handle_due_events(service) == 1
    assert service.call("GET", "/api/v1/contacts/ann").json["attributes"] == {"town": "Lyon"}


def test_what_happened_last_stays_whatever_came_last(service):
    """Events are sorted by when they happened, also across requests."""
    known(service, "ann", "1")
    source = create_source(service, "hubspot", attributes={"city": "town"})

    def moved(number, city, ago):
        return event(service, "contact.propertyChange", number, ago, objectId=1, propertyName="city", propertyValue=city)

    from_hubspot(service, source, moved(2, "Paris", 0))
    from_hubspot(service, source, moved(1, "Lyon", 1000))
    service.clock.forward(seconds=5)
    assert handle_due_events(service) == 2
    assert service.call("GET", "/api/v1/contacts/ann").json["attributes"] == {"town": "Paris"}


def test_who_is_to_be_forgotten_is_forgotten(service):
    """Here too, and what was kept of the event is emptied."""
    known(service, "ann", "1")
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


def test_the_property_with_your_id_tells_whose_record_it_is(service):
    """From then on a connection finds the contact by its record id."""
    source = create_source(service, "hubspot", id_property="crm_id")
    from_hubspot(service, source, event(service, "contact.propertyChange", objectId=51, propertyName="crm_id", propertyValue="crm-42"))
    service.clock.forward(seconds=5)
    handle_due_events(service)
    names = service.call("GET", "/api/v1/contacts/crm-42").json["external_ids"]
    assert {(name["system"], name["id"]) for name in names} == {("crm", "crm-42"), ("hubspot", "51")}


def test_a_source_is_made_shown_and_removed(service):
    """Without its secret; once removed, nothing is taken and nothing that waits is done."""
    known(service, "ann", "1")
    source = create_source(service, "hubspot")
    assert SECRET not in service.call("GET", "/api/v1/sources").text
    assert [item["id"] for item in service.call("GET", "/api/v1/sources").json["items"]] == [source["id"]]
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
def test_what_is_wrong_with_a_source_is_named_at_once(service, given, paths):
    response = service.call("POST", "/api/v1/sources", given)
    assert response.status_code == 422
    assert {error["path"] for error in response.json["errors"]} == paths
