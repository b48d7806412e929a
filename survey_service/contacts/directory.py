"""Who is who: contacts by the names that other systems give them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlmodel import Session, col, delete, insert, select

from survey_service.crypto import Keyring
from survey_service.errors import Conflict, DiscernError, Invalid, NotFound
from survey_service.store.session import lock_by_name
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.core import Contact, ExternalId, SurveySession
from survey_service.store.tables.inbound import ErasedId

ExternalKey = tuple[str, str]
"""A system, and the name of a contact in it."""


class ContactErased(DiscernError):
    """This contact was erased, and nothing about them is taken any more; PUT the contact with a new consent if they came back."""

    status, code = 410, "contact_erased"


def record_erased_ids(session: Session, keys: Keyring, names: Iterable[ExternalKey], now: datetime) -> None:
    """From now on these names mean somebody who was erased."""
    for name in names:
        session.merge(ErasedId(digest=keys.digest(_text(name)), erased_at=now))


def find_erased_ids(session: Session, keys: Keyring, names: Iterable[ExternalKey]) -> set[ExternalKey]:
    """Those of the names that mean somebody who was erased."""
    meant = {digest: name for name in names for digest in keys.digests(_text(name))}
    found = session.exec(select(ErasedId.digest).where(col(ErasedId.digest).in_(list(meant))))
    return {meant[digest] for digest in found}


def delete_erased_ids(session: Session, keys: Keyring, names: Iterable[ExternalKey]) -> None:
    """They came back, and said so themselves."""
    digests = [digest for name in names for digest in keys.digests(_text(name))]
    session.execute(delete(ErasedId).where(col(ErasedId.digest).in_(digests)))


def _text(name: ExternalKey) -> str:
    return "erased\n" + "\n".join(name)


LONGEST_ID = 255
OWN_SYSTEM = "crm"
"""The system whose ids stand in our URLs."""


def lock_name(system: str, value: str) -> str:
    """What a name of a contact is called among all that can be held alone."""
    return f"contact {value}" if system == OWN_SYSTEM else f"contact {system} {value}"


def find(session: Session, external_id: str, *, system: str = OWN_SYSTEM, lock: bool = False) -> Contact | None:
    """The contact that a system, the CRM if none is named, calls `external_id`, or None."""
    statement = select(Contact).join(ExternalId).where(ExternalId.system == system, ExternalId.value == external_id)
    return session.exec(statement.with_for_update(of=Contact, key_share=True) if lock else statement).first()


def resolve(session: Session, contact_id: str, *, lock: bool = False) -> Contact:
    """The contact that an id of ours means now: after a merge it is the one that took it in. Raises NotFound, ContactErased."""
    statement = select(Contact).where(Contact.id == contact_id)
    contact = session.exec(statement.with_for_update(key_share=True) if lock else statement).first()
    if contact is None:
        raise NotFound("There is no such contact.")
    if contact.erased_at is not None:
        raise ContactErased
    return contact if contact.merged_into is None else resolve(session, contact.merged_into, lock=lock)


def find_or_create(session: Session, keys: Keyring, external_id: str, now: datetime, system: str = OWN_SYSTEM) -> tuple[Contact, bool]:
    """The contact, locked, and whether it is new. Raises ContactErased, and Invalid for an id that is too long."""
    _bounded(external_id)
    lock_by_name(session, lock_name(system, external_id))
    known = find(session, external_id, system=system, lock=True)
    if known is not None:
        return known, False
    if find_erased_ids(session, keys, [(system, external_id)]):
        raise ContactErased
    contact = Contact(id=new_id("ct"), created_at=now, updated_at=now)
    session.add(contact)
    session.flush()
    session.add(ExternalId(system=system, value=external_id, contact_id=contact.id))
    session.flush()
    return contact, True


def upsert(session: Session, keys: Keyring, external_id: str, given: Mapping[str, Any], now: datetime) -> tuple[Contact, bool]:
    """Create or update: what is named is set, attributes are merged, and null removes; what is not named stays.

    Somebody who was erased comes back only with a consent of their own. Raises ContactErased, Conflict where an id is another contact's.
    """
    if given.get("consent", {}).get("profiling"):
        delete_erased_ids(session, keys, [(OWN_SYSTEM, external_id)])
    contact, is_new = find_or_create(session, keys, external_id, now)
    update_fields(contact, given, now)
    for name in given.get("external_ids", ()):
        add_external_id(session, keys, contact, name["system"], name["id"], name["type"])
    session.add(contact)
    session.flush()
    return contact, is_new


def add_external_id(session: Session, keys: Keyring, contact: Contact, system: str, value: str, kind: str = "id") -> None:
    """One more name of the contact. Raises Conflict where somebody else has it, ContactErased where nobody may, Invalid where too long."""
    _bounded(value)
    lock_by_name(session, lock_name(system, value))
    owner = find(session, value, system=system)
    if owner is None:
        if find_erased_ids(session, keys, [(system, value)]):
            raise ContactErased
        session.add(ExternalId(system=system, value=value, type=kind, contact_id=contact.id))
        session.flush()
    elif owner.id != contact.id:
        raise Conflict(
            f'The id "{value}" of {system} is another contact\'s.',
            errors=[{"path": "external_ids", "message": f'"{value}" belongs to another contact: merge the two with POST /contacts/merge'}],
        )


def _bounded(name: str) -> None:
    if len(name) > LONGEST_ID:
        raise Invalid(f"The id of a contact has {len(name)} characters: at most {LONGEST_ID} are kept.")


def find_or_create_all(session: Session, keys: Keyring, external_ids: Sequence[str], now: datetime) -> dict[str, Contact]:
    """The contacts by their ids, known or new, in a few statements however many there are; those who were erased are left out."""
    known = _known(session, external_ids)
    missing = sorted(set(external_ids) - known.keys())
    if not missing:
        return known
    lock_by_name(session, *[lock_name(OWN_SYSTEM, external_id) for external_id in missing])
    known |= _known(session, missing)  # those that somebody else has made meanwhile
    gone = find_erased_ids(session, keys, [(OWN_SYSTEM, name) for name in missing])
    made = [(name, new_id("ct")) for name in missing if name not in known and (OWN_SYSTEM, name) not in gone]
    if made:
        blank = {"sequence": 0, "attributes": {}, "consent": {}, "created_at": now, "updated_at": now}
        session.execute(insert(Contact), [{"id": contact_id, **blank} for _, contact_id in made])
        names = [{"system": OWN_SYSTEM, "value": name, "type": "id", "contact_id": contact_id} for name, contact_id in made]
        session.execute(insert(ExternalId), names)
    return known | _known(session, [name for name, _ in made])


def _known(session: Session, external_ids: Sequence[str]) -> dict[str, Contact]:
    named = select(ExternalId.value, Contact).join(Contact).where(ExternalId.system == OWN_SYSTEM)
    return dict(session.exec(named.where(col(ExternalId.value).in_(external_ids))).all())


def update_fields(contact: Contact, given: Mapping[str, Any], now: datetime) -> None:
    """Set what is named, as `upsert` does."""
    if "email" in given:
        contact.email = given["email"]
        contact.email_sha256 = None if given["email"] is None else email_hash(given["email"])
    if "attributes" in given:
        merged = {**contact.attributes, **given["attributes"]}
        contact.attributes = {name: value for name, value in merged.items() if value is not None}
    if "consent" in given:
        wish = {name: value for name, value in contact.consent.items() if name == "asking"}  # the contact's own word, until another
        contact.consent = {**wish, **given["consent"], "recorded_at": now.isoformat()}
    contact.updated_at = now


def email_hash(email: str) -> str:
    """SHA-256 of the address in lower case without blanks around it: how other systems hash it too."""
    return sha256(email.strip().lower().encode()).hexdigest()


def resolve_reference(session: Session, reference: Mapping[str, Any], path: str) -> Contact:
    """The contact of a reference: by the name that a system gives it, or by a session it answered in. Raises Invalid."""
    if "session" in reference:
        contact = session.exec(select(Contact).join(SurveySession).where(SurveySession.id == reference["session"])).first()
    else:
        contact = find(session, reference["external_id"], system=reference["system"])
    if contact is None:
        raise Invalid(errors=[{"path": path, "message": "is not known here"}])
    return contact
