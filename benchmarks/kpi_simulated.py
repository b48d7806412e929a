"""Figures per persona in simulation: what intervals hold, against an oracle that knows who answered; chance findings; irritants."""

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from adaptive.arrays import Floats, Ints
from adaptive.estimation.barometer import ScoreSums, nps_interval
from adaptive.estimation.estimate import Figure, estimate_means, estimate_rates, estimate_shares
from adaptive.estimation.findings import differences, select_findings
from adaptive.estimation.medians import estimate_medians
from adaptive.estimation.moments import Moments
from adaptive.estimation.words import irritants

PERSONAS = ("a", "b", "c", "d")
K = len(PERSONAS)
WEIGHTS = np.array([0.4, 0.3, 0.2, 0.1])
RATES = np.array([0.08, 0.2, 0.35, 0.6])
BINS = (20.0, 40.0, 100.0, np.inf)
KINDS = ("rate", "rate of visits", "mean score", "mean value", "mean revenue", "share", "median")


@dataclass(frozen=True, eq=False)
class Base:
    """N contacts of known personas: beliefs, who answered, what each did."""

    who: Ints
    attributed: Floats
    rows: Ints
    probed: np.ndarray
    answered: Floats
    bought: Floats
    visits: Floats
    visits_bought: Floats
    score: Floats
    value: Floats
    revenue: Floats
    days: Floats

    def outcome_of(self, kind: str) -> tuple[Floats, Floats]:
        """Return the outcome and the denominator of a rate or mean."""
        if kind == "rate of visits":
            return self.visits_bought, self.visits
        outcomes = {"rate": self.bought, "mean score": self.score, "mean value": self.value, "mean revenue": self.revenue}
        return outcomes[kind], np.ones(len(self.who))

    def moments(self, outcome: Floats, denominator: Floats | None = None, *, known: bool = False) -> Moments:
        """Return the moments of an outcome. `known` is the oracle: the personas of those who answered are known."""
        answered = np.eye(K)[self.who[self.rows]] if known else self.answered
        return Moments.of(self.attributed, answered, self.rows, outcome, denominator, probed=self.probed)


def clues(rng: np.random.Generator, who: Ints, clarity: float) -> Floats:
    """Return (n, K) calibrated beliefs: the posterior after K Gaussian clues, under the true shares."""
    logits = np.log(WEIGHTS) + clarity * (rng.normal(size=(len(who), K)) + clarity * np.eye(K)[who])
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    belief: Floats = odds / odds.sum(axis=1, keepdims=True)
    return belief


def draw_base(seed: int, respondents: int, clarity: float, cause: str, probes: int = 0) -> Base:
    """Return a base whose outcomes depend on the ``persona``, also on the ``attributes``, or on the ``answers`` only.

    One contact in ten entered too recently for its outcome to be known. Where there are probes, personas answer unequally.
    """
    rng = np.random.default_rng(seed)
    N = 3000
    who = rng.choice(K, N, p=WEIGHTS)
    p, r = clues(rng, who, 1.0), clues(rng, who, clarity)
    rate = {"persona": RATES[who], "attributes": (RATES[who] + p @ RATES) / 2, "answers": r @ RATES}[cause]
    chance = (1 + who if probes else np.ones(N)) / 1.0
    own = rng.choice(N, respondents, replace=False, p=chance / chance.sum())
    asked = rng.choice(np.setdiff1d(np.arange(N), own), probes, replace=False)
    rows = np.concatenate([own, asked])
    recent = rng.random(N) < 0.1
    visits = 1.0 + rng.poisson(2, N)
    bought = np.where(recent, np.nan, (rng.random(N) < rate).astype(float))
    return Base(
        who,
        p,
        rows,
        np.arange(len(rows)) >= respondents,
        r[rows],
        bought,
        visits,
        np.where(recent, np.nan, rng.binomial(visits.astype(int), rng.beta(5 * rate, 5 * (1 - rate)))),
        np.clip(np.round(4 + 6 * rate + rng.normal(0, 2, N)), 0, 10),
        50 * np.exp(rate + rng.normal(0, 0.5, N)),
        bought * 50 * np.exp(rng.normal(0, 1, N)),
        10 * np.exp(2 * rate + rng.normal(0, 1, N)),
    )


def figures_of(base: Base, kind: str, *, known: bool = False) -> tuple[Figure, ...]:
    if kind == "median":
        answered = np.eye(K)[base.who[base.rows]] if known else base.answered
        return estimate_medians(base.days[base.rows], answered, PERSONAS)
    if kind == "share":
        return estimate_shares(base.moments(np.ones(len(base.who)), known=known), PERSONAS)
    outcome, denominator = base.outcome_of(kind)
    estimate = estimate_rates if kind.startswith("rate") else estimate_means
    return estimate(base.moments(outcome, denominator, known=known), PERSONAS)


def truth_of(base: Base, kind: str, k: int) -> float:
    own = base.who == k
    if kind == "share":
        return float(own.mean())
    if kind == "median":
        return float(np.median(base.days[own]))
    outcome, denominator = base.outcome_of(kind)
    own &= ~np.isnan(outcome)
    return float(outcome[own].sum() / denominator[own].sum())


def coverage(seeds: int) -> None:
    """Print, for each kind of figure and bin of n_eff, how many intervals hold the truth and how wide they are against the oracle's."""
    held: dict[tuple[str, str, int], list[bool]] = defaultdict(list)
    widths: dict[tuple[str, str, int], list[tuple[float, float]]] = defaultdict(list)
    for seed in range(seeds):
        for cause in ("persona", "attributes", "answers"):
            for size, (respondents, probes) in enumerate([(80, 0), (160, 0), (400, 0), (200, 120)]):
                base = draw_base(10 * seed + size, respondents, 2.5, cause, probes)
                for kind in KINDS:
                    if kind == "median" and probes:
                        continue
                    both = zip(figures_of(base, kind), figures_of(base, kind, known=True), strict=True)
                    for k, (figure, oracle) in enumerate(both):
                        if figure.low is None or figure.high is None or figure.n_eff < BINS[0]:
                            continue
                        place = (kind, cause, int(np.searchsorted(BINS, figure.n_eff, side="right")))
                        held[place].append(figure.low <= truth_of(base, kind, k) <= figure.high)
                        if oracle.low is not None and oracle.high is not None:
                            widths[place].append((figure.high - figure.low, oracle.high - oracle.low))
    print(f"\nintervals, {seeds} seeds: truth held >= .92, median width / oracle's <= 1.5")
    print(f"{'':<16}{'outcome follows':<17}" + "".join(f"{f'n_eff {low:g}-{high:g}':>22}" for low, high in pairwise(BINS)))
    for kind in KINDS:
        for cause in ("persona", "attributes", "answers"):
            cells = []
            for size in (1, 2, 3):
                place = (kind, cause, size)
                if len(held[place]) < 20:
                    cells.append("")
                    continue
                wide, oracle = np.median(np.array(widths[place]), axis=0)
                cells.append(f"{np.mean(held[place]):.3f} {wide / oracle:.2f} ({len(held[place])})")
            print(f"{kind:<16}{cause:<17}" + "".join(f"{cell:>22}" for cell in cells))
    low = min(float(np.mean(found)) for found in held.values() if len(found) >= 20)
    wide = max(float(np.divide(*np.median(np.array(widths[place]), axis=0))) for place, found in held.items() if len(found) >= 20)
    print(f"lowest coverage                      {low:8.3f}  >= .92")
    print(f"greatest width / oracle's            {wide:8.2f}  <= 1.5")


def nps_coverage(draws: int, n: int = 8) -> None:
    """Print how many intervals of the Net Promoter Score of 8 answers hold the truth, with pseudo-answers and as Wald has them."""
    rng = np.random.default_rng(1)
    held, wald = [], []
    for shares in ((0.2, 0.3, 0.5), (0.1, 0.2, 0.7), (0.4, 0.3, 0.3), (0.05, 0.35, 0.6), (0.3, 0.5, 0.2)):
        truth = 100 * (shares[2] - shares[0])
        groups = rng.multinomial(n, shares, size=draws).T.astype(np.float64)
        people = np.full(draws, float(n))
        low, high = nps_interval(ScoreSums(people, people, people, people, people, groups))
        held.append(np.mean((low <= truth) & (truth <= high)))
        score = (groups[2] - groups[0]) / n
        half = 1.959964 * np.sqrt(((groups[2] + groups[0]) / n - score**2) / n)
        wald.append(np.mean(np.abs(100 * score - truth) <= 100 * half))
    print(f"\nNPS of {n} answers, truth held         {np.mean(held):8.3f}  >= .93")
    print(f"  the lowest of five, and Wald's     {min(held):8.3f}, {np.mean(wald):.3f}")


def shuffled_reports(reports: int) -> None:
    """Print how many reports of four outcomes find a difference where beliefs belong to other contacts."""
    found = 0
    for seed in range(reports):
        rng = np.random.default_rng(seed)
        base = draw_base(seed, 200, 2.5, "persona")
        order = rng.permutation(len(base.who))
        other = replace(base, attributed=base.attributed[order], rows=np.argsort(order)[base.rows])
        outcomes: list[tuple[Moments, bool]] = [
            (other.moments(other.bought), True),
            (other.moments(other.visits_bought, other.visits), True),
            (other.moments(other.score), False),
            (other.moments(other.value), False),
        ]
        found += any(select_findings([differences(moments, PERSONAS, is_rate=is_rate) for moments, is_rate in outcomes]))
    print(f"reports with a finding, shuffled     {found / reports:8.3f}  <= .05   ({reports} reports)")


def irritant_precision(seeds: int) -> None:
    """Print how many of the five most notable words of a persona are planted. Words follow Zipf's law; five of each persona are planted."""
    words = [f"{a}{b}{c}" for a in "bcdfgklmnp" for b in "aeiou" for c in ("ra", "lo", "mi", "te", "su", "no", "ka", "pe")]
    frequency = 1 / np.arange(1, len(words) + 1)
    for texts, bound in ((400, ""), (1000, "  >= .90")):
        right = shown = 0
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            who = rng.integers(0, K, texts)
            own = np.array([rng.choice(np.arange(10, 80), 5, replace=False) for _ in range(K)])
            shares = np.tile(frequency, (K, 1))
            np.put_along_axis(shares, own, 4 * np.take_along_axis(shares, own, axis=1), axis=1)
            written = [" ".join(rng.choice(words, 12, p=shares[k] / shares[k].sum())) for k in who]
            found = irritants(written, clues(rng, who, 2.5), range(texts), PERSONAS)
            for k, persona in enumerate(PERSONAS):
                best = [irritant.term for irritant in found if irritant.persona == persona][:5]
                planted = {words[word] for word in own[k]}
                right += sum(bool(planted & set(term.split())) for term in best)
                shown += len(best)
        print(f"irritants of {texts:>4} texts, precision@5 {right / max(shown, 1):8.2f}{bound}")
        print(f"  shown per persona                  {shown / seeds / K:8.1f}")
