"""A base of contacts whose personas and outcomes are known, shared by the tests."""

from dataclasses import dataclass

import numpy as np

from adaptive.estimation.moments import Moments

PERSONAS = ("driver", "family", "saver")
RATES = np.array([0.15, 0.3, 0.6])


@dataclass(frozen=True, eq=False)
class Base:
    """N contacts: beliefs, who answered, outcomes, denominators, and (N,) `who` they are."""

    attributed: np.ndarray
    answered: np.ndarray
    rows: np.ndarray
    probed: np.ndarray
    outcome: np.ndarray
    denominator: np.ndarray
    who: np.ndarray

    def moments(self, part=None) -> Moments:
        """Return the moments of all contacts, or of those where `part` is true."""
        part = np.ones(len(self.who), dtype=bool) if part is None else part
        kept = part[self.rows]
        return Moments.of(
            self.attributed[part],
            self.answered[kept],
            (np.cumsum(part) - 1)[self.rows[kept]],
            self.outcome[part],
            self.denominator[part],
            probed=self.probed[kept],
        )

    def truth(self, k) -> float:
        """Return the rate of persona k in the base."""
        known = (self.who == k) & ~np.isnan(self.outcome)
        return float(self.outcome[known].sum() / self.denominator[known].sum())


def beliefs(rng, who, bits):
    """Return (n, 3) calibrated beliefs about contacts: the posterior of three Gaussian clues; `bits` is how clear they are."""
    clues = rng.normal(size=(len(who), 3)) + bits * np.eye(3)[who]
    logits = bits * clues
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def a_base(
    seed, *, contacts=3000, respondents=300, probes=0, chance=(1, 1, 1), attributes=1.0, answers=2.5, visits=False, rates=RATES
) -> Base:
    """Return a base. `chance` is how readily each persona answers, compared with the others; probes are drawn among the silent."""
    rng = np.random.default_rng(seed)
    who = rng.integers(0, 3, contacts)
    weight = np.array(chance, dtype=float)[who]
    own = rng.choice(contacts, respondents, replace=False, p=weight / weight.sum())
    asked = rng.choice(np.setdiff1d(np.arange(contacts), own), probes, replace=False)
    rows = np.concatenate([own, asked])
    denominator = rng.poisson(2, contacts) + 1.0 if visits else np.ones(contacts)
    leaning = rng.beta(4 * np.array(rates)[who], 4 * (1 - np.array(rates)[who])) if visits else np.array(rates)[who]
    return Base(
        beliefs(rng, who, attributes),
        beliefs(rng, who[rows], answers),
        rows,
        np.arange(len(rows)) >= respondents,
        rng.binomial(denominator.astype(int), leaning).astype(float),
        denominator,
        who,
    )
