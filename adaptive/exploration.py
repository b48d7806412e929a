"""Randomised questions: exploration among the useful ones, and pilots that have no table yet. Each draw records its probability."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from adaptive.arrays import Bools, Floats, Ints

PILOT_SHARE = 0.1
"""Share of sessions in which one pilot question is asked, after the first question that counts."""


@dataclass(frozen=True, eq=False)
class RandomDraw:
    """Random numbers of B respondents: whether they `explore` and whether they get a pilot (`pilots`), both (B,) bool; `draw` is (B,), a
    uniform number from [0, 1) for the question to be chosen now.
    """

    explore: Bools
    pilots: Bools
    draw: Floats

    @classmethod
    def of(cls, seed: str, step: int, explore: float, futures: int = 1) -> "RandomDraw":
        """Return the draws of one session, repeated for `futures` that differ only in an answer; seed and step determine them."""
        numbers = [_uniform(f"{seed}/{purpose}") for purpose in ("explore", "pilot", step)]
        return cls(np.full(futures, numbers[0] < explore), np.full(futures, numbers[1] < PILOT_SHARE), np.full(futures, numbers[2]))


def _uniform(seed: str) -> float:
    return int.from_bytes(blake2b(seed.encode(), digest_size=7).digest()) / 2**56


def draw_by_score(scores: Floats, candidates: Bools, draw: Floats) -> tuple[Ints, Floats]:
    """Draw one of the `candidates` for each respondent, with a probability in proportion to its score.

    Return (B,) questions, -1 where there is no candidate, and (B,) their probabilities.

    >>> question, chance = draw_by_score(np.array([[3., 9., 1.]]), np.array([[True, False, True]]), np.array([.8]))
    >>> int(question[0]), float(chance[0])
    (2, 0.25)
    """
    weight = np.where(candidates, scores, 0.0)
    total = weight.sum(axis=1)
    any_candidate = total > 0
    share = weight / np.where(any_candidate, total, 1.0)[:, None]
    # Rounding can leave the cumulative share below 1: the last candidate takes the rest.
    last = share.shape[1] - 1 - (share[:, ::-1] > 0).argmax(axis=1)
    chosen = np.minimum((share.cumsum(axis=1) <= draw[:, None]).sum(axis=1), last)
    return np.where(any_candidate, chosen, -1), np.where(any_candidate, share[np.arange(len(share)), chosen], 1.0)


def draw_pilot(pilots: Bools, draw: Floats) -> tuple[Ints, Floats]:
    """Draw one of the (B, Q) `pilots` with equal probability. Return (B,) questions, -1 where there is none, and (B,) the probability
    that this pilot is asked at all.
    """
    chosen, share = draw_by_score(np.ones(pilots.shape), pilots, draw)
    return chosen, np.where(chosen >= 0, share * PILOT_SHARE, 1.0)
