"""What each contact adds to which figure: shares, visits, leads, quotes, the stages of journeys, and the scores of barometers."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

import numpy as np

from adaptive import believe
from adaptive.arrays import Bools, Floats
from adaptive.posterior import restrict_to
from question_bank.compile import CompiledBank
from question_bank.definitions import Bank, Question
from question_bank.journeys import Barometer, Journey
from survey_service.figures.cells import NO_CHANNEL, WEB, Cells, Place, week_of
from survey_service.figures.journeys import days_between, entries_of, fits, quotes_of, visits_of
from survey_service.figures.people import EVERYTHING, Member

BASE, SHARES = "base", "shares"
CHANNELS, SCORE = "channels", "score"
LEAD_DAYS = timedelta(days=30)
QUOTE_DAYS = timedelta(days=30)
MOMENT_DAYS = timedelta(days=30)
"""An answer this long after the moment of a barometer is about it."""

Amounts = dict[Place, tuple[float, float]]


def add_member(cells: Cells, bank: Bank, member: Member, now: datetime) -> None:
    """Add what a contact did to every figure."""
    person = member.seen_without(EVERYTHING)
    amounts: Amounts = {Place(BASE, SHARES): (1.0, 1.0)}
    for place, outcome in _plain_outcomes(member, now):
        _count(amounts, place, outcome)
    cells.add(person, amounts)
    for journey in bank.journeys:
        _add_journey(cells, journey, member, now)
    for barometer in bank.barometers:
        _add_scores(cells, barometer, member)
    if member.sends is not None:
        shares = {Place(CHANNELS, f"{SCORE}/{name}", week_of(at), NO_CHANNEL): [share] for name, (at, share) in member.sends.shares.items()}
        cells.add_values(member.sends.person, shares)
    cells.reach.update(member.reach)
    for question, text in member.texts.items():
        cells.add_text(question, text, person)


def subject_of(kind: str, name: str) -> str:
    """Return the subject of the figures of a journey or barometer."""
    return f"{kind}/{name}"


def _count(amounts: Amounts, place: Place, outcome: float, denominator: float = 1.0) -> None:
    before = amounts.get(place, (0.0, 0.0))
    amounts[place] = (before[0] + outcome, before[1] + denominator)


def _plain_outcomes(member: Member, now: datetime) -> Iterator[tuple[Place, float]]:
    """Yield the outcome of each visit, of each quote, and of becoming known."""
    for visit in visits_of(member.events):
        week, channel = week_of(visit.at), visit.channel or WEB
        yield Place("visits", "bounce", week, channel), float(visit.is_bounce)
        yield Place("visits", "purchase", week, channel), float(visit.has_purchase)
    for at, is_won in quotes_of(member.events).values():
        if at + QUOTE_DAYS <= now:
            yield Place("quotes", "won", week_of(at), WEB), float(is_won)
    since = member.known_since
    if since is not None and since + LEAD_DAYS <= now:
        asked = any(event.name == "Quote Requested" and since <= event.at <= since + LEAD_DAYS for event in member.events)
        yield Place("leads", "quote", week_of(since), WEB), float(asked)


def _add_journey(cells: Cells, journey: Journey, member: Member, now: datetime) -> None:
    """Add every entry: from each stage to each later one, what each stage was worth, and the days from each stage to the next."""
    person = member.seen_without(frozenset(question for stage in journey.stages for question in stage.answer))
    subject = subject_of("journey", journey.id)
    amounts: Amounts = {}
    days: defaultdict[Place, list[float]] = defaultdict(list)
    for entry in entries_of(journey, member.events, now):
        week, channel = week_of(entry.at), entry.channel or WEB
        for first, then in combinations(range(len(journey.stages)), 2):
            if entry.reached[first] is not None:
                _count(amounts, Place(subject, f"rate/{first}/{then}", week, channel), float(entry.reached[then] is not None))
        for number, value in enumerate(entry.values):
            if value is not None:
                place = Place(subject, f"value/{number}", week, channel)
                _count(amounts, place, value)
                cells.currencies[place] |= entry.currencies
        for number, passed in enumerate(days_between(entry.reached)):
            if passed is not None:
                days[Place(subject, f"days/{number}", week, channel)].append(passed)
    cells.add(person, amounts)
    cells.add_values(person, days)


def _add_scores(cells: Cells, barometer: Barometer, member: Member) -> None:
    """Add the contact's scores that were given after the moment."""
    moments = [event.at for event in member.events if fits(event, barometer.after)]
    scores: defaultdict[Place, list[float]] = defaultdict(list)
    for at, score in member.scores.get(barometer.question, ()):
        if any(moment <= at <= moment + MOMENT_DAYS for moment in moments):
            scores[Place(subject_of("barometer", barometer.id), SCORE, week_of(at), NO_CHANNEL)].append(score)
    cells.add_values(member.seen_without(frozenset([barometer.question])), scores)


def add_answers(cells: Cells, bank: CompiledBank, member: Member) -> None:
    """Add what a contact answered to each question, with who it is by its other answers: by its own, each answer would confirm itself."""
    observed = [item for _, item in member.given if item.is_certain]
    told = [item for item in observed if item.value is not None]
    wanted = [(item, amounts) for item in told if (amounts := amounts_of(bank.bank.question_by_id[item.question], item.value)) is not None]
    if len(told) < 2 or not wanted:
        return
    others: Bools = np.ones((len(wanted), len(bank.bank.questions)), dtype=bool)
    for row, (item, _) in enumerate(wanted):
        others[row, bank.index[item.question]] = False
    beliefs = believe(bank.tables, restrict_to(bank.evidence(observed), others))
    for belief, (item, amounts) in zip(beliefs, wanted, strict=True):
        cells.answers[item.question].add(belief, *amounts, cells.draws)


def amounts_of(question: Question, value: Any) -> tuple[Floats, Floats] | None:
    """Return the outcome and the denominator of each option, or of the number that was given; None for what is neither.

    >>> from question_bank.definitions import Option
    >>> two = Question("q", "multiple", "?", options=(Option("a", "A"), Option("b", "B")))
    >>> [part.tolist() for part in amounts_of(two, {"ticked": ["a"], "seen": ["a"]})]
    [[1.0, 0.0], [1.0, 0.0]]
    """
    if question.options:
        ticked, seen = (value["ticked"], value["seen"]) if isinstance(value, dict) else (value, None)
        ticked = ticked if isinstance(ticked, list) else [ticked]
        options = [option.id for option in question.options]
        return (
            np.array([float(option in ticked) for option in options]),
            np.array([float(seen is None or option in seen) for option in options]),
        )
    if question.type in ("scale", "number") and isinstance(value, int | float):
        return np.array([float(value)]), np.ones(1)
    return None
