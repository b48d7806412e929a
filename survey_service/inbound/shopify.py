"""Shopify's webhook `orders/paid`: some time after a purchase, a link for an email."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from survey_service.contacts import directory
from survey_service.contacts.views import external_ids_of
from survey_service.email_links import create, rendering
from survey_service.errors import MalformedBody
from survey_service.inbound.receiver import Reschedule, Handled, InvalidSignature, SignedRequest, VerifiedEvent, HandlerContext
from survey_service.links.tokens import LinkTokens
from survey_service.outbox import publish
from survey_service.web.strict_json import read_json

SYSTEM = "shopify"
PAID, LINK = "orders/paid", "link"
DELAY_HOURS = 72


def verify(secret: str, post: SignedRequest, now: datetime) -> list[VerifiedEvent]:
    """The signature covers the body as it came; it is not dated, so a repeated event is known by its id."""
    made = base64.b64encode(hmac.new(secret.encode(), post.body, hashlib.sha256).digest())
    if not hmac.compare_digest(made, post.headers.get("x-shopify-hmac-sha256", "").encode("latin-1", "replace")):
        raise InvalidSignature
    event_id = post.headers.get("x-shopify-event-id") or post.headers.get("x-shopify-webhook-id")
    if post.headers.get("x-shopify-topic") != PAID:
        return []
    order = read_json(post.body)
    if not event_id or not isinstance(order, dict):
        raise MalformedBody("An order of Shopify is an object, and comes with X-Shopify-Event-Id.")
    customer = order.get("customer")
    if not isinstance(customer, dict) or not customer.get("id"):
        return []  # a guest without an account: nobody whom we could know again
    email = order.get("email") or customer.get("email")
    facts = {"customer": str(customer["id"]), "email": email if isinstance(email, str) else None, "order": str(order.get("id", ""))}
    return [VerifiedEvent(event_id[:255], PAID, now, facts)]


def handle(work: HandlerContext, kind: str, facts: Mapping[str, Any]) -> Handled | Reschedule:
    """First who it is, at once; then, when the delay is over, the link."""
    if kind == LINK:
        return _link(work, facts)
    contact = directory.find(work.session, facts["customer"], system=SYSTEM, lock=True)
    if contact is None:
        contact, _ = directory.find_or_create(work.session, work.keys, f"{SYSTEM}-{facts['customer']}", work.now)
        directory.add_external_id(work.session, work.keys, contact, SYSTEM, facts["customer"])
    if contact.email is None and facts["email"]:
        directory.update_fields(contact, {"email": facts["email"]}, work.now)
        work.session.add(contact)
    wait = timedelta(hours=work.wishes.get("delay_hours", DELAY_HOURS))
    return Reschedule(LINK, {"contact": contact.id, "order": facts["order"]}, wait)


def _link(work: HandlerContext, facts: Mapping[str, Any]) -> Handled:
    contact = directory.resolve(work.session, facts["contact"], lock=True)
    named = next((item["id"] for item in external_ids_of(work.session, [contact])[contact.id] if item["system"] == directory.OWN_SYSTEM), None)
    if named is None:
        return Handled("no_crm_id")
    mailing = create.prepare_mailing(work.session, work.banks, work.wishes["survey"], None, create.LIFETIME)
    (made,) = create.create_links(work.session, work.keys, mailing, [create.Recipient(named)], work.now)
    if isinstance(made, create.RefusedRecipient):
        return Handled(made.because)
    draft = rendering.Drafts(LinkTokens(work.keys), work.base_url, mailing.bank).of(made)
    told = {
        "survey": mailing.survey,
        "question": made.question,
        "language": made.language,
        "expires_at": made.expires_at.isoformat(),
        "url": draft.url,
        "leave": draft.leave,
        "options": {option.id: option.url for option in draft.options},
        "html": rendering.render_html(draft),
        "text": rendering.render_text(draft),
        "because": {"source": SYSTEM, "order": facts["order"]},
    }
    publish.publish_link(work.session, contact, told, work.now)
    return Handled()
