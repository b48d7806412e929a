"""Figures per persona of a made company whose truth is known, through the whole path of the product except its database.

    OMP_NUM_THREADS=1 PYTHONPATH=. .venv/bin/python -P benchmarks/company.py [--seeds 20] [--contacts 20000] [--shuffled] [--jobs 2]

Four personas. Contacts have attributes, journeys, visits, orders and scores; a tenth of them answers, some personas more often than others.
`add_member` adds their `Member`s, and `kpi_report` reads the snapshot. Beliefs are posteriors under the tables that the answers were drawn
from. The bounds are those of 200 seeds; a seed of 20,000 contacts costs 13 s of CPU, and 8 s with `--shuffled`.

Truth of each line:

- *without probes*, share, rates, visits, leads, quotes and value: all contacts, if the silent were like respondents with the same
  attributes. A contact counts with P(its persona | attributes, answered) / P(its persona | attributes).
- *without probes*, days and barometer: respondents. Both depend on the persona only, so this is the truth of the persona in the base.
- *without probes*, "share of respondents": the same figure against the personas of respondents alone, the other way to read "among people
  who answered".
- *with 120 probes* among the silent: all contacts who can be asked, respondents and silent, unweighted. A figure that too few probes are
  behind is about respondents, as its `population` says, and has the truth without probes.

The oracle is the same estimator with the true personas of those who answered. Wald counts those who answered as their likeliest persona.
"""

import argparse
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from multiprocessing import get_context
from typing import Any

import numpy as np

from adaptive.arrays import Bools, Floats, Ints
from benchmarks.intake import SHIPPED
from question_bank.definitions import Bank
from question_bank.files.load import read_bank
from survey_service.figures.cells import Cells, Person, Place
from survey_service.figures.journeys import Happened, without_refunds
from survey_service.figures.kpi import kpi_report
from survey_service.figures.measures import add_member
from survey_service.figures.people import Member, circles_of
from survey_service.figures.sums import KpiQuery, snapshot_of
from survey_service.store.tables.figures import FigureSnapshot

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SHARES = np.array([0.4, 0.3, 0.2, 0.1])
K = len(SHARES)
RESPONSE = np.array([0.08, 0.13, 0.06, 0.17])
"""P(answers | persona): a tenth of all."""
REACHABLE = np.array([0.92, 0.9, 0.85, 0.95])
PROBES = 120
ATTRIBUTES, QUESTIONS, LEVELS = 3, 4, 4
CLARITY = 0.55
"""Part of the answers that name the persona, the others being drawn at random: those who answer are then known with .86 on average."""
ENTERS = np.array([0.5, 0.6, 0.7, 0.6])
ASKS = np.array([0.25, 0.4, 0.5, 0.6])
ORDERS = np.array([0.3, 0.4, 0.5, 0.65])
SHIFT = np.array([-0.08, -0.03, 0.03, 0.08])
"""What the first attribute adds to rates beside the persona."""
DAYS = np.array([10.0, 7.0, 5.0, 3.0])
VALUES = np.array([15.0, 18.0, 25.0, 30.0])
BOUNCES = np.array([0.5, 0.4, 0.3, 0.2])
ABANDONS = np.array([0.7, 0.6, 0.5, 0.3])
SCORES = np.array([3.2, 3.6, 4.0, 4.4])
CHANNELS = (None, "email", "agent")
WORDS = ("slow delivery", "noisy engine", "expensive repair", "dull colours")
SAME_VISIT, DAY = timedelta(minutes=2), timedelta(days=1)
KINDS = (
    *("share", "share of respondents", "rate from first", "rate from previous", "basket abandoned"),
    *("visits", "lead", "quotes won", "value", "median days", "barometer mean"),
)
Z, HELD, WIDTH = 1.959964, 0.92, 1.5


@dataclass(frozen=True, eq=False)
class Company:
    """N contacts and what they do. Times are days, outcomes are kept with their denominators."""

    who: Ints
    like_respondents: Floats
    attributed: Floats
    answered: Floats
    is_respondent: Bools
    is_probe: Bools
    is_reachable: Bools
    start: Floats
    enters: Bools
    asks: Bools
    asked_after: Floats
    orders: Bools
    ordered_after: Floats
    value: Floats
    visits: Ints
    bounces: Ints
    has_basket: Bools
    abandons: Bools
    is_served: Bools
    score: Floats
    scores: Bools
    channel: Ints

    def ratios(self) -> dict[str, list[tuple[Floats, Floats]]]:
        """Return the (N,) outcomes and denominators behind each kind of figure, in the order of `figures_of`."""
        ended = self.enters & (self.start >= 60)
        asked = self.asks & (self.start >= self.asked_after)
        ordered = self.orders & (self.start >= self.asked_after + self.ordered_after)
        buys = self.has_basket & ~self.abandons
        visits = self.visits + self.enters + asked + ordered + self.has_basket + self.is_served.astype(int)
        old = self.start >= self.asked_after + 30
        lead = self.is_reachable & (self.start >= 30)
        pairs = {
            "rate from first": [(self.asks & ended, ended), (self.orders & ended, ended)],
            "rate from previous": [(self.orders & ended, self.asks & ended)],
            "basket abandoned": [(self.abandons & self.has_basket, self.has_basket)],
            "visits": [(self.bounces, visits), (ordered.astype(int) + buys, visits)],
            "lead": [(self.asks & lead, lead)],
            "quotes won": [(ordered & old & asked, asked & old)],
            "value": [(self.value * (self.orders & ended), self.orders & ended)],
            "barometer mean": [(self.score * self.is_served, self.is_served)],
        }
        return {kind: [(y.astype(float), d.astype(float)) for y, d in found] for kind, found in pairs.items()}

    def days(self) -> list[Floats]:
        """Return the (N,) days to the quote and from there to the order, NaN where they are not known."""
        ended = self.enters & (self.start >= 60)
        return [
            np.where(ended & self.asks, self.asked_after, np.nan),
            np.where(ended & self.orders, self.ordered_after, np.nan),
        ]


def draw(rng: np.random.Generator, rows: Floats) -> Ints:
    """Return one index for each of (n, L) rows of probabilities."""
    drawn: Ints = (rng.random(len(rows))[:, None] > rows.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return drawn


def observed(rng: np.random.Generator, who: Ints, number: int, clarity: float) -> tuple[Floats, Ints]:
    """Return the (n, K) likelihood of `number` drawn answers with four options each, and the first of them."""
    logs, first = np.zeros((len(who), K)), np.zeros(len(who), dtype=int)
    for question in range(number):
        table = np.roll(np.eye(K), question, axis=1) * clarity + (1 - clarity) / LEVELS
        given = draw(rng, table[who])
        logs += np.log(table[:, given].T)
        first = given if question == 0 else first
    return np.exp(logs), first


def posterior(prior: Floats, likelihood: Floats) -> Floats:
    joint = prior * likelihood
    belief: Floats = joint / joint.sum(axis=1, keepdims=True)
    return belief


def draw_company(seed: int, N: int, clarity: float = CLARITY, *, one_prior: bool = False) -> Company:
    """Return a company of N contacts, of whose answers the part `clarity` names the persona and the rest is drawn at random.

    Attributed beliefs are P(persona | attributes, answered), which is what a model that is fitted to respondents tells. The prior of
    beliefs from answers is that of those who answered in the same way, of their own accord or as a probe; with `one_prior` it is that of
    respondents for all, as the single prior of a bank.
    """
    rng = np.random.default_rng(seed)
    who = rng.choice(K, N, p=SHARES)
    by_attributes, level = observed(rng, who, ATTRIBUTES, 0.3)
    by_answers, _ = observed(rng, who, QUESTIONS, clarity)
    reachable = rng.random(N) < REACHABLE[who]
    responds = reachable & (rng.random(N) < (RESPONSE / REACHABLE)[who])
    probed = np.zeros(N, dtype=bool)
    probed[rng.choice(np.flatnonzero(reachable & ~responds), PROBES, replace=False)] = True
    prior = np.where(probed[:, None] & (not one_prior), SHARES * (REACHABLE - RESPONSE), SHARES * RESPONSE)
    attributed = posterior(SHARES * RESPONSE, by_attributes)
    weight = np.take_along_axis(attributed / posterior(SHARES, by_attributes), who[:, None], axis=1)[:, 0]
    enters = rng.random(N) < ENTERS[who]
    asks = enters & (rng.random(N) < ASKS[who] + SHIFT[level])
    visits = 1 + rng.poisson(1.0 + 0.5 * who)
    often = rng.beta(5 * BOUNCES[who], 5 * (1 - BOUNCES[who]))
    return Company(
        who,
        weight,
        attributed,
        posterior(prior, by_answers),
        responds,
        probed,
        reachable,
        rng.uniform(5, 330, N),
        enters,
        asks,
        np.minimum(DAYS[who] * np.exp(rng.normal(0, 0.6, N)), 29),
        asks & (rng.random(N) < ORDERS[who] + SHIFT[level]),
        np.minimum(0.8 * DAYS[who] * np.exp(rng.normal(0, 0.6, N)), 29),
        1000 * VALUES[who] * np.exp(rng.normal(0, 0.5, N)),
        visits,
        rng.binomial(visits, often),
        rng.random(N) < 0.3,
        rng.random(N) < ABANDONS[who],
        rng.random(N) < 0.6,
        np.clip(np.round(SCORES[who] + rng.normal(0, 1, N)), 1, 5),
        rng.random(N) < 0.8,
        draw(rng, np.array([[0.6, 0.3, 0.1], [0.5, 0.2, 0.3], [0.7, 0.2, 0.1], [0.3, 0.3, 0.4]])[who]),
    )


def events_of(company: Company, row: int) -> Iterator[Happened]:
    """Yield what a contact did, also what lies in the future."""
    start, channel = NOW - float(company.start[row]) * DAY, CHANNELS[company.channel[row]]
    for visit in range(int(company.visits[row])):
        at = start - (40 + 70 * visit / company.visits[row]) * DAY
        yield Happened(at, "page", path="/home", channel=channel)
        if visit >= company.bounces[row]:
            yield Happened(at + SAME_VISIT, "page", path="/models", channel=channel)
    if company.is_served[row]:
        yield Happened(start - 30 * DAY, "track", "Service Completed", channel=channel)
    if company.has_basket[row]:
        yield Happened(start - 20 * DAY, "track", "Product Added", channel=channel)
        if not company.abandons[row]:
            yield Happened(start - 20 * DAY + SAME_VISIT, "track", "Order Completed", channel=channel)
    if company.enters[row]:
        yield Happened(start, "page", path="/guide/a", channel=channel)
        yield Happened(start + SAME_VISIT, "page", path="/models", channel=channel)
    if company.asks[row]:
        asked, quote = start + float(company.asked_after[row]) * DAY, f"quote:{row}"
        yield Happened(asked, "track", "Quote Requested", channel=channel, subjects=frozenset([quote]))
        if company.orders[row]:
            at, subjects = asked + float(company.ordered_after[row]) * DAY, frozenset([quote, f"order:{row}"])
            yield Happened(at, "track", "Order Completed", None, channel, None, float(company.value[row]), "EUR", subjects)


def members_of(company: Company) -> list[Member]:
    """Return the contacts without beliefs. Texts are those that each would write."""
    found = []
    for row, who in enumerate(company.who):
        start = NOW - float(company.start[row]) * DAY
        events = without_refunds([event for event in events_of(company, row) if event.at <= NOW])
        given = [(start - 28 * DAY, float(company.score[row]))] if company.is_served[row] and company.scores[row] else []
        since = start if company.is_reachable[row] else None
        found.append(Member(str(row), since, events, {"satisfaction": given}, {"complaint": WORDS[who]}))
    return found


def people_in(company: Company, *, probes: bool, known: bool = False) -> list[Person]:
    """Return the contacts as figures see them. `known` is the oracle: the personas of those who answered are known."""
    answers = company.is_respondent | (company.is_probe & probes)
    beliefs = np.eye(K)[company.who] if known else company.answered
    weight = float((company.is_reachable & ~company.is_respondent).sum() / PROBES)
    rows = zip(company.attributed, beliefs, answers, company.is_probe & probes, company.is_reachable, strict=True)
    return [
        Person(attributed, belief if answered else None, bool(probe), weight if probe else 1.0, bool(reachable))
        for attributed, belief, answered, probe, reachable in rows
    ]


def shuffled(rng: np.random.Generator, people: Sequence[Person]) -> list[Person]:
    """Return the people with beliefs of others who answered in the same way, or did not."""
    groups: defaultdict[tuple[bool, bool, bool], list[int]] = defaultdict(list)
    for row, person in enumerate(people):
        groups[person.answered is not None, person.is_probe, person.is_reachable].append(row)
    found = list(people)
    for rows in groups.values():
        for row, other in zip(rows, rng.permutation(rows), strict=True):
            found[row] = people[other]
    return found


@dataclass(frozen=True, eq=False)
class Seen(Person):
    """A contact as each of several reports sees it."""

    views: tuple[Person, ...] = ()


@dataclass
class SharedCells(Cells):
    """Cells that pass what a contact did to those of several reports, so that its events are read once."""

    parts: tuple[Cells, ...] = ()

    def add(self, person: Person, amounts: Mapping[Place, tuple[float, float]]) -> None:
        for cells, view in self._views(person):
            cells.add(view, amounts)

    def add_values(self, person: Person, values: Mapping[Place, Sequence[float]]) -> None:
        for cells, view in self._views(person):
            cells.add_values(view, values)

    def add_text(self, question: str, text: str, person: Person) -> None:
        for cells, view in self._views(person):
            cells.add_text(question, text, view)

    def _views(self, person: Person) -> Iterator[tuple[Cells, Person]]:
        assert isinstance(person, Seen)
        return zip(self.parts, person.views, strict=True)


def reports_of(bank: Bank, members: Sequence[Member], rounds: Sequence[Sequence[Person]]) -> list[dict[str, Any]]:
    """Return a report for each round, which says how all contacts are seen."""
    cells, circles = SharedCells(K, parts=tuple(Cells(K) for _ in rounds)), circles_of(bank)
    for member, views in zip(members, zip(*rounds, strict=True), strict=True):
        add_member(cells, bank, replace(member, views=dict.fromkeys(circles, Seen(views[0].attributed, views=views))), NOW)
    names = [persona.id for persona in bank.personas]
    facts = {"contacts": len(members), "currencies": {"journey/purchase": ["EUR"]}}
    row = FigureSnapshot(bank=bank.id, day=NOW.date().isoformat(), bank_version=1, personas=names, facts=facts)
    return [kpi_report(snapshot_of(row, bank, part), KpiQuery()) for part in cells.parts]


def figures_of(report: Mapping[str, Any]) -> dict[str, list[list[dict[str, Any]]]]:
    """Return the figures of each kind in a report, each a list with one of every persona."""
    purchase, basket = (
        next(journey for journey in report["journeys"] if journey["id"] == name)["stages"] for name in ("purchase", "basket")
    )
    rates = report["rates"]
    return {
        "share": [report["shares"]],
        "rate from first": [purchase[1]["from_first"], purchase[2]["from_first"]],
        "rate from previous": [purchase[2]["from_previous"]],
        "basket abandoned": [basket[1]["from_first"]],
        "visits": [rates["bounce"], rates["purchase"]],
        "lead": [rates["lead"]],
        "quotes won": [rates["quote_won"]],
        "value": [purchase[2]["value"]],
        "median days": [purchase[1]["days"], purchase[2]["days"]],
        "barometer mean": [report["barometers"][0]["figures"]],
    }


def truths(company: Company, *, probes: bool) -> dict[str, list[Floats]]:
    """Return the (K,) true values of each figure: see the top of this module."""
    own = np.eye(K)[company.who]
    weights = company.is_reachable.astype(float) if probes else company.like_respondents
    found = {
        kind: [(weights * y) @ own / ((weights * d) @ own) for y, d in pairs]
        for kind, pairs in company.ratios().items()
        if kind != "barometer mean"
    }
    found["share"] = [weights @ own / weights.sum()]
    base = company.is_reachable if probes else np.ones(len(own), dtype=bool)
    found["barometer mean"] = [(base * y) @ own / ((base * d) @ own) for y, d in company.ratios()["barometer mean"]]
    found["median days"] = [
        np.array([np.median(days[base & (company.who == k) & ~np.isnan(days)]) for k in range(K)]) for days in company.days()
    ]
    if not probes:
        found["share of respondents"] = [SHARES * RESPONSE / (SHARES @ RESPONSE)]
    return found


def wald_intervals(company: Company, *, probes: bool) -> dict[str, list[tuple[Floats, Floats]]]:
    """Return both (K,) ends of each interval of those who answered, counted as their likeliest persona."""
    rows = company.is_respondent | (company.is_probe & probes)
    own = np.eye(K)[company.answered[rows].argmax(axis=1)]
    pairs = {kind: [(y[rows], d[rows]) for y, d in found] for kind, found in company.ratios().items()}
    pairs["barometer mean"] = [(y * company.scores[rows], d * company.scores[rows]) for y, d in pairs["barometer mean"]]
    found = {kind: [_wald(y[:, None] * own, d[:, None] * own) for y, d in of_kind] for kind, of_kind in pairs.items()}
    found["share"] = found["share of respondents"] = [_wald(own, np.ones_like(own))]
    return found


def _wald(y: Floats, d: Floats) -> tuple[Floats, Floats]:
    ratio = y.sum(axis=0) / d.sum(axis=0)
    half = Z * np.sqrt(((y - ratio * d) ** 2).sum(axis=0)) / d.sum(axis=0)
    return ratio - half, ratio + half


@dataclass(frozen=True)
class Shown:
    """A figure that was shown: whether its interval held the truth, and sizes relative to the truth. `of` names it and its persona."""

    of: tuple[int, int]
    held: bool
    width: float
    oracle_width: float
    error: float
    n_eff: float


@dataclass
class Tally:
    """What intervals held, how wide they were and how far values lay from the truth, by kind of figure."""

    rows: defaultdict[str, list[Shown]] = field(default_factory=partial(defaultdict, list))
    wald: defaultdict[str, list[bool]] = field(default_factory=partial(defaultdict, list))
    hidden: defaultdict[str, int] = field(default_factory=partial(defaultdict, int))

    def extend(self, more: "Tally") -> None:
        """Add what another tally has counted."""
        for kind, rows in more.rows.items():
            self.rows[kind] += rows
        for kind, held in more.wald.items():
            self.wald[kind] += held
        for kind, count in more.hidden.items():
            self.hidden[kind] += count

    def add(self, company: Company, report: Mapping[str, Any], oracle: Mapping[str, Any], *, probes: bool) -> None:
        ours, best = figures_of(report), figures_of(oracle)
        wald, of_respondents = wald_intervals(company, probes=probes), truths(company, probes=False)
        for kind, every in truths(company, probes=probes).items():
            name = "share" if kind == "share of respondents" else kind
            for number, k in product(range(len(every)), range(K)):
                figure, other = ours[name][number][k], best[name][number][k]
                if kind in wald:
                    low, high = wald[kind][number]
                    self.wald[kind].append(bool(low[k] <= every[number][k] <= high[k]))
                if figure["value"] is None:
                    self.hidden[kind] += 1
                    continue
                truth = float((every if figure["population"] == "everyone" else of_respondents[kind])[number][k])
                held = figure["low"] <= truth <= figure["high"]
                wide, of_oracle = (np.nan if view["value"] is None else (view["high"] - view["low"]) / truth for view in (figure, other))
                self.rows[kind].append(Shown((number, k), held, wide, of_oracle, figure["value"] / truth - 1, figure["n_eff"]))

    def print(self, title: str) -> None:
        """Print a line for each kind. The bias is the mean size of the mean error of a figure of a persona, relative to its truth."""
        columns = ("held >= .92", "width <= 1.5", "bias", "Wald held", "n_eff", "figures", "hidden")
        print(f"\n{title}\n{'':<22}" + "".join(f"{column:>14}" for column in columns))
        for kind in KINDS:
            if not (rows := self.rows[kind]):
                continue
            held = float(np.mean([row.held for row in rows]))
            both = [(row.width, row.oracle_width) for row in rows if not np.isnan(row.oracle_width)]
            width = float(np.median([ours / oracle for ours, oracle in both])) if both else float("nan")
            errors: defaultdict[tuple[int, int], list[float]] = defaultdict(list)
            for row in rows:
                errors[row.of].append(row.error)
            bias = np.mean([abs(np.mean(of_figure)) for of_figure in errors.values()])
            cells = [
                f"{held:.3f}{' ' if held >= HELD else '!'}",
                f"{width:.2f}{'!' if width > WIDTH else ' '}",
                f"{bias:.1%}",
                f"{np.mean(self.wald[kind]):.3f}" if self.wald[kind] else "",
                f"{np.median([row.n_eff for row in rows]):.0f}",
                *(str(len(rows)), str(self.hidden[kind])),
            ]
            print(f"{kind:<22}" + "".join(f"{cell:>14}" for cell in cells))


@dataclass(frozen=True)
class Seed:
    """What one seed gives: the tallies without and with probes, or with shuffled beliefs whether each report found anything."""

    tallies: tuple[Tally, Tally]
    stated: list[bool]


def run_seed(bank: Bank, options: argparse.Namespace, seed: int) -> Seed:
    """Draw the company of a seed, and tally its reports."""
    company = draw_company(seed, options.contacts, options.clarity, one_prior=options.one_prior)
    members = members_of(company)
    people = [people_in(company, probes=probes) for probes in (False, True)]
    tallies = Tally(), Tally()
    if options.shuffled:
        reports = reports_of(bank, members, [shuffled(np.random.default_rng(seed), seen) for seen in people])
        return Seed(tallies, [bool(report["findings"]) for report in reports])
    reports = reports_of(bank, members, [*people, *(people_in(company, probes=probes, known=True) for probes in (False, True))])
    for probes, tally in enumerate(tallies):
        tally.add(company, reports[probes], reports[probes + 2], probes=bool(probes))
    return Seed(tallies, [])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--contacts", type=int, default=20_000)
    parser.add_argument("--clarity", type=float, default=CLARITY, help="part of the answers that name the persona")
    parser.add_argument("--shuffled", action="store_true", help="only the reports whose beliefs belong to others")
    parser.add_argument("--one-prior", action="store_true", help="beliefs of probes start from the prior of respondents, as in a bank")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    bank, tallies = read_bank(SHIPPED.read_bytes()), (Tally(), Tally())
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        seeds = list(pool.map(partial(run_seed, bank, options), range(options.seeds)))
    if options.shuffled:
        stated = [found for seed in seeds for found in seed.stated]
        print(f"reports with a finding, shuffled     {np.mean(stated):8.3f}  <= .05   ({len(stated)} reports)")
        return
    for seed in seeds:
        for tally, more in zip(tallies, seed.tallies, strict=True):
            tally.extend(more)
    tallies[0].print("without probes: as if the silent were like respondents with the same attributes")
    tallies[1].print(f"with {PROBES} probes: everyone who can be asked")


if __name__ == "__main__":
    main()
