"""Lock contacts, and look again: while a writer waits for a lock, another may erase or merge the contact, or move what led to it.

All writers lock in one order: names of external ids, then contacts by their ids, then what belongs to a contact (its sessions, links and
messages). On SQLite a writer is alone, so that it waits before its first statement and what it reads stays true.
"""

from collections.abc import Iterable

from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, select

from survey_service.store.bulk import is_one_of
from survey_service.store.tables.core import Contact, ExternalId


def is_present() -> ColumnElement[bool]:
    """Return the condition for contacts that were neither erased nor merged into another."""
    return and_(col(Contact.erased_at).is_(None), col(Contact.merged_into).is_(None))


def lock_contacts(session: Session, contact_ids: Iterable[str | None]) -> dict[str, Contact]:
    """Lock these rows and return them by id as they are now, erased and merged ones too. An id that has no row is left out."""
    wanted = {contact_id for contact_id in contact_ids if contact_id is not None}
    if not wanted:
        return {}
    rows = select(Contact).where(is_one_of(session, Contact.id, wanted)).order_by(col(Contact.id)).with_for_update(key_share=True)
    return {contact.id: contact for contact in session.exec(rows.execution_options(populate_existing=True))}


def lock_present(session: Session, contact_ids: Iterable[str]) -> dict[str, Contact]:
    """Lock the contacts that these ids stand for now and return them by the ids given.

    A merged contact is replaced by the one that it was merged into. Erased and unknown contacts are left out.
    """
    targets = {contact_id: contact_id for contact_id in contact_ids}
    while True:
        kept = _merge_targets(session, targets.values())
        targets = {given: kept[target] for given, target in targets.items()}
        locked = lock_contacts(session, targets.values())
        present = {given: locked[target] for given, target in targets.items() if target in locked}
        if all(contact.merged_into is None for contact in present.values()):
            return {given: contact for given, contact in present.items() if contact.erased_at is None}


def lock_owner(session: Session, system: str, value: str) -> Contact | None:
    """Lock the contact that has this external id and return it, or None where nobody has it."""
    named = select(Contact).join(ExternalId).where(ExternalId.system == system, ExternalId.value == value)
    locked = named.with_for_update(of=Contact, key_share=True).execution_options(populate_existing=True)
    owner = select(ExternalId.contact_id).where(ExternalId.system == system, ExternalId.value == value)
    while True:
        contact = session.exec(locked).first()
        if contact is None or session.get_bind().dialect.name == "sqlite" or session.exec(owner).first() == contact.id:
            return contact


def _merge_targets(session: Session, contact_ids: Iterable[str]) -> dict[str, str]:
    """Return for each id that of the contact that it was merged into, directly or over others; its own where it was not."""
    targets = {contact_id: contact_id for contact_id in contact_ids}
    while True:
        merged = col(Contact.merged_into).is_not(None), is_one_of(session, Contact.id, set(targets.values()))
        moved = dict(session.exec(select(Contact.id, Contact.merged_into).where(*merged)).all())
        if not moved:
            return targets
        targets = {given: moved.get(target) or target for given, target in targets.items()}
