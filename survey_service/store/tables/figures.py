"""The tables of figures: what was counted of each survey's days, and when recurring work was done last."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from survey_service.store.tables.columns import json_column, moment


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
    counted_at: datetime = moment()


class RecurringWork(SQLModel, table=True):
    """When some work was done last that is due every so often."""

    __tablename__ = "recurring_work"
    name: str = Field(primary_key=True)
    done_at: datetime = moment()
