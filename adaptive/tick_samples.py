"""Questions with too many tick-boxes to enumerate: what an answer tells, estimated from a fixed sample of patterns."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from adaptive.likelihood import Floats, Ticks

SAMPLED_PATTERNS = 2048


@dataclass(frozen=True, eq=False)
class TickSample:
    """A fixed, evenly spread sample of tick patterns of a question with too many options to enumerate.

    `ratios` is (K * S, K): P(pattern | persona j) / P(pattern | persona k) for S patterns drawn under each persona k in turn.
    `spoken` is (K,) P(any answer | persona).
    """

    ratios: Floats
    spoken: Floats

    @classmethod
    def of(cls, question: Ticks, size: int = SAMPLED_PATTERNS) -> "TickSample":
        """Patterns from an additive recurrence in the square roots of primes (Richtmyer, 1951): deterministic, low discrepancy."""
        personas, options = question.ticked.shape
        steps = np.sqrt(_primes(options)) % 1
        points = ((np.arange(1, size + 1)[:, None]) * steps) % 1
        ticks = points[None] < question.ticked[:, None, :]  # (K, S, M)
        log_chance = np.where(ticks[:, :, None, :], np.log(question.ticked), np.log1p(-question.ticked)).sum(axis=3)  # (K, S, K)
        own = np.einsum("ksk->ks", log_chance)
        spoken = np.ones(personas) if question.silence is None else 1 - question.silence
        return cls(np.exp(log_chance - own[:, :, None]).reshape(-1, personas), spoken)

    def information(self, beliefs: Floats) -> Floats:
        """(B,) mutual information in nats between the persona and the ticks, under each of (B, K) `beliefs`."""
        heard = beliefs * self.spoken
        total = heard.sum(axis=1, keepdims=True)
        heard = heard / total
        drawn = np.repeat(heard, len(self.ratios) // heard.shape[1], axis=1) * heard.shape[1] / len(self.ratios)
        estimate: Floats = -(drawn * np.log(self.ratios @ heard.T).T).sum(axis=1)
        nats: Floats = np.maximum(estimate, 0.0) * total[:, 0]
        return nats

    def best_action(self, beliefs: Floats, actions: Floats) -> Floats:
        """(B,) expected value of the best of (M, K) `actions` once the ticks, or the silence, are known."""
        heard = beliefs * self.spoken
        drawn = np.repeat(heard, len(self.ratios) // heard.shape[1], axis=1) * heard.shape[1] / len(self.ratios)
        joint = heard[:, None, :] * self.ratios  # (B, K * S, K)
        after = (joint @ actions.T).max(axis=2) / joint.sum(axis=2)
        silent: Floats = ((beliefs - heard) @ actions.T).max(axis=1)
        best: Floats = (drawn * after).sum(axis=1) + silent
        return best


def _primes(count: int) -> npt.NDArray[np.int64]:
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return np.array(found)
