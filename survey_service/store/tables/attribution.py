"""The tables of attribution: fitted models, runs, what each contact got, and the contacts who were drawn as probes."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, text, true
from sqlmodel import Field, SQLModel

from survey_service.store.tables.columns import json_column, moment

UNFINISHED = "state IN ('queued', 'running')"


class AttributionModelRow(SQLModel, table=True):
    """A fitted model: the tables that score contacts, as `adaptive.lookalike` writes them, and the personas in their order."""

    __tablename__ = "attribution_model"
    id: str = Field(primary_key=True)
    bank: str = Field(index=True)
    bank_version: int
    personas: list[str] = json_column(list)
    content: dict[str, Any] = json_column(dict)
    metrics: dict[str, Any] = json_column(dict)
    fingerprint: str
    created_at: datetime = moment()
    rescored_until: datetime = moment()  # contacts that changed before this are scored
    gain: dict[str, Any] | None = json_column(nullable=True)  # what it told in sessions that began without it
    is_used: bool = Field(default=True, sa_column_kwargs={"server_default": true()})  # whether sessions begin with it
    measured_at: datetime | None = moment(nullable=True)


class AttributionRun(SQLModel, table=True):
    """A request to fit a bank's respondents and to score every contact.

    state: queued -> running -> done | failed | cancelled. The process that works on it renews `lease_until`; when that has passed, another
    one goes on after the contact `cursor`. At most one run of a bank is unfinished.
    """

    __tablename__ = "attribution_run"
    __table_args__ = (
        CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled')", "state"),
        Index("uq_attribution_run_unfinished", "bank", unique=True, postgresql_where=text(UNFINISHED), sqlite_where=text(UNFINISHED)),
    )
    id: str = Field(primary_key=True)
    bank: str = Field(index=True)
    state: str = "queued"
    model_id: str | None = Field(default=None, foreign_key="attribution_model.id")
    contacts: int = 0
    scored: int = 0
    assigned: int = 0
    cursor: str = ""
    allow: list[str] = json_column(list)
    problem: str | None = None
    lease_until: datetime | None = moment(nullable=True)
    cancelled_at: datetime | None = moment(nullable=True)
    created_at: datetime = moment()
    started_at: datetime | None = moment(nullable=True)
    ended_at: datetime | None = moment(nullable=True)


class Attribution(SQLModel, table=True):
    """What attributes say about the persona of a contact.

    `vector` has P(persona) as little-endian float32 in the order of the model's personas. `in_fit` means that the contact's own answers
    taught the model: then the vector comes from tables that they did not teach. `assigned_to` is None where no persona is certain enough.
    """

    __tablename__ = "attribution"
    __table_args__ = (Index("ix_attribution_bank", "bank", "contact_id"),)
    contact_id: str = Field(primary_key=True, foreign_key="contact.id")
    bank: str = Field(primary_key=True)
    model_id: str = Field(foreign_key="attribution_model.id")
    run_id: str = Field(foreign_key="attribution_run.id")
    vector: bytes
    top: str
    confidence: float
    assigned_to: str | None = None
    in_fit: bool = False
    updated_at: datetime = moment()


class Probe(SQLModel, table=True):
    """A contact who was drawn at random, with probability `chance`, among those who had not answered."""

    __tablename__ = "probe"
    contact_id: str = Field(primary_key=True, foreign_key="contact.id")
    bank: str = Field(primary_key=True)
    wave: str
    chance: float
    drawn_at: datetime = moment()
