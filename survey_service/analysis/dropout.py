"""Where the respondents of a survey left, as its sessions tell it, and the hazard that they teach."""

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
"""Respondents who left, and questions that were answered, from which a hazard is learnt."""

PLACES = 3

ShownQuestion = tuple[int, float, bool, bool]
"""One question in front of one respondent: questions before it, its effort in seconds, topic untouched, they left at it."""


def fit_survey_hazard(session: Session, bank: CompiledBank, survey: str) -> Hazard | None:
    """What the sessions of a survey teach about leaving, in any version of its bank; None where too few left, or too few stayed."""
    shown = list(_shown_questions(session, bank, survey))
    gone = sum(left for *_, left in shown)
    if min(gone, len(shown) - gone) < FEWEST_RESPONDENTS:
        return None
    taken, seconds, fresh, left = (np.array(column) for column in zip(*shown, strict=True))
    found = fit_hazard(taken, seconds, fresh, left)
    return Hazard(*(round(item, PLACES) for item in (found.base, found.position, found.seconds, found.new_topic)))


def with_hazard(bank: Bank, survey: str, hazard: Hazard | None) -> Bank:
    """The bank with what is known of leaving; as it was where nothing is."""
    if hazard is None:
        return bank
    return replace(
        bank,
        surveys=tuple(replace(this_survey, drop_out=hazard) if this_survey.id == survey else this_survey for this_survey in bank.surveys),
    )


def _shown_questions(session: Session, bank: CompiledBank, survey: str) -> Iterator[ShownQuestion]:
    of_survey = SurveySession.survey == survey, SurveySession.bank == bank.bank.id
    log = select(Answer.session_id, Answer.question).join(SurveySession).where(*of_survey, Answer.state != "withdrawn")
    given = {
        name: [question for _, question in rows]
        for name, rows in groupby(session.exec(log.order_by(Answer.session_id, col(Answer.id))), key=lambda row: row[0])
    }
    places = select(SurveySession.id, SurveySession.left_at, SurveySession.question, SurveySession.abandoned_at).where(*of_survey)
    for name, left_at, asked, abandoned_at in session.exec(places):
        lost_at = left_at or (asked if abandoned_at is not None else None)
        if name in given:
            yield from _questions_of_session(bank, [*dict.fromkeys(given[name])], lost_at)


def _questions_of_session(bank: CompiledBank, given: list[str], lost_at: str | None) -> Iterator[ShownQuestion]:
    """The first question says nothing: those who left at it never began, and a page may have been opened by nobody."""
    topics: set[str] = set()
    for taken, name in enumerate([*given, *([lost_at] if lost_at else [])]):
        if name in bank.index:
            question = bank.bank.question(name)
            topic = question.topic or question.id
            if taken:
                yield taken, question.seconds, topic not in topics, taken == len(given)
            topics.add(topic)
