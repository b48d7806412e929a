"""Readiness: log loss of P(next stage) against gradient boosting and the base rate, on binary outcomes of open sets.

    OMP_NUM_THREADS=1 PYTHONPATH=. .venv/bin/python -P benchmarks/readiness.py
    … benchmarks/readiness.py --quick                  # a smoke run: one draw, no figure to quote

Each draw takes 1,000 people of a set for the fit and the others to judge it. The bound is boosting + .003, mean over the outcomes. With
shuffled outcomes the share of models that would be used is printed: they have nothing to know.
"""

import argparse

import numpy as np

from adaptive.arrays import Floats, Ints
from adaptive.lookalike.readiness import fit_readiness
from benchmarks.attribution_rivals import frames, predictions
from benchmarks.kpi import OUTCOMES, Outcome

PEOPLE = 1000
BOUND = 0.003
RIVALS = ("HistGradientBoosting",)


def draw(outcome: Outcome, seed: int) -> tuple[Ints, Ints]:
    """Return the people of the fit and those who judge it, of those whose outcome is known."""
    known = np.random.default_rng(seed).permutation(np.flatnonzero(~np.isnan(outcome.outcome)))
    size = min(PEOPLE, len(known) // 2)
    return known[:size], known[size:]


def losses(outcome: Outcome, seed: int) -> dict[str, float]:
    """Return the log loss of each method on people that it has not seen, in nats."""
    fitted, judges = draw(outcome, seed)
    people, y = outcome.people, outcome.outcome == 1
    train, test = people.take(fitted), people.take(judges)
    model = fit_readiness(train, people.kinds, y[fitted])
    if model is None:
        raise SystemExit(f"{people.name}: too few people")
    labels = np.stack([~y[fitted], y[fitted]], axis=1).astype(np.float64)
    found = {"ours": model.probabilities(test, len(judges))[0], "base rate": np.full(len(judges), y[fitted].mean())}
    for name in RIVALS:
        features, wanted, categories = frames(train, test, people.kinds, people.date_orders)
        found[name] = predictions(name, features, labels, wanted, categories)[:, 1]
    return {name: loss(p, y[judges]) for name, p in found.items()}


def loss(p: Floats, reached: Floats) -> float:
    """Return the mean log loss."""
    return float(-np.log(np.clip(np.where(reached, p, 1 - p), 1e-9, None)).mean())


def used_where_there_is_nothing(outcome: Outcome, seed: int) -> bool:
    """Return whether a model would be used whose outcomes were shuffled."""
    fitted, _ = draw(outcome, seed)
    y = np.random.default_rng(seed).permutation(outcome.outcome[fitted] == 1)
    model = fit_readiness(outcome.people.take(fitted), outcome.people.kinds, y)
    return model is not None and model.is_used


def report(draws: int) -> bool:
    """Print the figures beside their bound, and return whether it is kept."""
    names = ("ours", *RIVALS, "base rate")
    print(f"{'log loss, nats':<16}" + "".join(f"{name:>22}" for name in names))
    every, shuffled = [], []
    for key, load in OUTCOMES.items():
        outcome = load()
        found = [losses(outcome, seed) for seed in range(draws)]
        means = [float(np.mean([item[name] for item in found])) for name in names]
        every.append(means)
        shuffled += [used_where_there_is_nothing(outcome, seed) for seed in range(draws)]
        print(f"{key:<16}" + "".join(f"{mean:>22.4f}" for mean in means), flush=True)
    mean = np.mean(every, axis=0)
    print(f"{'mean':<16}" + "".join(f"{value:>22.4f}" for value in mean))
    excess = float(mean[0] - mean[1])
    print(f"ours less boosting: {excess:+.4f} (at most {BOUND:+.4f})")
    print(f"models that would be used with shuffled outcomes: {np.mean(shuffled):.2f}")
    return excess <= BOUND


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--draws", type=int, default=10)
    arguments.add_argument("--quick", action="store_true")
    given = arguments.parse_args()
    raise SystemExit(0 if report(1 if given.quick else given.draws) else 1)


if __name__ == "__main__":
    main()
