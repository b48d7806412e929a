"""HubSpot's webhooks: contacts that change, are merged, or are to be forgotten."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from survey_service.contacts import directory, merging
from survey_service.contacts.erasure import erase
from survey_service.errors import MalformedBody
from survey_service.inbound.receiver import Handled, InvalidSignature, SignedRequest, VerifiedEvent, HandlerContext, parse_timestamp, within_tolerance
from survey_service.web.strict_json import read_json

SYSTEM = "hubspot"
CHANGED, MERGED, PRIVACY_DELETION = "contact.propertyChange", "contact.merge", "contact.privacyDeletion"
ORDERING_DELAY = timedelta(seconds=5)
"""HubSpot sends events in no particular order: what comes together is sorted by when it happened before anything is done."""
LAST_MOMENT = 253_402_300_799_000


def verify(secret: str, post: SignedRequest, now: datetime) -> list[VerifiedEvent]:
    """Version 3 of the signature: method, address, body and timestamp."""
    stamp = post.headers.get("x-hubspot-request-timestamp", "")
    sent = parse_timestamp(stamp)
    if sent > LAST_MOMENT or not within_tolerance(_moment(sent), now):
        raise InvalidSignature
    signed = b"POST" + post.uri.encode() + post.body + stamp.encode()
    made = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest())
    if not hmac.compare_digest(made, post.headers.get("x-hubspot-signature-v3", "").encode("latin-1", "replace")):
        raise InvalidSignature
    events = read_json(post.body)
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise MalformedBody("HubSpot sends a list of events.")
    return [_heard(event) for event in events if event.get("subscriptionType") in (CHANGED, MERGED, PRIVACY_DELETION)]


def handle(work: HandlerContext, kind: str, facts: Mapping[str, Any]) -> Handled:
    if kind == MERGED:
        return _merge(work, facts)
    contact = directory.find(work.session, facts["id"], system=SYSTEM, lock=True)
    if kind == CHANGED:
        return _change(work, facts)
    if contact is None:
        return Handled("not_known")
    erase(work.session, work.keys, contact, work.now)
    return Handled()


def _heard(event: Mapping[str, Any]) -> VerifiedEvent:
    try:
        occurred = _moment(int(event["occurredAt"]))
        facts: dict[str, Any] = {"id": str(event.get("objectId", ""))}
        if event["subscriptionType"] == CHANGED:
            facts |= {"property": str(event["propertyName"]), "value": str(event.get("propertyValue") or "")}
        if event["subscriptionType"] == MERGED:
            kept = event.get("newObjectId") or event["primaryObjectId"]
            facts = {"kept": str(kept), "gone": [str(item) for item in (event["primaryObjectId"], *event["mergedObjectIds"])]}
    except (KeyError, TypeError, ValueError, OverflowError) as wrong:
        raise MalformedBody(f"An event of HubSpot lacks {wrong}, or has something else in its place.") from None
    parts = (event.get("eventId"), event["subscriptionType"], event.get("subscriptionId"), event.get("objectId"), event["occurredAt"])
    return VerifiedEvent(":".join(str(part) for part in parts)[:255], event["subscriptionType"], occurred, facts, ORDERING_DELAY)


def _merge(work: HandlerContext, facts: Mapping[str, Any]) -> Handled:
    """Everybody that HubSpot has made one is one here too; the one that is kept bears all their ids."""
    known = [directory.find(work.session, fromkey, system=SYSTEM) for fromkey in dict.fromkeys([facts["kept"], *facts["gone"]])]
    contacts = list({contact.id: contact for contact in known if contact is not None}.values())
    if not contacts:
        return Handled("not_known")
    kept = contacts[0]
    for gone in contacts[1:]:
        merging.merge(work.session, work.banks, gone.id, kept.id, work.now)
    directory.add_external_id(work.session, work.keys, kept, SYSTEM, facts["kept"], "vid")
    return Handled()


def _change(work: HandlerContext, facts: Mapping[str, Any]) -> Handled:
    """The property with your own id says who a record is; others fill the attributes that the source was told to fill."""
    name, value = facts["property"], facts["value"]
    if name == work.wishes.get("id_property") and value:
        contact, _ = directory.find_or_create(work.session, work.keys, value, work.now)
        directory.add_external_id(work.session, work.keys, contact, SYSTEM, facts["id"], "vid")
        return Handled()
    contact_known = directory.find(work.session, facts["id"], system=SYSTEM, lock=True)
    if contact_known is None:
        return Handled("not_known")
    attribute = work.wishes.get("attributes", {}).get(name)
    if attribute is not None:
        directory.update_fields(contact_known, {"attributes": {attribute: value or None}}, work.now)
    elif name == "email":
        directory.update_fields(contact_known, {"email": value or None}, work.now)
    else:
        return Handled("not_wanted")
    work.session.add(contact_known)
    return Handled()


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
