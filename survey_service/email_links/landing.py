"""The landing page of an email link: what it shows, and what submitting its form stores.

Opening the link stores no answer. The first submitted form (an answer, a skip, "that's right") stores the clicked option with it.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from question_bank.answer_values import Value, from_store
from question_bank.compile import ObservedAnswer
from survey_service.links.lookup import clicked_option
from survey_service.links.tokens import Target
from survey_service.links.unconfirmed import unconfirmed_answer, value_of_option
from survey_service.respondent import interview
from survey_service.respondent.link_start import CHANNEL, arrival_by_link, confirmed_answer
from survey_service.respondent.state import GivenAnswer, Start
from survey_service.respondent.view import answer_text, rendered
from survey_service.store.banks import Banks
from survey_service.store.bulk import is_one_of
from survey_service.store.tables.core import Answer, SurveySession
from survey_service.store.tables.links import Link, LinkSession


@dataclass(frozen=True)
class Landing:
    """What the landing page of a link shows.

    `view` has the next question and `about` is the question of the email, rendered. `chosen` is the text of the chosen option; it is
    `provisional` until a person confirms it. `asks_email_question` is true where the page asks the question of the email itself, since
    nothing is chosen yet or the respondent changes the answer.
    """

    view: dict[str, Any]
    about: dict[str, Any]
    chosen: str | None
    provisional: bool
    asks_email_question: bool


def view_landing(
    session: Session, banks: Banks, link: Link, target: Target, now: datetime, *, changing: bool = False, language: str | None = None
) -> Landing:
    """Return what the page of a link shows, in the language of the link or another `language`. Writes nothing."""
    bank = banks.version(session, link.bank, link.bank_version)
    question, language = bank.bank.question_by_id[link.question], language or link.language
    about = rendered(question, language, bank.bank.language)
    committed, option = confirmed_answer(session, link), clicked_option(session, banks, link, target)
    stored = None if committed is None or committed.kind != "answer" else from_store(question, committed.value)
    clicked = None if option is None else value_of_option(question, option)
    provisional = clicked is not None and clicked != stored and not changing
    view = _next_view(session, banks, link, unconfirmed_answer(bank, link, option) if provisional and option else None, now, language)
    if changing or (clicked is None and committed is None):
        view = {**view, "status": "open", "question": {**about, "given": stored, "can_go_back": False}}
        return Landing(view, about, None, provisional=False, asks_email_question=True)
    chosen = clicked if provisional else stored
    text = None if chosen is None else answer_text(question, chosen, language, bank.bank.language)
    return Landing(view, about, text, provisional, asks_email_question=False)


def submit(
    session: Session,
    banks: Banks,
    link: Link,
    target: Target,
    given: GivenAnswer | None,
    act_id: str,
    now: datetime,
    *,
    changing: bool,
    trapped: bool = False,
    shown_at: datetime | None = None,
    language: str | None = None,
) -> str | None:
    """Store the clicked option together with the answer `given`, and return the id of their session.

    `shown_at` is when the form was rendered: the person reads that form, while machines may open the link at any time. Where it is not
    known, nothing is measured.
    A form that was submitted before, which its `act_id` shows, changes nothing.
    """
    bank = banks.version(session, link.bank, link.bank_version)
    option = clicked_option(session, banks, link, target)
    answers = [] if given is None else [replace(given, watched=shown_at is not None, shown_at=shown_at)]
    if option is not None and not changing and not (given and given.question == link.question):
        value = value_of_option(bank.bank.question_by_id[link.question], option)
        if not _is_stored(confirmed_answer(session, link), value):
            answers.insert(0, GivenAnswer(f"{act_id}~click", link.question, "answer", value, trapped=trapped))
    session_id = _session_for(session, link, answers, now)
    if session_id is None and answers:
        arrival = arrival_by_link(link, Start(channel=link.channel or CHANNEL, shown_at=shown_at, language=language), None)
        started, _ = interview.start(session, banks, link.survey, arrival, now)
        session_id = started.row.id
        session.add(LinkSession(session_id=session_id, link_id=link.id))
        session.flush()
    if session_id is not None and answers:
        interview.record_answers(session, banks, session_id, None, answers, now)
    return session_id


def _next_view(session: Session, banks: Banks, link: Link, claimed: ObservedAnswer | None, now: datetime, language: str) -> dict[str, Any]:
    sessions = _sessions(session, link)
    is_open = bool(sessions) and sessions[0].status == "open" and now < sessions[0].expires_at
    if is_open or (sessions and claimed is None):
        return interview.look(session, banks, sessions[0].id, None, now, claimed, language)
    arrival = arrival_by_link(link, Start(channel=link.channel or CHANNEL, language=language), claimed)
    return interview.preview_start(session, banks, link.survey, arrival, now)


def _sessions(session: Session, link: Link) -> list[SurveySession]:
    """Return the sessions of a link, the newest first."""
    rows = select(SurveySession).join(LinkSession).where(LinkSession.link_id == link.id)
    return list(session.exec(rows.order_by(col(SurveySession.started_at).desc(), col(SurveySession.id).desc())))


def _session_for(session: Session, link: Link, answers: list[GivenAnswer], now: datetime) -> str | None:
    """Return the session that has these answers already, else the open session. Without answers, return the newest session."""
    sessions = _sessions(session, link)
    ids = [answer.answer_id for answer in answers]
    theirs = is_one_of(session, Answer.session_id, [row.id for row in sessions])
    stored = select(Answer.session_id).where(theirs, col(Answer.answer_id).in_(ids))
    if repeated := session.exec(stored).first():
        return repeated
    usable = [row.id for row in sessions if not answers or (row.status == "open" and now < row.expires_at)]
    return usable[0] if usable else None


def _is_stored(committed: Answer | None, value: Value) -> bool:
    return committed is not None and committed.kind == "answer" and committed.value == value
