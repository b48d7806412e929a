"""What a mailing changes: contacts who got it against those whom a lot held out, by stage, by persona, and in money."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from scipy.special import stdtrit

from adaptive.estimation.estimate import estimate_rates
from adaptive.estimation.figures import FEWEST_PEOPLE, Figure
from question_bank.definitions import Bank
from survey_service.figures.cells import NO_CHANNEL, Cells, Person, Place, week_of
from survey_service.figures.journeys import Happened, reached_by
from survey_service.figures.sums import KpiQuery, Snapshot, rounded, views

SUBJECT = "campaign"
CONTACTED, HELD_OUT = ARMS = ("contacted", "held_out")
Z = 1.959964


@dataclass
class Arm:
    """Contacts of one arm whose days are over: how many, how many reached the stage, and sums of what it was worth to each of them."""

    people: int = 0
    reached: int = 0
    value: float = 0.0
    square: float = 0.0

    def add(self, reached: bool, value: float) -> None:
        self.people += 1
        self.reached += reached
        self.value += value
        self.square += value**2


@dataclass
class Outcomes:
    """The arms of a campaign for one stage ("journey/stage"), and the currencies of its values."""

    arms: dict[str, Arm] = field(default_factory=lambda: {arm: Arm() for arm in ARMS})
    currencies: set[str] = field(default_factory=set)

    def as_json(self) -> dict[str, Any]:
        return {"arms": {name: asdict(arm) for name, arm in self.arms.items()}, "currencies": sorted(self.currencies)}


def add_lot(
    cells: Cells, outcomes: dict[tuple[str, str], Outcomes], bank: Bank, lot: "Lot", events: Sequence[Happened], now: datetime
) -> None:
    """Add what a contact of a campaign did within the days of each journey after the lot, whether it got the mailing or not."""
    for journey in bank.journeys:
        end = lot.at + timedelta(days=journey.within_days)
        if end > now:
            continue
        amounts = {}
        for stage in journey.stages:
            hits = [hit for hit in reached_by(stage, events, now) if lot.at < hit.at <= end]
            found = outcomes.setdefault((lot.campaign, f"{journey.id}/{stage.id}"), Outcomes())
            found.arms[lot.arm].add(bool(hits), sum(hit.value or 0.0 for hit in hits))
            found.currencies |= {hit.currency for hit in hits if hit.value is not None and hit.currency is not None}
            place = Place(f"{SUBJECT}/{lot.campaign}", f"{lot.arm}/{journey.id}/{stage.id}", week_of(lot.at), NO_CHANNEL)
            amounts[place] = (float(bool(hits)), 1.0)
        cells.add(lot.person, amounts)


@dataclass(frozen=True, eq=False)
class Lot:
    """The lot of a contact in a campaign, and who it is by what it had answered before."""

    campaign: str
    is_held_out: bool
    at: datetime
    person: Person

    @property
    def arm(self) -> str:
        return HELD_OUT if self.is_held_out else CONTACTED


def campaign_views(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return the effect of each campaign on each stage: the share among those who got the mailing less that among those held out."""
    found = []
    for campaign in snapshot.row.facts.get("campaigns", ()):
        stages = [
            {
                "stage": f"{journey.id}/{stage.id}",
                "effect": _effect(campaign["outcomes"].get(f"{journey.id}/{stage.id}")),
                "personas": views(_by_persona(snapshot, campaign["id"], f"{journey.id}/{stage.id}")),
                "return_on_investment": _return(campaign, campaign["outcomes"].get(f"{journey.id}/{stage.id}")),
            }
            for journey in snapshot.bank.journeys
            for stage in journey.stages
        ]
        found.append({name: campaign[name] for name in ("id", "survey", "share", "cost", "currency")} | {"stages": stages})
    return found


def _effect(outcome: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the difference of proportions with its 95 % interval (Newcombe, 1998, method 10), None for too few in one arm."""
    if outcome is None or min(arm["people"] for arm in outcome["arms"].values()) < FEWEST_PEOPLE:
        return None
    contacted, held_out = (outcome["arms"][arm] for arm in ARMS)
    first, second = (_wilson(arm["reached"], arm["people"]) for arm in (contacted, held_out))
    value, low, high = difference_of(first, second)
    people = {arm: outcome["arms"][arm]["people"] for arm in ARMS}
    return rounded({"value": value, "low": low, "high": high}) | people


def _wilson(count: int, people: int) -> tuple[float, float, float]:
    """Return a share and its 95 % interval (Wilson, 1927)."""
    share, spread = count / people, Z**2 / people
    centre = (share + spread / 2) / (1 + spread)
    half = Z * np.sqrt(share * (1 - share) / people + spread / (4 * people)) / (1 + spread)
    return share, float(centre - half), float(centre + half)


def difference_of(first: tuple[float, float, float], second: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return the difference of two independent estimates with its interval, from theirs, each (value, low, high): Newcombe (1998).

    >>> tuple(round(end, 4) for end in difference_of(_wilson(56, 70), _wilson(48, 80)))
    (0.2, 0.0524, 0.3339)
    """
    (a, a_low, a_high), (b, b_low, b_high) = first, second
    return a - b, a - b - float(np.hypot(a - a_low, b_high - b)), a - b + float(np.hypot(a_high - a, b - b_low))


def _by_persona(snapshot: Snapshot, campaign: str, stage: str) -> list[Figure]:
    """Return the effect on each persona, where both arms have enough people."""
    arms = []
    for arm in ARMS:
        measure = snapshot.measure(f"{SUBJECT}/{campaign}", f"{arm}/{stage}", is_rate=True)
        arms.append(measure.figures(KpiQuery(), lambda moments: estimate_rates(moments, snapshot.personas, snapshot.confusion)))
    return [_difference(*pair) for pair in zip(*arms, strict=True)]


def _difference(first: Figure, second: Figure) -> Figure:
    small = min(first, second, key=lambda figure: figure.n_eff)
    figure = replace(small, people=min(first.people, second.people))
    ends = [_ends(item) for item in (first, second)]
    if ends[0] is None or ends[1] is None:
        return figure.hidden()
    value, low, high = difference_of(ends[0], ends[1])
    state = first.state if first.state == "uncertain" else second.state
    return replace(figure, value=value, low=low, high=high, state=state)


def _ends(figure: Figure) -> tuple[float, float, float] | None:
    if figure.value is None or figure.low is None or figure.high is None:
        return None
    return figure.value, figure.low, figure.high


def _return(campaign: Mapping[str, Any], outcome: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what a unit of cost brings back, less itself, with its 95 % interval (Welch, 1947). None without cost, value or people."""
    cost = campaign["cost"]
    if cost is None or outcome is None or outcome["currencies"] != [campaign["currency"]]:
        return None
    arms = [outcome["arms"][arm] for arm in ARMS]
    if min(arm["people"] for arm in arms) < FEWEST_PEOPLE or not sum(arm["reached"] for arm in arms) >= FEWEST_PEOPLE:
        return None
    means = [arm["value"] / arm["people"] for arm in arms]
    errors = [max(arm["square"] / arm["people"] - mean**2, 0.0) / (arm["people"] - 1) for arm, mean in zip(arms, means, strict=True)]
    gain, variance = means[0] - means[1], sum(errors)
    if variance <= 0:
        return None
    freedom = variance**2 / sum(error**2 / (arm["people"] - 1) for arm, error in zip(arms, errors, strict=True))
    half = float(stdtrit(freedom, 0.975)) * float(np.sqrt(variance))
    ends = {"value": gain, "low": gain - half, "high": gain + half}
    return rounded({name: end / cost - 1 for name, end in ends.items()})
