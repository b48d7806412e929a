"""The table of workers: who watches over the service reads in it whether anybody sends."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from survey_service.store.columns import moment


class WorkerBeat(SQLModel, table=True):
    """A running worker. Its row goes when it stops, and an hour after it was last seen where it could not say so."""

    __tablename__ = "worker_beat"
    id: str = Field(primary_key=True)
    started_at: datetime = moment()
    last_at: datetime = moment()
