"""What the click in an email claims, and how far that is trusted before a person confirms it."""

from sqlmodel import Session, select

from question_bank.answer_values import Value
from question_bank.compile import CompiledBank, ObservedAnswer
from question_bank.definitions import Question
from survey_service.store.tables.core import SurveySession
from survey_service.store.tables.links import Link, LinkSession

TRUST = 0.5
"""How likely a click alone is a person's. Mail filters open links as often as people do, so it is no more than even."""


def value_of_option(question: Question, option: str) -> Value:
    """The answer that a named outcome of a single choice or a scale stands for."""
    return int(option) if question.type == "scale" else option


def unconfirmed_answer(bank: CompiledBank, link: Link, option: str) -> ObservedAnswer:
    """What the click on `option` claims: nothing that counts where something opened the email's links as only machines do."""
    value = value_of_option(bank.bank.question_by_id[link.question], option)
    return ObservedAnswer(link.question, value, trust=0.0 if link.robot_at else TRUST)


def unconfirmed_answer_of(session: Session, bank: CompiledBank, row: SurveySession) -> ObservedAnswer | None:
    """What is claimed in a session that began with a click, until it is confirmed."""
    both = select(Link, LinkSession).join(LinkSession).where(LinkSession.session_id == row.id)
    found = session.exec(both).first()
    if found is None or found[1].claimed is None:
        return None
    return unconfirmed_answer(bank, found[0], found[1].claimed)


def clear_unconfirmed(session: Session, row: SurveySession) -> None:
    """The person has acted: nothing is merely claimed any more."""
    begun = session.get(LinkSession, row.id)
    if begun is not None:
        begun.claimed = None
        session.add(begun)


def reopen_for_confirmation(row: SurveySession, claimed: ObservedAnswer) -> None:
    """Nothing is left to ask but whether the click was meant: until an act says so, it must not end the survey."""
    row.status, row.stopped_because, row.ended_at, row.question = "open", None, None, claimed.question
