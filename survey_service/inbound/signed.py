"""Any other system that signs as Standard Webhooks says: contacts to be created or updated."""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from marshmallow import ValidationError

from survey_service.contacts import directory
from survey_service.contacts.schemas import ContactPutSchema
from survey_service.egress.signing import SigningError, sign
from survey_service.errors import Invalid, MalformedBody
from survey_service.inbound.receiver import Handled, InvalidSignature, SignedRequest, VerifiedEvent, HandlerContext, parse_timestamp, within_tolerance
from survey_service.web.strict_json import read_json

UPSERT = "contact.upsert"
LAST_SECOND = 253_402_300_799


def verify(secret: str, post: SignedRequest, now: datetime) -> list[VerifiedEvent]:
    """``{"contact": {"external_id": "crm-42", ...}}``, with the fields of PUT /api/v1/contacts."""
    event_id, stamp = post.headers.get("webhook-id", ""), post.headers.get("webhook-timestamp", "")
    second = parse_timestamp(stamp)
    if second > LAST_SECOND:
        raise InvalidSignature
    sent = datetime.fromtimestamp(second, UTC)
    try:
        made = sign([secret], event_id, second, post.body)["webhook-signature"].encode()
    except SigningError:
        raise InvalidSignature from None
    shown = post.headers.get("webhook-signature", "").encode("latin-1", "replace").split(b" ")
    if not within_tolerance(sent, now) or not any(hmac.compare_digest(made, item) for item in shown):
        raise InvalidSignature
    return [VerifiedEvent(event_id[:255], UPSERT, sent, {"contact": _contact(read_json(post.body))})]


def handle(work: HandlerContext, kind: str, facts: Mapping[str, Any]) -> Handled:
    given = dict(facts["contact"])
    directory.upsert(work.session, work.keys, given.pop("external_id"), ContactPutSchema().load(given), work.now)
    return Handled()


def _contact(body: Any) -> dict[str, Any]:
    contact = body.get("contact") if isinstance(body, dict) else None
    if not isinstance(contact, dict) or not isinstance(contact.get("external_id"), str) or not contact["external_id"]:
        raise MalformedBody('The body reads {"contact": {"external_id": "crm-42", ...}}.')
    try:
        ContactPutSchema().load({name: value for name, value in contact.items() if name != "external_id"})
    except ValidationError as wrong:
        raise Invalid(
            errors=[{"path": f"contact.{path}", "message": str(said)} for path, said in wrong.normalized_messages().items()]
        ) from None
    return contact
