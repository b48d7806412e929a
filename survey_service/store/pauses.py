"""Pauses of background work: respondents come first.

While somebody answers, the worker leaves most of the time between two transactions to respondents: the processors, and SQLite's lock,
which only one writer has at a time.
"""

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from survey_service.store.session import Store
from survey_service.store.tables.core import SurveySession

PAUSE = {"sqlite": 0.5, "postgresql": 0.0}
"""How long nothing is written after some work, in durations of the work."""
PAUSE_FOR_RESPONDENTS = {"sqlite": 4.0, "postgresql": 0.5}
"""The same while somebody answers."""
LONGEST_PAUSE = 1.0
ANSWERING = timedelta(seconds=2)
"""How long after an answer respondents are taken to go on answering."""


def pause_after(store: Store, seconds: float, now: datetime) -> float:
    """Return how many seconds to wait after work that took so long."""
    with store.reading() as session:
        factors = PAUSE_FOR_RESPONDENTS if is_anyone_answering(session, now) else PAUSE
    return min(factors[store.engine.dialect.name] * seconds, LONGEST_PAUSE)


def is_anyone_answering(session: Session, now: datetime) -> bool:
    """Whether some respondent has begun or answered within the last seconds and is not done yet."""
    answering = select(SurveySession.id).where(SurveySession.status == "open", col(SurveySession.last_at) > now - ANSWERING)
    return session.exec(answering.limit(1)).first() is not None
