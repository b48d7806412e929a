"""Start a session from an email link."""

from dataclasses import replace
from datetime import datetime

from sqlmodel import Session, col, select

from question_bank.compile import ObservedAnswer
from survey_service.links.lookup import clicked_option, count_open
from survey_service.links.tokens import Target
from survey_service.links.unconfirmed import unconfirmed_answer
from survey_service.respondent import interview
from survey_service.respondent.state import Interview, Start, session_key
from survey_service.store.banks import Banks
from survey_service.store.tables.core import Answer
from survey_service.store.tables.links import Link, LinkSession

CHANNEL = "email"


def start_by_link(session: Session, banks: Banks, link: Link, target: Target, arrival: Start, now: datetime) -> tuple[Interview, str]:
    """Start a session of the link's contact for a client of the API. The click stays unconfirmed until the client's first act."""
    bank = banks.version(session, link.bank, link.bank_version)
    option = clicked_option(session, banks, link, target)
    arrival = arrival_by_link(link, arrival, None, option)
    key = session_key(arrival.start_id, link.survey, arrival.person)
    if started := interview.started_before(session, banks, key, arrival, now):
        return started, key.token
    count_open(session, link, target, option, now)
    claimed = None if option is None or confirmed_answer(session, link) is not None else unconfirmed_answer(bank, link, option)
    begun, token = interview.start(session, banks, link.survey, replace(arrival, claimed=claimed), now)
    session.add(LinkSession(session_id=begun.row.id, link_id=link.id, claimed=option if claimed else None))
    return begun, token


def arrival_by_link(link: Link, arrival: Start, claimed: ObservedAnswer | None, option: str | None = None) -> Start:
    """Return the same arrival as that of the link's contact, in the bank version that the email was written from.

    `option` is the option whose URL was opened: with a `start_id`, the URLs of two options start two sessions.
    """
    return replace(
        arrival,
        language=arrival.language or link.language,
        contact_id=link.contact_id,
        pinned=(link.bank, link.bank_version),
        claimed=claimed,
        link=f"{link.id} {option or ''}",
    )


def confirmed_answer(session: Session, link: Link) -> Answer | None:
    """Return the person's confirmed answer to the question of the email, if it came through this link."""
    mine = select(Answer).join(LinkSession, col(LinkSession.session_id) == col(Answer.session_id)).where(LinkSession.link_id == link.id)
    return session.exec(mine.where(Answer.question == link.question, Answer.state == "current")).first()
