"""Which weeks and channels of a figure may be shown, so that no report tells of few people, and neither do two of them together.

Weeks are joined to blocks, for each persona, until every listed channel of a block has enough people. A figure is shown where its weeks are
whole blocks. Every shown figure is then a sum of blocks and channels that could be shown each by itself, and so is any difference of two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from adaptive.arrays import Floats
from adaptive.estimation.figures import FEWEST_PEOPLE, UNCERTAIN_FROM
from survey_service.figures.cells import OTHER


@dataclass(frozen=True, eq=False)
class Crowd:
    """The people behind a cell, each (K,): how many have the persona as their likeliest, how many of them have some and all of the outcome,
    and the sums of weights and of their squares. Crowds of disjoint cells add up.
    """

    top: Floats
    some: Floats
    full: Floats
    weight: Floats
    weight_squared: Floats

    def __add__(self, other: "Crowd") -> "Crowd":
        return Crowd(*(own + further for own, further in zip(vars(self).values(), vars(other).values(), strict=True)))

    @classmethod
    def none(cls, personas: int) -> "Crowd":
        return cls(*(np.zeros(personas) for _ in range(5)))

    def is_enough(self, persona: int, *, is_rate: bool) -> bool:
        """Whether a figure of the persona may be shown: enough people, of whom neither all nor none have the outcome of a rate."""
        top, squared = self.top[persona], self.weight_squared[persona]
        effective = self.weight[persona] ** 2 / squared if squared else 0.0
        varies = not is_rate or (self.some[persona] > 0 and self.full[persona] < top)
        return bool(top >= FEWEST_PEOPLE and effective >= UNCERTAIN_FROM and varies)


@dataclass(frozen=True)
class Blocks:
    """For one persona: the listed channels, the first weeks of its blocks, and the week after the last one. No block, no figure."""

    channels: tuple[str, ...]
    starts: tuple[str, ...]

    def allow(self, first: str | None, after: str | None, channel: str | None) -> bool:
        """Whether figures of the weeks from `first` to before `after` may be shown; None is the beginning, or the end."""
        if not self.starts or (channel is not None and channel not in self.channels):
            return False
        return all(edge is None or edge in self.starts for edge in (first, after)) and (first is None or after is None or first < after)


def blocks_of(crowds: Mapping[tuple[str, str], Crowd], persona: int, *, is_rate: bool) -> Blocks:
    """Return the blocks of a persona, from the crowds by week and listed channel."""
    weeks = sorted({week for week, _ in crowds})
    channels = _enough_channels(crowds, persona, is_rate=is_rate)
    if not channels:
        return Blocks((), ())
    starts: list[str] = []
    nothing = {channel: Crowd.none(_personas(crowds)) for channel in set(channels.values())}
    open_from, collected = weeks[0], dict(nothing)
    for number, week in enumerate(weeks):
        for channel, shown in channels.items():
            if (week, channel) in crowds:
                collected[shown] = collected[shown] + crowds[week, channel]
        if all(crowd.is_enough(persona, is_rate=is_rate) for crowd in collected.values()):
            starts.append(open_from)
            collected = dict(nothing)
            open_from = weeks[number + 1] if number + 1 < len(weeks) else open_from
    return Blocks(tuple(sorted(set(channels.values()))), tuple(starts))


def _enough_channels(crowds: Mapping[tuple[str, str], Crowd], persona: int, *, is_rate: bool) -> dict[str, str]:
    """Return under which name each channel counts for a persona: those with too few people are joined; empty where all have too few."""
    totals: dict[str, Crowd] = {}
    for (_, channel), crowd in crowds.items():
        totals[channel] = totals[channel] + crowd if channel in totals else crowd
    shown = {channel: channel if totals[channel].is_enough(persona, is_rate=is_rate) else OTHER for channel in totals}
    while OTHER in shown.values():
        others = [channel for channel, name in shown.items() if name == OTHER]
        if _sum([totals[channel] for channel in others]).is_enough(persona, is_rate=is_rate):
            break
        listed = [channel for channel, name in shown.items() if name != OTHER]
        if not listed:
            return {}
        shown[min(listed, key=lambda channel: totals[channel].top[persona])] = OTHER
    return shown


def _sum(crowds: Sequence[Crowd]) -> Crowd:
    total = crowds[0]
    for crowd in crowds[1:]:
        total = total + crowd
    return total


def _personas(crowds: Mapping[tuple[str, str], Crowd]) -> int:
    return len(next(iter(crowds.values())).top)
