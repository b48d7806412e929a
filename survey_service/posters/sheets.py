"""What is known of each persona of a bank, as plain values: what its author wrote, what was measured, and what is simulated.

A measured figure is shown from an effective number of 20 people on, always with its interval. Where an answer is not measured yet, the
table of the bank stands in, and says so.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import rel_entr
from sqlmodel import Session

from adaptive.likelihood import Choice, MultipleChoice
from question_bank.compile import CompiledBank
from question_bank.definitions import Bank, Persona, Question, in_language
from survey_service.banks.publishing import get_version
from survey_service.banks.simulation import promise
from survey_service.errors import DiscernError, NotFound
from survey_service.figures.kpi import kpi_report
from survey_service.figures.sums import KpiQuery, read_snapshot
from survey_service.reviews.quotes import QuotesQuery, quotes_page
from survey_service.store.banks import Banks

MOST_TRAITS = 5
MOST_PETALS = 20
QUOTES_READ = 200
IMAGE = re.compile(r"data:image/(?:png|jpeg|webp);base64,[A-Za-z0-9+/]+={0,2}")
LARGEST_IMAGE = 200_000
"""Characters of a persona's image, written as a data URI: about 150 kB of picture."""


@dataclass(frozen=True)
class Trait:
    """How many of a persona give an answer: `value` with its interval where it was measured, else the share that the bank says.

    `everybody` is the share of all personas together. `bits` is by how much the answer tells the persona apart under the tables of the
    bank: the Kullback-Leibler divergence of the persona's answer from that of all. Measured shares would rank by chance as well.
    """

    question: str
    outcome: str
    text: str
    asked: str
    value: float
    low: float | None
    high: float | None
    everybody: float
    bits: float

    @property
    def is_measured(self) -> bool:
        return self.low is not None

    @property
    def stands_out(self) -> bool:
        """Whether the persona gives the answer more often than all together, beyond chance where it was measured."""
        return (self.value if self.low is None else self.low) > self.everybody


@dataclass(frozen=True)
class Kpi:
    """A measured figure of a persona; `value` is None where too few people are behind it.

    `kind` is share, nps or mean; a mean of a scale has the words at its `ends`, by their points.
    """

    text: str
    kind: str
    value: float | None
    low: float | None
    high: float | None
    people: int
    ends: Mapping[int, str]


@dataclass(frozen=True)
class Sheet:
    """A persona. `share` is None where too few people answered; `questions` and `recall` are simulated, `mistaken_for` what it is else."""

    id: str
    place: int
    name: str
    description: str
    needs: str
    expectations: Mapping[str, float]
    channels: Mapping[str, float]
    image: str | None
    prior: float
    share: Mapping[str, Any] | None
    traits: Sequence[Trait]
    petals: Sequence[Trait]
    kpis: Sequence[Kpi]
    quote: str | None
    questions: float | None = None
    recall: float | None = None
    mistaken_for: tuple[str, float] | None = None

    @property
    def shown_kpis(self) -> list[Kpi]:
        return [kpi for kpi in self.kpis if kpi.value is not None]


@dataclass(frozen=True)
class Sheets:
    """The personas of a bank, with the version of the bank and the day (UTC) of the figures, None before there are any."""

    bank: str
    title: str
    version: int
    day: str | None
    people: int
    is_everyone: bool
    personas: Sequence[Sheet]

    def one(self, persona: str) -> Sheet:
        """Return a persona. Raises NotFound."""
        for sheet in self.personas:
            if sheet.id == persona:
                return sheet
        raise NotFound(f'There is no persona "{persona}" in the bank "{self.bank}".')


def sheets_of(session: Session, banks: Banks, bank: str, language: str) -> Sheets:
    """Return what is known of the personas of the newest version of a bank, in a language. Raises NotFound."""
    compiled, version = banks.latest(session, bank)
    report = kpi_report(read_snapshot(session, banks, bank), KpiQuery())
    shares = {figure["persona"]: figure for figure in report["shares"] if figure["state"] == "shown"}
    found = _traits(compiled, report, shares, language)
    quotes = _quotes(session, banks, bank)
    simulated = _simulated(session, compiled.bank, version)
    names = {persona.id: _words(persona.name, compiled.bank, language) or persona.id for persona in compiled.bank.personas}
    petals = _petals(found, [persona.prior for persona in compiled.bank.personas])
    sheets = [
        _sheet(
            compiled.bank,
            persona,
            language,
            **{"place": place, "name": names[persona.id], "share": shares.get(persona.id)},
            traits=_best(found[place], {question.id for question in compiled.bank.questions if question.type != "multiple"}),
            petals=[found[place][number] for number in petals],
            kpis=_kpis(compiled.bank, report, persona.id, language),
            quote=quotes.get(persona.id),
            **_recognised(simulated.get(persona.id), names, persona.id),
        )
        for place, persona in enumerate(compiled.bank.personas)
    ]
    title = _words(compiled.bank.title, compiled.bank, language) or bank
    people = sum(figure["people"] for figure in report["shares"])
    return Sheets(bank, title, version, report["snapshot"], people, report["population"] == "everyone", sheets)


def image_of(given: str | None) -> str | None:
    """Return the image of a persona where it is part of the bank: nothing is ever fetched."""
    return given if given is not None and len(given) <= LARGEST_IMAGE and IMAGE.fullmatch(given) else None


def _sheet(bank: Bank, persona: Persona, language: str, **known: Any) -> Sheet:
    return Sheet(
        id=persona.id,
        description=_words(persona.description, bank, language) or "",
        needs=_words(persona.needs, bank, language) or "",
        expectations=persona.expectations,
        channels=dict(sorted(persona.channels.items(), key=lambda item: -item[1])),
        image=image_of(persona.image),
        prior=persona.prior,
        **known,
    )


def _words(text: Any, bank: Bank, language: str) -> str | None:
    return in_language(text, language, bank.language)


def _traits(compiled: CompiledBank, report: Mapping[str, Any], shares: Mapping[str, Any], language: str) -> list[list[Trait]]:
    """Return for each persona how many of it give each answer of the bank.

    All together are weighted by how many they are, and not counted: who is asked a question depends on earlier answers.
    """
    bank = compiled.bank
    measured = {(row["question"], row["option"]): row["figures"] for row in report.get("answers", ()) if row["option"] is not None}
    priors = np.array([persona.prior for persona in bank.personas])
    weights = np.array([shares[name]["value"] if name in shares else prior for name, prior in zip(compiled.personas, priors, strict=True)])
    found: list[list[Trait]] = [[] for _ in bank.personas]
    for question, table in zip(bank.questions, compiled.tables.questions, strict=True):
        if not isinstance(table, Choice | MultipleChoice) or question.pilot:
            continue
        chances = compiled.tables.by_persona(table.table if isinstance(table, Choice) else table.ticked)
        asked = _words(question.text, bank, language) or question.id
        for place, outcome in enumerate(question.outcomes):
            by_persona = {figure["persona"]: figure for figure in measured.get((question.id, outcome), ()) if figure["state"] == "shown"}
            table_share = float(priors @ chances[:, place])
            shares_now = [
                by_persona[name]["value"] if name in by_persona else chances[k, place] for k, name in enumerate(compiled.personas)
            ]
            everybody = float(np.average(shares_now, weights=weights))
            text = _outcome_text(question, outcome, bank, language)
            for k, persona in enumerate(compiled.personas):
                figure = by_persona.get(persona, {"value": float(chances[k, place]), "low": None, "high": None})
                known = figure["value"], figure["low"], figure["high"], everybody
                found[k].append(Trait(question.id, outcome, text, asked, *known, _bits(float(chances[k, place]), table_share)))
    return found


def _bits(own: float, everybody: float) -> float:
    """Return the Kullback-Leibler divergence of giving an answer with one probability from giving it with another, in bits.

    >>> round(_bits(0.5, 0.25), 3)
    0.208
    """
    both = (np.clip([share, 1 - share], 1e-6, 1.0) for share in (own, everybody))
    return float(rel_entr(*both).sum() / np.log(2))


def _outcome_text(question: Question, outcome: str, bank: Bank, language: str) -> str:
    for option in question.options:
        if option.id == outcome:
            return _words(option.text, bank, language) or outcome
    label = question.labels.get(int(outcome))
    return f"{outcome} ({_words(label, bank, language)})" if label else outcome


def _best(traits: Sequence[Trait], choices: set[str]) -> list[Trait]:
    """Return the answers that tell a persona apart best, one of each question that has one answer."""
    found: list[Trait] = []
    for trait in sorted(traits, key=lambda trait: -trait.bits):
        is_said = trait.question in choices and any(other.question == trait.question for other in found)
        if trait.stands_out and not is_said and len(found) < MOST_TRAITS:
            found.append(trait)
    return found


def _petals(found: Sequence[Sequence[Trait]], priors: Sequence[float]) -> list[int]:
    """Return the places of the answers that tell the personas apart best, in the order of the bank: they are the same for all personas."""
    bits = np.average([[trait.bits for trait in traits] for traits in found], axis=0, weights=priors) if found[0] else np.zeros(0)
    return sorted(np.argsort(-bits, kind="stable")[:MOST_PETALS].tolist())


def _kpis(bank: Bank, report: Mapping[str, Any], persona: str, language: str) -> list[Kpi]:
    """Return the figures of a persona: how far it comes on journeys, barometers, and its mean answer on scales."""
    found: list[tuple[str, str, Any, dict[int, str]]] = []
    titles = {journey.id: journey.title for journey in bank.journeys} | {barometer.id: barometer.title for barometer in bank.barometers}
    stages = {(journey.id, stage.id): stage.title for journey in bank.journeys for stage in journey.stages}
    for journey in report["journeys"]:
        last = journey["stages"][-1]
        names = [_words(text, bank, language) for text in (titles.get(journey["id"]), stages.get((journey["id"], last["id"])))]
        found.append((" – ".join(name for name in names if name) or journey["id"], "share", last["from_first"], {}))
    for barometer in report.get("barometers", ()):
        name = _words(titles.get(barometer["id"]), bank, language) or barometer["id"]
        found.append((name, barometer["kind"], barometer["figures"], {}))
    for row in report.get("answers", ()):
        question = bank.question_by_id.get(row["question"])
        if row["option"] is None and question is not None and question.type == "scale":
            ends = {
                int(end): _words(question.labels.get(int(end)), bank, language) or "" for end in (question.points[0], question.points[-1])
            }
            found.append((_words(question.text, bank, language) or question.id, "mean", row["figures"], ends))
    return [_kpi(name, kind, figure, ends) for name, kind, figures, ends in found for figure in figures if figure["persona"] == persona]


def _kpi(name: str, kind: str, figure: Mapping[str, Any], ends: Mapping[int, str]) -> Kpi:
    is_shown = figure["state"] == "shown"
    value, low, high = (figure[key] if is_shown else None for key in ("value", "low", "high"))
    return Kpi(name, kind, value, low, high, figure["people"], ends)


def _quotes(session: Session, banks: Banks, bank: str) -> dict[str, str]:
    """Return for each persona the newest approved quote of somebody who is probably of it, among the newest of all."""
    found: dict[str, str] = {}
    for quote in quotes_page(session, banks, QuotesQuery(bank, limit=QUOTES_READ))[0]:
        found.setdefault(quote["persona"], quote["text"])
    return found


def _simulated(session: Session, bank: Bank, version: int) -> dict[str, Mapping[str, Any]]:
    """Return what the simulation of the bank's first survey says of each persona, nothing where it cannot be simulated here."""
    if not bank.surveys:
        return {}
    try:
        found = promise(get_version(session, bank.id, version).source, bank.surveys[0].id)
    except DiscernError:
        return {}
    return {row["persona"]: row for row in found["personas"]}


def _recognised(row: Mapping[str, Any] | None, names: Mapping[str, str], persona: str) -> dict[str, Any]:
    if row is None or not row["share"]:
        return {}
    others = {name: share / row["share"] for name, share in row["stated_as"].items() if name != persona}
    most = max(others, key=lambda name: others[name])
    return {
        "questions": row["questions"],
        "recall": row["recall"],
        "mistaken_for": (names[most], others[most]) if round(100 * others[most]) else None,
    }
