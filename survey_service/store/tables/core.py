"""The tables. SQLModel does not validate and writes no CHECK: constraints stand here by hand, beside the column they guard."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlmodel import Field, SQLModel

from survey_service.store.tables.columns import BigId, json_column, moment


class RateLimit(SQLModel, table=True):
    """The time (in seconds since 1970) from which the next request is admitted, and how much later each admission makes it.

    `key` names what is limited. An address or a token stands there only as a keyed digest. Rows are deleted as soon as they limit
    nothing.
    """

    __tablename__ = "rate_limit"
    key: str = Field(primary_key=True)
    open_at: float
    gap: float


metadata: MetaData = SQLModel.metadata


class BankVersion(SQLModel, table=True):
    """One published, immutable version of a bank. `source` is its canonical JSON, `text` what its author wrote, with comments.

    Versions that were published before have neither author nor text.
    """

    __tablename__ = "bank_version"
    __table_args__ = (CheckConstraint("version >= 1", "version_from_one"),)
    bank: str = Field(primary_key=True)
    version: int = Field(primary_key=True, sa_type=Integer)
    fingerprint: str
    source: str = Field(sa_column=Column(Text, nullable=False))
    published_at: datetime = moment()
    author: str | None = None
    text: str | None = Field(default=None, sa_column=Column(Text, nullable=True))


class BankDraft(SQLModel, table=True):
    """What authors have written and not published yet: one text a bank, which may have mistakes. Every change counts `revision` up.

    `base` is the version from which it began, 0 where the bank has none.
    """

    __tablename__ = "bank_draft"
    bank: str = Field(primary_key=True)
    text: str = Field(sa_column=Column(Text, nullable=False))
    base: int = 0
    revision: int = 1
    author: str
    updated_at: datetime = moment()


class RemovedBank(SQLModel, table=True):
    """The last version of a bank that was removed. Its id continues after it, because processes keep compiled versions by their number."""

    __tablename__ = "removed_bank"
    bank: str = Field(primary_key=True)
    version: int


class SurveyRow(SQLModel, table=True):
    """The bank version that a survey id stands for now. Survey ids are unique in a service. A paused survey begins no session."""

    __tablename__ = "survey"
    __table_args__ = (ForeignKeyConstraint(["bank", "version"], ["bank_version.bank", "bank_version.version"]),)
    id: str = Field(primary_key=True)
    bank: str = Field(index=True)
    version: int
    paused_at: datetime | None = moment(nullable=True)

    @property
    def state(self) -> str:
        """active or paused."""
        return "active" if self.paused_at is None else "paused"


class ApiKey(SQLModel, table=True):
    """A key of the author or CRM API. Only its keyed digest is stored, with the fingerprint of the secret that keyed it.

    A key that was last used before there were fingerprints has none.
    """

    __tablename__ = "api_key"
    __table_args__ = (CheckConstraint("scope IN ('read', 'write', 'admin', 'intake')", "scope"),)
    id: str = Field(primary_key=True)
    name: str
    prefix: str
    digest: str = Field(unique=True)
    scope: str
    created_at: datetime = moment()
    expires_at: datetime | None = moment(nullable=True)
    revoked_at: datetime | None = moment(nullable=True)
    last_used_at: datetime | None = moment(nullable=True)
    secret_fingerprint: str | None = None


class Contact(SQLModel, table=True):
    """A person, known or anonymous. `sequence` numbers the messages about the contact. Its row is the lock of everything about the
    person.

    A contact that was merged or erased stays as a tombstone without content, so that old references lead on from it. `labels` is what
    people say about the contact, by bank: {persona, reliability, at}; `priors` what another system says: {probabilities, source,
    reliability, at}.
    """

    __tablename__ = "contact"
    __table_args__ = (
        CheckConstraint("sequence >= 0", "sequence_not_negative"),
        CheckConstraint("merged_into IS NULL OR erased_at IS NULL", "merged_or_erased"),
        Index("ix_contact_updated_at", "updated_at", "id"),
    )
    id: str = Field(primary_key=True)
    sequence: int = Field(default=0, sa_type=BigInteger)
    email: str | None = None
    email_sha256: str | None = Field(default=None, index=True)
    attributes: dict[str, Any] = json_column(dict)
    consent: dict[str, Any] = json_column(dict)
    labels: dict[str, Any] = json_column(dict)
    priors: dict[str, Any] = json_column(dict)
    merged_from: list[str] = json_column(list)
    merged_into: str | None = Field(default=None, foreign_key="contact.id", index=True)
    erased_at: datetime | None = moment(nullable=True)
    created_at: datetime = moment()
    updated_at: datetime = moment()


OWN_SYSTEM = "crm"
"""The system whose ids appear in our URLs."""
MERGED = "merged"
"""The type of an external id whose record its system has merged into another."""


class ExternalId(SQLModel, table=True):
    """The id of the contact in another system."""

    __tablename__ = "external_id"
    system: str = Field(primary_key=True)
    value: str = Field(primary_key=True)
    type: str = "id"
    contact_id: str = Field(foreign_key="contact.id", index=True)


class SurveySession(SQLModel, table=True):
    """One respondent in one survey, pinned to the bank version it started with.

    status: open -> complete (the survey stopped) | finished (the respondent did, or a required answer is missing) | expired.
    """

    __tablename__ = "survey_session"
    __table_args__ = (
        CheckConstraint("status IN ('open', 'complete', 'finished', 'expired')", "status"),
        CheckConstraint("(status = 'open') = (ended_at IS NULL)", "ended_when_not_open"),
        CheckConstraint("status = 'open' OR question IS NULL", "no_question_when_closed"),
        CheckConstraint(
            "stopped_because IN ('confidence', 'at_most', 'gain', 'seconds', 'exhausted', 'decision', 'respondent')",
            "stopped_because",
        ),
        ForeignKeyConstraint(["bank", "bank_version"], ["bank_version.bank", "bank_version.version"]),
        Index("ix_survey_session_started", "started_at", "survey"),
        Index("ix_survey_session_idle", "last_at", postgresql_where=text("status = 'open'"), sqlite_where=text("status = 'open'")),
    )
    id: str = Field(primary_key=True)
    token_digest: str
    survey: str = Field(index=True)
    bank: str
    bank_version: int
    contact_id: str = Field(foreign_key="contact.id", index=True)
    language: str
    channel: str = "web"
    hidden: dict[str, Any] = json_column(dict)
    page: str | None = None
    prior: dict[str, Any] | None = json_column(nullable=True)  # the prior it began with; None where it had no choice
    status: str = "open"
    stopped_because: str | None = None
    finish_reason: str | None = None
    question: str | None = None
    chance: float | None = None  # the probability with which `question` was drawn; None where it was not drawn
    left_at: str | None = None  # the question that was open when the respondent left
    withdrawn_answer: int | None = Field(
        default=None, sa_type=BigInteger
    )  # the answer to `question` that is shown beside it after going back
    limit: int
    started_at: datetime = moment()
    last_at: datetime = moment()
    expires_at: datetime = moment()
    ended_at: datetime | None = moment(nullable=True)
    abandoned_at: datetime | None = moment(nullable=True)


class Answer(SQLModel, table=True):
    """The log of answers. Nothing in it is ever overwritten.

    state: current -> replaced (a later answer to the same question) | withdrawn (the respondent went back). Only current ones are
    evidence.
    """

    __tablename__ = "answer"
    __table_args__ = (
        UniqueConstraint("session_id", "answer_id"),
        UniqueConstraint("session_id", "withdrawn_by"),
        CheckConstraint("kind IN ('answer', 'skip', 'dont_know', 'refuse')", "kind"),
        CheckConstraint("state IN ('current', 'replaced', 'withdrawn')", "state"),
        CheckConstraint("(kind = 'answer') = (value IS NOT NULL)", "value_when_answered"),
        CheckConstraint("chance > 0 AND chance <= 1", "chance"),
        Index(
            "uq_answer_current",
            "contact_id",
            "bank",
            "question",
            unique=True,
            postgresql_where=text("state = 'current'"),
            sqlite_where=text("state = 'current'"),
        ),
    )
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    session_id: str = Field(foreign_key="survey_session.id")
    contact_id: str = Field(foreign_key="contact.id")
    bank: str
    bank_version: int
    question: str
    kind: str
    value: Any = json_column(nullable=True)
    seconds: float | None = None
    chance: float | None = None  # the probability with which the question was drawn; None where it was not drawn
    measured: float | None = None  # seconds in which it can have been read; None where nobody measured
    trapped: bool = Field(default=False, sa_column_kwargs={"server_default": false()})  # sent with a field filled in that people do not see
    answer_id: str
    state: str = "current"
    withdrawn_by: str | None = None
    given_at: datetime = moment()


class Belief(SQLModel, table=True):
    """The belief about a contact under one bank: the stored posterior, which can always be recomputed from the log."""

    __tablename__ = "belief"
    __table_args__ = (
        CheckConstraint("confidence > 0 AND confidence <= 1", "confidence"),
        Index("ix_belief_news", "updated_at", "contact_id", "bank"),
    )
    contact_id: str = Field(primary_key=True, foreign_key="contact.id")
    bank: str = Field(primary_key=True)
    bank_version: int
    probabilities: dict[str, float] = json_column(dict)
    top: str
    confidence: float
    margin: float
    entropy_bits: float
    is_decided: bool = False
    threshold: float | None = None  # the confidence from which the last survey counted a persona as decided
    answers: int = 0
    skipped: int = 0
    signals: int = 0
    sequence: int = Field(default=0, sa_type=BigInteger)
    told: dict[str, Any] | None = json_column(nullable=True)
    prior_kind: str | None = None  # attributed or external where it rests on another prior than the bank's
    updated_at: datetime = moment()
