"""From what a respondent sent to rows of the log: repeats recognised, every problem named, earlier answers replaced."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import bindparam, insert, update
from sqlmodel import Session

from question_bank.answer_values import ImpossibleValue, Value, canonical, from_store, to_store
from question_bank.compile import ObservedAnswer
from survey_service.errors import AnswerIdReused, Invalid, QuestionNotOpen, UnknownQuestion, ValueImpossible
from survey_service.respondent.state import ANSWER, GivenAnswer, Interview
from survey_service.store.tables.core import Answer

_ADD = insert(ANSWER).returning(*ANSWER.c)
_REPLACE = update(ANSWER).where(ANSWER.c.id == bindparam("replaced")).values(state="replaced")


def not_yet_taken(interview: Interview, given: Sequence[GivenAnswer]) -> list[GivenAnswer]:
    """Those of `given` that are new. Raises AnswerIdReused where an id already stands for something else."""
    wanted = [this_answer.answer_id for this_answer in given]
    before = {answer.answer_id: answer for answer in interview.log_of_session}
    for number, this_answer in enumerate(given):
        known = before.get(this_answer.answer_id)
        same = known is None or (
            known.question == this_answer.question and known.kind == this_answer.kind and _same_value(interview, known, this_answer)
        )
        if not same or this_answer.answer_id in wanted[:number]:
            raise AnswerIdReused(errors=[{"path": f"answers.{number}.answer_id", "message": "give each answer an id of its own"}])
    return [this_answer for this_answer in given if this_answer.answer_id not in before]


def _same_value(interview: Interview, known: Answer, given_answer: GivenAnswer) -> bool:
    if known.kind != "answer":
        return True
    try:
        question = interview.bank.bank.question(known.question)
        return bool(canonical(question, given_answer.value) == from_store(question, known.value))
    except ImpossibleValue:
        return False


def validated(interview: Interview, given: Sequence[GivenAnswer]) -> list[Value | None]:
    """The canonical value of each answer, None for a silence. Raises with every problem of every answer named."""
    values: list[Value | None] = []
    problems: list[tuple[type[Invalid], str, str]] = []
    for number, answer in enumerate(given):
        value = None
        if answer.question not in interview.survey.questions:
            asked = ", ".join(interview.survey.questions)
            problems.append((UnknownQuestion, f"answers.{number}.question", f'"{answer.question}" is not in this survey: it has {asked}'))
        elif answer.question in [other.question for other in given[:number]]:
            problems.append((Invalid, f"answers.{number}.question", f'"{answer.question}" is answered twice: send it once'))
        elif answer.kind == "answer":
            try:
                value = canonical(interview.bank.bank.question(answer.question), answer.value)
            except ImpossibleValue as wrong:
                problems.append((ValueImpossible, f"answers.{number}.value", wrong.message))
        values.append(value)
    problems = problems or _closed_questions(interview, given, values)
    if problems:
        kinds = {kind for kind, _, _ in problems}
        raise (kinds.pop() if len(kinds) == 1 else Invalid)(errors=[{"path": path, "message": message} for _, path, message in problems])
    return values


def _closed_questions(
    interview: Interview, given: Sequence[GivenAnswer], values: Sequence[Value | None]
) -> list[tuple[type[Invalid], str, str]]:
    if not interview.bank.has_conditions:
        return []
    together = {known_item.question: known_item for known_item in interview.known}
    together |= {answer.question: ObservedAnswer(answer.question, value) for answer, value in zip(given, values, strict=True)}
    opens = interview.bank.opens(together.values())
    return [
        (
            QuestionNotOpen,
            f"answers.{number}.question",
            f'"{answer.question}" is asked only after a certain answer to {_conditions(interview, answer)}',
        )
        for number, answer in enumerate(given)
        if not opens[interview.bank.index[answer.question]]
    ]


def _conditions(interview: Interview, given_answer: GivenAnswer) -> str:
    return " and ".join(f'"{other}"' for other in interview.bank.bank.question(given_answer.question).ask_if)


def keep(
    session: Session, interview: Interview, given: Sequence[GivenAnswer], values: Sequence[Value | None], now: datetime
) -> list[Answer]:
    """Write the answers into the log; what they replace stays there as replaced. Returns what is current then."""
    questions = {this_answer.question for this_answer in given}
    replaced = [answer.id for answer in interview.answers if answer.question in questions]
    if replaced:
        session.connection().execute(_REPLACE, [{"replaced": item} for item in replaced])
    watch = Watch(interview, now)
    rows = [_row(interview, this_answer, value, watch, now) for this_answer, value in zip(given, values, strict=True)]
    added = [cast(Answer, session.connection().execute(_ADD, row).one()) for row in rows]
    return [answer for answer in interview.answers if answer.id not in replaced] + added


def _row(interview: Interview, given_answer: GivenAnswer, value: Value | None, watch: "Watch", now: datetime) -> dict[str, Any]:
    return {
        "session_id": interview.row.id,
        "contact_id": interview.contact.id,
        "bank": interview.row.bank,
        "bank_version": interview.row.bank_version,
        "question": given_answer.question,
        "kind": given_answer.kind,
        "value": None if value is None else to_store(interview.bank.bank.question(given_answer.question), value),
        "seconds": given_answer.seconds,
        "measured": None if _was_clicked(interview, given_answer, value) else watch.credit(given_answer),
        "trapped": given_answer.trapped,
        "chance": interview.row.chance if given_answer.question == interview.row.question else None,
        "answer_id": given_answer.answer_id,
        "state": "current",
        "given_at": now,
    }


def withdraw(session: Session, answer: Answer, by: str) -> None:
    """The respondent went back, with the act `by`."""
    session.execute(update(ANSWER).where(ANSWER.c.id == answer.id).values(state="withdrawn", withdrawn_by=by))


def _was_clicked(interview: Interview, given_answer: GivenAnswer, value: Value | None) -> bool:
    """Whether it only says again what was chosen in the email, where there was time to read."""
    return interview.claimed is not None and (interview.claimed.question, interview.claimed.value) == (given_answer.question, value)


def draft_of(interview: Interview, given: Sequence[GivenAnswer]) -> Answer | None:
    """What was left behind unconfirmed, among what is current now: it counts, and whoever comes back finds its question with it."""
    drafts = [this_answer.answer_id for this_answer in given if this_answer.draft]
    return next((answer for answer in interview.own if drafts and answer.answer_id == drafts[-1]), None)


class Watch:
    """How long each question of a session can have been in front of the respondent.

    Where the service showed it, by its own clock, and all questions together no longer than the session lasts. Elsewhere only the client
    knows, which may have shown its form before the session began, or have waited for the line: its word is taken, against itself.
    """

    def __init__(self, interview: Interview, now: datetime) -> None:
        self._seen: dict[str, float] = {}
        for answer in interview.log_of_session:
            self._seen[answer.question] = max(self._seen.get(answer.question, 0.0), answer.measured or 0.0)
        self._elapsed = (now - interview.row.started_at).total_seconds()

    def credit(self, given_answer: GivenAnswer) -> float | None:
        """Seconds in which the question can have been read, with those before going back to it. None where nobody measured."""
        seconds = max(self._elapsed - sum(self._seen.values()), 0.0) if given_answer.watched else given_answer.seconds
        if seconds is None:
            return None
        self._seen[given_answer.question] = self._seen.get(given_answer.question, 0.0) + seconds
        return self._seen[given_answer.question]
