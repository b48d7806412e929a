"""The tables of what people wrote elsewhere, and of which texts an author lets be quoted."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Column, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from survey_service.store.tables.columns import BigId, moment


class Review(SQLModel, table=True):
    """A review that was imported, of a contact or of nobody who is known. `digest` is that of bank, contact, day and text: it comes once.

    `day` is the date in the file.
    """

    __tablename__ = "review"
    __table_args__ = (UniqueConstraint("bank", "digest"),)
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    bank: str
    digest: str
    contact_id: str | None = Field(default=None, foreign_key="contact.id", index=True)
    day: str
    text: str = Field(sa_column=Column(Text, nullable=False))
    imported_at: datetime = moment()


class QuoteApproval(SQLModel, table=True):
    """An author has approved that the text of an answer or review is quoted, as long as its contact consents."""

    __tablename__ = "quote_approval"
    __table_args__ = (CheckConstraint("kind IN ('answer', 'review')", "kind"),)
    kind: str = Field(primary_key=True)
    source_id: int = Field(sa_column=Column(BigId, primary_key=True, autoincrement=False))
    contact_id: str = Field(foreign_key="contact.id", index=True)
    approved_at: datetime = moment()
