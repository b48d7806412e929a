"""What a person sees who came by an email, and what their first act does.

The click alone has stored nothing. The first act (an answer, a silence, "that's right") stores it together with the click.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from question_bank.answer_values import Value, from_store
from question_bank.compile import ObservedAnswer
from survey_service.links.lookup import last_opened, clicked_option
from survey_service.links.tokens import Target
from survey_service.links.unconfirmed import unconfirmed_answer, value_of_option
from survey_service.respondent import interview
from survey_service.respondent.link_start import CHANNEL, _confirmed_answer, arrival_by_link
from survey_service.respondent.state import GivenAnswer, Start
from survey_service.respondent.view import answer_text, rendered
from survey_service.store.banks import Banks
from survey_service.store.tables.core import Answer, SurveySession
from survey_service.store.tables.links import Link, LinkSession


@dataclass(frozen=True)
class Landing:
    """One look at a link.

    `view` is what would be asked next and `about` the question of the email, rendered. `chosen` is the option in question, in words;
    it is `provisional` until an act confirms it. Where nothing is chosen yet, or it is being changed, `view` `asks_itself`: the email's
    own question.
    """

    view: dict[str, Any]
    about: dict[str, Any]
    chosen: str | None
    provisional: bool
    asks_itself: bool


def view_landing(session: Session, banks: Banks, link: Link, target: Target, now: datetime, *, changing: bool = False) -> Landing:
    """What to show. Writes nothing."""
    bank = banks.version(session, link.bank, link.bank_version)
    question = bank.bank.question_by_id[link.question]
    about = rendered(question, link.language, bank.bank.language)
    committed, option = _confirmed_answer(session, link), clicked_option(session, banks, link, target)
    was = None if committed is None or committed.kind != "answer" else from_store(question, committed.value)
    clicked = None if option is None else value_of_option(question, option)
    provisional = clicked is not None and clicked != was and not changing
    view = _next(session, banks, link, unconfirmed_answer(bank, link, option) if provisional and option else None, now)
    if changing or (clicked is None and committed is None):
        view = {**view, "status": "open", "question": {**about, "given": was, "can_go_back": False}}
        return Landing(view, about, None, provisional=False, asks_itself=True)
    chosen = clicked if provisional else was
    words = None if chosen is None else answer_text(question, chosen, link.language, bank.bank.language)
    return Landing(view, about, words, provisional, asks_itself=False)


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
) -> str | None:
    """Keep what was clicked and what was `given` now, together; the session in which they stand. The same act again changes nothing."""
    bank = banks.version(session, link.bank, link.bank_version)
    option = clicked_option(session, banks, link, target)
    answers = [] if given is None else [given]
    if option is not None and not changing and not (given and given.question == link.question):
        value = value_of_option(bank.bank.question_by_id[link.question], option)
        if not _stands(_confirmed_answer(session, link), value):
            answers.insert(0, GivenAnswer(f"{act_id}~click", link.question, "answer", value, trapped=trapped))
    known = _session_of_act(session, link, answers, now)
    if known is None and answers:
        arrival = arrival_by_link(link, Start(channel=CHANNEL, shown_at=last_opened(session, link)), None)
        begun, _ = interview.start(session, banks, link.survey, arrival, now)
        known = begun.row.id
        session.add(LinkSession(session_id=known, link_id=link.id))
        session.flush()
    if known is not None and answers:
        interview.record_answers(session, banks, known, None, answers, now)
    return known


def _next(session: Session, banks: Banks, link: Link, claimed: ObservedAnswer | None, now: datetime) -> dict[str, Any]:
    sessions = _sessions(session, link)
    is_open = bool(sessions) and sessions[0].status == "open" and now < sessions[0].expires_at
    if is_open or (sessions and claimed is None):
        return interview.look(session, banks, sessions[0].id, None, now, claimed)
    return interview.preview_start(session, banks, link.survey, arrival_by_link(link, Start(channel=CHANNEL), claimed), now)


def _sessions(session: Session, link: Link) -> list[SurveySession]:
    """Newest first."""
    begun = select(SurveySession).join(LinkSession).where(LinkSession.link_id == link.id)
    return list(session.exec(begun.order_by(col(SurveySession.started_at).desc(), col(SurveySession.id).desc())))


def _session_of_act(session: Session, link: Link, answers: list[GivenAnswer], now: datetime) -> str | None:
    """The session that has these answers already, else the one that is open; the newest where there is nothing to keep."""
    sessions = _sessions(session, link)
    ids = [answer.answer_id for answer in answers]
    mine = select(Answer.session_id).where(
        col(Answer.session_id).in_([this_session.id for this_session in sessions]), col(Answer.answer_id).in_(ids)
    )
    if repeated := session.exec(mine).first():
        return repeated
    usable = [
        this_session.id for this_session in sessions if not answers or (this_session.status == "open" and now < this_session.expires_at)
    ]
    return usable[0] if usable else None


def _stands(committed: Answer | None, value: Value) -> bool:
    return committed is not None and committed.kind == "answer" and committed.value == value
