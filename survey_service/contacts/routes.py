"""Contacts over HTTP, for CRMs."""

from typing import Any

from survey_service.authoring.guard import requires
from survey_service.contacts import directory
from survey_service.contacts.schemas import ContactPutSchema, ContactSchema, IdentitySchema
from survey_service.email_links.tokens import sign_identity
from survey_service.http import ApiBlueprint
from survey_service.parts import parts

blueprint = ApiBlueprint("contacts", __name__, url_prefix="/api/v1/contacts", description="People, by the id your CRM gives them")


@blueprint.get("/<string:external_id>")
@requires("read")
@blueprint.response(200, ContactSchema)
def read(external_id: str) -> dict[str, Any]:
    """A contact with its belief under each bank, and what moved it."""
    p = parts()
    with p.store.reading() as session:
        return directory.contact_view(session, p.banks, external_id)


@blueprint.put("/<string:external_id>")
@requires("write")
@blueprint.arguments(ContactPutSchema)
@blueprint.response(200, ContactSchema)
@blueprint.alt_response(201, schema=ContactSchema)
def put(given: dict[str, Any], external_id: str) -> Any:
    """Create or update a contact."""
    p = parts()
    with p.store.writing() as session:
        _, is_new = directory.put(session, external_id, given, p.now())
        view = directory.contact_view(session, p.banks, external_id)
    return view, 201 if is_new else 200


@blueprint.post("/<string:external_id>/identity")
@requires("write")
@blueprint.response(200, IdentitySchema)
def identity(external_id: str) -> dict[str, str]:
    """A signed identity, so that a page you render starts the survey as this contact."""
    p = parts()
    with p.store.writing() as session:
        contact, _ = directory.find_or_make(session, external_id, p.now())
        return {"identity": sign_identity(p.keys, contact.id)}
