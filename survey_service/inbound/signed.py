"""Any other system that signs its requests by Standard Webhooks: contacts to create or update."""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from marshmallow import ValidationError

from survey_service.contacts.priors import put_contact
from survey_service.contacts.schemas import ContactPutSchema
from survey_service.egress.signing import SigningError, sign
from survey_service.errors import Invalid, MalformedBody
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

UPSERT = "contact.upsert"
MAX_SECONDS = 253_402_300_799


def verify(secret: str, request: SignedRequest, now: datetime) -> list[VerifiedEvent]:
    """Check the signature and return the event. The body is ``{"contact": {"external_id": "crm-42", ...}}``.

    The fields of the contact are those of PUT /api/v1/contacts. Raises InvalidSignature, MalformedBody, Invalid.
    """
    event_id = request.headers.get("webhook-id", "")
    second = parse_timestamp(request.headers.get("webhook-timestamp", ""))
    if second > MAX_SECONDS:
        raise InvalidSignature
    sent_at = datetime.fromtimestamp(second, UTC)
    try:
        expected = sign([secret], event_id, second, request.body)["webhook-signature"].encode()
    except SigningError:
        raise InvalidSignature from None
    signatures = request.headers.get("webhook-signature", "").encode("latin-1", "replace").split(b" ")
    if not within_tolerance(sent_at, now) or not any(hmac.compare_digest(expected, signature) for signature in signatures):
        raise InvalidSignature
    return [VerifiedEvent(event_id[:255], UPSERT, sent_at, {"contact": _validate_contact(read_json(request.body))})]


def handle(context: HandlerContext, kind: str, facts: Mapping[str, Any]) -> Handled:
    """Create or update the contact of an event."""
    given = dict(facts["contact"])
    put_contact(context.session, context.keys, context.banks, given.pop("external_id"), ContactPutSchema().load(given), context.now)
    return Handled()


def _validate_contact(body: Any) -> dict[str, Any]:
    """Return the contact in a body, unchanged. Raises MalformedBody, Invalid."""
    contact = body.get("contact") if isinstance(body, dict) else None
    if not isinstance(contact, dict) or not isinstance(contact.get("external_id"), str) or not contact["external_id"]:
        raise MalformedBody('The body reads {"contact": {"external_id": "crm-42", ...}}.')
    try:
        ContactPutSchema().load({name: value for name, value in contact.items() if name != "external_id"})
    except ValidationError as error:
        raise Invalid(
            errors=[{"path": f"contact.{path}", "message": str(message)} for path, message in error.normalized_messages().items()]
        ) from None
    return contact
