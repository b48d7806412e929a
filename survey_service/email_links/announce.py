"""Announce an email link to the CRM, which sends the email: after an order, or at the moment of a barometer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from survey_service.contacts.views import external_ids_of
from survey_service.crypto import Keyring
from survey_service.email_links import create, rendering
from survey_service.links.tokens import LinkTokens
from survey_service.outbox import publish
from survey_service.store.banks import Banks, require_running
from survey_service.store.tables.core import OWN_SYSTEM, Contact

NO_CRM_ID = "no_crm_id"


@dataclass(frozen=True)
class LinkWriter:
    """What creating a link needs, in one transaction."""

    session: Session
    keys: Keyring
    banks: Banks
    base_url: str
    now: datetime


def send_link(writer: LinkWriter, contact: Contact, survey: str, question: str | None, because: Mapping[str, Any]) -> str | None:
    """Create a link for a contact, whose row must be locked, and publish it. Return why there is none, if so.

    Raises NotFound for an unknown survey, SurveyPaused, and Invalid for a question that an email cannot ask.
    """
    session = writer.session
    require_running(session, survey)
    external_ids = external_ids_of(session, [contact])[contact.id]
    crm_id = next((external["id"] for external in external_ids if external["system"] == OWN_SYSTEM), None)
    if crm_id is None:
        return NO_CRM_ID
    mailing = create.prepare_mailing(session, writer.banks, survey, question, create.LIFETIME)
    (link,) = create.create_links(session, writer.keys, mailing, [create.Recipient(crm_id)], writer.now)
    if isinstance(link, create.RefusedRecipient):
        return link.reason
    draft = rendering.Drafts(LinkTokens(writer.keys), writer.base_url, mailing.bank).of(link)
    data = {
        "survey": mailing.survey,
        "question": link.question,
        "language": link.language,
        "expires_at": link.expires_at.isoformat(),
        "url": draft.url,
        "leave": draft.leave,
        "options": {option.id: option.url for option in draft.options},
        "html": rendering.render_html(draft),
        "text": rendering.render_text(draft),
        "because": dict(because),
    }
    publish.publish_link(session, contact, data, writer.now)
    return None
