"""Find in the events of one contact when it passed the stages of a journey. These functions are pure.

An entry begins with the first stage (in a journey in any order, with any stage) and lasts `within_days`; the next entry begins after it.
An order that was refunded is worth less, and an order refunded as a whole, or cancelled, was none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from question_bank.journeys import Journey, Stage, plain_value
from survey_service.store.globs import glob_matches

REFUNDS = ("Order Refunded", "Order Cancelled")
ORDER = "order:"
LEAST_VALUE = 0.005
"""An order of which less is left, in its currency, was refunded as a whole."""
VISIT_ENDS = timedelta(minutes=30)
"""A visit ends after so long without an event, as in Google Analytics."""
PURCHASE = "Order Completed"
ATTRIBUTE = "@"
"""No question begins with it."""


@dataclass(frozen=True)
class Happened:
    """An event of a contact, or an answer: then `question` and `options` say to what and which.

    Where an attribute has come to a value, `question` is its name after `ATTRIBUTE`, and the value the only option.
    """

    at: datetime
    kind: str
    name: str | None = None
    path: str | None = None
    channel: str | None = None
    topic: str | None = None
    value: float | None = None
    currency: str | None = None
    subjects: frozenset[str] = frozenset()
    question: str | None = None
    options: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Entry:
    """A passage of a contact through a journey: when each stage was reached, and what its events were worth."""

    at: datetime
    channel: str | None
    reached: tuple[datetime | None, ...]
    values: tuple[float | None, ...]
    currencies: frozenset[str]


@dataclass(frozen=True)
class Visit:
    """Events of a contact with less than half an hour between them."""

    at: datetime
    channel: str | None
    pages: int
    others: int
    has_purchase: bool

    @property
    def is_bounce(self) -> bool:
        return self.pages == 1 and not self.others


def without_refunds(events: Sequence[Happened]) -> list[Happened]:
    """Return the events in order of time, with orders worth what is left of them, and without those that were refunded as a whole."""
    refunds: dict[str, list[float | None]] = {}
    for event in events:
        if event.name in REFUNDS:
            for subject in event.subjects:
                if subject.startswith(ORDER):
                    refunds.setdefault(subject, []).append(event.value if event.name != "Order Cancelled" else None)
    kept = []
    for event in sorted(events, key=lambda event: event.at):
        refunded = [amount for subject in event.subjects for amount in refunds.get(subject, ())] if event.name not in REFUNDS else []
        if None in refunded or (refunded and event.value is None):
            continue
        left = (event.value or 0.0) - sum(abs(amount or 0.0) for amount in refunded)
        if refunded and left < LEAST_VALUE:
            continue
        kept.append(replace(event, value=left) if refunded else event)
    return kept


def entries_of(journey: Journey, events: Sequence[Happened], now: datetime, *, ended: bool = True) -> list[Entry]:
    """Return the entries of a contact that are old enough to have ended, or all of them. `events` are in order of time."""
    hits = [reached_by(stage, events, now) for stage in journey.stages]
    window = timedelta(days=journey.within_days)
    starts = hits[0] if journey.order == "ordered" else sorted((hit for of_stage in hits for hit in of_stage), key=lambda hit: hit.at)
    found: list[Entry] = []
    for start in starts:
        if (not found or start.at > found[-1].at + window) and (not ended or start.at + window <= now):
            found.append(_entry(journey, start, hits, start.at + window))
    return found


@dataclass(frozen=True)
class Present:
    """The last stage that a contact has reached in its open `entry` of a journey: its `number` in the journey, and when it was reached."""

    journey: Journey
    entry: Entry
    number: int
    at: datetime

    @property
    def stage(self) -> str:
        return f"{self.journey.id}/{self.journey.stages[self.number].id}"

    @property
    def ends(self) -> datetime:
        """When the entry is over."""
        return self.entry.at + timedelta(days=self.journey.within_days)


def present_stage(journey: Journey, events: Sequence[Happened], now: datetime) -> Present | None:
    """Return where a contact is in a journey, None where no entry is open. `events` are in order of time."""
    entries = entries_of(journey, events, now, ended=False)
    if not entries:
        return None
    at, number = max((at, number) for number, at in enumerate(entries[-1].reached) if at is not None)
    present = Present(journey, entries[-1], number, at)
    return present if present.ends > now else None


def awaited(journey: Journey, events: Sequence[Happened], now: datetime) -> list[datetime]:
    """Return when stages will be reached if nothing happens until then: those that something must not follow (`unless`)."""
    late = [hit.at for stage in journey.stages if stage.unless for hit in reached_by(stage, events, datetime.max.replace(tzinfo=UTC))]
    return [at for at in late if at > now]


def _entry(journey: Journey, start: Happened, hits: Sequence[Sequence[Happened]], end: datetime) -> Entry:
    reached: list[datetime | None] = []
    values: list[float | None] = []
    currencies: set[str] = set()
    earliest: datetime | None = start.at
    for of_stage in hits:
        within = [hit for hit in of_stage if earliest is not None and earliest <= hit.at <= end]
        first = within[0].at if within else None
        known = [hit for hit in within if hit.value is not None]
        reached.append(first)
        values.append(sum(hit.value or 0.0 for hit in known) if known else None)
        currencies |= {hit.currency for hit in known if hit.currency is not None}
        if journey.order == "ordered":
            earliest = first
    return Entry(start.at, start.channel, tuple(reached), tuple(values), frozenset(currencies))


def reached_by(stage: Stage, events: Sequence[Happened], now: datetime) -> list[Happened]:
    """Return the events that reach a stage, at the time when they do."""
    if stage.answer:
        return [event for event in events if event.options & set(stage.answer.get(event.question or "", ()))]
    if stage.attribute:
        wanted = {ATTRIBUTE + name: set(map(plain_value, values)) for name, values in stage.attribute.items()}
        return [event for event in events if event.options & wanted.get(event.question or "", set())]
    hits = [event for event in events if fits(event, stage.match)]
    if not stage.unless:
        return hits
    patience = timedelta(hours=stage.after_hours)
    followed = [event.at for event in events if fits(event, stage.unless)]
    late = [replace(hit, at=hit.at + patience) for hit in hits if not any(hit.at < at <= hit.at + patience for at in followed)]
    return [hit for hit in late if hit.at <= now]


def fits(event: Happened, match: Mapping[str, str]) -> bool:
    """Whether an event is one that `match` describes, as that of a signal."""
    if event.question is not None:
        return False
    if "event" in match and (event.kind not in ("track", "screen") or event.name != match["event"]):
        return False
    if "page" in match and (event.kind != "page" or not glob_matches(match["page"].lower(), event.path)):
        return False
    return all((getattr(event, name) or "").lower() == match[name].lower() for name in ("channel", "topic") if name in match)


def visits_of(events: Iterable[Happened]) -> list[Visit]:
    """Return the visits in events in order of time."""
    groups: list[list[Happened]] = []
    for event in events:
        if event.question is not None:
            continue
        if groups and event.at - groups[-1][-1].at <= VISIT_ENDS:
            groups[-1].append(event)
        else:
            groups.append([event])
    return [
        Visit(
            group[0].at,
            next((event.channel for event in group if event.channel), None),
            pages := sum(event.kind in ("page", "screen") for event in group),
            len(group) - pages,
            any(event.name == PURCHASE for event in group),
        )
        for group in groups
    ]


def quotes_of(events: Sequence[Happened]) -> dict[str, tuple[datetime, bool]]:
    """Return each quote that was asked for, when, and whether an order with its id followed."""
    asked: dict[str, datetime] = {}
    won: set[str] = set()
    for event in events:
        quotes = {subject for subject in event.subjects if subject.startswith("quote:")}
        if event.name == "Quote Requested":
            asked = {**dict.fromkeys(quotes, event.at), **asked}
        elif event.name == PURCHASE:
            won |= quotes & asked.keys()
    return {quote: (at, quote in won) for quote, at in asked.items()}


def days_between(reached: Sequence[datetime | None]) -> list[float | None]:
    """Return the days from each stage to the next, None where one of the two was not reached or the second came first."""
    pairs = pairwise(reached)
    return [None if first is None or then is None or then < first else (then - first) / timedelta(days=1) for first, then in pairs]
