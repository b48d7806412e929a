"""Fit the dropout hazard of a survey to its stored sessions."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

import numpy as np
from sqlmodel import Session, col, select

from adaptive.dropout import Hazard, fit_hazard
from question_bank.compile import CompiledBank
from question_bank.definitions import Bank
from survey_service.store.tables.core import Answer, SurveySession

FEWEST_RESPONDENTS = 30
"""Fewest respondents who left, and fewest questions answered, for a hazard to be fitted."""

PLACES = 3

ShownQuestion = tuple[int, float, bool, bool]
"""One question shown to one respondent: questions before it, its effort in seconds, new topic, the respondent left at it."""


def fit_survey_hazard(session: Session, bank: CompiledBank, survey: str) -> Hazard | None:
    """Return the hazard of a survey from its sessions under all versions of its bank; None where too few left, or too few stayed."""
    rows = list(_shown_questions(session, bank, survey))
    departures = sum(left for *_, left in rows)
    if min(departures, len(rows) - departures) < FEWEST_RESPONDENTS:
        return None
    taken, seconds, new_topic, left = (np.array(column) for column in zip(*rows, strict=True))
    hazard = fit_hazard(taken, seconds, new_topic, left)
    return Hazard(*(round(coefficient, PLACES) for coefficient in (hazard.base, hazard.position, hazard.seconds, hazard.new_topic)))


def with_hazard(bank: Bank, survey: str, hazard: Hazard | None) -> Bank:
    """Return the bank with the hazard in its survey; unchanged where there is none."""
    if hazard is None:
        return bank
    return replace(
        bank,
        surveys=tuple(replace(candidate, drop_out=hazard) if candidate.id == survey else candidate for candidate in bank.surveys),
    )


def _shown_questions(session: Session, bank: CompiledBank, survey: str) -> Iterator[ShownQuestion]:
    condition = SurveySession.survey == survey, SurveySession.bank == bank.bank.id
    log = select(Answer.session_id, Answer.question).join(SurveySession).where(*condition, Answer.state != "withdrawn")
    given = {
        name: [question for _, question in rows]
        for name, rows in groupby(session.exec(log.order_by(Answer.session_id, col(Answer.id))), key=lambda row: row[0])
    }
    sessions = select(SurveySession.id, SurveySession.left_at, SurveySession.question, SurveySession.abandoned_at).where(*condition)
    for name, left_at, asked, abandoned_at in session.exec(sessions):
        lost_at = left_at or (asked if abandoned_at is not None else None)
        if name in given:
            yield from _questions_of_session(bank, [*dict.fromkeys(given[name])], lost_at)


def _questions_of_session(bank: CompiledBank, given: list[str], lost_at: str | None) -> Iterator[ShownQuestion]:
    """Yield the questions shown in a session, except the first: leaving there may only mean that nobody read the page."""
    topics: set[str] = set()
    for taken, name in enumerate([*given, *([lost_at] if lost_at else [])]):
        if name in bank.index:
            question = bank.bank.question_by_id[name]
            topic = question.topic or question.id
            if taken:
                yield taken, question.seconds, topic not in topics, taken == len(given)
            topics.add(topic)
