"""Contacts over HTTP, for CRMs."""

from typing import Any

from survey_service.contacts import directory, merging, views
from survey_service.contacts.erasure import erase
from survey_service.contacts.identity import sign_identity
from survey_service.contacts.labels import set_label, remove_label
from survey_service.contacts.schemas import (
    ContactPageSchema,
    ContactPutSchema,
    ContactQuerySchema,
    ContactSchema,
    ExportSchema,
    IdentitySchema,
    LabelSchema,
    MergeSchema,
    SystemSchema,
    TimelineQuerySchema,
    TimelineSchema,
)
from survey_service.contacts.views import timeline as what_happened
from survey_service.web.api import ApiBlueprint
from survey_service.web.api_keys import requires
from survey_service.web.context import parts

CONTACT = {"email": "zoe@example.com", "attributes": {"city": "Lyon"}, "consent": {"profiling": True}}
STARTING = {"operationId": "respondent.start", "requestBody": {"identity": "$response.body#/identity"}}
LABEL = {"bank": "car-buyers", "persona": "driver"}

blueprint = ApiBlueprint("contacts", __name__, url_prefix="/api/v1/contacts", description="People, by the id your CRM gives them")


@blueprint.get("")
@requires("read")
@blueprint.arguments(ContactQuerySchema, location="query")
@blueprint.response(200, ContactPageSchema)
def page(query: dict[str, Any]) -> dict[str, Any]:
    """Beliefs about contacts, those that changed first coming first: for CRMs that ask instead of being told."""
    with parts().store.reading() as session:
        items, after = views.belief_page(session, query, query["limit"])
    return {"items": items, "next": after}


@blueprint.post("/merge")
@requires("write")
@blueprint.arguments(MergeSchema)
@blueprint.response(200, ContactSchema)
def merge(given: dict[str, Any]) -> dict[str, Any]:
    """Make one contact of two: `into` is both from now on. Doing it again changes nothing."""
    p = parts()
    with p.store.writing() as session:
        kept = directory.resolve_reference(session, given["into"], "into")
        gone = directory.resolve_reference(session, given["from"], "from")
        merging.merge(session, p.banks, gone.id, kept.id, p.now())
        return views.contact_view(session, p.banks, kept, p.now())


@blueprint.get("/<string:external_id>")
@requires("read")
@blueprint.arguments(SystemSchema, location="query")
@blueprint.response(200, ContactSchema)
def read(query: dict[str, Any], external_id: str) -> dict[str, Any]:
    """A contact with its belief under each bank, and what moved it."""
    p = parts()
    with p.store.reading() as session:
        return views.contact_view(session, p.banks, views.get_contact(session, external_id, query["system"]), p.now())


@blueprint.put("/<string:external_id>")
@requires("write")
@blueprint.arguments(ContactPutSchema, required=False, example=CONTACT)
@blueprint.response(200, ContactSchema)
@blueprint.alt_response(201, schema=ContactSchema)
def put(given: dict[str, Any], external_id: str) -> Any:
    """Create or update a contact."""
    p = parts()
    with p.store.writing() as session:
        contact, is_new = directory.upsert(session, p.keys, external_id, given, p.now())
        view = views.contact_view(session, p.banks, contact, p.now())
    return view, 201 if is_new else 200


@blueprint.delete("/<string:external_id>")
@requires("write")
@blueprint.arguments(SystemSchema, location="query")
@blueprint.response(204)
def remove(query: dict[str, Any], external_id: str) -> None:
    """Erase a contact everywhere, and tell every endpoint; their links lead nowhere, and nothing about them is taken any more."""
    p = parts()
    with p.store.writing() as session:
        erase(session, p.keys, views.get_contact(session, external_id, query["system"], lock=True), p.now())


@blueprint.get("/<string:external_id>/export")
@requires("read")
@blueprint.arguments(SystemSchema, location="query")
@blueprint.response(200, ExportSchema)
def export(query: dict[str, Any], external_id: str) -> dict[str, Any]:
    """Everything that is kept about a contact, for whoever asks for their data."""
    p = parts()
    with p.store.reading() as session:
        return views.export(session, p.banks, views.get_contact(session, external_id, query["system"]), p.now())


@blueprint.get("/<string:external_id>/timeline")
@requires("read")
@blueprint.arguments(TimelineQuerySchema, location="query")
@blueprint.response(200, TimelineSchema)
def timeline(query: dict[str, Any], external_id: str) -> dict[str, Any]:
    """Surveys, answers, behaviour, emails and messages in one line, the newest first."""
    with parts().store.reading() as session:
        contact = views.get_contact(session, external_id, query["system"])
        items, after = what_happened(session, contact, query.get("after"), query["limit"])
    return {"items": items, "next": after}


@blueprint.put("/<string:external_id>/label")
@requires("write")
@blueprint.arguments(LabelSchema, example=LABEL)
@blueprint.response(200, ContactSchema)
def put_label(given: dict[str, Any], external_id: str) -> dict[str, Any]:
    """Say which persona the contact is, and how often such a word of yours is right: evidence like any other, in your name."""
    p = parts()
    with p.store.writing() as session:
        contact = views.get_contact(session, external_id, directory.OWN_SYSTEM, lock=True)
        set_label(session, p.banks, contact, given["bank"], given["persona"], given["reliability"], p.now())
        return views.contact_view(session, p.banks, contact, p.now())


@blueprint.delete("/<string:external_id>/label/<string:bank>")
@requires("write")
@blueprint.response(200, ContactSchema)
def delete_label(external_id: str, bank: str) -> dict[str, Any]:
    """Take the word back."""
    p = parts()
    with p.store.writing() as session:
        contact = views.get_contact(session, external_id, directory.OWN_SYSTEM, lock=True)
        remove_label(session, p.banks, contact, bank, p.now())
        return views.contact_view(session, p.banks, contact, p.now())


@blueprint.post("/<string:external_id>/identity")
@requires("write")
@blueprint.response(200, IdentitySchema)
@blueprint.doc(responses={"200": {"links": {"start": STARTING}}})
def identity(external_id: str) -> dict[str, str]:
    """A signed identity, so that a page you render starts the survey as this contact."""
    p = parts()
    with p.store.writing() as session:
        contact, _ = directory.find_or_create(session, p.keys, external_id, p.now())
        return {"identity": sign_identity(p.keys, contact.id)}
