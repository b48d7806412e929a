"""Questions asked by lot: good ones while a bank is learning, and pilots that have no table yet. Every draw has a known chance."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from adaptive.arrays import Bools, Floats, Ints

PILOT_SHARE = 0.1
"""Share of sessions in which one pilot question is asked, after the first question that counts."""


@dataclass(frozen=True, eq=False)
class RandomDraw:
    """What fate holds for B respondents: whether they `explore` and whether they get a pilot (`pilots`), both (B,) bool, and `draw`, (B,)
    a number from [0, 1) for the question that is to be chosen now.
    """

    explore: Bools
    pilots: Bools
    draw: Floats

    @classmethod
    def of(cls, seed: str, step: int, explore: float, futures: int = 1) -> "RandomDraw":
        """The lots of one session, for `futures` that differ only in an answer: the same seed and step always draw the same."""
        drawn = [_uniform(f"{seed}/{what}") for what in ("explore", "pilot", step)]
        return cls(np.full(futures, drawn[0] < explore), np.full(futures, drawn[1] < PILOT_SHARE), np.full(futures, drawn[2]))


def _uniform(seed: str) -> float:
    return int.from_bytes(blake2b(seed.encode(), digest_size=7).digest()) / 2**56


def draw_by_score(scores: Floats, good: Bools, draw: Floats) -> tuple[Ints, Floats]:
    """(B,) questions drawn with a chance in proportion to their score among the `good`, and that chance; -1 where nothing is good.

    >>> question, chance = draw_good(np.array([[3., 9., 1.]]), np.array([[True, False, True]]), np.array([.8]))
    >>> int(question[0]), float(chance[0])
    (2, 0.25)
    """
    weight = np.where(good, scores, 0.0)
    total = weight.sum(axis=1)
    some = total > 0
    share = weight / np.where(some, total, 1.0)[:, None]
    # The last good question takes what rounding leaves.
    last = share.shape[1] - 1 - (share[:, ::-1] > 0).argmax(axis=1)
    chosen = np.minimum((share.cumsum(axis=1) <= draw[:, None]).sum(axis=1), last)
    return np.where(some, chosen, -1), np.where(some, share[np.arange(len(share)), chosen], 1.0)


def draw_pilot(pilots: Bools, draw: Floats) -> tuple[Ints, Floats]:
    """(B,) one of the (B, Q) `pilots`, each as likely as the other, and the chance that it is asked at all; -1 where there is none."""
    chosen, share = draw_by_score(np.ones(pilots.shape), pilots, draw)
    return chosen, np.where(chosen >= 0, share * PILOT_SHARE, 1.0)
