"""The tables of inbound sources, of the intake and its events, and the digests of erased contacts."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from survey_service.store.tables.columns import BigId, json_column, moment

SOURCE_KINDS = ("hubspot", "shopify", "signed")


class Source(SQLModel, table=True):
    """A system that may send us events, and the encrypted secret that verifies them. A removed source stays as a tombstone without it."""

    __tablename__ = "source"
    __table_args__ = (CheckConstraint("kind IN ('hubspot', 'shopify', 'signed')", "kind"),)
    id: str = Field(primary_key=True)
    kind: str
    secret: str
    wishes: dict[str, Any] = json_column(dict)
    removed_at: datetime | None = moment(nullable=True)
    created_at: datetime = moment()


class InboundEvent(SQLModel, table=True):
    """One event of a source, stored before it is acknowledged. `facts` are emptied as soon as the event is handled.

    `faults` counts how often handling it has failed by a fault of ours.
    """

    __tablename__ = "inbound_event"
    __table_args__ = (
        UniqueConstraint("source_id", "event_id"),
        Index("ix_inbound_event_due", "due", postgresql_where=text("done_at IS NULL"), sqlite_where=text("done_at IS NULL")),
    )
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    source_id: str = Field(foreign_key="source.id")
    event_id: str
    kind: str
    facts: dict[str, Any] = json_column(dict)
    occurred_at: datetime = moment()
    received_at: datetime = moment()
    due: datetime = moment()
    done_at: datetime | None = moment(nullable=True)
    problem: str | None = None
    faults: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class ContactEvent(SQLModel, table=True):
    """Something that a contact did, as far as a signal can match it. Nothing else of the message is stored.

    `path` is in lower case. `at` is by our clock and never later than `received_at`. `value` is what it was worth in `currency` (three
    letters), `subject` the order, quote, checkout and cart that it is about, a line each ("order:77"), `terms`
    what was searched for.
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
    value: float | None = None
    currency: str | None = None
    subject: str | None = None
    terms: str | None = None
    at: datetime = moment()
    received_at: datetime = moment()


class IntakeBatch(SQLModel, table=True):
    """Messages that the intake has accepted and the worker has not evaluated yet. The row is deleted with the evaluation.

    `content` is a JSON list of `number` messages, reduced to what evaluating them needs. `faults` counts how often that has failed by a
    fault of ours.
    """

    __tablename__ = "intake_batch"
    __table_args__ = (Index("ix_intake_batch_due", "due", "id"),)
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    source: str = Field(foreign_key="api_key.id")
    content: str
    number: int
    received_at: datetime = moment()
    due: datetime = moment()
    faults: int = 0


class IntakeLeftOut(SQLModel, table=True):
    """How many messages of the intake were left out, by the code of the reason."""

    __tablename__ = "intake_left_out"
    reason: str = Field(primary_key=True)
    number: int = Field(sa_column=Column(BigInteger, nullable=False))


class ErasedId(SQLModel, table=True):
    """The id of an erased contact as a keyed digest. It names nobody, but a contact that comes with the same id is recognised."""

    __tablename__ = "erased_id"
    digest: str = Field(primary_key=True)
    erased_at: datetime = moment()


class PlannedQuestion(SQLModel, table=True):
    """The moment of a barometer has come for a contact: at `due` it gets a link. One that is done is planned anew by a later moment.

    `problem` says why there was no link, if so.
    """

    __tablename__ = "planned_question"
    __table_args__ = (
        Index("ix_planned_question_due", "due", postgresql_where=text("done_at IS NULL"), sqlite_where=text("done_at IS NULL")),
    )
    contact_id: str = Field(primary_key=True, foreign_key="contact.id")
    bank: str = Field(primary_key=True)
    barometer: str = Field(primary_key=True)
    at: datetime = moment()
    due: datetime = moment()
    done_at: datetime | None = moment(nullable=True)
    problem: str | None = None
