"""The tables of figures: what was counted of each survey's days, the sums behind figures per persona, and recurring work."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, Index, LargeBinary
from sqlmodel import Field, SQLModel

from survey_service.store.tables.columns import BigId, json_column, moment


class SurveyDay(SQLModel, table=True):
    """The counts of the sessions that one survey started on one day (UTC), in groups by version, channel and language.

    `sessions`, `links` and `last_at` are what the day looked like when it was counted: where they have changed, it is counted again.
    """

    __tablename__ = "survey_day"
    survey: str = Field(primary_key=True, foreign_key="survey.id")
    day: str = Field(primary_key=True)
    sessions: int = 0
    links: int = 0
    last_at: datetime | None = moment(nullable=True)
    groups: list[dict[str, Any]] = json_column(list)


class RecurringWork(SQLModel, table=True):
    """When some work was done last that is due every so often."""

    __tablename__ = "recurring_work"
    name: str = Field(primary_key=True)
    done_at: datetime = moment()


class FigureSnapshot(SQLModel, table=True):
    """The state of a bank's figures: the day (UTC) on which they were computed, and what they are about.

    The process that computes them holds a lease until `lease_until`; when that has passed, another one begins again.
    """

    __tablename__ = "figure_snapshot"
    bank: str = Field(primary_key=True)
    day: str | None = None
    bank_version: int | None = None
    personas: list[str] = json_column(list)
    facts: dict[str, Any] = json_column(dict)
    lease_until: datetime | None = moment(nullable=True)


class FigureCell(SQLModel, table=True):
    """Sums over contacts of one week and channel, from which figures per persona are estimated: see `survey_service.figures.cells`.

    `subject` names a journey, visits or a barometer, `measure` what is counted. `week` is its Monday, empty for what has no time.
    """

    __tablename__ = "figure_cell"
    bank: str = Field(primary_key=True, foreign_key="figure_snapshot.bank")
    subject: str = Field(primary_key=True)
    measure: str = Field(primary_key=True)
    week: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class StageCheck(SQLModel, table=True):
    """A contact whose stages of journeys are to be looked at from `due` on: after an event, and when a stage or an entry comes to its end.

    A contact has a row as long as an entry of it is open.
    """

    __tablename__ = "stage_check"
    __table_args__ = (Index("ix_stage_check_due", "due"),)
    contact_id: str = Field(primary_key=True, foreign_key="contact.id")
    due: datetime = moment()


class HeldPersona(SQLModel, table=True):
    """The persona that a contact is taken for where something is started once: with hysteresis, so that it does not come and go."""

    __tablename__ = "held_persona"
    contact_id: str = Field(primary_key=True, foreign_key="contact.id")
    bank: str = Field(primary_key=True)
    persona: str


class AnnouncedPlay(SQLModel, table=True):
    """A play of the bank was announced for a contact at a stage ("journey/stage"), which happens once."""

    __tablename__ = "announced_play"
    contact_id: str = Field(primary_key=True, foreign_key="contact.id")
    bank: str = Field(primary_key=True)
    stage: str = Field(primary_key=True)
    persona: str | None = None
    at: datetime = moment()


class ReadinessModel(SQLModel, table=True):
    """What is known of P(next stage) of one stage ("journey/stage") of a bank, refit once a day (UTC).

    `content` is the model of `adaptive.lookalike.readiness`, `metrics` what it was judged by, `worth` what a contact of each persona is
    worth. `state` says why no model is used, if so.
    """

    __tablename__ = "readiness_model"
    __table_args__ = (CheckConstraint("state IN ('used', 'no_gain', 'too_few')", "state"),)
    bank: str = Field(primary_key=True)
    stage: str = Field(primary_key=True)
    day: str
    state: str
    content: dict[str, Any] | None = json_column(nullable=True)
    metrics: dict[str, Any] = json_column(dict)
    worth: dict[str, Any] = json_column(dict)


class ContactReadiness(SQLModel, table=True):
    """The probability that a contact at a stage reaches the next one within the window, and what that is worth: `priority`, with intervals.

    `is_held_out`: one contact in twenty, by lot, is in no list of whom to call, so that the others can be compared with somebody.
    """

    __tablename__ = "contact_readiness"
    __table_args__ = (Index("ix_contact_readiness_priority", "bank", "priority", "contact_id", "journey"),)
    contact_id: str = Field(primary_key=True, foreign_key="contact.id")
    bank: str = Field(primary_key=True)
    journey: str = Field(primary_key=True)
    stage: str
    next_stage: str
    probability: float
    probability_low: float
    probability_high: float
    value: float
    currency: str | None = None
    priority: float
    priority_low: float
    priority_high: float
    is_ready: bool = False
    is_held_out: bool = False
    updated_at: datetime = moment()


class AttributeOutcome(SQLModel, table=True):
    """An attribute of a contact has come to a value that is a stage of a journey, such as a deal that was won. `value` is in lower case."""

    __tablename__ = "attribute_outcome"
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    contact_id: str = Field(foreign_key="contact.id", index=True)
    name: str
    value: str
    at: datetime = moment()
