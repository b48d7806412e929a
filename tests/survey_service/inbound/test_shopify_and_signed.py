"""Shopify's paid orders become email links, and systems that sign by Standard Webhooks create contacts."""

import json
from datetime import timedelta

import pytest
from sqlmodel import select
from standardwebhooks import Webhook

from survey_service.store.tables.inbound import InboundEvent
from survey_service.store.tables.webhooks import Delivery
from tests.processes import oracle
from tests.survey_service.inbound.signed_requests import SECRET, create_source, handle_due_events, post, shopify_headers

ORDER = {
    "id": 1001,
    "email": "zoe@example.com",
    "total_price": "59.90",
    "customer": {"id": 7, "email": "zoe@example.com"},
    "note": "ring twice",
}


def paid(service, source, event_id="e1", order=ORDER):
    body = json.dumps(order).encode()
    return post(service, source, body, shopify_headers(body, event_id))


def an_endpoint(service):
    given = {"url": "https://192.0.2.1/hook", "events": ["link.planned"], "include_pii": True}
    response = service.call("POST", "/api/v1/endpoints", {**given, "url": "https://hooks.example.com/x"})
    assert response.status_code == 201, response.text


def published_facts(service):
    with service.parts.store.reading() as session:
        return [row.facts for row in session.exec(select(Delivery).order_by(Delivery.id))]


def test_a_paid_order_publishes_a_link_after_the_delay(service):
    """The message has the contact's email and the URL of every option."""
    an_endpoint(service)
    source = create_source(service, "shopify", survey="all", delay_hours=48)
    assert paid(service, source).status_code == 200
    assert published_facts(service) == []
    assert handle_due_events(service) == 1
    service.clock.forward(hours=47)
    assert handle_due_events(service) == 0
    service.clock.forward(hours=1)
    assert handle_due_events(service) == 1
    (facts,) = published_facts(service)
    assert facts["contact"]["email"] == "zoe@example.com"
    assert {"system": "shopify", "type": "id", "id": "7"} in facts["contact"]["external_ids"]
    link = facts["link"]
    assert link["because"] == {"source": "shopify", "order": "1001"}
    assert link["options"]
    opened = service.client.get(link["url"].removeprefix(service.parts.settings.base_url))
    assert opened.status_code == 200


def test_a_repeated_order_is_handled_once(service):
    """A repetition has the same event id."""
    an_endpoint(service)
    source = create_source(service, "shopify", survey="all", delay_hours=0)
    for _ in range(3):
        assert paid(service, source).status_code == 200
    handle_due_events(service)
    assert len(published_facts(service)) == 1


def test_only_the_needed_facts_of_an_order_are_stored(service):
    """Neither the items nor the note are stored, and less is kept after the first step."""
    source = create_source(service, "shopify", survey="all")
    paid(service, source)
    with service.parts.store.reading() as session:
        (row,) = session.exec(select(InboundEvent))
        assert row.facts == {"customer": "7", "email": "zoe@example.com", "order": "1001"}
    handle_due_events(service)
    with service.parts.store.reading() as session:
        (row,) = session.exec(select(InboundEvent))
        assert set(row.facts) == {"contact", "order"}
        assert row.due - row.received_at == timedelta(hours=72)


def test_an_erased_contact_gets_no_link(service):
    """This also holds if the contact is erased during the delay."""
    an_endpoint(service)
    source = create_source(service, "shopify", survey="all", delay_hours=1)
    paid(service, source)
    handle_due_events(service)
    assert service.call("DELETE", "/api/v1/contacts/shopify-7").status_code == 204
    service.clock.forward(hours=1)
    assert handle_due_events(service) == 1
    assert published_facts(service) == []
    paid(service, source, "e2")
    handle_due_events(service)
    with service.parts.store.reading() as session:
        assert [row.problem for row in session.exec(select(InboundEvent).order_by(InboundEvent.id))] == ["contact_erased", "contact_erased"]


@pytest.mark.parametrize("wrong", ["secret", "body", "none"])
def test_an_order_with_an_invalid_signature_is_refused(service, wrong):
    """The response is 401 and nothing is stored."""
    source, body = create_source(service, "shopify", survey="all"), json.dumps(ORDER).encode()
    headers = {
        "secret": shopify_headers(body, "e1", "another"),
        "body": shopify_headers(json.dumps(ORDER, indent=1).encode(), "e1"),
        "none": {},
    }[wrong]
    assert post(service, source, body, headers).status_code == 401
    with service.parts.store.reading() as session:
        assert session.exec(select(InboundEvent)).all() == []
    assert SECRET not in service.call("GET", "/api/v1/sources").text


@pytest.mark.parametrize("change", [{"customer": None}, {"customer": {}}, {"customer": "x"}])
def test_orders_of_guests_are_ignored(service, change):
    """An order without a customer id is accepted and not stored."""
    source = create_source(service, "shopify", survey="all")
    assert paid(service, source, order={**ORDER, **change}).status_code == 200
    assert handle_due_events(service) == 0


@pytest.mark.parametrize("customer", [{"id": {"a": 1}}, {"id": [1]}, {"id": True}])
def test_a_customer_of_another_shape_is_refused(service, customer):
    """An object in the place of an id must not become the name of a contact."""
    source = create_source(service, "shopify", survey="all")
    assert paid(service, source, order={**ORDER, "customer": customer}).status_code == 400
    assert handle_due_events(service) == 0


def signed(service, source, body, **change):
    text = json.dumps(body)
    moment = change.get("moment", service.clock())
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(moment.timestamp()))}
    headers["webhook-signature"] = Webhook(change.get("secret", source["secret"])).sign("msg_1", moment, text)
    return post(service, source, text.encode(), headers)


def test_a_signed_request_creates_a_contact(service):
    """It works as PUT /contacts does, and a repetition is handled once."""
    source = create_source(service, "signed")
    body = {"contact": {"external_id": "crm-42", "email": "zoe@example.com", "attributes": {"city": "Lyon"}}}
    assert signed(service, source, body).status_code == 200
    assert signed(service, source, body).status_code == 200
    assert handle_due_events(service) == 1
    contact = service.call("GET", "/api/v1/contacts/crm-42").json
    assert (contact["email"], contact["attributes"]) == ("zoe@example.com", {"city": "Lyon"})


def test_an_invalid_signature_or_contact_is_refused(service):
    """An invalid signature returns 401, and an invalid contact names its field."""
    source = create_source(service, "signed")
    body = {"contact": {"external_id": "crm-42"}}
    assert signed(service, source, body, secret="whsec_" + "QUJD" * 8).status_code == 401
    for ahead in (-301, 301):
        assert signed(service, source, body, moment=service.clock() + timedelta(seconds=ahead)).status_code == 401
    assert signed(service, source, {"contact": {"email": "a@example.com"}}).status_code == 400
    refused = signed(service, source, {"contact": {"external_id": "a", "nonsense": 1}})
    assert (refused.status_code, refused.json["errors"][0]["path"]) == (422, "contact.nonsense")
    assert handle_due_events(service) == 0


@pytest.mark.parametrize(
    ("secret", "found"), [(SECRET, {"valid": True, "topic": "ORDERS_PAID"}), ("another", {"valid": False, "reason": "invalid_hmac"})]
)
def test_signature_checks_agree_with_shopifys_library(one_service, secret, found):
    """Both accept the same signature and both refuse the other."""
    source = create_source(one_service, "shopify", survey="all")
    order = {**ORDER, "note": "Zoé 🦊"}
    body = json.dumps(order, ensure_ascii=False)
    headers = shopify_headers(body.encode(), f"e-{secret}", secret)
    theirs = json.loads(oracle("shopify.mjs", SECRET, given=json.dumps({"headers": headers, "body": body})))
    assert theirs == found
    assert post(one_service, source, body.encode(), headers).status_code == (200 if found["valid"] else 401)
