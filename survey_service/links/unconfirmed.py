"""Unconfirmed answers: the option clicked in an email, before a person confirms it on the page."""

from sqlmodel import Session, select

from question_bank.answer_values import Value
from question_bank.compile import CompiledBank, ObservedAnswer
from question_bank.definitions import Question
from survey_service.store.tables.core import SurveySession
from survey_service.store.tables.links import Link, LinkSession

TRUST = 0.5
"""The probability that a click was made by a person. Mail filters open links about as often as people do."""


def value_of_option(question: Question, option: str) -> Value:
    """Return the answer value of an option of a single choice or a scale."""
    return int(option) if question.type == "scale" else option


def unconfirmed_answer(bank: CompiledBank, link: Link, option: str) -> ObservedAnswer:
    """Return the answer that a click on `option` stands for. It has no weight where a robot has opened the link."""
    value = value_of_option(bank.bank.question_by_id[link.question], option)
    return ObservedAnswer(link.question, value, trust=0.0 if link.robot_at else TRUST)


def unconfirmed_answer_of(session: Session, bank: CompiledBank, row: SurveySession) -> ObservedAnswer | None:
    """Return the unconfirmed answer of a session that began with a click, None once it is confirmed."""
    statement = select(Link, LinkSession).join(LinkSession).where(LinkSession.session_id == row.id)
    joined = session.exec(statement).first()
    if joined is None or joined[1].claimed is None:
        return None
    return unconfirmed_answer(bank, joined[0], joined[1].claimed)


def clear_unconfirmed(session: Session, row: SurveySession) -> None:
    """Clear the unconfirmed answer of a session, because the person has acted in it."""
    link_session = session.get(LinkSession, row.id)
    if link_session is not None:
        link_session.claimed = None
        session.add(link_session)


def reopen_for_confirmation(row: SurveySession, claimed: ObservedAnswer) -> None:
    """Reopen a session that ended on an unconfirmed click, and ask its question: an unconfirmed click must not end the survey."""
    row.status, row.stopped_because, row.ended_at, row.question = "open", None, None, claimed.question
