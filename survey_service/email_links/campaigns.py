"""Campaigns: mailings that hold out a random share of their contacts, so that the effect of the mailing can be measured."""

import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, select

from survey_service.errors import Conflict, Invalid
from survey_service.store.bulk import dialect_of, insert_into, is_one_of
from survey_service.store.tables.core import Contact
from survey_service.store.tables.links import Campaign, CampaignContact

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
CURRENCY = re.compile(r"[A-Z]{3}")


class CampaignChanged(Conflict):
    """A campaign of this name exists with another survey, share or cost: choose another name, or the same values."""

    code = "campaign_changed"


def start_campaign(
    session: Session, name: str, bank: str, survey: str, share: float, now: datetime, cost: float | None = None, currency: str | None = None
) -> Campaign:
    """Return the campaign of this name, which is new or was started with the same values. Raises Invalid, CampaignChanged."""
    errors = []
    if not NAME.fullmatch(name):
        errors.append({"path": "campaign", "message": "give 1 to 64 of a-z, 0-9, _ and -, beginning with a letter or digit"})
    if currency is not None and not CURRENCY.fullmatch(currency):
        errors.append({"path": "currency", "message": "give three capital letters, such as EUR"})
    if errors:
        raise Invalid(errors=errors)
    given: dict[str, Any] = {"bank": bank, "survey": survey, "share": share, "cost": cost, "currency": currency}
    campaign = session.get(Campaign, name, with_for_update=True)
    if campaign is None:
        campaign = Campaign(id=name, lot_key=secrets.token_hex(32), created_at=now, **given)
        session.add(campaign)
        session.flush()
    elif {key: getattr(campaign, key) for key in given} != given:
        raise CampaignChanged
    return campaign


def draw(session: Session, campaign: Campaign, contacts: Sequence[Contact], now: datetime) -> set[str]:
    """Store the lots of contacts, which must be locked, and return our ids of those who are held out. Who has a lot keeps it."""
    ids = [contact.id for contact in contacts]
    rows = [
        {"contact_id": contact_id, "campaign": campaign.id, "is_held_out": lot_of(campaign, contact_id) < campaign.share, "drawn_at": now}
        for contact_id in ids
    ]
    if rows:
        session.flush()  # new contacts have their rows first
        session.execute(insert_into(dialect_of(session), CampaignContact).on_conflict_do_nothing(), rows)
    mine = select(CampaignContact.contact_id).where(CampaignContact.campaign == campaign.id, CampaignContact.is_held_out)
    return set(session.exec(mine.where(is_one_of(session, CampaignContact.contact_id, ids))))


def lot_of(campaign: Campaign, contact_id: str) -> float:
    """Return the lot of a contact, from 0 to 1: a digest keyed by the campaign, so that one campaign says nothing of another."""
    digest = hmac.new(bytes.fromhex(campaign.lot_key), contact_id.encode(), "sha256").digest()
    return int.from_bytes(digest[:8]) / 2**64
