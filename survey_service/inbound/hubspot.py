"""HubSpot's webhooks: contacts that are changed, merged or deleted."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validates_schema
from sqlalchemy import update
from sqlmodel import Session, col

from survey_service.belief.outcomes import record_outcomes
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
from survey_service.outbox import messages
from survey_service.store.bulk import is_one_of
from survey_service.store.tables.core import MERGED as MERGED_RECORD
from survey_service.store.tables.core import ExternalId
from survey_service.web.strict_json import read_json

SYSTEM = "hubspot"
CHANGED, MERGED, PRIVACY_DELETION = "contact.propertyChange", "contact.merge", "contact.privacyDeletion"
ORDERING_DELAY = timedelta(seconds=5)
"""Events wait so long before they are handled, because HubSpot sends them in any order and they must be handled as they occurred."""
MAX_MILLISECONDS = 253_402_300_799_000


class RecordId(fields.Field[str]):
    """The id of a record: HubSpot writes it as a number, and we keep it as text."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValidationError("is no id of a record")
        return str(value)


class EventSchema(Schema):
    """An event of HubSpot, as far as it is used here."""

    class Meta:
        unknown = EXCLUDE

    kind = fields.String(required=True, data_key="subscriptionType")
    occurred_at = fields.Integer(required=True, data_key="occurredAt")
    object_id = RecordId(load_default="", data_key="objectId")
    property = fields.String(load_default=None, data_key="propertyName")
    value = fields.Raw(load_default=None, allow_none=True, data_key="propertyValue")
    primary = RecordId(load_default=None, data_key="primaryObjectId")
    merged = fields.List(RecordId(), load_default=None, data_key="mergedObjectIds")
    new = RecordId(load_default=None, allow_none=True, data_key="newObjectId")

    @validates_schema
    def _has_its_own(self, event: Mapping[str, Any], **_: Any) -> None:
        for name in {CHANGED: ("property",), MERGED: ("primary", "merged")}.get(event["kind"], ()):
            if event[name] is None:
                raise ValidationError("is missing", self.fields[name].data_key or name)


EVENT = EventSchema()


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


def _parse_event(given: Mapping[str, Any]) -> VerifiedEvent:
    try:
        event = EVENT.load(given)
        occurred = _datetime(event["occurred_at"])
    except (ValidationError, ValueError, OverflowError) as error:
        raise MalformedBody(f"An event of HubSpot lacks something, or has something else in its place: {_problem(error)}") from None
    kind, facts = event["kind"], {"id": event["object_id"]}
    if kind == CHANGED:
        facts |= {"property": event["property"], "value": str(event["value"] or "")}
    if kind == MERGED:
        facts = {"kept": event["new"] or event["primary"], "gone": [event["primary"], *event["merged"]]}
    parts = (given.get("eventId"), kind, given.get("subscriptionId"), given.get("objectId"), given["occurredAt"])
    return VerifiedEvent(":".join(str(part) for part in parts)[:255], kind, occurred, facts, ORDERING_DELAY)


def _problem(error: Exception) -> str:
    return str(error.normalized_messages()) if isinstance(error, ValidationError) else str(error)


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
    _mark_merged(context.session, [record_id for record_id in facts["gone"] if record_id != facts["kept"]])
    messages.wake(context.session, kept, context.now)
    return Handled()


def _mark_merged(session: Session, record_ids: Sequence[str]) -> None:
    """Mark the ids of records that were merged into another: connections write to the record that stays."""
    theirs = (col(ExternalId.system) == SYSTEM, is_one_of(session, ExternalId.value, record_ids))
    session.execute(update(ExternalId).where(*theirs).values(type=MERGED_RECORD))


def _change(context: HandlerContext, facts: Mapping[str, Any]) -> Handled:
    """Apply a changed property: the id property links the record to a contact, mapped properties and the email update the contact."""
    name, value = facts["property"], facts["value"]
    if name == context.options.get("id_property") and value:
        contact, _ = directory.find_or_create(context.session, context.keys, value, context.now)
        directory.add_external_id(context.session, context.keys, contact, SYSTEM, facts["id"], "vid")
        messages.wake(context.session, contact, context.now)
        return Handled()
    existing = directory.find(context.session, facts["id"], system=SYSTEM, lock=True)
    if existing is None:
        return Handled("not_known")
    attribute = context.options.get("attributes", {}).get(name)
    if attribute is not None:
        before = existing.attributes
        directory.update_fields(existing, {"attributes": {attribute: value or None}}, context.now)
        record_outcomes(context.session, context.banks, existing, before, context.now)
    elif name == "email":
        directory.update_fields(existing, {"email": value or None}, context.now)
        messages.wake(context.session, existing, context.now)
    else:
        return Handled("not_wanted")
    context.session.add(existing)
    return Handled()


def _datetime(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
