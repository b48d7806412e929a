"""HubSpot's webhooks: contacts that are changed, merged or deleted."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from survey_service.contacts import directory, merging
from survey_service.contacts.erasure import erase
from survey_service.errors import MalformedBody
from survey_service.inbound.receiver import (
    Handled,
    HandlerContext,
    InvalidSignature,
    SignedRequest,
    VerifiedEvent,
    parse_timestamp,
    within_tolerance,
)
from survey_service.web.strict_json import read_json

SYSTEM = "hubspot"
CHANGED, MERGED, PRIVACY_DELETION = "contact.propertyChange", "contact.merge", "contact.privacyDeletion"
ORDERING_DELAY = timedelta(seconds=5)
"""Events wait so long before they are handled, because HubSpot sends them in any order and they must be handled as they occurred."""
MAX_MILLISECONDS = 253_402_300_799_000


def verify(secret: str, request: SignedRequest, now: datetime) -> list[VerifiedEvent]:
    """Check the signature, version 3, and return the events. It covers method, address, body and timestamp.

    Raises InvalidSignature, MalformedBody.
    """
    timestamp = request.headers.get("x-hubspot-request-timestamp", "")
    milliseconds = parse_timestamp(timestamp)
    if milliseconds > MAX_MILLISECONDS or not within_tolerance(_datetime(milliseconds), now):
        raise InvalidSignature
    signed = b"POST" + request.uri.encode() + request.body + timestamp.encode()
    expected = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest())
    if not hmac.compare_digest(expected, request.headers.get("x-hubspot-signature-v3", "").encode("latin-1", "replace")):
        raise InvalidSignature
    events = read_json(request.body)
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise MalformedBody("HubSpot sends a list of events.")
    return [_parse_event(event) for event in events if event.get("subscriptionType") in (CHANGED, MERGED, PRIVACY_DELETION)]


def handle(context: HandlerContext, kind: str, facts: Mapping[str, Any]) -> Handled:
    """Merge, update or erase the contact of an event."""
    if kind == MERGED:
        return _merge(context, facts)
    contact = directory.find(context.session, facts["id"], system=SYSTEM, lock=True)
    if kind == CHANGED:
        return _change(context, facts)
    if contact is None:
        return Handled("not_known")
    erase(context.session, context.keys, contact, context.now)
    return Handled()


def _parse_event(event: Mapping[str, Any]) -> VerifiedEvent:
    try:
        occurred = _datetime(int(event["occurredAt"]))
        facts: dict[str, Any] = {"id": str(event.get("objectId", ""))}
        if event["subscriptionType"] == CHANGED:
            facts |= {"property": str(event["propertyName"]), "value": str(event.get("propertyValue") or "")}
        if event["subscriptionType"] == MERGED:
            kept = event.get("newObjectId") or event["primaryObjectId"]
            facts = {"kept": str(kept), "gone": [str(record_id) for record_id in (event["primaryObjectId"], *event["mergedObjectIds"])]}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise MalformedBody(f"An event of HubSpot lacks {error}, or has something else in its place.") from None
    parts = (event.get("eventId"), event["subscriptionType"], event.get("subscriptionId"), event.get("objectId"), event["occurredAt"])
    return VerifiedEvent(":".join(str(part) for part in parts)[:255], event["subscriptionType"], occurred, facts, ORDERING_DELAY)


def _merge(context: HandlerContext, facts: Mapping[str, Any]) -> Handled:
    """Merge the contacts that HubSpot has merged. The contact that is kept gets all their ids."""
    record_ids = dict.fromkeys([facts["kept"], *facts["gone"]])
    existing = [directory.find(context.session, record_id, system=SYSTEM) for record_id in record_ids]
    contacts = list({contact.id: contact for contact in existing if contact is not None}.values())
    if not contacts:
        return Handled("not_known")
    kept = contacts[0]
    for gone in contacts[1:]:
        kept = merging.merge(context.session, context.banks, gone.id, kept.id, context.now)
    directory.add_external_id(context.session, context.keys, kept, SYSTEM, facts["kept"], "vid")
    return Handled()


def _change(context: HandlerContext, facts: Mapping[str, Any]) -> Handled:
    """Apply a changed property: the id property links the record to a contact, mapped properties and the email update the contact."""
    name, value = facts["property"], facts["value"]
    if name == context.options.get("id_property") and value:
        contact, _ = directory.find_or_create(context.session, context.keys, value, context.now)
        directory.add_external_id(context.session, context.keys, contact, SYSTEM, facts["id"], "vid")
        return Handled()
    existing = directory.find(context.session, facts["id"], system=SYSTEM, lock=True)
    if existing is None:
        return Handled("not_known")
    attribute = context.options.get("attributes", {}).get(name)
    if attribute is not None:
        directory.update_fields(existing, {"attributes": {attribute: value or None}}, context.now)
    elif name == "email":
        directory.update_fields(existing, {"email": value or None}, context.now)
    else:
        return Handled("not_wanted")
    context.session.add(existing)
    return Handled()


def _datetime(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
