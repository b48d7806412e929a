"""Shopify's webhook `orders/paid`: publish an email link some time after a purchase."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from survey_service.contacts import directory
from survey_service.email_links.announce import send_link
from survey_service.errors import MalformedBody
from survey_service.inbound.receiver import Handled, HandlerContext, InvalidSignature, Reschedule, SignedRequest, VerifiedEvent
from survey_service.outbox import messages
from survey_service.web.strict_json import read_json

SYSTEM = "shopify"
PAID, LINK = "orders/paid", "link"
DELAY_HOURS = 72


def verify(secret: str, request: SignedRequest, now: datetime) -> list[VerifiedEvent]:
    """Check the signature of the body and return the event of an order. Raises InvalidSignature, MalformedBody.

    The signature has no timestamp, so that a replayed event is recognised by its id only.
    """
    expected = base64.b64encode(hmac.new(secret.encode(), request.body, hashlib.sha256).digest())
    if not hmac.compare_digest(expected, request.headers.get("x-shopify-hmac-sha256", "").encode("latin-1", "replace")):
        raise InvalidSignature
    event_id = request.headers.get("x-shopify-event-id") or request.headers.get("x-shopify-webhook-id")
    if request.headers.get("x-shopify-topic") != PAID:
        return []
    order = read_json(request.body)
    if not event_id or not isinstance(order, dict):
        raise MalformedBody("An order of Shopify is an object, and comes with X-Shopify-Event-Id.")
    customer = order.get("customer")
    if not isinstance(customer, dict) or not customer.get("id"):
        return []  # a guest without an account cannot be identified
    if isinstance(customer["id"], bool) or not isinstance(customer["id"], int | str):
        raise MalformedBody("The id of a customer of Shopify is a number or a word.")
    email = order.get("email") or customer.get("email")
    facts = {"customer": str(customer["id"]), "email": email if isinstance(email, str) else None, "order": str(order.get("id", ""))}
    return [VerifiedEvent(event_id[:255], PAID, now, facts)]


def handle(context: HandlerContext, kind: str, facts: Mapping[str, Any]) -> Handled | Reschedule:
    """Store who the customer is at once, and create the link after the delay."""
    if kind == LINK:
        return _publish_link(context, facts)
    contact = directory.find(context.session, facts["customer"], system=SYSTEM, lock=True)
    if contact is None:
        contact, _ = directory.find_or_create(context.session, context.keys, f"{SYSTEM}-{facts['customer']}", context.now)
        directory.add_external_id(context.session, context.keys, contact, SYSTEM, facts["customer"])
    if contact.email is None and facts["email"]:
        directory.update_fields(contact, {"email": facts["email"]}, context.now)
        context.session.add(contact)
        messages.wake(context.session, contact, context.now)
    wait = timedelta(hours=context.options.get("delay_hours", DELAY_HOURS))
    return Reschedule(LINK, {"contact": contact.id, "order": facts["order"]}, wait)


def _publish_link(context: HandlerContext, facts: Mapping[str, Any]) -> Handled:
    contact = directory.resolve(context.session, facts["contact"], lock=True)
    because = {"source": SYSTEM, "order": facts["order"]}
    return Handled(send_link(context.writer, contact, context.options["survey"], None, because))
