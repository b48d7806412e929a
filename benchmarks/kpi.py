"""Figures per persona: bias and error of the estimator and of others on five real outcomes, and what its intervals hold in simulation.

    OMP_NUM_THREADS=1 PYTHONPATH=. .venv/bin/python -P benchmarks/kpi.py
    … benchmarks/kpi.py --quick                  # a smoke run: few draws, no figure to quote

Real outcomes: 400 people of a set count as respondents. Attribution is fitted to them; the others are known by their attributes. Truth is
the rate over the whole set, weighted by what the answers of everybody say. In simulation the persona of everybody is known
(`benchmarks/kpi_simulated.py`). Each bound stands beside its figure.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from adaptive.arrays import Floats, Ints
from adaptive.estimation.estimate import Figure, estimate_rates, estimate_shares
from adaptive.estimation.moments import Moments
from adaptive.lookalike.fit import fit_attribution
from adaptive.lookalike.model import score
from benchmarks.attribution_sets import SETS, SHARED, People, columns_of_file, people_of
from benchmarks.kpi_rivals import RIVALS
from benchmarks.kpi_simulated import coverage, irritant_precision, nps_coverage, shuffled_reports

RESPONDENTS, PROBES = 400, 120
OURS, ANSWERED = "ours", "answered"


@dataclass(frozen=True, eq=False)
class Outcome:
    """People of an open set and their (N,) outcome, 0, 1 or NaN, which is neither an attribute nor an answer."""

    people: People
    outcome: Floats

    def truth(self) -> tuple[Floats, Floats]:
        """Return the (K,) rates and shares of the whole set."""
        known = ~np.isnan(self.outcome)
        r = self.people.labels
        return self.outcome[known] @ r[known] / r[known].sum(axis=0), r.mean(axis=0)


def of_column(name: str, column: str, yes: Callable[[str], bool]) -> Outcome:
    """Return a set whose outcome is one of its attributes, which is taken out."""
    people = SETS[name]()
    values = people.columns[column]
    outcome = np.array([float("nan") if value == "" else float(yes(value)) for value in values])
    kinds = {key: kind for key, kind in people.kinds.items() if key != column}
    columns = {key: values for key, values in people.columns.items() if key != column}
    return Outcome(People(f"{name}: {column}", columns, kinds, people.date_orders, people.labels), outcome)


def hobby(column: str) -> Outcome:
    """Return the French survey of leisure activities, with one activity as the outcome and the others as answers."""
    columns = columns_of_file(SHARED / "hobbies.csv")
    outcome = np.array([float(value == "1") for value in columns[column]])
    people = ("Sex", "Age", "Marital status", "Profession", "nb.activitees", column)
    answers = [name for name in columns if name not in people]
    return Outcome(people_of(f"hobbies: {column}", columns, answers, 4, ("nb.activitees", column)), outcome)


OUTCOMES: dict[str, Callable[[], Outcome]] = {
    "election": partial(of_column, "election", "VOTE3", lambda value: float(value) == 2),
    "hobbies": partial(hobby, "Travelling"),
    "auto": partial(of_column, "auto", "satisfaction", lambda value: float(value) <= 2),
    "gss_spending": partial(of_column, "gss_spending", "news", lambda value: float(value) == 1),
    "churn": partial(of_column, "churn", "churn", lambda value: value == "Yes"),
}


@dataclass(frozen=True, eq=False)
class Estimates:
    """By method, the (draws, K) errors of rates, the (draws,) total variation of shares; and whether intervals hold the truth."""

    rates: dict[str, list[Floats]]
    shares: dict[str, list[float]]
    held: list[bool]


def draw(outcome: Outcome, seed: int, *, unequal: bool) -> tuple[Ints, Ints]:
    """Return respondents and probes. Where response is unequal it doubles from each persona to the next, and probes are drawn."""
    people, rng = outcome.people, np.random.default_rng(seed)
    N, K = people.labels.shape
    size = min(RESPONDENTS, N // 2)
    if not unequal:
        return rng.choice(N, size, replace=False), np.zeros(0, dtype=np.int64)
    chance = people.labels @ rng.permutation(2.0 ** np.arange(K))
    respondents = rng.choice(N, size, replace=False, p=chance / chance.sum())
    return respondents, rng.choice(np.setdiff1d(np.arange(N), respondents), PROBES, replace=False)


def run(outcome: Outcome, draws: int, *, unequal: bool) -> Estimates:
    people = outcome.people
    names = [f"persona {k}" for k in range(people.labels.shape[1])]
    found = Estimates(defaultdict(list), defaultdict(list), [])
    true_rates, true_shares = outcome.truth()
    for seed in range(draws):
        respondents, probes = draw(outcome, seed, unequal=unequal)
        fit = fit_attribution(
            people.take(respondents), people.kinds, people.labels[respondents], names, date_orders=people.date_orders, seed=seed
        )
        p = score(fit.model, people.columns, len(people))
        p[respondents] = fit.out_of_fold
        rows = np.concatenate([respondents, probes])
        is_probe = np.arange(len(rows)) >= len(respondents)
        r = people.labels[rows] / people.labels[rows].sum(axis=1, keepdims=True)
        moments = Moments.of(p, r, rows, outcome.outcome, probed=is_probe)
        everyone = Moments.of(p, r, rows, np.ones(len(people)), probed=is_probe)
        figures = estimate_rates(moments, names)
        estimates = {name: method(p, outcome.outcome) for name, method in RIVALS.items()}
        estimates[ANSWERED] = RIVALS["soft"](r, outcome.outcome[rows])
        estimates[OURS] = _values(figures), _values(estimate_shares(everyone, names))
        for name, (rates, shares) in estimates.items():
            found.rates[name].append(rates - true_rates)
            found.shares[name].append(float(np.abs(shares - true_shares).sum() / 2))
        found.held.extend(
            f.low <= t <= f.high for f, t in zip(figures, true_rates, strict=True) if f.low is not None and f.high is not None
        )
    return found


def _values(figures: tuple[Figure, ...]) -> Floats:
    return np.array([np.nan if figure.value is None else figure.value for figure in figures])


def bias(errors: list[Floats]) -> float:
    """Return the mean, over personas, of the size of the mean error."""
    return float(np.mean(np.abs(np.nanmean(errors, axis=0))))


def error(errors: list[Floats]) -> float:
    """Return the mean absolute error."""
    return float(np.nanmean(np.abs(errors)))


def report_real(every: dict[str, Estimates], title: str) -> dict[str, tuple[float, float, float]]:
    """Print bias, error and share error of each method on each outcome, and return the means over the outcomes."""
    methods = [*RIVALS, ANSWERED, OURS]
    print(f"\n{title}: bias / error of rates, total variation of shares")
    print(f"{'':<16}" + "".join(f"{method:>20}" for method in methods))
    for name, found in every.items():
        cells = (f"{bias(found.rates[m]):.3f}/{error(found.rates[m]):.3f} {np.mean(found.shares[m]):.3f}" for m in methods)
        print(f"{name:<16}" + "".join(f"{cell:>20}" for cell in cells))
    means = {
        m: tuple(float(np.mean([f(found) for found in every.values()])) for f in (
            lambda found, m=m: bias(found.rates[m]), lambda found, m=m: error(found.rates[m]), lambda found, m=m: np.mean(found.shares[m])
        ))
        for m in methods
    }  # fmt: skip
    print(f"{'mean':<16}" + "".join(f"{f'{a:.3f}/{b:.3f} {c:.3f}':>20}" for a, b, c in means.values()))
    return means


def outcomes(names: list[str]) -> Iterator[tuple[str, Outcome]]:
    for name in names:
        try:
            yield name, OUTCOMES[name]()
        except OSError as wrong:
            print(f"{name}: left out, {wrong}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outcomes", nargs="*", default=list(OUTCOMES))
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    draws, seeds = (2, 5) if options.quick else (options.draws, options.seeds)
    equal, unequal = {}, {}
    for name, outcome in outcomes(options.outcomes):
        print(f"{outcome.people.name}: {len(outcome.people)} people, mean {np.nanmean(outcome.outcome):.2f}", flush=True)
        equal[name] = run(outcome, draws, unequal=False)
        unequal[name] = run(outcome, draws, unequal=True)
    if equal:
        means = report_real(equal, f"{RESPONDENTS} respondents drawn at random")
        ours, counts = means[OURS], means["argmax"]
        print(f"bias of ours                         {ours[0]:8.3f}  <= .015")
        print(f"error of ours                        {ours[1]:8.3f}  <= {counts[1]:.3f}, that of argmax")
        print(f"share error of ours                  {ours[2]:8.3f}  <= .04")
        print(f"truth within the range               {np.mean([held for found in equal.values() for held in found.held]):8.3f}  >= .92")
        means = report_real(unequal, f"unequal response, {PROBES} probes")
        print(f"error of ours / argmax               {means[OURS][1] / means['argmax'][1]:8.2f}  <= .7")
    coverage(seeds)
    nps_coverage(200 if options.quick else 20_000)
    shuffled_reports(20 if options.quick else 1000)
    irritant_precision(2 if options.quick else 20)


if __name__ == "__main__":
    main()
