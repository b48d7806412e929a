"""Routes of the contacts API, which CRMs call."""

from typing import Any

from flask import g
from sqlmodel import Session

from survey_service.contacts import directory, merging, views
from survey_service.contacts.erasure import erase
from survey_service.contacts.identity import sign_identity
from survey_service.contacts.labels import remove_label, set_label
from survey_service.contacts.looks import looks_at, record_look
from survey_service.contacts.priorities import priority_page
from survey_service.contacts.priors import put_contact
from survey_service.contacts.schemas import (
    ContactPageSchema,
    ContactPutSchema,
    ContactQuery,
    ContactQuerySchema,
    ContactSchema,
    ExportSchema,
    IdentitySchema,
    LabelRequest,
    LabelSchema,
    LooksSchema,
    MergeRequest,
    MergeSchema,
    SessionPageSchema,
    SessionQuerySchema,
    SystemQuery,
    SystemSchema,
    TimelineQuery,
    TimelineQuerySchema,
    TimelineSchema,
)
from survey_service.contacts.sessions import SessionQuery, session_page
from survey_service.contacts.timeline import timeline_page
from survey_service.store.tables.core import OWN_SYSTEM, Contact
from survey_service.web.api import ApiBlueprint
from survey_service.web.api_keys import requires
from survey_service.web.context import parts

CONTACT = {"email": "zoe@example.com", "attributes": {"city": "Lyon"}, "consent": {"profiling": True}}
STARTING = {"operationId": "respondent.start", "requestBody": {"identity": "$response.body#/identity"}}
LABEL = {"bank": "car-buyers", "persona": "driver"}

blueprint = ApiBlueprint("contacts", __name__, url_prefix="/api/v1/contacts", description="People, by the id your CRM gives them")
sessions = ApiBlueprint("sessions", __name__, url_prefix="/api/v1/sessions", description="Who answered which survey")


@sessions.get("")
@requires("read")
@sessions.arguments(SessionQuerySchema, location="query")
@sessions.response(200, SessionPageSchema)
def list_sessions(query: SessionQuery) -> dict[str, Any]:
    """List the sessions of surveys, the newest first."""
    with parts().store.reading() as session:
        items, after = session_page(session, query)
    return {"items": items, "next": after}


@blueprint.get("")
@requires("read")
@blueprint.arguments(ContactQuerySchema, location="query")
@blueprint.response(200, ContactPageSchema)
def page(query: ContactQuery) -> dict[str, Any]:
    """List beliefs about contacts, the least recently changed first, for CRMs that poll instead of receiving webhooks.

    With `order=priority`: contacts on a journey of a bank, those first whom to call first.
    """
    with parts().store.reading() as session:
        items, after = (priority_page if query.order == "priority" else views.belief_page)(session, query)
    if query.email is not None:
        for contact_id in {item["id"] for item in items}:
            record_look(parts().store, contact_id, g.api_key, "search", parts().now())
    return {"items": items, "next": after}


@blueprint.post("/merge")
@requires("write")
@blueprint.arguments(MergeSchema)
@blueprint.response(200, ContactSchema)
def merge(body: MergeRequest) -> dict[str, Any]:
    """Merge two contacts: `into` receives the data of `from`. Merging again changes nothing."""
    p = parts()

    def act(session: Session) -> dict[str, Any]:
        into = directory.resolve_reference(session, body.into, "into")
        gone = directory.resolve_reference(session, body.from_, "from")
        kept = merging.merge(session, p.banks, gone.id, into.id, p.now())
        return views.contact_view(session, p.banks, kept, p.now())

    return p.transact(act)


@blueprint.get("/<string:external_id>")
@requires("read")
@blueprint.arguments(SystemSchema, location="query")
@blueprint.response(200, ContactSchema)
def read(query: SystemQuery, external_id: str) -> dict[str, Any]:
    """Return a contact with its belief under each bank, and the evidence that explains it."""
    p = parts()
    with p.store.reading() as session:
        contact = views.get_contact(session, external_id, query.system)
        view = views.contact_view(session, p.banks, contact, p.now())
    _look(contact, "contact")
    return view


@blueprint.get("/<string:external_id>/looks")
@requires("admin")
@blueprint.arguments(SystemSchema, location="query")
@blueprint.response(200, LooksSchema)
def looks(query: SystemQuery, external_id: str) -> dict[str, Any]:
    """List who looked at a contact, newest first: people of the console, and API keys."""
    with parts().store.reading() as session:
        return {"items": looks_at(session, views.get_contact(session, external_id, query.system))}


def _look(contact: Contact, what: str) -> None:
    record_look(parts().store, contact.id, g.api_key, what, parts().now())


@blueprint.put("/<string:external_id>")
@requires("write")
@blueprint.arguments(ContactPutSchema, required=False, example=CONTACT)
@blueprint.response(200, ContactSchema)
@blueprint.alt_response(201, schema=ContactSchema)
def put(given: dict[str, Any], external_id: str) -> Any:
    """Create or update a contact."""
    p = parts()

    def act(session: Session) -> tuple[dict[str, Any], int]:
        contact, is_new = put_contact(session, p.keys, p.banks, external_id, given, p.now())
        return views.contact_view(session, p.banks, contact, p.now()), 201 if is_new else 200

    return p.transact(act)


@blueprint.delete("/<string:external_id>")
@requires("write")
@blueprint.arguments(SystemSchema, location="query")
@blueprint.response(204)
def remove(query: SystemQuery, external_id: str) -> None:
    """Erase a contact, notify every endpoint, revoke their links, and refuse further data about them."""
    p = parts()
    p.transact(lambda session: erase(session, p.keys, views.get_contact(session, external_id, query.system, lock=True), p.now()))


@blueprint.get("/<string:external_id>/export")
@requires("read")
@blueprint.arguments(SystemSchema, location="query")
@blueprint.response(200, ExportSchema)
def export(query: SystemQuery, external_id: str) -> dict[str, Any]:
    """Return everything that is stored about a contact, for a request of access to personal data."""
    p = parts()
    with p.store.reading() as session:
        contact = views.get_contact(session, external_id, query.system)
        view = views.export(session, p.banks, contact, p.now())
    _look(contact, "export")
    return view


@blueprint.get("/<string:external_id>/timeline")
@requires("read")
@blueprint.arguments(TimelineQuerySchema, location="query")
@blueprint.response(200, TimelineSchema)
def timeline(query: TimelineQuery, external_id: str) -> dict[str, Any]:
    """List surveys, answers, events, links and messages of a contact, the newest first."""
    with parts().store.reading() as session:
        contact = views.get_contact(session, external_id, query.system)
        items, after = timeline_page(session, contact, query)
    _look(contact, "timeline")
    return {"items": items, "next": after}


@blueprint.put("/<string:external_id>/label")
@requires("write")
@blueprint.arguments(LabelSchema, example=LABEL)
@blueprint.response(200, ContactSchema)
def put_label(body: LabelRequest, external_id: str) -> dict[str, Any]:
    """Label a contact with a persona, and say how reliable such labels are. A label is evidence like an answer."""
    p = parts()

    def act(session: Session) -> dict[str, Any]:
        contact = views.get_contact(session, external_id, OWN_SYSTEM, lock=True)
        set_label(session, p.banks, contact, body.bank, body.persona, body.reliability, p.now())
        return views.contact_view(session, p.banks, contact, p.now())

    return p.transact(act)


@blueprint.delete("/<string:external_id>/label/<string:bank>")
@requires("write")
@blueprint.response(200, ContactSchema)
def delete_label(external_id: str, bank: str) -> dict[str, Any]:
    """Remove a label."""
    p = parts()

    def act(session: Session) -> dict[str, Any]:
        contact = views.get_contact(session, external_id, OWN_SYSTEM, lock=True)
        remove_label(session, p.banks, contact, bank, p.now())
        return views.contact_view(session, p.banks, contact, p.now())

    return p.transact(act)


@blueprint.post("/<string:external_id>/identity")
@requires("write")
@blueprint.response(200, IdentitySchema)
@blueprint.doc(responses={"200": {"links": {"start": STARTING}}})
def identity(external_id: str) -> dict[str, str]:
    """Return a signed identity, with which a page that you render starts a survey as this contact."""
    p = parts()
    contact_id = p.transact(lambda session: directory.find_or_create(session, p.keys, external_id, p.now())[0].id)
    return {"identity": sign_identity(p.keys, contact_id)}
