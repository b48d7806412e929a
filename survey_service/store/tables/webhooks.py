"""The tables of webhooks: endpoints, messages, attempts, and what each endpoint has acknowledged."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    UniqueConstraint,
    false,
    text,
)
from sqlmodel import Field, SQLModel

from survey_service.store.tables.columns import BigId, json_column, moment


class WorkerBeat(SQLModel, table=True):
    """A running worker. Its row is deleted when it stops, or an hour after it was last seen."""

    __tablename__ = "worker_beat"
    id: str = Field(primary_key=True)
    started_at: datetime = moment()
    last_at: datetime = moment()


KINDS = ("hubspot", "salesforce", "brevo", "klaviyo", "http")


NEW, BY_OWNER = "new", "owner"
"""Why a connection is disabled that nobody has enabled yet, and whatever somebody has switched off."""


class Connection(SQLModel, table=True):
    """What makes an endpoint a connection to a CRM: how our values become its fields, and by which ids it knows a contact.

    The endpoint has the rest: URL, credentials (encrypted, as its secret), when to send, pauses. `mapping` is by their field; `options`
    has, by their field, their value for each of ours; `template` is the request of a generic connection; `token` is what the credentials
    were exchanged for, encrypted. `paused_because` stays until something was delivered or the connection is changed.
    """

    __tablename__ = "connection"
    __table_args__ = (CheckConstraint("kind IN ('hubspot', 'salesforce', 'brevo', 'klaviyo', 'http')", "kind"),)
    endpoint_id: str = Field(primary_key=True, foreign_key="endpoint.id")
    kind: str
    bank: str
    identity: list[str] = json_column(list)
    external_id: dict[str, str] = json_column(dict)
    mapping: dict[str, str] = json_column(dict)
    options: dict[str, dict[str, str]] = json_column(dict)
    template: dict[str, Any] | None = json_column(nullable=True)
    create_contacts: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    token: str | None = None
    paused_because: str | None = None


class Endpoint(SQLModel, table=True):
    """Where webhooks go. `secrets` has the newest first, each encrypted with the service's keys. An empty `events` means all.

    state: active <-> disabled (by its owner, or because it answered 410) -> removed, a tombstone without URL or secrets that keeps the
    history of deliveries readable.
    """

    __tablename__ = "endpoint"
    __table_args__ = (
        CheckConstraint("state IN ('active', 'disabled', 'removed')", "state"),
        CheckConstraint("\"when\" IN ('every_answer', 'material', 'idle', 'final')", "moment"),
        CheckConstraint("format IN ('full', 'flat')", "format"),
        CheckConstraint("per_second > 0", "rate"),
    )
    id: str = Field(primary_key=True)
    url: str
    events: list[str] = json_column(list)
    when: str = "material"
    secrets: list[dict[str, Any]] = json_column(list)
    secret_prefix: str
    description: str = ""
    include_pii: bool = False
    state: str = "active"
    disabled_because: str | None = None
    format: str = "full"
    headers: dict[str, str] = json_column(dict)  # set by the owner; each value is encrypted
    bulk: bool = True  # whether it subscribes to messages about the whole base
    per_second: float | None = None  # how many messages it wants at most
    open_at: datetime | None = moment(nullable=True)  # the time before which that rate lets no message through
    paused_until: datetime | None = moment(nullable=True)  # its Retry-After asked for a pause until then
    awaits_ping: bool = False  # enabled again: a ping must arrive before anything else is sent
    failures: int = 0  # failures in a row, since `failing_since`
    failing_since: datetime | None = moment(nullable=True)
    tripped_at: datetime | None = moment(nullable=True)  # the circuit breaker is open: one message is sent at `probe_at`, as a probe
    probes: int = 0
    probe_at: datetime | None = moment(nullable=True)
    given_up: int = 0  # messages and probes given up, since `given_up_since`
    given_up_since: datetime | None = moment(nullable=True)
    warned: int = 0  # percent of the way to being disabled
    clock_off: float | None = None  # seconds that our clock is ahead of the receiver's, where that deserves a warning
    created_at: datetime = moment()
    updated_at: datetime = moment()


class Delivery(SQLModel, table=True):
    """One message to one endpoint: the outbox.

    state: pending -> delivered | dead (schedule used up, or refused for good) | superseded (by a newer state of the contact) | dropped
    (endpoint disabled or removed, contact erased); dead -> pending when somebody sends it again by hand.

    `body` is NULL until the first claim and never changes after it. `place` orders the messages of one endpoint about one contact: it is
    the sequence, until a message is sent again by hand and goes to the end.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'delivered', 'dead', 'superseded', 'dropped')", "state"),
        CheckConstraint("(state = 'pending') = (settled_at IS NULL)", "settled_when_not_pending"),
        CheckConstraint("attempt >= 0", "attempt_not_negative"),
        CheckConstraint("lane IN ('interactive', 'bulk')", "lane"),
        Index(
            "ix_delivery_due",
            "endpoint_id",
            "lane",
            "due",
            "id",
            postgresql_where=text("state = 'pending'"),
            sqlite_where=text("state = 'pending'"),
        ),
        Index(
            "ix_delivery_order",
            "endpoint_id",
            "contact_id",
            "place",
            postgresql_where=text("state = 'pending'"),
            sqlite_where=text("state = 'pending'"),
        ),
        Index(
            "ix_delivery_leased",
            "endpoint_id",
            postgresql_where=text("lease_until IS NOT NULL"),
            sqlite_where=text("lease_until IS NOT NULL"),
        ),
        Index("ix_delivery_dead", "id", postgresql_where=text("state = 'dead'"), sqlite_where=text("state = 'dead'")),
        CheckConstraint("state = 'pending' OR lease_until IS NULL", "lease_only_when_pending"),
    )
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    endpoint_id: str = Field(foreign_key="endpoint.id", index=True)
    contact_id: str | None = Field(default=None, sa_column=Column(ForeignKey("contact.id"), nullable=True, index=True))
    event_id: str = Field(index=True)
    event_type: str
    bank: str | None = None
    sequence: int | None = Field(default=None, sa_type=BigInteger)
    place: int = Field(default=0, sa_type=BigInteger)
    coalescible: bool = False
    facts: dict[str, Any] = json_column(dict)
    body: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    state: str = "pending"
    due: datetime = moment()
    due_at_latest: datetime | None = moment(nullable=True)
    lease_until: datetime | None = moment(nullable=True)
    attempt: int = 0
    uncounted: int = 0  # attempts that the schedule does not count: probes, and those that a person asked for
    lane: str = "interactive"
    manual: bool = False  # a person asked for the next attempt
    last_error: str | None = None
    created_at: datetime = moment()
    settled_at: datetime | None = moment(nullable=True)


class DeliveryAttempt(SQLModel, table=True):
    """One request of a delivery: written before it is sent, completed after it. A row without an outcome is a crash."""

    __tablename__ = "delivery_attempt"
    __table_args__ = (UniqueConstraint("delivery_id", "number"),)
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    delivery_id: int = Field(sa_column=Column(BigId, ForeignKey("delivery.id"), nullable=False))
    number: int
    started_at: datetime = moment()
    finished_at: datetime | None = moment(nullable=True)
    outcome: str | None = None
    status: int | None = None
    error: str | None = None
    excerpt: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))  # any bytes, NUL included
    manual: bool = False


class Acknowledged(SQLModel, table=True):
    """The last state of a contact that an endpoint has acknowledged: the `previous` of its next message."""

    __tablename__ = "acknowledged"
    endpoint_id: str = Field(primary_key=True, foreign_key="endpoint.id")
    contact_id: str = Field(primary_key=True, foreign_key="contact.id")
    bank: str = Field(primary_key=True)
    sequence: int = Field(sa_type=BigInteger)
    state: dict[str, Any] = json_column(dict)


class MissedContact(SQLModel, table=True):
    """A contact whose present state is to be sent to an endpoint when it can receive again: all that is kept for a disabled endpoint."""

    __tablename__ = "untold"
    endpoint_id: str = Field(primary_key=True, foreign_key="endpoint.id")
    contact_id: str = Field(primary_key=True, foreign_key="contact.id")
