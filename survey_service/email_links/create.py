"""Create email links for many contacts at once, each with the question that suits the contact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, exists, insert, select

from question_bank.compile import CompiledBank
from question_bank.languages import negotiate
from survey_service.belief.evidence import evidence_about_all
from survey_service.contacts import directory
from survey_service.crypto import Keyring
from survey_service.email_links.campaigns import draw
from survey_service.email_links.first_question import first_questions, validate_question
from survey_service.links.lookup import may_be_asked
from survey_service.respondent.side_data import short_language
from survey_service.store.banks import Banks
from survey_service.store.bulk import is_one_of
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.core import Contact
from survey_service.store.tables.links import Campaign, Link, LinkSession

LIFETIME = timedelta(days=60)

OPTED_OUT = "asked_to_be_left_alone"
NOTHING_TO_ASK = "nothing_to_ask"
ERASED = "erased"
HELD_OUT = "held_out"


@dataclass(frozen=True)
class Recipient:
    """A contact to be asked, by its id in the CRM. `fields` are stored in the contact as `directory.upsert` does."""

    external_id: str
    language: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Mailing:
    """A survey in its current version, and the question that everybody is asked. With None the question is chosen for each contact.

    `channel` is that of the sessions, where it is not "email"; contacts that the lot of the `campaign` holds out get no link. With `reuses`
    a contact who has a link that was not answered keeps it.
    """

    survey: str
    bank: CompiledBank
    version: int
    question: str | None = None
    lifetime: timedelta = LIFETIME
    channel: str | None = None
    campaign: Campaign | None = None
    reuses: bool = False


@dataclass(frozen=True)
class CreatedLink:
    """A stored link, ready to be rendered into an email; `is_reused` where it was created before."""

    external_id: str
    link_id: str
    question: str
    language: str
    expires_at: datetime
    is_reused: bool = False


@dataclass(frozen=True)
class RefusedRecipient:
    """A contact for whom no link was created, and why: opted out, erased, enough is known, or held out by lot."""

    external_id: str
    reason: str


def prepare_mailing(session: Session, banks: Banks, survey: str, question: str | None, lifetime: timedelta) -> Mailing:
    """Return the mailing of a survey. Raises NotFound for an unknown survey, Invalid for a question that an email cannot ask."""
    bank, version = banks.current(session, survey)
    return Mailing(survey, bank, version, validate_question(bank, survey, question), lifetime)


def create_links(
    session: Session, keys: Keyring, mailing: Mailing, recipients: Sequence[Recipient], now: datetime
) -> list[CreatedLink | RefusedRecipient]:
    """Create a link for each recipient, in order, and contacts for unknown ids. Return a link or a refusal for each recipient."""
    contacts = directory.find_or_create_all(session, keys, [recipient.external_id for recipient in recipients], now)
    for recipient in recipients:
        if recipient.fields and recipient.external_id in contacts:
            directory.update_fields(contacts[recipient.external_id], recipient.fields, now)
    questions = dict(zip(contacts, _choose_questions(session, mailing, list(contacts.values()), now), strict=True))
    asked = [contact for name, contact in contacts.items() if questions.get(name) is not None and may_be_asked(contact)]
    held_out = set() if mailing.campaign is None else draw(session, mailing.campaign, asked, now)
    unanswered = _unanswered_links(session, mailing, asked, now) if mailing.reuses else {}
    outcomes: list[CreatedLink | RefusedRecipient] = []
    rows: list[dict[str, Any]] = []
    for recipient in recipients:
        contact, question = contacts.get(recipient.external_id), questions.get(recipient.external_id)
        if contact is None or question is None or not may_be_asked(contact):
            outcomes.append(RefusedRecipient(recipient.external_id, _refusal_reason(contact)))
            continue
        if contact.id in held_out:
            outcomes.append(RefusedRecipient(recipient.external_id, HELD_OUT))
            continue
        if contact.id in unanswered:
            before = unanswered[contact.id]
            outcomes.append(
                CreatedLink(recipient.external_id, before.id, before.question, before.language, before.expires_at, is_reused=True)
            )
            continue
        stored = contact.attributes.get("language")
        preferred = short_language(recipient.language) or short_language(stored if isinstance(stored, str) else None)
        language = negotiate(preferred, mailing.bank.bank.languages)
        link = CreatedLink(recipient.external_id, new_id("lnk"), question, language, now + mailing.lifetime)
        outcomes.append(link)
        rows.append(_link_row(mailing, contact, link, now))
    if rows:
        session.flush()
        session.execute(insert(Link), rows)
    return outcomes


def _unanswered_links(session: Session, mailing: Mailing, contacts: Sequence[Contact], now: datetime) -> dict[str, Link]:
    """Return the newest usable link of each contact that asks what the mailing asks and started no session."""
    statement = (
        select(Link)
        .where(is_one_of(session, col(Link.contact_id), [contact.id for contact in contacts]))
        .where(Link.survey == mailing.survey, Link.bank_version == mailing.version, col(Link.revoked_at).is_(None), Link.expires_at > now)
        .where(~exists().where(col(LinkSession.link_id) == col(Link.id)))
        .order_by(col(Link.created_at))
    )
    if mailing.question is not None:
        statement = statement.where(Link.question == mailing.question)
    return {link.contact_id: link for link in session.exec(statement) if link.channel == mailing.channel}


def _refusal_reason(contact: Contact | None) -> str:
    if contact is None:
        return ERASED
    return NOTHING_TO_ASK if may_be_asked(contact) else OPTED_OUT


def _link_row(mailing: Mailing, contact: Contact, link: CreatedLink, now: datetime) -> dict[str, Any]:
    return {
        "id": link.link_id,
        "contact_id": contact.id,
        "survey": mailing.survey,
        "bank": mailing.bank.bank.id,
        "bank_version": mailing.version,
        "question": link.question,
        "language": link.language,
        "channel": mailing.channel,
        "created_at": now,
        "expires_at": link.expires_at,
    }


def _choose_questions(session: Session, mailing: Mailing, contacts: Sequence[Contact], now: datetime) -> list[str | None]:
    if mailing.question is not None:
        return [mailing.question] * len(contacts)
    return first_questions(mailing.bank, mailing.survey, evidence_about_all(session, contacts, mailing.bank, now))
