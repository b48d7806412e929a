"""Attribution on open data: log loss against other methods, calibration, assignments, the probe. Each figure stands beside its bound.

    OMP_NUM_THREADS=1 PYTHONPATH=. .venv/bin/python -P benchmarks/attribution.py
    … benchmarks/attribution.py --file people.csv --labels segment         # personas named in a column
    … benchmarks/attribution.py --file people.csv --labels q1 q2 q3        # personas are latent classes of these answers

A column that leaks the label is left out for every method. "Gap" is the mean log loss of a method less that of the best method on the same
set, chosen in hindsight, in nats.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from adaptive.arrays import Floats
from adaptive.learning.calibration import calibration_error
from adaptive.lookalike.fit import fit_attribution, log_loss
from adaptive.lookalike.model import AttributionModel, assign, explain, score
from adaptive.lookalike.probes import corrected, fit_correction
from benchmarks.attribution_rivals import RIVALS, frames, predictions
from benchmarks.attribution_sets import SETS, People, columns_of_file, people_of

SIZES = (100, 300, 1000)
MOST_TESTED = 2000
TARGET = 0.8
OURS, PRIOR = "tables", "prior"


@dataclass
class Figures:
    """Log loss by set, size and method; calibration error and assignments of ours."""

    losses: dict[tuple[str, int, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    calibration: dict[tuple[str, int], list[float]] = field(default_factory=lambda: defaultdict(list))
    assigned: dict[tuple[str, int], list[tuple[float, float, int]]] = field(default_factory=lambda: defaultdict(list))
    apart: float = 0.0  # the largest difference between an explanation and the log odds that it explains, in bits
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def gaps(self, size: int, method: str) -> dict[str, float]:
        """Return the gap of a method on each set to the best of all methods in hindsight."""
        found = {}
        for name in sorted({key[0] for key in self.losses if key[1] == size}):
            means = {key[2]: float(np.mean(values)) for key, values in self.losses.items() if key[:2] == (name, size)}
            found[name] = means[method] - min(value for other, value in means.items() if other != PRIOR)
        return found

    def over_prior(self, method: str) -> dict[tuple[str, int], float]:
        """Return the mean log loss of a method less that of the prior, by set and size."""
        keys = sorted({key[:2] for key in self.losses})
        return {key: float(np.mean(self.losses[(*key, method)]) - np.mean(self.losses[(*key, PRIOR)])) for key in keys}


def draws(people: People, size: int, count: int) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    for seed in range(count):
        order = np.random.default_rng(1000 * size + seed).permutation(len(people))
        if len(order) >= size + 200:
            yield order[:size], order[size : size + MOST_TESTED], seed


def run_set(people: People, figures: Figures, count: int, sizes: tuple[int, ...], *, rivals: bool) -> None:
    names = [f"persona {k}" for k in range(people.labels.shape[1])]
    for size in sizes:
        for train, test, seed in draws(people, size, count):
            own, wanted = people.take(train), people.take(test)
            labels, truth = people.labels[train], people.labels[test]
            begun = time.process_time()
            fit = fit_attribution(own, people.kinds, labels, names, target=TARGET, date_orders=people.date_orders, seed=seed)
            vectors = score(fit.model, wanted, len(test))
            figures.seconds[OURS] += time.process_time() - begun
            key = (people.name, size)
            figures.losses[(*key, OURS)].append(log_loss(vectors, truth))
            figures.losses[(*key, PRIOR)].append(log_loss(np.tile(fit.model.prior, (len(test), 1)), truth))
            figures.calibration[key].append(_calibration(vectors, truth))
            figures.assigned[key].append(_assignments(assign(fit.model, vectors), truth))
            figures.apart = max(figures.apart, *(_unexplained(fit.model, wanted, row) for row in range(10)))
            if rivals:
                kinds = {name: kind for name, kind in people.kinds.items() if name not in fit.leaks}
                a, b, categories = frames(own, wanted, kinds, people.date_orders)
                for method in RIVALS:
                    begun = time.process_time()
                    figures.losses[(*key, method)].append(log_loss(predictions(method, a, labels, b, categories), truth))
                    figures.seconds[method] += time.process_time() - begun


def _unexplained(model: AttributionModel, columns: dict[str, list[str]], row: int) -> float:
    explained = explain(model, {name: values[row] for name, values in columns.items()})
    moved = np.log2(explained.vector / (1 - explained.vector)) - np.log2(model.prior / (1 - model.prior))
    return float(np.abs(moved - explained.intercept - sum(explained.bits.values())).max())


def _calibration(vectors: Floats, truth: Floats) -> float:
    top = vectors.argmax(axis=1)
    people = np.arange(len(top))
    return calibration_error(vectors[people, top], truth[people, top])


def _assignments(who: np.ndarray, truth: Floats) -> tuple[float, float, int]:
    """Return the share assigned, their accuracy (NaN if nobody) and their number."""
    rows = np.flatnonzero(who >= 0)
    accuracy = float(truth[rows, who[rows]].mean()) if len(rows) else float("nan")
    return len(rows) / len(who), accuracy, len(rows)


def run_probes(people: People, count: int, probes: int = 60) -> Iterator[tuple[float, float, float, float]]:
    """Yield the log loss on the silent without correction, with, of the oracle, and the cost of the gate where there is no bias.

    Who answers depends on the persona: the chance doubles from each persona to the next. The oracle knows all labels of the silent.
    """
    K = people.labels.shape[1]
    names = [f"persona {k}" for k in range(K)]
    for seed in range(count):
        rng = np.random.default_rng(seed)
        for biased in (True, False):
            chance = 2.0 ** np.arange(K) if biased else np.ones(K)
            weights = people.labels @ rng.permutation(chance)
            respondents = rng.choice(len(people), 400, replace=False, p=weights / weights.sum())
            silent = np.setdiff1d(np.arange(len(people)), respondents)
            asked = rng.choice(silent, probes, replace=False)
            rest = np.setdiff1d(silent, asked)[:MOST_TESTED]
            model = fit_attribution(
                people.take(respondents),
                people.kinds,
                people.labels[respondents],
                names,
                date_orders=people.date_orders,
            ).model
            truth, wanted = people.labels[rest], people.take(rest)
            plain = log_loss(score(model, wanted, len(rest)), truth)
            correction = fit_correction(score(model, people.take(asked), probes), people.labels[asked])
            probed = log_loss(score(corrected(model, correction), wanted, len(rest)), truth)
            if biased:
                oracle = fit_correction(score(model, wanted, len(rest)), truth)
                best = log_loss(score(model.with_shift(oracle.shift), wanted, len(rest)), truth)
                found = (plain, probed, best)
            else:
                yield (*found, probed - plain)


def report(figures: Figures, sizes: tuple[int, ...], *, rivals: bool) -> None:
    bounds = {100: None, 300: 0.015, 1000: 0.012}
    methods = [OURS, *(RIVALS if rivals else ()), PRIOR]
    print(f"\n{'log loss':<14}{'n':>6}" + "".join(f"{method[:12]:>14}" for method in methods))
    for name, size in sorted({key[:2] for key in figures.losses}):
        print(f"{name:<14}{size:>6}" + "".join(f"{np.mean(figures.losses[(name, size, method)]):>14.4f}" for method in methods))
    if rivals:
        print(f"\n{'mean gap':<14}{'n':>6}" + "".join(f"{method[:12]:>14}" for method in methods) + "   bound for ours")
        for size in sizes:
            gaps = [float(np.mean(list(figures.gaps(size, method).values()))) for method in methods]
            bound = bounds.get(size)
            print(f"{'':<14}{size:>6}" + "".join(f"{gap:>14.4f}" for gap in gaps) + (f"   <= {bound}" if bound else ""))
    if not figures.losses:
        return
    worst = max(figures.over_prior(OURS).items(), key=lambda item: item[1])
    print(f"\nworse than the prior by at most      {worst[1]:8.4f}  <= .005   ({worst[0][0]}, {worst[0][1]})")
    for size in sizes:
        errors = [float(np.mean(values)) for key, values in figures.calibration.items() if key[1] == size]
        print(f"calibration error at {size:<5} labels      {np.mean(errors):8.4f}" + ("  <= .045" if size == 300 else ""))
    print(f"explanations add up, but for       {figures.apart:10.0e}  <= 1e-9")
    cases = [(key, case) for key, found in figures.assigned.items() for case in found]
    assigning = [(key, case) for key, case in cases if case[2]]
    met = [case for _, case in assigning if case[1] >= TARGET]
    if assigning:
        print(
            f"assigned accuracy reaches {TARGET:g} in      {len(met) / len(assigning):8.4f}  >= .95  "
            f"({len(met)} of {len(assigning)} that assign, of {len(cases)})"
        )
    for (name, size), found in sorted(figures.assigned.items()):
        if any(case[2] for case in found):
            shares = [case[0] for case in found]
            accuracy = np.nanmean([case[1] for case in found if case[2]])
            bound = "  >= .60" if name == "hotel_rates" and size == max(sizes) else ""
            print(f"  assigned in {name:<14}{size:>5}  {np.mean(shares):8.3f}{bound}   accuracy {accuracy:.3f}")
    print("CPU seconds: " + ", ".join(f"{method} {seconds:.0f}" for method, seconds in figures.seconds.items()))


def report_probes(found: list[tuple[float, float, float, float]]) -> None:
    plain, probed, best, cost = np.array(found).mean(axis=0)
    print(
        f"\na probe of 60 closes                 {(plain - probed) / (plain - best):8.3f}  >= .65   ({plain:.4f} -> {probed:.4f}, "
        f"oracle {best:.4f})"
    )
    print(f"  its cost where there is no bias    {cost:8.4f}  <= .003")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--labels", nargs="+", default=[])
    parser.add_argument("--without", nargs="*", default=[])
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--sizes", nargs="*", type=int, default=list(SIZES))
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--no-rivals", action="store_true")
    parser.add_argument("--no-probes", action="store_true")
    options = parser.parse_args()
    figures, probes, sizes = Figures(), [], tuple(options.sizes)
    if options.file:
        sets = [people_of(options.file.stem, columns_of_file(options.file), options.labels, without=options.without)]
    else:
        sets = [SETS[name]() for name in options.sets if _is_there(name)]
    for people in sets:
        print(f"{people.name}: {len(people)} people, {people.labels.shape[1]} personas, {len(people.kinds)} attributes", flush=True)
        run_set(people, figures, options.draws, sizes, rivals=not options.no_rivals)
        if not options.no_probes and len(people) >= 1500:
            probes += run_probes(people, options.draws)
    report(figures, sizes, rivals=not options.no_rivals)
    if probes:
        report_probes(probes)


def _is_there(name: str) -> bool:
    try:
        SETS[name]()
    except OSError as wrong:
        print(f"{name}: left out, {wrong}")
        return False
    return True


if __name__ == "__main__":
    main()
