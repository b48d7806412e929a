"""Who is who: contacts by the names that other systems give them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlmodel import Session, col, insert, select

from question_bank.compiling import CompiledBank
from survey_service.contacts.beliefs import belief_view, current_answers, explanation, readable
from survey_service.errors import Invalid, NotFound
from survey_service.store.banks import Banks
from survey_service.store.columns import new_id
from survey_service.store.records import Belief, Contact, ExternalId
from survey_service.store.session import alone

LONGEST_ID = 255
OWN_SYSTEM = "crm"
"""The system whose ids stand in our URLs."""


def find(session: Session, external_id: str, *, lock: bool = False) -> Contact | None:
    """The contact that the CRM calls `external_id`, or None."""
    statement = select(Contact).join(ExternalId).where(ExternalId.system == OWN_SYSTEM, ExternalId.value == external_id)
    return session.exec(statement.with_for_update(of=Contact) if lock else statement).first()


def find_or_make(session: Session, external_id: str, now: datetime) -> tuple[Contact, bool]:
    """The contact, and whether it is new."""
    if len(external_id) > LONGEST_ID:
        raise Invalid(f"The id of a contact has {len(external_id)} characters: at most {LONGEST_ID} are kept.")
    alone(session, f"contact {external_id}")
    known = find(session, external_id, lock=True)
    if known is not None:
        return known, False
    contact = Contact(id=new_id("ct"), created_at=now, updated_at=now)
    session.add(contact)
    session.flush()
    session.add(ExternalId(system=OWN_SYSTEM, value=external_id, contact_id=contact.id))
    session.flush()
    return contact, True


def put(session: Session, external_id: str, given: Mapping[str, Any], now: datetime) -> tuple[Contact, bool]:
    """Create or update: what is named is set, attributes are merged, and null removes; what is not named stays."""
    contact, is_new = find_or_make(session, external_id, now)
    change(contact, given, now)
    session.add(contact)
    session.flush()
    return contact, is_new


def find_or_make_all(session: Session, external_ids: Sequence[str], now: datetime) -> dict[str, Contact]:
    """The contacts by their ids, known or new, in a few statements however many there are."""
    known = _known(session, external_ids)
    missing = sorted(set(external_ids) - known.keys())
    if not missing:
        return known
    alone(session, *[f"contact {external_id}" for external_id in missing])
    known |= _known(session, missing)  # those that somebody else has made meanwhile
    made = [(name, new_id("ct")) for name in missing if name not in known]
    if made:
        blank = {"sequence": 0, "attributes": {}, "consent": {}, "created_at": now, "updated_at": now}
        session.execute(insert(Contact), [{"id": contact_id, **blank} for _, contact_id in made])
        names = [{"system": OWN_SYSTEM, "value": name, "type": "id", "contact_id": contact_id} for name, contact_id in made]
        session.execute(insert(ExternalId), names)
    return known | _known(session, [name for name, _ in made])


def _known(session: Session, external_ids: Sequence[str]) -> dict[str, Contact]:
    named = select(ExternalId.value, Contact).join(Contact).where(ExternalId.system == OWN_SYSTEM)
    return dict(session.exec(named.where(col(ExternalId.value).in_(external_ids))).all())


def change(contact: Contact, given: Mapping[str, Any], now: datetime) -> None:
    """Set what is named, as `put` does."""
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


def contact_view(session: Session, banks: Banks, external_id: str) -> dict[str, Any]:
    """Everything an API key may see of a contact. Raises NotFound."""
    contact = find(session, external_id)
    if contact is None:
        raise NotFound(f'There is no contact "{external_id}".')
    names = session.exec(select(ExternalId).where(ExternalId.contact_id == contact.id).order_by(col(ExternalId.system)))
    beliefs = session.exec(select(Belief).where(Belief.contact_id == contact.id).order_by(col(Belief.bank)))
    return {
        "id": contact.id,
        "external_ids": [{"system": name.system, "type": name.type, "id": name.value} for name in names],
        "email": contact.email,
        "attributes": contact.attributes,
        "consent": contact.consent,
        "sequence": contact.sequence,
        "beliefs": {belief.bank: _under_bank(session, banks, contact, belief) for belief in beliefs},
        "created_at": contact.created_at.isoformat(),
        "updated_at": contact.updated_at.isoformat(),
    }


def _under_bank(session: Session, banks: Banks, contact: Contact, belief: Belief) -> dict[str, Any]:
    bank: CompiledBank = banks.version(session, belief.bank, belief.bank_version)
    given = readable(current_answers(session, contact.id, belief.bank), bank)
    evidence = {"answers": belief.answers, "skipped": belief.skipped, "signals": belief.signals}
    return {**belief_view(belief), "evidence": evidence, "explanation": explanation(bank, given)}
