"""A session as the main path sees it: its row, its contact, its bank, and everything given so far."""

import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property
from hashlib import sha256
from typing import Any

import numpy as np
from sqlalchemy import BindParameter, Select, Text, and_, bindparam, exists, or_, select
from sqlalchemy import cast as as_type
from sqlmodel import Session, col

from adaptive import Evidence, Progress
from adaptive.exploration import RandomDraw
from adaptive.likelihood import Bools
from question_bank.compile import CompiledBank, ObservedAnswer
from question_bank.definitions import Survey
from survey_service.belief.belief import PreviousBelief
from survey_service.belief.evidence import ContactEvidence, SignalEvent, is_current, label_of, readable, signals_of
from survey_service.errors import BadToken, NotFound, SessionClosed, SessionExpired
from survey_service.links.unconfirmed import claim_of
from survey_service.store.banks import Banks
from survey_service.store.rows import instance
from survey_service.store.tables.core import Answer, Contact, SurveySession
from survey_service.store.tables.links import LinkSession
from survey_service.store.tables.metadata import metadata
from survey_service.store.tables.webhooks import Endpoint

ANSWER, BELIEF, CONTACT, SESSION = (metadata.tables[name] for name in ("answer", "belief", "contact", "survey_session"))


@dataclass(frozen=True)
class Log:
    """Every answer of the contact that is current under the bank, and every answer of the session, whatever became of it; oldest first.

    `claimed` is the option of the email's click that nobody has confirmed; `has_subscribers` says whether any endpoint may want messages.
    """

    answers: Sequence[Answer]
    before: PreviousBelief | None
    claimed: str | None
    has_subscribers: bool


def session_and_contact(session: Session, session_id: str, *, lock: bool) -> tuple[SurveySession, Contact] | None:
    """None where there is no such session; or, with `lock`, where its contact was merged into another while we waited: look again."""
    found = session.connection().execute(_session(lock), {"session": session_id}).first()
    if found is None:
        return None
    row, contact = found[: len(SESSION.c)], found[len(SESSION.c) :]
    return (
        instance(SurveySession, dict(zip(SESSION.c.keys(), row, strict=True))),
        instance(Contact, dict(zip(CONTACT.c.keys(), contact, strict=True))),
    )


def log_of(session: Session, row: SurveySession) -> Log:
    found = session.connection().execute(_log(), {"session": row.id, "contact": row.contact_id, "bank": row.bank}).all()
    first = found[0]
    before = None if first.believed is None else PreviousBelief(first.believed, first.threshold, first.told and json.loads(first.told))
    names, width = ANSWER.c.keys(), len(ANSWER.c)
    answers = [instance(Answer, dict(zip(names, row[:width], strict=True))) for row in found if row.id is not None]
    return Log(answers, before, first.claimed, first.has_subscribers)


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
    has_subscribers = exists().where(col(Endpoint.state) != "removed")
    return (
        select(*ANSWER.c, *believed, claimed.label("claimed"), has_subscribers.label("has_subscribers"))
        .select_from(CONTACT)
        .outerjoin(BELIEF, and_(BELIEF.c.contact_id == CONTACT.c.id, BELIEF.c.bank == bank))
        .outerjoin(ANSWER, or_(current, ANSWER.c.session_id == bindparam("session")))
        .where(CONTACT.c.id == contact)
        .order_by(ANSWER.c.id)
    )


ASK_AGAIN = "skip"
"""Somebody who skipped a question may be asked it again in a later survey; one who does not know or refuses is not."""


@dataclass(frozen=True)
class Start:
    """How a respondent arrives. `language` is what they would like; the bank's default stands in for what it does not speak."""

    language: str | None = None
    channel: str = "web"
    hidden: dict[str, Any] = field(default_factory=dict)
    page: str | None = None
    contact_id: str | None = None
    session_id: str | None = None
    shown_at: datetime | None = None  # since when the first question has been in front of them, where that was before now
    pinned: tuple[str, int] | None = None  # the bank and the version that the respondent has already seen
    claimed: ObservedAnswer | None = None


@dataclass(frozen=True)
class GivenAnswer:
    """One answer as the respondent sent it; `value` is raw.

    `seconds` is what the client says it took. `watched` says that the service itself showed the question, and so knows since when.
    `trapped` says that something was written where people see nothing to write into.
    """

    answer_id: str
    question: str
    kind: str
    value: object = None
    seconds: float | None = None
    draft: bool = False  # left behind without being confirmed
    watched: bool = False
    trapped: bool = False


@dataclass(frozen=True, eq=False)
class Interview:
    """A session with its bank, its contact and everything the contact has given under this bank."""

    row: SurveySession
    contact: Contact
    bank: CompiledBank
    answers: Sequence[Answer]
    now: datetime
    seen: Sequence[SignalEvent] = ()  # what the contact did
    withdrawn: Answer | None = None  # shown beside its question: withdrawn by going back, or current where it was left behind as a draft
    claimed: ObservedAnswer | None = None  # the click in an email, until an act of the person confirms it
    log: Log | None = None  # as it was when the act began; None where nothing is to be stored

    @property
    def survey(self) -> Survey:
        return self.bank.bank.survey(self.row.survey)

    def status(self, now: datetime) -> str:
        """The state of the session now: an open one whose time is over has expired, whether or not anybody wrote that down yet."""
        return "expired" if self.row.status == "open" and now >= self.row.expires_at else self.row.status

    def must_be_open(self, now: datetime) -> None:
        """Raises SessionExpired or SessionClosed."""
        if self.status(now) == "expired":
            raise SessionExpired
        if self.row.status != "open":
            raise SessionClosed

    @property
    def own(self) -> list[Answer]:
        """What was given in this session, oldest first."""
        return [answer for answer in self.answers if answer.session_id == self.row.id]

    @property
    def has_subscribers(self) -> bool:
        """Whether anybody is to be told of what becomes of the contact."""
        return self.log is None or self.log.has_subscribers

    @property
    def log_of_session(self) -> list[Answer]:
        """Everything that was given in this session before this act, also what was replaced or withdrawn."""
        return [] if self.log is None else [answer for answer in self.log.answers if answer.session_id == self.row.id]

    @property
    def settled(self) -> list[Answer]:
        """What was given in this session and is done with: all but the draft whose question is still asked."""
        return [answer for answer in self.own if self.withdrawn is None or answer.id != self.withdrawn.id]

    @cached_property
    def given(self) -> list[tuple[Answer, ObservedAnswer]]:
        return readable(self.answers, self.bank, self.now)

    @cached_property
    def known(self) -> list[ObservedAnswer]:
        """What was given, and last what a click claims."""
        return [answer for _, answer in self.given] + ([self.claimed] if self.claimed else [])

    @cached_property
    def about(self) -> ContactEvidence:
        """Everything that is certain about the contact: what a click claims is not in it."""
        return ContactEvidence(self.bank, self.given, self.seen, label_of(self.contact, self.bank))

    @cached_property
    def evidence(self) -> Evidence:
        return self.bank.evidence(self.known, self.about.behaviour)

    @property
    def taken(self) -> int:
        """How many questions the respondent has dealt with in this session."""
        return len(self.settled) + (self.claimed is not None and self.claimed.question not in [answer.question for answer in self.own])

    def random_draw(self, further: int = 0, futures: int = 1) -> RandomDraw | None:
        """What is drawn for the question that comes after `further` more, None where the survey leaves nothing to chance."""
        if not self.survey.explore and self.bank.rules[self.row.survey].pilots is None:
            return None
        return RandomDraw.of(self.row.id, self.taken + further, self.survey.explore, futures)

    @cached_property
    def opens(self) -> Bools:
        """(Q,) questions whose conditions are met by what is known."""
        return self.bank.opens(self.known if self.bank.has_conditions else ())

    @property
    def progress(self) -> Progress:
        """What is done and what may open; the limit is what the respondent has been told."""
        done = np.zeros((1, len(self.bank.index)), dtype=bool)
        for answer, this_answer in self.given:
            done[0, self.bank.index[this_answer.question]] = answer.session_id == self.row.id or answer.kind != ASK_AGAIN
        own = [answer for answer in self.own if answer.question in self.bank.index]
        effort = self.bank.tables.seconds
        spent = sum(effort[self.bank.index[a.question]] if a.seconds is None else a.seconds for a in own)
        if self.claimed is not None:
            claimed = self.bank.index[self.claimed.question]
            done[0, claimed], spent = True, spent + effort[claimed]
        return Progress(
            done=done,
            opens=self.opens[None],
            taken=np.array([self.taken]),
            spent=np.array([float(spent)]),
            limit=np.array([self.row.limit]),
        )


def open_interview(session: Session, banks: Banks, session_id: str, token: str | None, now: datetime, *, lock: bool = True) -> Interview:
    """The session and its contact, locked against other writers; `token` None trusts the caller. Raises NotFound, BadToken."""
    found = session_and_contact(session, session_id, lock=lock)
    if found is None and lock:  # while we waited, the contact may have been merged into another, to whom the session belongs now
        found = session_and_contact(session, session_id, lock=lock)
    if found is None:
        raise NotFound("There is no such session.")
    row, contact = found
    if token is not None and not hmac.compare_digest(row.token_digest, digest(token)):
        raise BadToken
    bank = banks.version(session, row.bank, row.bank_version)
    log = log_of(session, row)
    answers = [answer for answer in log.answers if answer.state == "current"]
    withdrawn = next((answer for answer in log.answers if answer.id == row.withdrawn_answer), None)
    seen = signals_of(session, [contact.id], bank, now).get(contact.id, [])
    begun = log.claimed is None or any(answer.session_id == row.id for answer in answers)
    return Interview(row, contact, bank, answers, now, seen, withdrawn, None if begun else claim_of(session, bank, row), log)


def digest(token: str) -> str:
    """Under which a session token is stored. It is 32 random bytes, so a plain hash suffices."""
    return sha256(token.encode()).hexdigest()
