"""What the pages of journeys and of the base show, as plain values, from the use cases of `GET /kpi/{bank}` and of attribution.

A figure is shown from an effective number of 20 people on; below it reads "too few".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from sqlmodel import Session

from adaptive.lookalike.encode import FEWEST_PEOPLE
from adaptive.lookalike.model import AttributionModel
from question_bank.definitions import Bank, in_language
from survey_service.attribution.models import model_of, newest_models
from survey_service.attribution.runs import find_run, runs_page
from survey_service.attribution.views import run_view
from survey_service.console.html import plain
from survey_service.contacts.priorities import priority_page
from survey_service.contacts.schemas import ContactQuery
from survey_service.figures.kpi import kpi_report
from survey_service.figures.sums import KpiQuery, read_snapshot
from survey_service.reviews.quotes import QuotesQuery, quotes_page
from survey_service.store.banks import Banks

MOST_QUOTES = 2
QUOTES_READ = 200
MOST_CALLS = 10
MOST_RUNS = 10
MOST_LEVELS = 12
STRONGEST = 1.0
"""Bits from which a level of an attribute is shaded fully."""


@dataclass(frozen=True)
class Weeks:
    """The filters of the page of journeys, as they stand in its address: whole weeks and a channel."""

    first: date | None = None
    last: date | None = None
    channel: str | None = None

    @property
    def query(self) -> KpiQuery:
        return KpiQuery(first=self.first, last=self.last, channel=self.channel)

    @property
    def as_address(self) -> dict[str, Any]:
        """The query of the address, without what is not set."""
        days = {"from": self.first and self.first.isoformat(), "to": self.last and self.last.isoformat()}
        return plain({**days, "channel": self.channel})


def journeys_page(session: Session, banks: Banks, bank: str, weeks: Weeks, language: str, *, contacts: bool) -> dict[str, Any]:
    """Return where the personas of a bank are lost. `contacts` says whether single contacts may be shown. Raises NotFound, Invalid."""
    compiled, _ = banks.latest(session, bank)
    snapshot = read_snapshot(session, banks, bank)
    report, known = kpi_report(snapshot, weeks.query), snapshot.weeks()
    words = _Words(compiled.bank, language)
    calls = priority_page(session, ContactQuery(order="priority", bank=bank, limit=MOST_CALLS))[0] if contacts else []
    return {
        "bank": bank,
        "title": words.of(compiled.bank.title) or bank,
        "report": report,
        "weeks": weeks,
        "mondays": known,
        "sundays": [(date.fromisoformat(week) + timedelta(days=6)).isoformat() for week in known],
        "personas": words.personas,
        "journeys": [_journey(journey, words) for journey in report["journeys"]],
        "barometers": _barometers(report["barometers"], words),
        "findings": [_finding(found, words) for found in report["findings"]],
        "irritants": _irritants(session, banks, bank, report["irritants"], words),
        "calls": [
            {**call, "stage": words.stage(call["priority"]["journey"], call["priority"]["next_stage"].rpartition("/")[2])} for call in calls
        ],
    }


@dataclass(frozen=True)
class _Words:
    """What to call the parts of a bank in a language."""

    bank: Bank
    language: str

    def of(self, text: Any) -> str | None:
        return in_language(text, self.language, self.bank.language)

    @property
    def personas(self) -> list[dict[str, Any]]:
        return [
            {"id": persona.id, "place": place, "name": self.of(persona.name) or persona.id}
            for place, persona in enumerate(self.bank.personas)
        ]

    def persona(self, name: str | None) -> str | None:
        return next((persona["name"] for persona in self.personas if persona["id"] == name), name)

    def journey(self, name: str) -> str:
        return next((self.of(journey.title) or name for journey in self.bank.journeys if journey.id == name), name)

    def stage(self, journey: str, stage: str) -> str:
        found = (step for item in self.bank.journeys if item.id == journey for step in item.stages if step.id == stage)
        return next((self.of(step.title) or stage for step in found), stage)


def _by_persona(figures: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any] | None]:
    return {figure["persona"]: figure if figure["state"] == "shown" else None for figure in figures}


def _journey(journey: Mapping[str, Any], words: _Words) -> dict[str, Any]:
    """Return a journey with its stages, and the step at which most are lost of those of whom it is shown."""
    stages = [
        {
            "name": words.stage(journey["id"], stage["id"]),
            **{name: _by_persona(stage[name]) for name in ("from_first", "from_previous", "days", "value")},
            **{name: stage[name] for name in ("currency", "problem", "readiness")},
        }
        for stage in journey["stages"]
    ]
    lost = [
        (figure["value"], persona, place)
        for place, stage in enumerate(stages)
        if place
        for persona, figure in stage["from_previous"].items()
        if figure is not None
    ]
    worst = min(lost, default=None)
    return {
        **{"id": journey["id"], "title": words.journey(journey["id"]), "within_days": journey["within_days"], "stages": stages},
        "worst": None
        if worst is None
        else {"persona": words.persona(worst[1]), "figure": stages[worst[2]]["from_previous"][worst[1]], "stage": stages[worst[2]]["name"]},
    }


def _barometers(found: Sequence[Mapping[str, Any]], words: _Words) -> list[dict[str, Any]]:
    titles = {barometer.id: words.of(barometer.title) or barometer.id for barometer in words.bank.barometers}
    questions = {question.id: question for question in words.bank.questions}
    return [
        {
            "name": titles.get(item["id"], item["id"]),
            "kind": item["kind"],
            "low": -100.0 if item["kind"] == "nps" else float(questions[item["question"]].minimum or 0),
            "high": 100.0 if item["kind"] == "nps" else float(questions[item["question"]].maximum or 1),
            "figures": _by_persona(item["figures"]),
            "trends": [{**trend, "name": words.persona(trend["persona"])} for trend in item["trends"]],
        }
        for item in found
    ]


def _finding(found: Mapping[str, Any], words: _Words) -> dict[str, Any]:
    """Return a difference that is not chance, with the words for what it is of."""
    kind, _, name = found["subject"].partition("/")
    place = found["measure"].rpartition("/")[2]
    journey = next((item for item in words.bank.journeys if item.id == name), None) if kind == "journey" else None
    stage = words.stage(name, journey.stages[int(place)].id) if journey is not None and place.isdecimal() else None
    return {**found, "name": words.persona(found["persona"]), "stage": stage}


def _irritants(session: Session, banks: Banks, bank: str, found: Sequence[Mapping[str, Any]], words: _Words) -> list[dict[str, Any]]:
    """Return for each persona the words that set it apart, with approved quotes beside them, those that have the words first."""
    quotes = quotes_page(session, banks, QuotesQuery(bank, limit=QUOTES_READ))[0] if found else []
    rows = []
    for persona in words.personas:
        own = [item for item in found if item["persona"] == persona["id"]]
        if own:
            terms = [item["term"].casefold() for item in own]
            best = sorted(
                (quote for quote in quotes if quote["persona"] == persona["id"]),
                key=lambda quote: -sum(term in quote["text"].casefold() for term in terms),
            )
            texts = list(dict.fromkeys(quote["text"] for quote in best))
            rows.append({**persona, "words": own, "quotes": texts[:MOST_QUOTES]})
    return rows


def base_page(session: Session, banks: Banks, bank: str, language: str) -> dict[str, Any]:
    """Return whom of the base the persona can be known, from the last run of attribution that was done. Raises NotFound."""
    compiled, _ = banks.latest(session, bank)
    words = _Words(compiled.bank, language)
    runs = runs_page(session, banks, bank, None, MOST_RUNS)
    done = next((run for run in runs if run.state == "done"), None)
    report = kpi_report(read_snapshot(session, banks, bank), KpiQuery())
    view = None if done is None else run_view(session, find_run(session, bank, done.id), detailed=True)
    model_id = newest_models(session).get(bank) if done is not None else None
    return {
        "bank": bank,
        "title": words.of(compiled.bank.title) or bank,
        "rules": compiled.bank.attribution,
        "personas": words.personas,
        "runs": [run_view(session, run) for run in runs],
        "unfinished": any(run.state in ("queued", "running") for run in runs),
        "run": view,
        "found": view["model"] if view else None,
        "shares": _shares(view["model"] if view else None, report, words),
        "attributes": [] if model_id is None or view is None else _scorecard(model_of(session, model_id), view["model"]),
        "report": report,
    }


def _shares(found: Mapping[str, Any] | None, report: Mapping[str, Any], words: _Words) -> list[dict[str, Any]]:
    """Return the size of each persona among respondents, in the base, and among probes; None where too few people are behind it."""
    base = _by_persona(report["shares"])
    taught = {row["persona"]: row for row in (found or {}).get("respondents", [])}
    drawn = {row["persona"]: row for row in ((found or {}).get("probes") or {}).get("shares", []) if row["people"] >= 20}
    return [
        {**persona, "respondents": taught.get(persona["id"]), "base": base.get(persona["id"]), "probes": drawn.get(persona["id"])}
        for persona in words.personas
    ]


def _scorecard(model: AttributionModel, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the attributes by what they tell, each with its levels and the bits that a level gives each persona."""
    gains, filled = found.get("gains", {}), found.get("filled", {})
    drift = {row["attribute"]: row for row in found.get("drift", [])}
    rows = []
    for encoding, table in sorted(zip(model.encodings, model.tables, strict=True), key=lambda pair: -gains.get(pair[0].name, 0.0)):
        people = np.asarray(encoding.people)
        levels: list[dict[str, Any]] = [
            {"level": label, "people": int(count), "bits": [(float(bits), _shade(float(bits))) for bits in line]}
            for label, count, line in zip(encoding.row_labels(), people, table, strict=True)
            if count >= FEWEST_PEOPLE
        ]
        shown = sorted(levels, key=lambda level: -max(abs(bits) for bits, _ in level["bits"]))[:MOST_LEVELS]
        rows.append(
            {
                **{
                    "name": encoding.name,
                    "kind": encoding.kind,
                    "bits": gains.get(encoding.name, 0.0),
                    "filled": filled.get(encoding.name),
                },
                **{"levels": shown, "more": len(levels) - len(shown), "drift": drift.get(encoding.name)},
            }
        )
    return rows


def _shade(bits: float) -> int:
    return max(-2, min(2, round(2 * bits / STRONGEST)))
