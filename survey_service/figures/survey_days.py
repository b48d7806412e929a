"""Count the sessions of each survey by day, so that a report reads a row a day and not every session.

A day is counted again while it changes: a session ends, an answer comes late, a contact is erased or merged. What an answer has gained is
the Kullback-Leibler divergence in bits of the belief after it from the belief before it, under the bank's prior: its mean is the mutual
information between answers and personas, which the choice of questions expects (docs/engine.md).
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Text, cast, func
from sqlmodel import Session, col, select

from adaptive import believe
from adaptive.arrays import Bools
from adaptive.posterior import restrict_to
from question_bank.compile import CompiledBank, ObservedAnswer
from survey_service.belief.belief import DECIDED_AT
from survey_service.belief.evidence import interpret
from survey_service.figures.cells import OTHER
from survey_service.outbox.pending_work import SURVEY_DAYS, is_count_due
from survey_service.store.banks import Banks, transact
from survey_service.store.bulk import is_one_of
from survey_service.store.session import Store
from survey_service.store.tables.core import Answer, SurveyRow, SurveySession
from survey_service.store.tables.figures import RecurringWork, SurveyDay
from survey_service.store.tables.links import Link, LinkSession
from survey_service.store.tables.webhooks import Delivery

BATCH_SIZE = 500
RECOUNTED = timedelta(days=2)
"""The days up to this age are counted every time: deliveries arrive after the session that they are about."""
SURE_AFTER = "survey days with sure_after"
"""The work of counting every day once more, after the version that began to count `Group.sure_after`."""
MOST_CHANNELS = 30
"""Pages may send any channel: the rarer ones of a day are counted together as `OTHER`."""


class Day(NamedTuple):
    """What a day of a survey looks like before it is counted."""

    sessions: int
    links: int
    last_at: datetime | None


@dataclass
class Group:
    """The counts of the sessions of one version, channel and language; `sure_after` has those that are sure by when they became so."""

    invited: int = 0
    shown: int = 0
    direct: int = 0
    started: int = 0
    answered: Counter[int] = field(default_factory=Counter)
    status: Counter[str] = field(default_factory=Counter)
    left: int = 0
    sure: int = 0
    sure_after: Counter[int] = field(default_factory=Counter)
    pushed: int = 0
    seconds: float = 0.0
    questions: dict[str, dict[str, float]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        counts: dict[str, Any] = {
            name: {str(key): count for key, count in sorted(getattr(self, name).items())} for name in ("answered", "sure_after")
        }
        counts["status"] = dict(self.status)
        return {**vars(self), **counts}


def count_due_days(store: Store, banks: Banks, now: datetime) -> None:
    """Count the days that have changed, if that was last done some minutes ago and somebody has answered since."""
    with store.reading() as session:
        is_due = is_count_due(session, now)
    if is_due:
        count_days(store, banks, now)


def count_days(store: Store, banks: Banks, now: datetime) -> None:
    """Count every day that has changed since it was counted, each in a transaction of its own."""
    with store.reading() as session:
        found, stored = days_of(session), _stored_days(session)
        if session.get(RecurringWork, SURE_AFTER) is None:
            stored = dict.fromkeys(stored, Day(-1, 0, None))  # days that an earlier version has counted lack it
        known = set(session.exec(select(SurveyRow.id)))
    recent = (now - RECOUNTED).astimezone(UTC).date().isoformat()
    nothing = Day(0, 0, None)
    for key in sorted(found.keys() | stored.keys()):
        survey, day = key
        look = found.get(key, nothing)
        if survey in known and (day >= recent or stored.get(key) != look):
            with store.reading() as session:
                groups = count_day(session, banks, survey, day)
            row = SurveyDay(survey=survey, day=day, groups=groups, **look._asdict())
            transact(store, banks, lambda session, row=row: session.merge(row))  # type: ignore[misc]
    for done in (SURVEY_DAYS, SURE_AFTER):
        transact(store, banks, lambda session, done=done: session.merge(RecurringWork(name=done, done_at=now)))  # type: ignore[misc]


def days_of(session: Session) -> dict[tuple[str, str], Day]:
    """Return every day on which a survey was started or sent in a link."""
    started = _day(SurveySession.started_at)
    sessions = select(SurveySession.survey, started, func.count(), func.max(SurveySession.last_at)).group_by(SurveySession.survey, started)
    found = {(survey, day): Day(count, 0, last_at) for survey, day, count, last_at in session.exec(sessions)}
    created = _day(Link.created_at)
    links = select(Link.survey, created, func.count()).group_by(Link.survey, created)
    for survey, day, count in session.exec(links):
        found[survey, day] = found.get((survey, day), Day(0, 0, None))._replace(links=count)
    return found


def count_day(session: Session, banks: Banks, survey: str, day: str) -> list[dict[str, Any]]:
    """Return the counts of a day, a dict for each version, channel and language."""
    groups: defaultdict[tuple[int, str, str], Group] = defaultdict(Group)
    on_that_day = _between(SurveySession.started_at, day)
    mine = select(SurveySession).where(SurveySession.survey == survey, *on_that_day).order_by(col(SurveySession.id))
    sent = select(Link.bank_version, func.coalesce(Link.channel, "email"), Link.language, func.count())
    sent = sent.where(Link.survey == survey, *_between(Link.created_at, day))
    for version, channel, language, count in session.exec(sent.group_by(col(Link.bank_version), col(Link.channel), col(Link.language))):
        groups[version, channel, language].invited += count
    for sessions in _batches(session, mine):
        linked = set(
            session.exec(select(LinkSession.session_id).where(is_one_of(session, LinkSession.session_id, [s.id for s in sessions])))
        )
        given = _answers_of(session, sessions)
        delivered = _deliveries_of(session, sessions)
        for item in sessions:
            group = groups[item.bank_version, item.channel, item.language]
            bank = banks.version(session, item.bank, item.bank_version)
            _count_session(group, bank, item, given.get(item.id, []))
            group.direct += item.id not in linked
            group.pushed += delivered.get((item.contact_id, item.bank), item.started_at) > item.started_at
        session.expunge_all()
    return _with_few_channels(groups)


def _count_session(group: Group, bank: CompiledBank, item: SurveySession, given: Sequence[Answer]) -> None:
    current = [answer for answer in given if answer.state != "withdrawn"]
    answered = {answer.question for answer in current if answer.kind == "answer"}
    group.shown += 1
    group.started += bool(given)
    group.answered[len(answered)] += 1
    group.status[item.status] += 1
    group.left += item.abandoned_at is not None or item.left_at is not None
    group.seconds += sum(answer.seconds or 0.0 for answer in current)
    bits, confidences, values = _gains(bank, current)
    stop = bank.rules[item.survey].stop.confidence if item.survey in bank.rules else None
    threshold = DECIDED_AT if stop is None else stop
    if item.stopped_because == "confidence" or confidences[-1] >= threshold:
        group.sure += 1
        first = next((step for step, confidence in enumerate(confidences) if confidence >= threshold), len(confidences) - 1)
        group.sure_after[sum(values[:first])] += 1
    last = {answer.question: answer for answer in current}
    for question, answer in last.items():
        counts = _counts_of(group, question)
        counts[answer.kind] += 1
        counts["bits"] += bits.get(question, 0.0)
        if answer.seconds is not None:
            counts["timed"] += 1
            counts["seconds"] += answer.seconds
    unanswered = item.left_at or item.question
    if unanswered is not None and unanswered not in last:
        _counts_of(group, unanswered)["left" if item.left_at or item.abandoned_at else "open"] += 1


def _counts_of(group: Group, question: str) -> dict[str, float]:
    names = ("answer", "skip", "dont_know", "refuse", "left", "open", "timed", "seconds", "bits")
    return group.questions.setdefault(question, dict.fromkeys(names, 0.0))


def _gains(bank: CompiledBank, given: Sequence[Answer]) -> tuple[dict[str, float], list[float], list[bool]]:
    """Return the bits that each answer has gained, the confidence before the first and after each, and which of them have a value.

    All are in the order in which the answers were given.
    """
    order: dict[str, ObservedAnswer] = {}
    for _, observed in interpret(given, bank):
        order[observed.question] = observed
    evidence = bank.evidence(order.values())
    places = [bank.index[question] for question in order]
    asked: Bools = np.zeros((len(places) + 1, len(bank.bank.questions)), dtype=bool)
    for step, place in enumerate(places):
        asked[step + 1 :, place] = True
    beliefs = believe(bank.tables, restrict_to(evidence, asked))
    bits = np.sum(beliefs[1:] * np.log2(beliefs[1:] / beliefs[:-1]), axis=1)
    values = [observed.value is not None for observed in order.values()]
    return dict(zip(order, bits.tolist(), strict=True)), beliefs.max(axis=1).tolist(), values


def _answers_of(session: Session, sessions: Sequence[SurveySession]) -> dict[str, list[Answer]]:
    found: defaultdict[str, list[Answer]] = defaultdict(list)
    rows = select(Answer).where(is_one_of(session, Answer.session_id, [item.id for item in sessions])).order_by(col(Answer.id))
    for answer in session.exec(rows):
        found[answer.session_id].append(answer)
    return found


def _deliveries_of(session: Session, sessions: Sequence[SurveySession]) -> dict[tuple[str, str], datetime]:
    """Return when a message about each contact and bank arrived last."""
    arrived = select(Delivery.contact_id, Delivery.bank, func.max(Delivery.settled_at)).where(
        is_one_of(session, Delivery.contact_id, {item.contact_id for item in sessions}),
        Delivery.state == "delivered",
        col(Delivery.bank).is_not(None),
    )
    rows = session.exec(arrived.group_by(col(Delivery.contact_id), col(Delivery.bank)))
    return {(contact or "", bank or ""): at for contact, bank, at in rows if at is not None}


def _with_few_channels(groups: dict[tuple[int, str, str], Group]) -> list[dict[str, Any]]:
    """Return the groups as JSON, with the rarest channels together."""
    sizes: Counter[str] = Counter()
    for (_, channel, _), group in groups.items():
        sizes[channel] += group.shown + group.invited
    kept = {channel for channel, _ in sizes.most_common(MOST_CHANNELS)}
    merged: dict[tuple[int, str, str], dict[str, Any]] = {}
    for (version, channel, language), group in sorted(groups.items()):
        key = (version, channel if channel in kept else OTHER, language)
        content = group.as_json()
        merged[key] = add(merged[key], content) if key in merged else content
    return [
        {"version": version, "channel": channel, "language": language, **content}
        for (version, channel, language), content in merged.items()
    ]


def add(counts: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return the sum of two nested dicts of counts."""
    total = dict(counts)
    for key, value in other.items():
        total[key] = value if key not in total else add(total[key], value) if isinstance(value, dict) else total[key] + value
    return total


def _batches(session: Session, rows: Any) -> Iterator[list[SurveySession]]:
    after = ""
    while True:
        found = list(session.exec(rows.where(SurveySession.id > after).limit(BATCH_SIZE)))
        if not found:
            return
        after = found[-1].id
        yield found


def _stored_days(session: Session) -> dict[tuple[str, str], Day]:
    rows = session.exec(select(SurveyDay.survey, SurveyDay.day, SurveyDay.sessions, SurveyDay.links, SurveyDay.last_at))  # type: ignore[call-overload]
    return {(survey, day): Day(*look) for survey, day, *look in rows}


def _day(column: Any) -> Any:
    """Return the UTC day of a time, as text: both databases write the date first."""
    return func.substr(cast(column, Text), 1, 10)


def _between(column: Any, day: str) -> tuple[Any, Any]:
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return col(column) >= start, col(column) < start + timedelta(days=1)
