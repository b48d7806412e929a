"""Sums of contacts by week and channel, collected in flat memory while contacts are read.

A contact is one row of a cell, whatever it did there. Rows wait in lists until there are enough for `Moments`, which add up.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np

from adaptive.arrays import Floats
from adaptive.estimation.moments import Moments
from adaptive.estimation.ratio import MIN_PROBES

ROWS = 4000
"""Rows of a cell that wait before they are added to its sums."""
MOST_TEXTS = 20_000
"""Texts of a question that are compared. More would say the same."""
MOST_ANSWERS = 5000
"""Answers to a question from which the shares of each persona are estimated. More would say the same."""
WEB, OTHER = "web", "other"
LISTED_FROM = 0.1
"""Share of the people that a channel needs to be listed by its name: others are joined, because they would hide weeks of all channels."""
NO_WEEK = NO_CHANNEL = ""


@dataclass(frozen=True, eq=False)
class Person:
    """A contact as figures see it: (K,) P(persona) by attributes and, where it has answered, by answers."""

    attributed: Floats
    answered: Floats | None = None
    is_probe: bool = False
    weight: float = 1.0
    is_reachable: bool = True


@dataclass(frozen=True, order=True)
class Place:
    """What is counted, and of which week and channel."""

    subject: str
    measure: str
    week: str = NO_WEEK
    channel: str = NO_CHANNEL


@dataclass
class Cell:
    """The rows of one place that wait, and the sums of those before."""

    rows: list[tuple[Person, float, float]] = field(default_factory=list)
    sums: Moments | None = None

    def add(self, person: Person, outcome: float, denominator: float) -> None:
        self.rows.append((person, outcome, denominator))
        if len(self.rows) >= ROWS:
            self._sum()

    def moments(self, personas: int) -> Moments:
        self._sum()
        return Moments.none(personas) if self.sums is None else self.sums

    def _sum(self) -> None:
        if not self.rows:
            return
        people = [person for person, _, _ in self.rows]
        who = [row for row, person in enumerate(people) if person.answered is not None]
        K = len(people[0].attributed)
        found = Moments.of(
            np.array([person.attributed for person in people]),
            np.array([people[row].answered for row in who]).reshape(len(who), K),
            np.array(who, dtype=np.int64),
            np.array([outcome for _, outcome, _ in self.rows]),
            np.array([denominator for _, _, denominator in self.rows]),
            probed=np.array([people[row].is_probe for row in who], dtype=bool),
            weights=np.array([people[row].weight for row in who]),
            reachable=np.array([person.is_reachable for person in people], dtype=bool),
        )
        self.sums = found if self.sums is None else self.sums + found
        self.rows = []


@dataclass
class GivenAnswers:
    """The answers to one question, of very many a random part: who each person is without it, and (M,) outcomes and denominators.

    M is the number of options, or 1 where a number was given. An option that was not seen has no denominator.
    """

    rows: list[tuple[Floats, Floats, Floats]] = field(default_factory=list)
    people: int = 0

    def add(self, belief: Floats, outcomes: Floats, denominators: Floats, draws: np.random.Generator) -> None:
        self.people += 1
        if len(self.rows) < MOST_ANSWERS:
            self.rows.append((belief, outcomes, denominators))
        elif (place := int(draws.integers(self.people))) < MOST_ANSWERS:
            self.rows[place] = (belief, outcomes, denominators)

    def columns(self) -> Iterator[tuple[Floats, Floats]]:
        """Yield for each outcome the (n, K) beliefs and (n,) outcomes of those who saw it."""
        beliefs, outcomes, denominators = (np.array(part) for part in zip(*self.rows, strict=True))
        for outcome, denominator in zip(outcomes.T, denominators.T, strict=True):
            yield beliefs[denominator > 0], outcome[denominator > 0]


@dataclass
class Cells:
    """The cells of a bank with K `personas`, the values whose medians are wanted, and texts.

    `crowds` has, (7, K), the people behind each cell (`disclosure.Crowd`). Its last two rows are sums without weights: these count where
    too few probes are behind a measure for its figures to be weighted. A contact counts once in each measure, in its first week there:
    weeks may then be joined without counting anybody twice.
    """

    personas: int
    cells: defaultdict[Place, Cell] = field(default_factory=lambda: defaultdict(Cell))
    values: defaultdict[Place, list[Floats]] = field(default_factory=lambda: defaultdict(list))
    crowds: dict[Place, Floats] = field(default_factory=dict)
    currencies: defaultdict[Place, set[str]] = field(default_factory=lambda: defaultdict(set))
    answers: defaultdict[str, GivenAnswers] = field(default_factory=lambda: defaultdict(GivenAnswers))
    texts: defaultdict[str, list[tuple[str, Floats]]] = field(default_factory=lambda: defaultdict(list))
    written: Counter[str] = field(default_factory=Counter)
    reach: Counter[str] = field(default_factory=Counter)
    draws: np.random.Generator = field(default_factory=lambda: np.random.default_rng(1))

    def add(self, person: Person, amounts: Mapping[Place, tuple[float, float]]) -> None:
        """Add everything of a contact: its outcome and denominator in each place, and in all weeks together."""
        by_measure: dict[Place, list[Place]] = {}
        for place, (outcome, denominator) in amounts.items():
            self.cells[place].add(person, outcome, denominator)
            by_measure.setdefault(Place(place.subject, place.measure), []).append(place)
        for whole, places in by_measure.items():
            outcome, denominator = (sum(amounts[place][part] for place in places) for part in (0, 1))
            if whole not in amounts:
                self.cells[whole].add(person, outcome, denominator)
            self._count(min(places), person, outcome, denominator)

    def add_values(self, person: Person, values: Mapping[Place, Sequence[float]]) -> None:
        """Keep all values of a respondent."""
        if person.answered is None:
            return
        first: dict[Place, Place] = {}
        for place, kept in values.items():
            row = np.concatenate([[0.0, person.weight], person.answered])
            for value in kept:
                row[0] = value
                self.values[place].append(row.astype("<f4"))
            whole = Place(place.subject, place.measure)
            first[whole] = min(first.get(whole, place), place)
        for place in first.values():
            self._count(place, person, float(sum(values[place])), float(len(values[place])))

    def _count(self, place: Place, person: Person, outcome: float, denominator: float) -> None:
        crowd = self.crowds.setdefault(place, np.zeros((7, self.personas)))
        if person.answered is None:
            return
        top, weights = int(person.answered.argmax()), person.weight * person.answered
        crowd[:3, top] += (1.0, outcome != 0, outcome >= denominator)
        crowd[3:] += (weights, weights**2, person.answered, person.answered**2)

    def add_text(self, question: str, text: str, person: Person) -> None:
        """Keep a text of somebody whose other answers say who it is; of very many, a random part."""
        if person.answered is None:
            return
        kept, number = self.texts[question], self.written[question]
        self.written[question] += 1
        if len(kept) < MOST_TEXTS:
            kept.append((text, person.answered))
        elif (place := int(self.draws.integers(number + 1))) < MOST_TEXTS:
            kept[place] = (text, person.answered)

    def packed(self) -> Iterator[tuple[Place, bytes]]:
        """Yield what each cell is stored as: its crowd, and its sums or values. Channels with few people are joined."""
        named = self._channels()
        sums: dict[Place, Moments] = {}
        values: defaultdict[Place, list[Floats]] = defaultdict(list)
        crowds: defaultdict[Place, Floats] = defaultdict(lambda: np.zeros((5, self.personas)))
        probes = self._probes()
        for place, cell in self.cells.items():
            joined, moments = replace(place, channel=named[place.channel]), cell.moments(self.personas)
            sums[joined] = sums[joined] + moments if joined in sums else moments
        for place, kept in self.values.items():
            values[replace(place, channel=named[place.channel])] += kept
        for place, crowd in self.crowds.items():
            is_weighted = probes[place.subject, place.measure] >= MIN_PROBES
            crowds[replace(place, channel=named[place.channel])] += crowd[[0, 1, 2, 3, 4] if is_weighted else [0, 1, 2, 5, 6]]
        contents = {**{place: moments.to_bytes() for place, moments in sums.items()}}
        contents |= {place: np.concatenate(kept).tobytes() for place, kept in values.items()}
        yield from ((place, crowds[place].astype("<f8").tobytes() + content) for place, content in contents.items())

    def _probes(self) -> Counter[tuple[str, str]]:
        """Return how many probes are behind each subject and measure, at least as many as behind any part of it."""
        found: Counter[tuple[str, str]] = Counter()
        for place, cell in self.cells.items():
            if place.week == NO_WEEK:
                found[place.subject, place.measure] += int(cell.moments(self.personas).probes.contacts)
        for place, kept in self.values.items():
            found[place.subject, place.measure] += sum(bool(row[1] > 1) for row in kept)
        return found

    def _channels(self) -> dict[str, str]:
        """Return the name under which each channel is listed."""
        sizes: defaultdict[str, float] = defaultdict(float)
        for place, cell in self.cells.items():
            if place.channel != NO_CHANNEL:
                sums = cell.moments(self.personas)
                parts = (sums.respondents, sums.probes, sums.silent, sums.unreachable)
                sizes[place.channel] += sum(part.contacts for part in parts)
        total = sum(sizes.values())
        named = {channel: channel if size >= LISTED_FROM * total else OTHER for channel, size in sizes.items()}
        return {**dict.fromkeys((place.channel for place in self.values), OTHER), **named, NO_CHANNEL: NO_CHANNEL}


def crowd_from(content: bytes, personas: int) -> tuple[Floats, bytes]:
    """Return the (5, K) crowd of a cell, and the rest of its content."""
    size = 5 * personas * 8
    return np.frombuffer(content[:size], "<f8").reshape(5, personas), content[size:]


def values_from(content: bytes, personas: int) -> Floats:
    """Return the (n, 2 + K) values, weights and beliefs in a cell of values."""
    rows: Floats = np.frombuffer(content, "<f4").astype(np.float64).reshape(-1, 2 + personas)
    return rows


def week_of(at: datetime) -> str:
    """Return the Monday of a time's week (UTC).

    >>> week_of(datetime(2026, 3, 5, 23, tzinfo=UTC))
    '2026-03-02'
    """
    day = at.astimezone(UTC).date()
    return (day - timedelta(days=day.weekday())).isoformat()


def monday_of(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())
