"""The tables of email links: links, their openings, and the sessions that started with them."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint
from sqlmodel import Field, SQLModel

from survey_service.store.tables.columns import moment


class Link(SQLModel, table=True):
    """One email to one contact about one question, with as many URLs as the question has options and a few more.

    It is pinned to the bank version whose texts the email shows. `robot_at` is set when something opens it as only machines do: from then
    on a click alone is no evidence. revoked_because: erased | not_me.
    """

    __tablename__ = "link"
    __table_args__ = (
        ForeignKeyConstraint(["bank", "bank_version"], ["bank_version.bank", "bank_version.version"]),
        CheckConstraint("(revoked_at IS NULL) = (revoked_because IS NULL)", "revoked_for_a_reason"),
        CheckConstraint("revoked_because IN ('erased', 'not_me')", "revoked_because"),
        CheckConstraint("expires_at > created_at", "expires_later"),
    )
    id: str = Field(primary_key=True)
    contact_id: str = Field(foreign_key="contact.id", index=True)
    survey: str = Field(index=True)
    bank: str
    bank_version: int
    question: str
    language: str
    created_at: datetime = moment()
    expires_at: datetime = moment()
    channel: str | None = None  # of the sessions that it starts; email where it says nothing
    robot_at: datetime | None = moment(nullable=True)
    revoked_at: datetime | None = moment(nullable=True)
    revoked_because: str | None = None


class LinkOpen(SQLModel, table=True):
    """How often one URL of a link was fetched, by people or machines. `option` is empty unless `kind` is option."""

    __tablename__ = "link_open"
    __table_args__ = (
        CheckConstraint("opens >= 1", "opened"),
        CheckConstraint("kind IN ('option', 'landing', 'leave', 'trap')", "kind"),
    )
    link_id: str = Field(primary_key=True, foreign_key="link.id")
    kind: str = Field(primary_key=True)
    option: str = Field(primary_key=True, default="")
    opens: int = 1
    first_at: datetime = moment()
    last_at: datetime = moment()


class LinkSession(SQLModel, table=True):
    """A session that started with a link. `claimed` is the option of the click until an act of the person confirms it."""

    __tablename__ = "link_session"
    session_id: str = Field(primary_key=True, foreign_key="survey_session.id")
    link_id: str = Field(foreign_key="link.id", index=True)
    claimed: str | None = None


class Campaign(SQLModel, table=True):
    """A mailing that holds out a random `share` of its contacts, so that its effect can be measured.

    The lot of a contact is a digest keyed with `lot_key`: the same contact has the same lot whenever it is drawn. `cost` is that of one
    contact in `currency`.
    """

    __tablename__ = "campaign"
    __table_args__ = (CheckConstraint("share > 0 AND share < 1", "share"), CheckConstraint("cost > 0", "cost"))
    id: str = Field(primary_key=True)
    bank: str = Field(index=True)
    survey: str
    share: float
    lot_key: str
    cost: float | None = None
    currency: str | None = None
    created_at: datetime = moment()


class CampaignContact(SQLModel, table=True):
    """A contact of a campaign, which got a link or was held out."""

    __tablename__ = "campaign_contact"
    contact_id: str = Field(primary_key=True, foreign_key="contact.id")
    campaign: str = Field(primary_key=True, foreign_key="campaign.id")
    is_held_out: bool
    drawn_at: datetime = moment()
