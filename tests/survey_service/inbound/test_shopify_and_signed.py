"""Shopify's paid orders become links for an email; systems that sign by Standard Webhooks may tell who contacts are."""

import json
from datetime import timedelta

import pytest
from sqlmodel import select
from standardwebhooks import Webhook

from survey_service.store.tables.inbound import InboundEvent
from survey_service.store.tables.webhooks import Delivery
from tests.processes import oracle
from tests.survey_service.inbound.signed_requests import SECRET, create_source, post, shopify_headers, handle_due_events

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


def told(service):
    with service.parts.store.reading() as session:
        return [row.facts for row in session.exec(select(Delivery).order_by(Delivery.id))]


def test_a_paid_order_becomes_a_link_when_the_delay_is_over(service):
    """Not before; to whoever sends the email, with its address and every answer's URL."""
    an_endpoint(service)
    source = create_source(service, "shopify", survey="all", delay_hours=48)
    assert paid(service, source).status_code == 200
    assert told(service) == []
    assert handle_due_events(service) == 1
    service.clock.forward(hours=47)
    assert handle_due_events(service) == 0
    service.clock.forward(hours=1)
    assert handle_due_events(service) == 1
    (facts,) = told(service)
    assert facts["contact"]["email"] == "zoe@example.com"
    assert {"system": "shopify", "type": "id", "id": "7"} in facts["contact"]["external_ids"]
    link = facts["link"]
    assert link["because"] == {"source": "shopify", "order": "1001"}
    assert link["options"]
    opened = service.client.get(link["url"].removeprefix(service.parts.settings.base_url))
    assert opened.status_code == 200


def test_the_same_order_again_is_taken_once(service):
    """Shopify repeats what it is not sure of; the id of the event tells."""
    an_endpoint(service)
    source = create_source(service, "shopify", survey="all", delay_hours=0)
    for _ in range(3):
        assert paid(service, source).status_code == 200
    handle_due_events(service)
    assert len(told(service)) == 1


def test_of_an_order_only_what_is_needed_is_kept(service):
    """Neither what was bought nor what was written; and nothing at all once it is done."""
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


def test_who_was_erased_or_wants_to_be_left_alone_gets_no_link(service):
    """Also when that happened while the link was waiting."""
    an_endpoint(service)
    source = create_source(service, "shopify", survey="all", delay_hours=1)
    paid(service, source)
    handle_due_events(service)
    assert service.call("DELETE", "/api/v1/contacts/shopify-7").status_code == 204
    service.clock.forward(hours=1)
    assert handle_due_events(service) == 1
    assert told(service) == []
    paid(service, source, "e2")
    handle_due_events(service)
    with service.parts.store.reading() as session:
        assert [row.problem for row in session.exec(select(InboundEvent).order_by(InboundEvent.id))] == ["contact_erased", "contact_erased"]


@pytest.mark.parametrize("wrong", ["secret", "body", "none"])
def test_an_order_that_shopify_did_not_sign_is_not_kept(service, wrong):
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
def test_a_guest_is_nobody_who_could_be_known_again(service, change):
    source = create_source(service, "shopify", survey="all")
    assert paid(service, source, order={**ORDER, **change}).status_code == 200
    assert handle_due_events(service) == 0


def signed(service, source, body, **change):
    text = json.dumps(body)
    moment = change.get("moment", service.clock())
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(moment.timestamp()))}
    headers["webhook-signature"] = Webhook(change.get("secret", source["secret"])).sign("msg_1", moment, text)
    return post(service, source, text.encode(), headers)


def test_a_system_that_signs_tells_who_a_contact_is(service):
    """As PUT /contacts would; signed by the public library; once."""
    source = create_source(service, "signed")
    body = {"contact": {"external_id": "crm-42", "email": "zoe@example.com", "attributes": {"city": "Lyon"}}}
    assert signed(service, source, body).status_code == 200
    assert signed(service, source, body).status_code == 200
    assert handle_due_events(service) == 1
    contact = service.call("GET", "/api/v1/contacts/crm-42").json
    assert (contact["email"], contact["attributes"]) == ("zoe@example.com", {"city": "Lyon"})


def test_what_is_badly_signed_or_cannot_be_a_contact_is_refused(service):
    """401 for the one, the field's name for the other."""
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
def test_shopifys_own_library_says_the_same_of_a_signature(one_service, secret, found):
    """What it takes for genuine we take, what it refuses we refuse."""
    source = create_source(one_service, "shopify", survey="all")
    order = {**ORDER, "note": "Zoé 🦊"}
    body = json.dumps(order, ensure_ascii=False)
    headers = shopify_headers(body.encode(), f"e-{secret}", secret)
    theirs = json.loads(oracle("shopify.mjs", SECRET, given=json.dumps({"headers": headers, "body": body})))
    assert theirs == found
    assert post(one_service, source, body.encode(), headers).status_code == (200 if found["valid"] else 401)
