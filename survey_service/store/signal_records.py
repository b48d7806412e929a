"""The tables of what contacts do, and of whom nothing may be kept any more."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from survey_service.store.columns import BigId, moment


class ContactEvent(SQLModel, table=True):
    """Something a contact did, as far as a signal can match it; nothing else of the message is kept.

    `path` is in lower case. `at` is by our clock, and never later than `received_at`.
    """

    __tablename__ = "contact_event"
    __table_args__ = (
        UniqueConstraint("source", "message_id"),
        CheckConstraint("kind IN ('track', 'page', 'screen')", "kind"),
        Index("ix_contact_event_line", "contact_id", "at"),
        Index("ix_contact_event_name", "kind", "name"),
    )
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    contact_id: str = Field(foreign_key="contact.id")
    source: str = Field(foreign_key="api_key.id")
    message_id: str
    kind: str
    name: str | None = None
    path: str | None = None
    channel: str | None = None
    topic: str | None = None
    at: datetime = moment()
    received_at: datetime = moment()


class ErasedId(SQLModel, table=True):
    """A name of somebody who was erased, as a keyed digest: nobody can be found in it, but whoever comes with the name is recognised."""

    __tablename__ = "erased_id"
    digest: str = Field(primary_key=True)
    erased_at: datetime = moment()
