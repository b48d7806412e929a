"""Who was erased: recognised by the name they come with, and not to be known again until they consent anew."""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, delete, select

from survey_service.errors import DiscernError
from survey_service.keyring import Keyring
from survey_service.store.signal_records import ErasedId

Name = tuple[str, str]
"""A system, and the name of a contact in it."""


class ContactErased(DiscernError):
    """This contact was erased, and nothing about them is taken any more; PUT the contact with a new consent if they came back."""

    status, code = 410, "contact_erased"


def remember(session: Session, keys: Keyring, names: Iterable[Name], now: datetime) -> None:
    """From now on these names mean somebody who was erased."""
    for name in names:
        session.merge(ErasedId(digest=keys.digest(_text(name)), erased_at=now))


def erased(session: Session, keys: Keyring, names: Iterable[Name]) -> set[Name]:
    """Those of the names that mean somebody who was erased."""
    meant = {digest: name for name in names for digest in keys.digests(_text(name))}
    found = session.exec(select(ErasedId.digest).where(col(ErasedId.digest).in_(list(meant))))
    return {meant[digest] for digest in found}


def readmit(session: Session, keys: Keyring, names: Iterable[Name]) -> None:
    """They came back, and said so themselves."""
    digests = [digest for name in names for digest in keys.digests(_text(name))]
    session.execute(delete(ErasedId).where(col(ErasedId.digest).in_(digests)))


def _text(name: Name) -> str:
    return "erased\n" + "\n".join(name)
