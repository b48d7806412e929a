"""Links for many contacts at once: one row a contact, and the question that suits each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, insert

from question_bank.compile import CompiledBank
from survey_service.belief.evidence import evidence_about_all
from survey_service.contacts import directory
from survey_service.crypto import Keyring
from survey_service.email_links.first_question import validate_question, first_questions
from survey_service.links.lookup import may_be_asked
from survey_service.respondent.interview import nearest_language
from survey_service.store.banks import Banks
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.core import Contact
from survey_service.store.tables.links import Link

LIFETIME = timedelta(days=60)

LEFT_ALONE = "asked_to_be_left_alone"
NOTHING_TO_ASK = "nothing_to_ask"
ERASED = "erased"


@dataclass(frozen=True)
class Recipient:
    """Somebody to be asked, by the id that the CRM gives them. `given` is what else is to be stored, as in `directory.put`."""

    external_id: str
    language: str | None = None
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Mailing:
    """A survey in the version that stands for it now, and the question that everybody gets; each their own where it is None."""

    survey: str
    bank: CompiledBank
    version: int
    question: str | None = None
    lifetime: timedelta = LIFETIME


@dataclass(frozen=True)
class CreatedLink:
    """A link, ready to be written into an email."""

    external_id: str
    link_id: str
    question: str
    language: str
    expires_at: datetime


@dataclass(frozen=True)
class RefusedRecipient:
    """Nobody to be asked: they said so, or what is known of them suffices."""

    external_id: str
    because: str


def prepare_mailing(session: Session, banks: Banks, survey: str, question: str | None, lifetime: timedelta) -> Mailing:
    """Raises NotFound for an unknown survey, Invalid for a question that an email cannot ask."""
    bank, version = banks.current(session, survey)
    return Mailing(survey, bank, version, validate_question(bank, survey, question), lifetime)


def create_links(session: Session, keys: Keyring, mailing: Mailing, recipients: Sequence[Recipient], now: datetime) -> list[CreatedLink | RefusedRecipient]:
    """A link for each recipient, in their order; contacts that nobody knew yet are made."""
    contacts = directory.find_or_create_all(session, keys, [recipient.external_id for recipient in recipients], now)
    for recipient in recipients:
        if recipient.given and recipient.external_id in contacts:
            directory.update_fields(contacts[recipient.external_id], recipient.given, now)
    questions = dict(zip(contacts, _questions(session, mailing, list(contacts.values()), now), strict=True))
    outcomes: list[CreatedLink | RefusedRecipient] = []
    rows: list[dict[str, Any]] = []
    for recipient in recipients:
        contact, question = contacts.get(recipient.external_id), questions.get(recipient.external_id)
        if contact is None or question is None or not may_be_asked(contact):
            outcomes.append(RefusedRecipient(recipient.external_id, _because(contact)))
            continue
        wish = recipient.language or contact.attributes.get("language")
        language = nearest_language(wish if isinstance(wish, str) else None, mailing.bank.bank.languages)
        made = CreatedLink(recipient.external_id, new_id("lnk"), question, language, now + mailing.lifetime)
        outcomes.append(made)
        rows.append(_row(mailing, contact, made, now))
    if rows:
        session.flush()
        session.execute(insert(Link), rows)
    return outcomes


def _because(contact: Contact | None) -> str:
    if contact is None:
        return ERASED
    return NOTHING_TO_ASK if may_be_asked(contact) else LEFT_ALONE


def _row(mailing: Mailing, contact: Contact, made: CreatedLink, now: datetime) -> dict[str, Any]:
    return {
        "id": made.link_id,
        "contact_id": contact.id,
        "survey": mailing.survey,
        "bank": mailing.bank.bank.id,
        "bank_version": mailing.version,
        "question": made.question,
        "language": made.language,
        "created_at": now,
        "expires_at": made.expires_at,
    }


def _questions(session: Session, mailing: Mailing, contacts: Sequence[Contact], now: datetime) -> list[str | None]:
    if mailing.question is not None:
        return [mailing.question] * len(contacts)
    return first_questions(mailing.bank, mailing.survey, evidence_about_all(session, contacts, mailing.bank, now))
