"""A dry run: an interview in memory that takes the same course as a real one and is not stored, for authors who try their survey."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlmodel import Session

from question_bank.answer_values import to_store
from survey_service.errors import Conflict
from survey_service.respondent.answers import validate_answers
from survey_service.respondent.interview import ask_next, close, new_interview
from survey_service.respondent.state import GivenAnswer, Interview, Start
from survey_service.respondent.view import view_of
from survey_service.store.banks import Banks
from survey_service.store.tables.core import Answer

CHANNEL = "preview"


@dataclass(frozen=True)
class DryRun:
    """What was done so far: the current answers, whether the last of them was just withdrawn, and whether the respondent finished."""

    answers: Sequence[GivenAnswer] = ()
    back: bool = False
    stopped: bool = False


def dry_run(session: Session, banks: Banks, survey: str, language: str | None, state: DryRun, now: datetime) -> dict[str, Any]:
    """Return the view after `state`. Writes nothing. Raises as an interview does, and Conflict where there is no answer to go back to."""
    with session.no_autoflush:
        given = Start(language, channel=CHANNEL, session_id="ses_preview")
        interview = new_interview(session, banks.current(session, survey), survey, given, now)
        ask_next(interview, now)
        if state.back and not state.answers:
            raise Conflict("There is no answer to go back to.")
        for answer in state.answers[:-1] if state.back else state.answers:
            interview.require_open(now)
            interview = _add_answer(interview, answer, now)
            ask_next(interview, now)
        if state.back:
            interview = replace(interview, withdrawn=_add_answer(interview, state.answers[-1], now).answers[-1])
            ask_next(interview, now)
        if state.stopped and interview.row.status == "open":
            close(interview, "finished", "respondent", now)
        return view_of(interview, now)


def _add_answer(interview: Interview, given_answer: GivenAnswer, now: datetime) -> Interview:
    """Return the interview with one more answer. It replaces an earlier answer to the same question."""
    value = validate_answers(interview, [given_answer])[0]
    answer = Answer(
        session_id=interview.row.id,
        contact_id=interview.contact.id,
        bank=interview.row.bank,
        bank_version=interview.row.bank_version,
        question=given_answer.question,
        kind=given_answer.kind,
        value=None if value is None else to_store(interview.bank.bank.question_by_id[given_answer.question], value),
        answer_id=given_answer.answer_id,
        given_at=now,
    )
    others = [answer for answer in interview.answers if answer.question != given_answer.question]
    return replace(interview, answers=[*others, answer], withdrawn=None)
