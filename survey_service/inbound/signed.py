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
from survey_service.inbound.receiver import Done, NotGenuine, Post, Verified, Work, number_of, within_tolerance
from survey_service.web.strict_json import read_json

UPSERT = "contact.upsert"
LAST_SECOND = 253_402_300_799


def hear(secret: str, post: Post, now: datetime) -> list[Verified]:
    """``{"contact": {"external_id": "crm-42", ...}}``, with the fields of PUT /api/v1/contacts."""
    event_id, stamp = post.headers.get("webhook-id", ""), post.headers.get("webhook-timestamp", "")
    second = number_of(stamp)
    if second > LAST_SECOND:
        raise NotGenuine
    sent = datetime.fromtimestamp(second, UTC)
    try:
        made = sign([secret], event_id, second, post.body)["webhook-signature"].encode()
    except SigningError:
        raise NotGenuine from None
    shown = post.headers.get("webhook-signature", "").encode("latin-1", "replace").split(b" ")
    if not within_tolerance(sent, now) or not any(hmac.compare_digest(made, item) for item in shown):
        raise NotGenuine
    return [Verified(event_id[:255], UPSERT, sent, {"contact": _contact(read_json(post.body))})]


def handle(work: Work, kind: str, facts: Mapping[str, Any]) -> Done:
    given = dict(facts["contact"])
    directory.put(work.session, work.keys, given.pop("external_id"), ContactPutSchema().load(given), work.now)
    return Done()


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
