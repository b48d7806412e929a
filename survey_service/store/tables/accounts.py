"""The tables of people who use the console: accounts, links to sign in, sessions of browsers, and who looked at which contact."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Column, Index, false
from sqlmodel import Field, SQLModel

from survey_service.store.tables.columns import BigId, moment


class Account(SQLModel, table=True):
    """Somebody who may use the console. `scope` is as that of an API key; `sees_contacts` opens pages about single people.

    A removed account keeps its name, which versions and looks refer to, and opens nothing.
    """

    __tablename__ = "account"
    __table_args__ = (CheckConstraint("scope IN ('read', 'write', 'admin')", "scope"),)
    id: str = Field(primary_key=True)
    email: str = Field(unique=True)
    name: str
    scope: str
    sees_contacts: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    language: str | None = None
    created_at: datetime = moment()
    removed_at: datetime | None = moment(nullable=True)


class SignInLink(SQLModel, table=True):
    """A link that signs somebody in once. Only the keyed digest of its token is stored."""

    __tablename__ = "sign_in_link"
    digest: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="account.id", index=True)
    created_at: datetime = moment()
    expires_at: datetime = moment()
    used_at: datetime | None = moment(nullable=True)


class BrowserSession(SQLModel, table=True):
    """A browser in which somebody is signed in. Only the keyed digest of its cookie is stored; signing out deletes the row."""

    __tablename__ = "browser_session"
    digest: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="account.id", index=True)
    created_at: datetime = moment()
    expires_at: datetime = moment()


class ContactLook(SQLModel, table=True):
    """Who looked at a contact, and when. `viewer` is the id of an account or of an API key.

    `contact` is our id of the contact. When the contact is erased a keyed digest takes its place.
    """

    __tablename__ = "contact_look"
    __table_args__ = (Index("ix_contact_look_contact", "contact", "at"), Index("ix_contact_look_at", "at"))
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    contact: str
    viewer: str
    what: str
    at: datetime = moment()
