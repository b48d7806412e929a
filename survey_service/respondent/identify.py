"""Somebody in the middle of a survey says who they are: what was answered so far is theirs."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlmodel import Session

from survey_service.contacts.directory import OWN_SYSTEM, follow
from survey_service.contacts.merging import merge
from survey_service.contacts.views import names_of
from survey_service.errors import Conflict
from survey_service.respondent.interview import look
from survey_service.respondent.state import open_interview
from survey_service.store.banks import Banks


class SomebodyElse(Conflict):
    """This session belongs to another known contact: begin a new one."""

    code = "somebody_else"


def identify(
    session: Session, banks: Banks, session_id: str, token: str, contact_id: Callable[[Session], str], now: datetime
) -> dict[str, Any]:
    """The session goes on as the contact's. Doing it again changes nothing. Raises SomebodyElse, ContactErased and what a token may do."""
    interview = open_interview(session, banks, session_id, token, now, lock=False)
    contact = follow(session, contact_id(session))  # read after the token: nobody learns from here whether a link is valid
    if interview.contact.id != contact.id:
        if any(name["system"] == OWN_SYSTEM for name in names_of(session, [interview.contact])[interview.contact.id]):
            raise SomebodyElse
        merge(session, banks, interview.contact.id, contact.id, now)
        session.flush()
    return look(session, banks, session_id, token, now)
