"""Accept what a respondent sent: skip repeats, name every problem, store the answers and mark those that they replace."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, update
from sqlmodel import Session

from question_bank.answer_values import ImpossibleValue, Value, canonical, from_store, to_store
from question_bank.compile import ObservedAnswer
from survey_service.errors import AnswerIdReused, Invalid, QuestionNotOpen, UnknownQuestion, ValueImpossible
from survey_service.links.unconfirmed import clear_unconfirmed
from survey_service.respondent.state import ANSWER, GivenAnswer, Interview
from survey_service.store.session import Prepared, inserted, instance
from survey_service.store.tables.core import Answer

_ADD = inserted(ANSWER, ("id",), ANSWER.c.id)
_REPLACE = Prepared(update(ANSWER).where(ANSWER.c.id == bindparam("replaced")).values(state="replaced"))


def accept(session: Session, interview: Interview, given: Sequence[GivenAnswer], now: datetime) -> Interview | None:
    """Store the answers that were not stored before and return the interview with them, or None when there is no new answer.

    The first act of the respondent also confirms the click that led to the session, unless it answers the same question. The question of
    an answer that is a draft is asked again. Raises SessionClosed, SessionExpired, AnswerIdReused and Invalid, which names every wrong
    field; then nothing is stored.
    """
    new = _new_answers(interview, given)
    if not new:
        return None
    interview.require_open(now)
    values = validate_answers(interview, new)
    confirmed = _confirmed_click(session, interview, new)
    stored = _store(session, interview, [*confirmed, *zip(new, values, strict=True)], now)
    draft = _draft_of(interview, stored, new)
    interview.row.withdrawn_answer = draft.id if draft else None
    return replace(interview, answers=stored, claimed=None, withdrawn=draft)


def with_own_id(interview: Interview, given: GivenAnswer) -> GivenAnswer:
    """Return the answer of a form under an id of its own where the form was submitted before with another answer.

    An answer that is still current keeps its id: a double click submits the same form twice.
    """
    own = re.compile(rf"{re.escape(given.answer_id)}(~\d+)?")
    before = [answer for answer in interview.log_of_session if answer.question == given.question and own.fullmatch(answer.answer_id)]
    if not before:
        return given
    last = before[-1]
    if last.state == "current" and last.kind == given.kind and _same_value(interview, last, given):
        return replace(given, answer_id=last.answer_id)
    return replace(given, answer_id=f"{given.answer_id}~{len(before)}")


def _new_answers(interview: Interview, given: Sequence[GivenAnswer]) -> list[GivenAnswer]:
    """Return the answers whose `answer_id` is new. Raises AnswerIdReused where an id already names another answer."""
    ids = [answer.answer_id for answer in given]
    stored = {answer.answer_id: answer for answer in interview.log_of_session}
    for number, answer in enumerate(given):
        known = stored.get(answer.answer_id)
        same = known is None or (known.question == answer.question and known.kind == answer.kind and _same_value(interview, known, answer))
        if not same or answer.answer_id in ids[:number]:
            raise AnswerIdReused(errors=[{"path": f"answers.{number}.answer_id", "message": "give each answer an id of its own"}])
    return [answer for answer in given if answer.answer_id not in stored]


def _same_value(interview: Interview, known: Answer, given_answer: GivenAnswer) -> bool:
    if known.kind != "answer":
        return True
    try:
        question = interview.bank.bank.question_by_id[known.question]
        return bool(canonical(question, given_answer.value, interview.row.language) == from_store(question, known.value))
    except ImpossibleValue:
        return False


def validate_answers(interview: Interview, given: Sequence[GivenAnswer]) -> list[Value | None]:
    """Return the canonical value of each answer, None where there is no value. Raises Invalid naming every wrong field."""
    values: list[Value | None] = []
    problems: list[tuple[type[Invalid], dict[str, str]]] = []
    for number, answer in enumerate(given):
        value = None
        if answer.question not in interview.survey.questions:
            asked = ", ".join(interview.survey.questions)
            message = f'"{answer.question}" is not in this survey: it has {asked}'
            problems.append((UnknownQuestion, {"path": f"answers.{number}.question", "message": message}))
        elif answer.question in [other.question for other in given[:number]]:
            message = f'"{answer.question}" is answered twice: send it once'
            problems.append((Invalid, {"path": f"answers.{number}.question", "message": message}))
        elif answer.kind == "answer":
            try:
                value = canonical(interview.bank.bank.question_by_id[answer.question], answer.value, interview.row.language)
            except ImpossibleValue as wrong:
                error = {"path": f"answers.{number}.value", "message": wrong.message, "key": wrong.key}
                problems.append((ValueImpossible, error))
        values.append(value)
    problems = problems or _closed_questions(interview, given, values)
    if problems:
        kinds = {kind for kind, _ in problems}
        raise (kinds.pop() if len(kinds) == 1 else Invalid)(errors=[error for _, error in problems])
    return values


def _closed_questions(
    interview: Interview, given: Sequence[GivenAnswer], values: Sequence[Value | None]
) -> list[tuple[type[Invalid], dict[str, str]]]:
    if not interview.bank.has_conditions:
        return []
    together = {observed.question: observed for observed in interview.given_so_far}
    together |= {answer.question: ObservedAnswer(answer.question, value) for answer, value in zip(given, values, strict=True)}
    opens = interview.bank.opens(together.values())
    return [
        (
            QuestionNotOpen,
            {
                "path": f"answers.{number}.question",
                "message": f'"{answer.question}" is asked only after a certain answer to {_conditions(interview, answer)}',
            },
        )
        for number, answer in enumerate(given)
        if not opens[interview.bank.index[answer.question]]
    ]


def _conditions(interview: Interview, given_answer: GivenAnswer) -> str:
    return " and ".join(f'"{other}"' for other in interview.bank.bank.question_by_id[given_answer.question].ask_if)


def _confirmed_click(session: Session, interview: Interview, given: Sequence[GivenAnswer]) -> list[tuple[GivenAnswer, Value | None]]:
    """Return the click that this act confirms, as an answer with its value; none where the act answers the same question itself."""
    claimed = interview.claimed
    if claimed is None:
        return []
    clear_unconfirmed(session, interview.row)
    if claimed.question in [answer.question for answer in given]:
        return []
    click = GivenAnswer(f"{given[0].answer_id}~click", claimed.question, "answer", claimed.value, trapped=given[0].trapped)
    return [(click, claimed.value)]


def _store(session: Session, interview: Interview, given: Sequence[tuple[GivenAnswer, Value | None]], now: datetime) -> list[Answer]:
    """Insert the answers into the log, mark those that they replace, and return what is current then."""
    questions = {answer.question for answer, _ in given}
    replaced = [answer.id for answer in interview.answers if answer.question in questions]
    _REPLACE.run(session, *[{"replaced": answer_id} for answer_id in replaced])
    watch = ReadingTimes(interview, now)
    rows = [_row(interview, answer, value, watch, now) for answer, value in given]
    added = [instance(Answer, {**row, "id": _ADD.rows(session, row)[0][0]}) for row in rows]
    return [answer for answer in interview.answers if answer.id not in replaced] + added


def _row(interview: Interview, given_answer: GivenAnswer, value: Value | None, watch: "ReadingTimes", now: datetime) -> dict[str, Any]:
    return {
        "session_id": interview.row.id,
        "contact_id": interview.contact.id,
        "bank": interview.row.bank,
        "bank_version": interview.row.bank_version,
        "question": given_answer.question,
        "kind": given_answer.kind,
        "value": None if value is None else to_store(interview.bank.bank.question_by_id[given_answer.question], value),
        "seconds": given_answer.seconds,
        "measured": None if _was_clicked(interview, given_answer, value) else watch.credit(given_answer),
        "trapped": given_answer.trapped,
        "chance": _chance(interview, given_answer.question),
        "answer_id": given_answer.answer_id,
        "state": "current",
        "withdrawn_by": None,
        "given_at": now,
    }


def _chance(interview: Interview, question: str) -> float | None:
    """Return the probability with which the question was drawn when it was asked, None where it was chosen."""
    if question == interview.row.question:
        return interview.row.chance
    given = [answer for answer in interview.answers if answer.session_id == interview.row.id and answer.question == question]
    return given[0].chance if given else None


def withdraw(session: Session, answer: Answer, by: str) -> None:
    """Mark an answer as withdrawn by the act `by`: the respondent went back."""
    session.execute(update(ANSWER).where(ANSWER.c.id == answer.id).values(state="withdrawn", withdrawn_by=by))


def _was_clicked(interview: Interview, given_answer: GivenAnswer, value: Value | None) -> bool:
    """Whether the answer only repeats what was chosen in the email, where there was time to read the question."""
    return interview.claimed is not None and (interview.claimed.question, interview.claimed.value) == (given_answer.question, value)


def _draft_of(interview: Interview, stored: Sequence[Answer], given: Sequence[GivenAnswer]) -> Answer | None:
    """Return the last answer that was left without being confirmed. It counts, and its question is asked again with it."""
    drafts = [answer.answer_id for answer in given if answer.draft]
    own = [answer for answer in stored if answer.session_id == interview.row.id]
    return next((answer for answer in own if drafts and answer.answer_id == drafts[-1]), None)


class ReadingTimes:
    """How long each question of a session can have been on the respondent's screen.

    A question that the service itself showed is timed by the service's clock, and all of them together take no longer than the session.
    For other questions only the client knows: it may have shown its form before the session began, or have waited for the network. Its
    figure is used, because it can only lower the weight of its own answer.
    """

    def __init__(self, interview: Interview, now: datetime) -> None:
        self._seen: dict[str, float] = {}
        for answer in interview.log_of_session:
            self._seen[answer.question] = max(self._seen.get(answer.question, 0.0), answer.measured or 0.0)
        self._now = now
        self._elapsed = (now - interview.row.started_at).total_seconds()

    def credit(self, given_answer: GivenAnswer) -> float | None:
        """Return the seconds in which the question can have been read, earlier showings included, or None where nobody measured."""
        seconds = (
            max(self._elapsed - sum(self._seen.values()), self._since(given_answer), 0.0) if given_answer.watched else given_answer.seconds
        )
        if seconds is None:
            return None
        self._seen[given_answer.question] = self._seen.get(given_answer.question, 0.0) + seconds
        return self._seen[given_answer.question]

    def _since(self, given_answer: GivenAnswer) -> float:
        """Return the seconds since the person's own form was rendered. A machine may have begun the session only after that."""
        return 0.0 if given_answer.shown_at is None else (self._now - given_answer.shown_at).total_seconds()
