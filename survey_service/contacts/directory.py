"""The directory of contacts: find and create contacts by the ids that other systems give them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import bindparam
from sqlmodel import Session, delete, select

from survey_service.contacts.schemas import ContactReference
from survey_service.crypto import Keyring
from survey_service.errors import Conflict, DiscernError, Invalid, NotFound
from survey_service.outbox import messages
from survey_service.store.bulk import dialect_of, insert_given, is_listed, is_one_of, text_of, to_list, to_parameter
from survey_service.store.contact_locks import lock_contacts, lock_owner, lock_present
from survey_service.store.session import Prepared, lock_by_name
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.core import OWN_SYSTEM, Contact, ExternalId, SurveySession, metadata
from survey_service.store.tables.inbound import ErasedId

ExternalKey = tuple[str, str]
"""A system, and the id of a contact in it."""


class ContactErased(DiscernError):
    """This contact was erased, and data about them is refused: if they came back, PUT the contact with a new consent."""

    status, code = 410, "contact_erased"


_ERASED = Prepared(lambda dialect: select(ErasedId.digest).where(is_listed(dialect, ErasedId.digest, "digests")))
_OWNERS = Prepared(
    lambda dialect: select(ExternalId.value, ExternalId.contact_id).where(
        ExternalId.system == bindparam("system"), is_listed(dialect, ExternalId.value, "external_ids")
    )
)
_CONTACT, _EXTERNAL_ID = metadata.tables["contact"], metadata.tables["external_id"]
_NEW_CONTACTS = Prepared(lambda dialect: insert_given(dialect, _CONTACT, [column.name for column in _CONTACT.c]))
_NEW_EXTERNAL_IDS = Prepared(lambda dialect: insert_given(dialect, _EXTERNAL_ID, [column.name for column in _EXTERNAL_ID.c]))
BLANK: Mapping[str, Any] = {
    **dict.fromkeys(("email", "email_sha256", "merged_into", "erased_at")),
    **{"sequence": 0, "attributes": {}, "consent": {}, "labels": {}, "priors": {}, "merged_from": []},
}
"""The columns of a new contact, without its id and its times."""


def record_erased_ids(session: Session, keyring: Keyring, keys: Iterable[ExternalKey], now: datetime) -> None:
    """Store digests of the ids of an erased contact, so that the ids are refused from now on."""
    for key in keys:
        session.merge(ErasedId(digest=keyring.digest(_digest_input(key)), erased_at=now))


def find_erased_ids(session: Session, keyring: Keyring, keys: Iterable[ExternalKey]) -> set[ExternalKey]:
    """Return those of `keys` that belong to erased contacts."""
    key_of_digest = {digest: key for key in keys for digest in keyring.digests(_digest_input(key))}
    stored = _ERASED.rows(session, {"digests": to_list(dialect_of(session), list(key_of_digest))})
    return {key_of_digest[digest] for (digest,) in stored}


def delete_erased_ids(session: Session, keyring: Keyring, keys: Iterable[ExternalKey]) -> None:
    """Accept these ids again, because their contact has given a new consent."""
    digests = [digest for key in keys for digest in keyring.digests(_digest_input(key))]
    session.execute(delete(ErasedId).where(is_one_of(session, ErasedId.digest, digests)))


def _digest_input(key: ExternalKey) -> str:
    return "erased\n" + "\n".join(key)


LONGEST_ID = 255


def lock_name(system: str, value: str) -> str:
    """Return the name of the lock on an external id."""
    return f"contact {value}" if system == OWN_SYSTEM else f"contact {system} {value}"


def find(session: Session, external_id: str, *, system: str = OWN_SYSTEM, lock: bool = False) -> Contact | None:
    """Return the contact that has the id `external_id` in `system`, or None."""
    if lock:
        return lock_owner(session, system, external_id)
    return session.exec(select(Contact).join(ExternalId).where(ExternalId.system == system, ExternalId.value == external_id)).first()


def resolve(session: Session, contact_id: str, *, lock: bool = False) -> Contact:
    """Return the contact with our id `contact_id`, or the contact it was merged into. Raises NotFound, ContactErased."""
    contact = lock_present(session, [contact_id]).get(contact_id) if lock else session.get(Contact, contact_id)
    if contact is not None and contact.merged_into is not None:
        return resolve(session, contact.merged_into)
    if contact is not None and contact.erased_at is None:
        return contact
    if contact is None and session.get(Contact, contact_id) is None:
        raise NotFound("There is no such contact.")
    raise ContactErased


def find_or_create(
    session: Session, keyring: Keyring, external_id: str, now: datetime, system: str = OWN_SYSTEM, *, readmit: bool = False
) -> tuple[Contact, bool]:
    """Return the contact, locked, and whether it is new. With `readmit` the id of an erased contact is accepted again.

    Raises ContactErased, and Invalid for an id that is too long.
    """
    _check_length(external_id)
    lock_by_name(session, lock_name(system, external_id))
    existing = find(session, external_id, system=system, lock=True)
    if existing is not None:
        return existing, False
    if readmit:
        delete_erased_ids(session, keyring, [(system, external_id)])
    elif find_erased_ids(session, keyring, [(system, external_id)]):
        raise ContactErased
    contact = Contact(id=new_id("ct"), created_at=now, updated_at=now)
    session.add(contact)
    session.flush()
    session.add(ExternalId(system=system, value=external_id, contact_id=contact.id))
    session.flush()
    return contact, True


class Upserted(NamedTuple):
    """A contact, whether it is new, and its attributes before."""

    contact: Contact
    is_new: bool
    attributes_before: Mapping[str, Any]


def upsert(session: Session, keyring: Keyring, external_id: str, given: Mapping[str, Any], now: datetime) -> Upserted:
    """Create or update a contact and return it, whether it is new, and its attributes before.

    Fields that are given are set, attributes are merged, and null removes; other fields keep their values. An erased contact is created
    again only where `given` contains a consent to profiling. Raises ContactErased, and Conflict for an id of another contact.
    """
    others = {(external["system"], external["id"]) for external in given.get("external_ids", ())}
    lock_by_name(session, *sorted(lock_name(*key) for key in {(OWN_SYSTEM, external_id), *others}))
    contact, is_new = find_or_create(session, keyring, external_id, now, readmit=bool(given.get("consent", {}).get("profiling")))
    before = contact.attributes
    update_fields(contact, given, now)
    for external in given.get("external_ids", ()):
        add_external_id(session, keyring, contact, external["system"], external["id"], external["type"])
    session.add(contact)
    session.flush()
    if given.get("email") or given.get("external_ids"):
        messages.wake(session, contact, now)
    return Upserted(contact, is_new, before)


def add_external_id(session: Session, keyring: Keyring, contact: Contact, system: str, value: str, kind: str = "id") -> None:
    """Give the contact one more external id.

    Raises Conflict where another contact has it, ContactErased where it belongs to an erased contact, Invalid where it is too long.
    """
    _check_length(value)
    lock_by_name(session, lock_name(system, value))
    owner = find(session, value, system=system)
    if owner is None:
        if find_erased_ids(session, keyring, [(system, value)]):
            raise ContactErased
        session.add(ExternalId(system=system, value=value, type=kind, contact_id=contact.id))
        session.flush()
    elif owner.id != contact.id:
        raise Conflict(
            f'The id "{value}" of {system} is another contact\'s.',
            errors=[{"path": "external_ids", "message": f'"{value}" belongs to another contact: merge the two with POST /contacts/merge'}],
        )


def _check_length(external_id: str) -> None:
    if len(external_id) > LONGEST_ID:
        raise Invalid(f"The id of a contact has {len(external_id)} characters: at most {LONGEST_ID} are kept.")


def find_or_create_all(
    session: Session, keyring: Keyring, external_ids: Sequence[str], now: datetime, system: str = OWN_SYSTEM
) -> dict[str, Contact]:
    """Return the contacts by external id, locked, existing or created, in a constant number of statements. Erased contacts are left out."""
    contacts = _lock_all(session, system, external_ids)
    missing = sorted(set(external_ids) - contacts.keys())
    if not missing:
        return contacts
    lock_by_name(session, *[lock_name(system, external_id) for external_id in missing])
    contacts |= _lock_all(session, system, missing)  # another transaction may have created them before we got the lock
    erased = find_erased_ids(session, keyring, [(system, external_id) for external_id in missing])
    created = {value: new_id("ct") for value in missing if value not in contacts and (system, value) not in erased}
    if created:
        blank = {**BLANK, "created_at": text_of(now), "updated_at": text_of(now)}
        _NEW_CONTACTS.run(session, {"given": to_parameter([{**blank, "id": contact_id} for contact_id in created.values()])})
    _insert_external_ids(session, system, created)
    stored = lock_contacts(session, created.values())
    return contacts | {value: stored[contact_id] for value, contact_id in created.items()}


def add_external_ids(session: Session, keyring: Keyring, system: str, owners: Mapping[str, str], kind: str = "id") -> dict[str, str]:
    """Give contacts more external ids in a constant number of statements, and return our id of the contact that has each id now.

    `owners` maps external ids to the contacts, which must be locked. An id that somebody has, or that was erased, stays as it is.
    """
    if not owners:
        return {}
    lock_by_name(session, *[lock_name(system, value) for value in sorted(owners)])
    found = owners_of(session, system, sorted(owners))
    erased = find_erased_ids(session, keyring, [(system, value) for value in owners if value not in found])
    free = {value: owner for value, owner in owners.items() if value not in found and (system, value) not in erased}
    _insert_external_ids(session, system, free, kind)
    return found | free


def _insert_external_ids(session: Session, system: str, owners: Mapping[str, str], kind: str = "id") -> None:
    rows = [{"system": system, "value": value, "type": kind, "contact_id": contact_id} for value, contact_id in owners.items()]
    if rows:
        _NEW_EXTERNAL_IDS.run(session, {"given": to_parameter(rows)})


def owners_of(session: Session, system: str, external_ids: Sequence[str]) -> dict[str, str]:
    """Return our id of the contact that has each external id, without those that nobody has."""
    if not external_ids:
        return {}
    return dict(_OWNERS.rows(session, {"system": system, "external_ids": to_list(dialect_of(session), external_ids)}))


def _lock_all(session: Session, system: str, external_ids: Sequence[str]) -> dict[str, Contact]:
    while True:
        before = owners_of(session, system, external_ids)
        contacts = lock_contacts(session, before.values())
        if dialect_of(session) == "sqlite" or owners_of(session, system, external_ids) == before:
            return {value: contacts[contact_id] for value, contact_id in before.items()}


def update_fields(contact: Contact, given: Mapping[str, Any], now: datetime) -> None:
    """Set the given fields of a contact, as `upsert` does."""
    if "email" in given:
        contact.email = given["email"]
        contact.email_sha256 = None if given["email"] is None else email_hash(given["email"])
    if "attributes" in given:
        merged = {**contact.attributes, **given["attributes"]}
        contact.attributes = {name: value for name, value in merged.items() if value is not None}
    if "consent" in given:
        # An opt-out of the contact stays until a new consent says otherwise.
        opt_out = {name: value for name, value in contact.consent.items() if name == "asking"}
        contact.consent = {**opt_out, **given["consent"], "recorded_at": now.isoformat()}
    contact.updated_at = now


def email_hash(email: str) -> str:
    """Return the SHA-256 of the address in lower case without surrounding blanks, which is what other systems compute too."""
    return sha256(email.strip().lower().encode()).hexdigest()


def contact_of_session(session: Session, session_id: str) -> Contact | None:
    """Return the contact who answered in a survey session, or None."""
    return session.exec(select(Contact).join(SurveySession).where(SurveySession.id == session_id)).first()


def resolve_reference(session: Session, reference: ContactReference, path: str) -> Contact:
    """Return the contact that `reference` names by an external id or by a session. Raises Invalid, naming `path`."""
    if reference.session is not None:
        contact = contact_of_session(session, reference.session)
    else:
        contact = find(session, str(reference.external_id), system=reference.system)
    if contact is None:
        raise Invalid(errors=[{"path": path, "message": "is not known here"}])
    return contact
