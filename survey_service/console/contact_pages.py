"""Pages about single contacts: find them, see who they are and why, know better, export, erase. Every look is logged."""

from flask import Blueprint, Response, g, jsonify, request
from sqlmodel import Session

from survey_service.console.access import access, author, go_to, guard, language, may, page
from survey_service.console.contact_view import contact_page, looks_of
from survey_service.contacts import directory, views
from survey_service.contacts.erasure import erase
from survey_service.contacts.labels import remove_label, set_label
from survey_service.contacts.looks import record_look
from survey_service.contacts.schemas import LONGEST_EMAIL, ContactQuery
from survey_service.contacts.sessions import SessionQuery, session_page
from survey_service.errors import Invalid
from survey_service.store.tables.core import Contact
from survey_service.web.context import parts

RELIABILITY = 0.9
"""The share of labels that are right, where somebody knows better."""
MOST_FOUND = 20

blueprint = Blueprint("console_contacts", __name__, url_prefix="/console/c")
guard(blueprint)


@blueprint.get("")
@access("read", contacts=True)
def recent() -> Response:
    """Show the search, and who answered last."""
    with parts().store.reading() as session:
        sessions, _ = session_page(session, SessionQuery(limit=MOST_FOUND))
    return page("contacts.html", sessions=sessions, found=[], asked="")


@blueprint.post("")
@access("read", contacts=True)
def search() -> Response:
    """Find a contact by an id or an e-mail address. It is posted, because addresses of pages hold nothing personal."""
    asked = request.form.get("q", "").strip()[:LONGEST_EMAIL]
    with parts().store.reading() as session:
        found = _search(session, asked) if asked else []
        sessions, _ = session_page(session, SessionQuery(limit=MOST_FOUND))
        names = views.external_ids_of(session, found)
    if len(found) == 1:
        return go_to(f"/console/c/{found[0].id}")
    for contact in found:
        record_look(parts().store, contact.id, g.account.id, "search", parts().now())
    rows = [{"id": contact.id, "names": [row["id"] for row in names[contact.id]]} for contact in found]
    return page("contacts.html", sessions=sessions, found=rows, asked=asked)


def _search(session: Session, asked: str) -> list[Contact]:
    known = directory.find(session, asked)
    if known is None and asked.startswith("ct_"):
        known = session.get(Contact, asked)
    if known is not None:
        return [known]
    if "@" not in asked:
        return []
    rows, _ = views.belief_page(session, ContactQuery(email=asked, limit=MOST_FOUND))
    return [session.get_one(Contact, name) for name in dict.fromkeys(row["id"] for row in rows)]


@blueprint.get("/<string:contact>")
@access("read", contacts=True)
def show(contact: str) -> Response:
    """Show who a contact is, and why."""
    p = parts()
    with p.store.reading() as session:
        found = directory.resolve(session, contact)
        view = contact_page(session, p.banks, found, language(), p.now())
        looks = looks_of(session, found) if may(g.account, "admin") else []
    record_look(p.store, found.id, g.account.id, "contact", p.now())
    return page("contact.html", **view, looks=looks)


@blueprint.get("/<string:contact>/export")
@access("write", contacts=True)
def export(contact: str) -> Response:
    """Download everything that is stored about a contact."""
    p = parts()
    with p.store.reading() as session:
        found = directory.resolve(session, contact)
        content = views.export(session, p.banks, found, p.now())
    record_look(p.store, found.id, g.account.id, "export", p.now())
    response = jsonify(content)
    response.headers["Content-Disposition"] = f'attachment; filename="{found.id}.json"'
    return response


@blueprint.post("/<string:contact>/label")
@access("write", contacts=True)
def label(contact: str) -> Response:
    """Say which persona the contact is, or take that back. It counts as one more answer, with the name of who said it."""
    p, bank, persona = parts(), request.form.get("bank", ""), request.form.get("persona", "")

    def act(session: Session) -> None:
        found = directory.resolve(session, contact, lock=True)
        if persona:
            set_label(session, p.banks, found, bank, persona, RELIABILITY, p.now(), by=author())
        else:
            remove_label(session, p.banks, found, bank, p.now())

    p.transact(act)
    return go_to(f"/console/c/{contact}")


@blueprint.post("/<string:contact>/erase")
@access("write", contacts=True)
def erase_contact(contact: str) -> Response:
    """Erase a contact everywhere, once that is confirmed."""
    if request.form.get("sure") != "yes":
        raise Invalid(errors=[{"path": "sure", "message": "say that you are sure"}])
    p = parts()
    p.transact(lambda session: erase(session, p.keys, directory.resolve(session, contact, lock=True), p.now()))
    return go_to("/console/c")
