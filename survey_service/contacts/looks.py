"""The log of looks: who looked at which contact, when, in the console and over the API. Admins read it."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import InternalError, OperationalError
from sqlmodel import Session, col, select

from survey_service.crypto import Keyring
from survey_service.store.session import Store
from survey_service.store.tables.accounts import Account, ContactLook
from survey_service.store.tables.core import ApiKey, Contact

MOST_LOOKS = 200

log = logging.getLogger("discern.contacts")


def record_look(store: Store, contact_id: str, viewer: str, what: str, now: datetime) -> None:
    """Store that `viewer`, the id of an account or of an API key, looked at a contact.

    A database that cannot be written to still shows contacts; then the log of the service has the look.
    """
    try:
        with store.writing_fast() as session:
            session.add(ContactLook(contact=contact_id, viewer=viewer, what=what, at=now))
    except (OperationalError, InternalError) as wrong:
        log.warning("a look at a contact could not be stored", extra={"viewer": viewer, "what": what, "problem": str(wrong.orig)})


def looks_at(session: Session, contact: Contact) -> list[dict[str, Any]]:
    """Return the last looks at a contact, and at those merged into it, newest first, each with the name of who looked."""
    mine = select(ContactLook).where(col(ContactLook.contact).in_([contact.id, *contact.merged_from]))
    rows = session.exec(mine.order_by(col(ContactLook.at).desc(), col(ContactLook.id).desc()).limit(MOST_LOOKS)).all()
    names = _names(session, [row.viewer for row in rows])
    return [{"at": row.at.isoformat(), "viewer": row.viewer, "name": names.get(row.viewer, ""), "what": row.what} for row in rows]


def forget_contact(session: Session, keys: Keyring, contact: Contact) -> None:
    """Put a keyed digest in place of the ids of an erased contact: that somebody looked stays known, at whom does not."""
    for contact_id in (contact.id, *contact.merged_from):
        digest = keys.digest(f"look\n{contact_id}")
        session.execute(update(ContactLook).where(col(ContactLook.contact) == contact_id).values(contact=digest))


def _names(session: Session, viewers: Sequence[str]) -> Mapping[str, str]:
    people = session.exec(select(Account.id, Account.name).where(col(Account.id).in_(viewers)))
    keys = session.exec(select(ApiKey.id, ApiKey.name).where(col(ApiKey.id).in_(viewers)))
    return dict([*people, *keys])
