"""Read contacts in batches, each with what its attributes and its answers say about the persona, and with what it did."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlmodel import Session, col, func, select

from adaptive import believe
from adaptive.arrays import Floats
from question_bank.compile import CompiledBank
from question_bank.definitions import Bank
from survey_service.belief.evidence import interpret
from survey_service.belief.priors import may_be_profiled, unpack
from survey_service.figures.cells import Person
from survey_service.figures.journeys import ATTRIBUTE, Happened, without_refunds
from survey_service.store.bulk import is_one_of
from survey_service.store.contact_locks import is_present
from survey_service.store.session import Store
from survey_service.store.tables.attribution import Attribution, AttributionModelRow, Probe
from survey_service.store.tables.core import OWN_SYSTEM, Answer, Contact, ExternalId
from survey_service.store.tables.figures import AttributeOutcome
from survey_service.store.tables.inbound import ContactEvent
from survey_service.store.tables.links import Campaign, CampaignContact, Link, LinkSession
from survey_service.store.tables.reviews import Review

BATCH_SIZE = 1000
EVERYTHING: frozenset[str] = frozenset()


RESPONSE_TIME = timedelta(days=14)
"""A link is answered within so long, or counts as not answered; a younger one does not count yet."""
REVIEWS = "(reviews)"
"""The name of reviews among the text questions; no question can have it."""
EMAIL, PHONES = "email", ("phone", "sms")


@dataclass(frozen=True, eq=False)
class Sends:
    """Links that were sent to somebody who had answered before: who it is by those answers, and by channel the first time and the share
    of links that were answered.
    """

    person: Person
    shares: Mapping[str, tuple[datetime, float]]


@dataclass(frozen=True, eq=False)
class Member:
    """A contact with its events and answers in order of time, the `scores` that it gave on scales, with their times, and its
    `texts`. `attributes` are those that attribution may use, `given` its answers as the bank interprets
    them, and `reach` the channels for which it has an address and may be asked. `lots`
    are its campaigns: whether it was held out, when, and who it was by what it had answered before.
    """

    id: str
    known_since: datetime | None
    events: Sequence[Happened]
    scores: Mapping[str, Sequence[tuple[datetime, float]]]
    texts: Mapping[str, str]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    given: Sequence[tuple[Answer, Any]] = ()
    sends: Sends | None = None
    reach: Sequence[str] = ()
    lots: Sequence[tuple[str, bool, datetime, Person]] = ()
    views: Mapping[frozenset[str], Person] = field(default_factory=dict)

    def seen_without(self, questions: frozenset[str]) -> Person:
        """Return the contact without its answers to these questions, which define an outcome."""
        return self.views[questions]


def circles_of(bank: Bank) -> set[frozenset[str]]:
    """Return the sets of questions without which beliefs are needed: none, and those that define an outcome."""
    stages = {frozenset(question for stage in journey.stages for question in stage.answer) for journey in bank.journeys}
    return {EVERYTHING, *stages, *(frozenset([barometer.question]) for barometer in bank.barometers)}


def read_members(store: Store, bank: CompiledBank, now: datetime) -> Iterator[list[Member]]:
    """Yield every contact that may be profiled, in batches, each read in a transaction of its own."""
    after, wanted = "", circles_of(bank.bank)
    columns: Any = (Contact.id, Contact.consent, Contact.email, Contact.created_at, Contact.attributes)
    while True:
        with store.reading() as session:
            rows = session.execute(
                select(*columns).where(is_present(), Contact.id > after).order_by(col(Contact.id)).limit(BATCH_SIZE)
            ).all()
            members = _members(session, bank, [row for row in rows if row[1].get("profiling") is not False], wanted, now)
        if not rows:
            return
        yield members
        after = rows[-1][0]


def _members(session: Session, bank: CompiledBank, rows: Sequence[Any], wanted: set[frozenset[str]], now: datetime) -> list[Member]:
    ids = [row[0] for row in rows]
    attributed = _attributed(session, bank, ids)
    prior = np.array([persona.prior for persona in bank.bank.personas])
    given = answers_of(session, bank, ids)
    events, scores = events_of(session, ids), _scores(session, bank, ids)
    known = set(
        session.exec(select(ExternalId.contact_id).where(ExternalId.system == OWN_SYSTEM, is_one_of(session, ExternalId.contact_id, ids)))
    )
    chances = dict(
        session.exec(
            select(Probe.contact_id, Probe.chance).where(Probe.bank == bank.bank.id, is_one_of(session, Probe.contact_id, ids))
        ).all()
    )
    links = _links(session, bank, ids, now)
    lots = _lots(session, bank, ids)
    before = _answers_ever(session, bank, sorted({*links, *lots}))
    written = _reviews(session, bank, ids)
    members, rules = [], bank.bank.attribution
    for contact_id, consent, email, created_at, attributes in rows:
        answers = given.get(contact_id, [])
        is_known = contact_id in known or email is not None
        may_be_asked = is_known and consent.get("asking") is not False
        person = Person(attributed.get(contact_id, prior), None, contact_id in chances, 1 / chances.get(contact_id, 1.0), may_be_asked)
        views = {without: replace(person, answered=belief_from(bank, answers, without)) for without in wanted}
        happened = [*events.get(contact_id, ()), *_given(bank, answers)]
        texts = {answer.question: str(item.value) for answer, item in answers if item.value is not None and _is_text(bank, answer)}
        if contact_id in written:
            texts[REVIEWS] = written[contact_id]
        since = created_at if is_known else None
        known_of = attributes if rules is not None and may_be_profiled(rules, consent) else {}
        did = without_refunds(happened)
        sends = _sends_to(bank, views[EVERYTHING], links.get(contact_id, ()), before.get(contact_id, ()))
        own_lots = [
            (name, is_out, at, replace(views[EVERYTHING], answered=_belief_before(bank, before.get(contact_id, ()), at)))
            for name, is_out, at in lots.get(contact_id, ())
        ]
        reach = [] if consent.get("asking") is False else [*([EMAIL] if email else []), *(PHONES if attributes.get("phone") else ())]
        members.append(Member(contact_id, since, did, scores.get(contact_id, {}), texts, known_of, answers, sends, reach, own_lots, views))
    return members


def _links(session: Session, bank: CompiledBank, ids: Sequence[str], now: datetime) -> dict[str, list[tuple[datetime, str, bool]]]:
    """Return when and through which channel each link was sent that is old enough, and whether it was answered in time."""
    first = func.min(Answer.given_at)
    answered = select(LinkSession.link_id, first.label("at")).join(Answer, col(Answer.session_id) == col(LinkSession.session_id))
    by_link = answered.group_by(LinkSession.link_id).subquery()
    columns: Any = (Link.contact_id, Link.created_at, Link.channel, by_link.c.at)
    rows = select(*columns).outerjoin(by_link, by_link.c.link_id == Link.id).order_by(col(Link.created_at), col(Link.id))
    mine = is_one_of(session, Link.contact_id, ids), Link.bank == bank.bank.id, Link.created_at <= now - RESPONSE_TIME
    found: defaultdict[str, list[tuple[datetime, str, bool]]] = defaultdict(list)
    for contact_id, sent, channel, at in session.execute(rows.where(*mine)):
        found[contact_id].append((sent, channel or EMAIL, at is not None and at <= sent + RESPONSE_TIME))
    return found


def _answers_ever(session: Session, bank: CompiledBank, ids: Sequence[str]) -> dict[str, list[tuple[Answer, Any]]]:
    """Return the answers of contacts in order, also those that later ones have replaced."""
    rows = select(Answer).where(is_one_of(session, Answer.contact_id, ids), Answer.bank == bank.bank.id, Answer.state != "withdrawn")
    found: defaultdict[str, list[tuple[Answer, Any]]] = defaultdict(list)
    for answer, observed in interpret(session.exec(rows.order_by(col(Answer.id))), bank) if ids else ():
        found[answer.contact_id].append((answer, observed))
    return found


def _sends_to(
    bank: CompiledBank, person: Person, links: Sequence[tuple[datetime, str, bool]], answers: Sequence[tuple[Answer, Any]]
) -> Sends | None:
    """Return the links that were sent after a first answer, None for none.

    The persona comes from answers before the first of these: answers to a link are known only of those who answered it.
    """
    start = next((sent for sent, _, _ in links if any(answer.given_at < sent for answer, _ in answers)), None)
    if start is None:
        return None
    belief = _belief_before(bank, answers, start)
    outcomes: defaultdict[str, list[tuple[datetime, bool]]] = defaultdict(list)
    for sent, channel, is_answered in links:
        if sent >= start:
            outcomes[channel].append((sent, is_answered))
    shares = {name: (sent[0][0], sum(is_answered for _, is_answered in sent) / len(sent)) for name, sent in outcomes.items()}
    return None if belief is None else Sends(replace(person, answered=belief), shares)


def _belief_before(bank: CompiledBank, answers: Sequence[tuple[Answer, Any]], at: datetime) -> Floats | None:
    """Return the belief from the answers that were given before a time, None where there were none."""
    last = {answer.question: (answer, observed) for answer, observed in answers if answer.given_at < at}
    return belief_from(bank, list(last.values()), EVERYTHING)


def _reviews(session: Session, bank: CompiledBank, ids: Sequence[str]) -> dict[str, str]:
    """Return what each contact has written in reviews, together: an author counts once."""
    rows = select(Review.contact_id, Review.text).where(Review.bank == bank.bank.id, is_one_of(session, Review.contact_id, ids))
    found: defaultdict[str, list[str]] = defaultdict(list)
    for contact_id, text in session.exec(rows.order_by(col(Review.id))):
        found[str(contact_id)].append(text)
    return {contact_id: "\n".join(texts) for contact_id, texts in found.items()}


def _lots(session: Session, bank: CompiledBank, ids: Sequence[str]) -> dict[str, list[tuple[str, bool, datetime]]]:
    """Return the campaigns of each contact, whether it was held out, and when."""
    columns: Any = (CampaignContact.contact_id, CampaignContact.campaign, CampaignContact.is_held_out, CampaignContact.drawn_at)
    rows = select(*columns).join(Campaign).where(Campaign.bank == bank.bank.id, is_one_of(session, CampaignContact.contact_id, ids))
    found: defaultdict[str, list[tuple[str, bool, datetime]]] = defaultdict(list)
    for contact_id, *lot in session.execute(rows.order_by(CampaignContact.campaign)):
        found[contact_id].append(tuple(lot))
    return found


def _attributed(session: Session, bank: CompiledBank, ids: Sequence[str]) -> dict[str, Floats]:
    """Return what attributes say of each contact, in the order of the bank's personas."""
    rows = select(Attribution.contact_id, Attribution.vector, Attribution.model_id).where(
        Attribution.bank == bank.bank.id, is_one_of(session, Attribution.contact_id, ids)
    )
    found: dict[str, Floats] = {}
    orders: dict[str, list[int] | None] = {}
    for contact_id, vector, model_id in session.exec(rows):
        if model_id not in orders:
            personas = session.exec(select(AttributionModelRow.personas).where(AttributionModelRow.id == model_id)).one()
            orders[model_id] = [personas.index(name) for name in bank.personas] if set(personas) == set(bank.personas) else None
        order = orders[model_id]
        if order is not None:
            found[contact_id] = unpack(vector)[order]
    return found


def answers_of(session: Session, bank: CompiledBank, ids: Sequence[str]) -> dict[str, list[tuple[Answer, Any]]]:
    rows = select(Answer).where(is_one_of(session, Answer.contact_id, ids), Answer.bank == bank.bank.id, Answer.state == "current")
    found: defaultdict[str, list[tuple[Answer, Any]]] = defaultdict(list)
    for answer, observed in interpret(session.exec(rows.order_by(col(Answer.id))), bank):
        found[answer.contact_id].append((answer, observed))
    return found


def belief_from(bank: CompiledBank, given: Sequence[tuple[Answer, Any]], without: frozenset[str]) -> Floats | None:
    """Return the belief from answers alone, None for who gave none."""
    observed = [item for _, item in given if item.question not in without]
    if not any(item.value is not None for item in observed):
        return None
    belief: Floats = believe(bank.tables, bank.evidence(observed))[0]
    return belief


def happened_to(session: Session, bank: CompiledBank, contact_id: str) -> list[Happened]:
    """Return the events and answers of one contact in order of time."""
    return happened_to_each(session, bank, [contact_id])[contact_id]


def happened_to_each(session: Session, bank: CompiledBank, ids: Sequence[str]) -> dict[str, list[Happened]]:
    """Return the events and answers of each contact in order of time."""
    given, events = answers_of(session, bank, ids), events_of(session, ids)
    return {contact_id: without_refunds([*events.get(contact_id, ()), *_given(bank, given.get(contact_id, ()))]) for contact_id in ids}


def events_of(session: Session, ids: Sequence[str]) -> dict[str, list[Happened]]:
    """Return the events of contacts, and the values to which attributes have come that are stages."""
    fields = ("kind", "name", "path", "channel", "topic", "value", "currency", "subject")
    columns: Any = (ContactEvent.contact_id, ContactEvent.at, *(getattr(ContactEvent, name) for name in fields))
    found: defaultdict[str, list[Happened]] = defaultdict(list)
    outcomes = select(AttributeOutcome).where(is_one_of(session, AttributeOutcome.contact_id, ids))
    for outcome in session.exec(outcomes.order_by(col(AttributeOutcome.id))):
        came = Happened(outcome.at, "attribute", question=ATTRIBUTE + outcome.name, options=frozenset([outcome.value]))
        found[outcome.contact_id].append(came)
    for contact_id, at, kind, name, path, channel, topic, value, currency, subject in session.execute(
        select(*columns).where(is_one_of(session, ContactEvent.contact_id, ids))
    ):
        subjects = frozenset(subject.split("\n")) if subject else EVERYTHING
        found[contact_id].append(Happened(at, kind, name, path, channel, topic, value, currency, subjects))
    return found


def _given(bank: CompiledBank, given: Sequence[tuple[Answer, Any]]) -> list[Happened]:
    """Return answers to questions with options as what a contact did."""
    found = []
    for answer, observed in given:
        question = bank.bank.question_by_id[answer.question]
        if observed.value is not None and question.outcomes:
            value = observed.value["ticked"] if isinstance(observed.value, dict) else observed.value
            chosen = frozenset(map(str, value if isinstance(value, list) else [value]))
            found.append(Happened(answer.given_at, "answer", question=question.id, options=chosen))
    return found


def _scores(session: Session, bank: CompiledBank, ids: Sequence[str]) -> dict[str, dict[str, list[tuple[datetime, float]]]]:
    """Return every score that a contact gave to the question of a barometer, the last one of each session."""
    asked = {barometer.question for barometer in bank.bank.barometers}
    found: dict[str, dict[str, list[tuple[datetime, float]]]] = {}
    if not asked:
        return found
    given = is_one_of(session, Answer.contact_id, ids), is_one_of(session, Answer.question, sorted(asked)), Answer.bank == bank.bank.id
    rows = session.exec(select(Answer).where(*given, Answer.state != "withdrawn").order_by(col(Answer.id)))
    last = {(answer.session_id, answer.question): (answer, observed) for answer, observed in interpret(rows, bank)}
    for answer, observed in last.values():
        if observed.value is not None:
            found.setdefault(answer.contact_id, {}).setdefault(answer.question, []).append((answer.given_at, float(observed.value)))  # type: ignore[arg-type]
    return found


def _is_text(bank: CompiledBank, answer: Answer) -> bool:
    return bank.bank.question_by_id[answer.question].type == "text"
