"""What is known of a contact when it enters a stage, and whether it then went on: the features and outcomes of readiness."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from adaptive.arrays import Bools
from question_bank.compile import CompiledBank
from question_bank.journeys import Journey
from survey_service.attribution.models import attributes_of
from survey_service.figures.cells import WEB
from survey_service.figures.journeys import Entry, Happened, entries_of
from survey_service.figures.people import Member, belief_from
from survey_service.store.tables.core import Answer

KINDS = {
    **dict.fromkeys(("pages", "actions", "known_days", "hours", "value", "entries"), "number"),
    **dict.fromkeys(("channel", "persona"), "category"),
}
"""The features that every contact has, with their kinds. Attributes come beside them."""
ATTRIBUTE = "attribute "
RECENT = timedelta(days=30)
UNKNOWN = "unknown"
MOST = 20_000
"""Contacts that a model is fitted to, the latest ones."""

Features = Mapping[str, object]
Given = Sequence[tuple[Answer, Any]]


def kinds_of(bank: CompiledBank) -> dict[str, str]:
    """Return the features and their kinds: of attributes those that attribution may use."""
    rules = bank.bank.attribution
    named = {} if rules is None else attributes_of(rules)
    return {**KINDS, **{ATTRIBUTE + name: kind for name, kind in named.items()}}


def features_at(
    bank: CompiledBank,
    journey: Journey,
    entry: Entry,
    number: int,
    earlier: int,
    events: Sequence[Happened],
    known: Mapping[str, Any],
    given: Given,
) -> dict[str, object]:
    """Return the features of a contact as they stood when it entered stage `number` in `entry`, after so many `earlier` entries.

    Nothing that came later is in them, except that attributes are as they are now: they have no history.
    """
    at = entry.reached[number] or entry.at
    before = [event for event in events if event.at <= at and event.question is None]
    recent = [event for event in before if event.at > at - RECENT]
    values = [event.value for event in recent if event.value is not None and event.at >= entry.at]
    pages = sum(event.kind == "page" for event in recent)
    features: dict[str, object] = {
        "pages": pages,
        "actions": len(recent) - pages,
        "known_days": (at - before[0].at) // timedelta(days=1) if before else 0,
        "hours": (at - entry.at) // timedelta(hours=1),
        "value": sum(values) if values else None,
        "entries": earlier,
        "channel": entry.channel or WEB,
        "persona": _persona(bank, journey, given, at),
    }
    return {**features, **{name: known.get(name.removeprefix(ATTRIBUTE)) for name in kinds_of(bank) if name.startswith(ATTRIBUTE)}}


def _persona(bank: CompiledBank, journey: Journey, given: Given, at: datetime) -> str:
    """Return the likeliest persona by the answers until then, without those that are stages."""
    stages = frozenset(question for stage in journey.stages for question in stage.answer)
    belief = belief_from(bank, [item for item in given if item[0].given_at <= at], stages)
    return UNKNOWN if belief is None else bank.personas[int(belief.argmax())]


@dataclass
class Examples:
    """Contacts that entered one stage, each once, by its last entry that is over."""

    rows: list[tuple[datetime, Features, bool]] = field(default_factory=list)

    def add(self, at: datetime, features: Features, reached: bool) -> None:
        self.rows.append((at, features, reached))
        if len(self.rows) >= 2 * MOST:
            self._trim()

    def _trim(self) -> None:
        self.rows = sorted(self.rows, key=lambda row: row[0])[-MOST:]

    def columns(self, kinds: Iterable[str]) -> tuple[dict[str, list[object]], Bools]:
        """Return the values of each feature and who reached the next stage, the earliest first."""
        self._trim()
        return {name: [row[1].get(name) for row in self.rows] for name in kinds}, np.array([row[2] for row in self.rows], dtype=bool)


def add_examples(examples: Mapping[str, Examples], bank: CompiledBank, member: Member, now: datetime) -> None:
    """Add what a contact did at each stage of ordered journeys but the last. `examples` are by "journey/stage"."""
    for journey in ordered_journeys(bank):
        entries = entries_of(journey, member.events, now)
        for number in range(len(journey.stages) - 1) if entries else ():
            entry, at = entries[-1], entries[-1].reached[number]
            if at is not None:
                features = features_at(bank, journey, entry, number, len(entries) - 1, member.events, member.attributes, member.given)
                examples[stage_name(journey, number)].add(at, features, entry.reached[number + 1] is not None)


def ordered_journeys(bank: CompiledBank) -> list[Journey]:
    """Return the journeys with a next stage: where stages come in any order there is none."""
    return [journey for journey in bank.bank.journeys if journey.order == "ordered" and len(journey.stages) > 1]


def stage_name(journey: Journey, number: int) -> str:
    return f"{journey.id}/{journey.stages[number].id}"
