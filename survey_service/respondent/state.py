"""A session as the main path uses it: its row, its contact, its bank, and everything given so far."""

import hmac
import json
import secrets
from base64 import b32encode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
import orjson
from sqlalchemy import BindParameter, Select, Text, and_, bindparam, or_, select
from sqlalchemy import cast as as_type
from sqlmodel import Session, col

from adaptive import Evidence, Progress
from adaptive.arrays import Bools
from adaptive.exploration import RandomDraw
from question_bank.compile import CompiledBank, ObservedAnswer
from question_bank.definitions import Survey
from survey_service.belief.belief import PreviousBelief
from survey_service.belief.evidence import ContactEvidence, SignalEvent, interpret, is_current, label_of, signal_events, with_words
from survey_service.belief.priors import prior_of_session
from survey_service.errors import BadToken, NotFound, SessionClosed, SessionExpired
from survey_service.links.unconfirmed import unconfirmed_answer_of
from survey_service.outbox import subscribers
from survey_service.outbox.events import ExternalName
from survey_service.outbox.subscribers import Subscriber
from survey_service.store.banks import Banks
from survey_service.store.bulk import as_json_list
from survey_service.store.session import Prepared, instance
from survey_service.store.tables.core import Answer, Contact, SurveySession
from survey_service.store.tables.links import LinkSession
from survey_service.store.tables.metadata import metadata

ANSWER, BELIEF, CONTACT, SESSION = (metadata.tables[name] for name in ("answer", "belief", "contact", "survey_session"))


@dataclass(frozen=True)
class Log:
    """The current answers of the contact under the bank, and all answers of the session whatever their state, oldest first.

    `claimed` is the option of an unconfirmed email click. `subscribers` may want messages, which have the contact's `names`.
    """

    answers: Sequence[Answer]
    before: PreviousBelief | None
    claimed: str | None
    subscribers: Sequence[Subscriber]
    names: Sequence[ExternalName]


NOTHING_STORED = Log((), None, None, (), ())


def session_and_contact(session: Session, session_id: str, *, lock: bool) -> tuple[SurveySession, Contact] | None:
    """Return a session and its contact, or None where there is no such session.

    With `lock` it also returns None where the session came to belong to another contact while this call waited: look again.
    """
    rows = (_LOCKED if lock else _UNLOCKED).rows(session, {"session": session_id})
    if not rows:
        return None
    row, contact = rows[0][: len(SESSION.c)], rows[0][len(SESSION.c) :]
    return (
        instance(SurveySession, dict(zip(SESSION.c.keys(), row, strict=True))),
        instance(Contact, dict(zip(CONTACT.c.keys(), contact, strict=True))),
    )


def log_of(session: Session, row: SurveySession) -> Log:
    found = _LOG.rows(session, {"session": row.id, "contact": row.contact_id, "bank": row.bank})
    names, width = ANSWER.c.keys(), len(ANSWER.c)
    believed, threshold, told, claimed, listed, external = found[0][width:]
    before = None if believed is None else PreviousBelief(believed, threshold, told and json.loads(told))
    answers = [instance(Answer, dict(zip(names, row[:width], strict=True))) for row in found if row[0] is not None]
    subscribers = [Subscriber(**endpoint) for endpoint in orjson.loads(listed or "[]")]
    return Log(answers, before, claimed, subscribers, [ExternalName(**name) for name in orjson.loads(external or "[]")])


def _session(lock: bool) -> Select[*tuple[Any, ...]]:
    joined = CONTACT.join(SESSION, SESSION.c.contact_id == CONTACT.c.id)  # PostgreSQL locks rows in the order of the tables
    both = select(*SESSION.c, *CONTACT.c).select_from(joined).where(SESSION.c.id == bindparam("session"))
    return both.with_for_update() if lock else both


def _log(dialect: str) -> Select[*tuple[Any, ...]]:
    contact: BindParameter[str] = bindparam("contact")
    bank: BindParameter[str] = bindparam("bank")
    current = and_(ANSWER.c.contact_id == contact, ANSWER.c.bank == bank, is_current(ANSWER.c))
    claimed = select(col(LinkSession.claimed)).where(col(LinkSession.session_id) == bindparam("session")).scalar_subquery()
    believed = BELIEF.c.sequence.label("believed"), BELIEF.c.threshold, as_type(BELIEF.c.told, Text).label("told")
    lists = {"subscribers": subscribers.endpoints(), "names": subscribers.names()}
    published = [as_json_list(dialect, rows).scalar_subquery().label(name) for name, rows in lists.items()]
    return (
        select(*ANSWER.c, *believed, claimed.label("claimed"), *published)
        .select_from(CONTACT)
        .outerjoin(BELIEF, and_(BELIEF.c.contact_id == CONTACT.c.id, BELIEF.c.bank == bank))
        .outerjoin(ANSWER, or_(current, ANSWER.c.session_id == bindparam("session")))
        .where(CONTACT.c.id == contact)
        .order_by(ANSWER.c.id)
    )


_LOCKED, _UNLOCKED = Prepared(_session(lock=True)), Prepared(_session(lock=False))
_EXISTS = Prepared(select(SESSION.c.id).where(SESSION.c.id == bindparam("session")))
_LOG = Prepared(_log)

ASKED_AGAIN_LATER = "skip"
"""A skipped question may be asked again in a later survey. A question answered by "don't know" or refused is not."""


@dataclass(frozen=True)
class Start:
    """How a respondent arrives. The bank's default replaces a `language` that the bank does not have.

    `page_language` is the language that the page names, in which a session that goes on is shown.
    `start_id` is the client's key of the start. `link` names the email link and the option that the respondent followed.
    """

    language: str | None = None
    page_language: str | None = None
    channel: str = "web"
    hidden: dict[str, Any] = field(default_factory=dict)
    page: str | None = None
    contact_id: str | None = None
    session_id: str | None = None
    shown_at: datetime | None = None  # when the first question was shown, where that was earlier
    pinned: tuple[str, int] | None = None  # the bank and version that the respondent has already seen
    claimed: ObservedAnswer | None = None
    start_id: str | None = None
    link: str | None = None

    @property
    def person(self) -> str:
        """Whom the session is for: a link, else a contact, else the empty string."""
        return self.link or self.contact_id or ""


@dataclass(frozen=True)
class GivenAnswer:
    """One answer as the respondent sent it; `value` is not validated.

    `seconds` is the client's figure. `watched` means that the service itself showed the question and knows when; `shown_at` can only raise
    what it measured. `trapped` means that a field was filled in that people do not see.
    """

    answer_id: str
    question: str
    kind: str
    value: object = None
    seconds: float | None = None
    draft: bool = False  # left without being confirmed
    watched: bool = False
    trapped: bool = False
    shown_at: datetime | None = None  # when the service rendered the form of the answer, where it is known


@dataclass(frozen=True, eq=False)
class Interview:
    """A session with its bank, its contact and everything the contact has given under this bank."""

    row: SurveySession
    contact: Contact
    bank: CompiledBank
    survey: Survey
    answers: Sequence[Answer]
    now: datetime
    seen: Sequence[SignalEvent] = ()  # events of the contact that are signals
    withdrawn: Answer | None = None  # shown beside its question: withdrawn by going back, or current where it is a draft
    claimed: ObservedAnswer | None = None  # the click in an email, until an act of the person confirms it
    log: Log = NOTHING_STORED  # as it was when the act began

    def status(self, now: datetime) -> str:
        """Return the state of the session now: an open session whose time is over has expired, even if nobody has stored that yet."""
        return "expired" if self.row.status == "open" and now >= self.row.expires_at else self.row.status

    def asks_closed_question(self, now: datetime) -> bool:
        """Whether an answer in another session has closed the question that is asked."""
        asked = self.row.question
        return asked is not None and self.status(now) == "open" and not self.opens[self.bank.index[asked]]

    def require_open(self, now: datetime) -> None:
        """Raises SessionExpired or SessionClosed."""
        if self.status(now) == "expired":
            raise SessionExpired
        if self.row.status != "open":
            raise SessionClosed

    @cached_property
    def own(self) -> list[Answer]:
        """The answers of this session, oldest first."""
        return [answer for answer in self.answers if answer.session_id == self.row.id]

    @cached_property
    def log_of_session(self) -> list[Answer]:
        """All answers of this session before this act, replaced and withdrawn ones included."""
        return [answer for answer in self.log.answers if answer.session_id == self.row.id]

    @cached_property
    def settled(self) -> list[Answer]:
        """The answers of this session without the draft whose question is still asked."""
        return [answer for answer in self.own if self.withdrawn is None or answer.id != self.withdrawn.id]

    @cached_property
    def given(self) -> list[tuple[Answer, ObservedAnswer]]:
        return interpret(self.answers, self.bank, self.now)

    @cached_property
    def given_so_far(self) -> list[ObservedAnswer]:
        """What was given, and last the unconfirmed click."""
        return [answer for _, answer in self.given] + ([self.claimed] if self.claimed else [])

    @cached_property
    def certain_evidence(self) -> ContactEvidence:
        """Evidence about the contact, without the unconfirmed click."""
        prior = None if self.row.prior is None else prior_of_session(self.bank, self.row.prior)
        seen = with_words(self.bank, self.given, self.seen, self.now) if self.bank.keywords else self.seen
        return ContactEvidence(self.bank, self.given, seen, label_of(self.contact, self.bank), prior)

    @cached_property
    def evidence(self) -> Evidence:
        return self.bank.evidence(self.given_so_far, self.certain_evidence.behaviour)

    @cached_property
    def questions_done(self) -> int:
        """How many questions the respondent has dealt with in this session."""
        return len(self.settled) + (self.claimed is not None and self.claimed.question not in [answer.question for answer in self.own])

    def random_draw(self, further: int = 0, futures: int = 1) -> RandomDraw | None:
        """Return the random draw for the question that comes after `further` more, or None where the survey draws nothing."""
        if not self.survey.explore and self.bank.rules[self.row.survey].pilots is None:
            return None
        return RandomDraw.of(self.row.id, self.questions_done + further, self.survey.explore, futures)

    @cached_property
    def opens(self) -> Bools:
        """(Q,) questions whose conditions are met."""
        return self.bank.opens(self.given_so_far if self.bank.has_conditions else ())

    @property
    def progress(self) -> Progress:
        """What is done and what may still open. The limit is the one that the respondent has been shown."""
        done, spent = self._done_and_spent
        return Progress(
            done=done,
            opens=self.opens[None],
            taken=np.array([self.questions_done]),
            spent=np.array([spent]),
            limit=np.array([self.row.limit]),
        )

    @cached_property
    def _done_and_spent(self) -> tuple[Bools, float]:
        """(1, Q) questions that are not to be asked again, and the seconds that the respondent has spent."""
        done = np.zeros((1, len(self.bank.index)), dtype=bool)
        for answer, observed in self.given:
            done[0, self.bank.index[observed.question]] = answer.session_id == self.row.id or answer.kind != ASKED_AGAIN_LATER
        own = [answer for answer in self.own if answer.question in self.bank.index]
        effort = self.bank.tables.seconds
        spent = sum(effort[self.bank.index[a.question]] if a.seconds is None else a.seconds for a in own)
        if self.claimed is not None:
            claimed = self.bank.index[self.claimed.question]
            done[0, claimed], spent = True, spent + effort[claimed]
        return done, float(spent)


def open_interview(session: Session, banks: Banks, session_id: str, token: str | None, now: datetime, *, lock: bool = True) -> Interview:
    """Return the session with its contact, locked against other writers. `token` None trusts the caller. Raises NotFound, BadToken."""
    found = session_and_contact(session, session_id, lock=lock)
    while found is None and lock and _EXISTS.rows(session, {"session": session_id}):
        found = session_and_contact(session, session_id, lock=lock)  # the contact was merged into another while we waited
    if found is None:
        raise NotFound("There is no such session.")
    row, contact = found
    if token is not None and not hmac.compare_digest(row.token_digest, digest(token)):
        raise BadToken
    bank = banks.version(session, row.bank, row.bank_version)
    log = log_of(session, row)
    answers = [answer for answer in log.answers if answer.state == "current"]
    withdrawn = next((answer for answer in log.answers if answer.id == row.withdrawn_answer), None)
    seen = signal_events(session, [contact.id], bank, now).get(contact.id, [])
    begun = log.claimed is None or any(answer.session_id == row.id for answer in answers)
    claimed = None if begun else unconfirmed_answer_of(session, bank, row)
    survey = bank.bank.survey_by_id[row.survey]
    return Interview(row, contact, bank, survey, answers, now, seen, withdrawn, claimed, log)


def digest(token: str) -> str:
    """Return the digest under which a session token is stored. The token is 32 random bytes, so a plain hash suffices."""
    return sha256(token.encode()).hexdigest()


SHORTEST_START_ID = 20
"""A `start_id` is a secret of the client, so it must be too long to guess."""


class SessionKey(NamedTuple):
    """The id of a session, None where it is not made yet, and its token."""

    session_id: str | None
    token: str


def session_key(start_id: str | None, survey: str, person: str) -> SessionKey:
    """Return the id and the token that a start leads to. Without a `start_id` the id is None and the token is random.

    A client whose first reply was lost sends the start again, and a page that is opened again continues where it was. The session is that
    of the `person` it was started for, see `Start.person`: the same `start_id` for somebody else is another session.
    """
    if start_id is None:
        return SessionKey(None, secrets.token_urlsafe(32))
    token = sha256("\n".join(("token", survey, person, start_id)).encode()).digest()
    return SessionKey(session_id_from("\n".join((survey, person, start_id))), urlsafe_b64encode(token).decode().rstrip("="))


def session_id_from(secret: str) -> str:
    """Return the id of the session that a secret text stands for, in the form of every session id."""
    return f"ses_{b32encode(sha256(secret.encode()).digest()).decode().lower()[:26]}"
