"""What an act of a respondent needs to know, in two statements: the session with its contact, locked, and then all that was given.

The second comes after the lock, or it would not see what was written while this transaction waited. It reads plain rows: they have the
attributes of an `Answer`, and the unit of work knows nothing of them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from sqlalchemy import BindParameter, Select, Text, and_, bindparam, exists, or_, select
from sqlalchemy import cast as as_type
from sqlmodel import Session, col

from survey_service.belief.belief import Before
from survey_service.belief.evidence import is_current
from survey_service.store.link_records import LinkSession
from survey_service.store.plain import PlainRow
from survey_service.store.records import Answer, Contact, SurveySession
from survey_service.store.schema import metadata
from survey_service.store.webhook_records import Endpoint

ANSWER, BELIEF, CONTACT, SESSION = (metadata.tables[name] for name in ("answer", "belief", "contact", "survey_session"))


@dataclass(frozen=True)
class Log:
    """Every answer of the contact that is current under the bank, and every answer of the session, whatever became of it; oldest first.

    `claimed` is the option of the email's click that nobody has confirmed; `heard` says whether anybody is to be told of changes.
    """

    answers: Sequence[Answer]
    before: Before | None
    claimed: str | None
    heard: bool


def session_and_contact(session: Session, session_id: str, *, lock: bool) -> tuple[SurveySession, Contact] | None:
    """None where there is no such session; or, with `lock`, where its contact was merged into another while we waited: look again."""
    found = session.connection().execute(_session(lock), {"session": session_id}).first()
    if found is None:
        return None
    row, contact = found[: len(SESSION.c)], found[len(SESSION.c) :]
    return (
        cast(SurveySession, PlainRow(SESSION, dict(zip(SESSION.c.keys(), row, strict=True)))),
        cast(Contact, PlainRow(CONTACT, dict(zip(CONTACT.c.keys(), contact, strict=True)))),
    )


def log_of(session: Session, row: SurveySession) -> Log:
    found = session.connection().execute(_log(), {"session": row.id, "contact": row.contact_id, "bank": row.bank}).all()
    first = found[0]
    before = None if first.believed is None else Before(first.believed, first.threshold, first.told and json.loads(first.told))
    return Log([cast(Answer, one) for one in found if one.id is not None], before, first.claimed, first.heard)


@cache  # to put a statement together takes longer than to run it
def _session(lock: bool) -> Select[*tuple[Any, ...]]:
    both = select(*SESSION.c, *CONTACT.c).join(CONTACT, SESSION.c.contact_id == CONTACT.c.id).where(SESSION.c.id == bindparam("session"))
    return both.with_for_update() if lock else both


@cache
def _log() -> Select[*tuple[Any, ...]]:
    contact: BindParameter[str] = bindparam("contact")
    bank: BindParameter[str] = bindparam("bank")
    current = and_(ANSWER.c.contact_id == contact, ANSWER.c.bank == bank, is_current(ANSWER.c))
    claimed = select(col(LinkSession.claimed)).where(col(LinkSession.session_id) == bindparam("session")).scalar_subquery()
    believed = BELIEF.c.sequence.label("believed"), BELIEF.c.threshold, as_type(BELIEF.c.told, Text).label("told")
    heard = exists().where(col(Endpoint.state) != "removed")
    return (
        select(*ANSWER.c, *believed, claimed.label("claimed"), heard.label("heard"))
        .select_from(CONTACT)
        .outerjoin(BELIEF, and_(BELIEF.c.contact_id == CONTACT.c.id, BELIEF.c.bank == bank))
        .outerjoin(ANSWER, or_(current, ANSWER.c.session_id == bindparam("session")))
        .where(CONTACT.c.id == contact)
        .order_by(ANSWER.c.id)
    )
