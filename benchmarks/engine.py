"""How long one choice takes, as ratios within one run: `python benchmarks/engine.py`.

The yardstick is the formula of the gain in four lines of numpy, on the same tables and the same belief; the floor is the one product of
belief and table that no method can do without. Absolute times depend on the machine; the ratios are what to compare.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # one thread: a web worker has no more

from collections.abc import Callable
from functools import partial
from time import perf_counter

import numpy as np
from scipy.special import entr

from adaptive import Evidence, Progress, ResponseTables, StopRule, SurveyRules, limit_of, next_questions, suppose

PERSONAS, OPTIONS, ANSWERED, ROUNDS, CALLS = 8, 5, 5, 15, 30


def median_seconds(works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median time of each, all of them interleaved so that a busy moment hits them alike."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            start = perf_counter()
            for _ in range(CALLS):
                work()
            times[name].append((perf_counter() - start) / CALLS)
    return {name: float(np.median(seen)) for name, seen in times.items()}


def tables_of(questions: int, rng: np.random.Generator, *, tree: bool) -> ResponseTables:
    """A bank of single choices; with a tree, every question but the first depends on an earlier one."""
    shares = [rng.dirichlet(np.ones(OPTIONS), size=PERSONAS) for _ in range(questions)]
    if not tree:
        return ResponseTables.of(shares)
    parents = {q: int(rng.integers(q)) for q in range(1, questions)}
    given = {q: rng.dirichlet(np.ones(OPTIONS), size=(PERSONAS, OPTIONS)) for q in parents}
    return ResponseTables.of(shares, parents=parents, given=given)


def measure(questions: int) -> None:
    rng = np.random.default_rng(7)
    plain, tree = (tables_of(questions, rng, tree=tree) for tree in (False, True))
    belief, flat = rng.dirichlet(np.ones(PERSONAS)), plain.flat.copy()
    noise = np.add.reduceat(entr(flat), plain.starts, axis=1)

    def four_lines() -> int:
        outcome = belief @ flat
        spread = np.add.reduceat(entr(outcome), plain.starts)
        gain = (spread - belief @ noise) / np.log(2)
        return int(gain.argmax())

    rules = SurveyRules(
        np.ones(questions, dtype=bool), np.zeros(questions, dtype=bool), np.zeros((questions, questions), dtype=bool), (), StopRule()
    )
    works: dict[str, Callable[[], object]] = {"product": lambda: belief @ flat, "formula": four_lines}
    for name, tables in (("choice", plain), ("choice on a tree", tree)):
        evidence, progress = standing(tables, rng)
        works[name] = partial(next_questions, tables, rules, evidence, progress)
        asked = int(next_questions(tables, rules, evidence, progress).chosen[0])
        works[f"{name}, all answers ahead"] = partial(ahead, tables, rules, evidence, progress, asked)
    times = median_seconds(works)
    for name, seconds in times.items():
        print(f"{questions:>6} {name:<38}{seconds * 1e6:>9.0f} us{seconds / times['formula']:>9.1f} x the formula")


def standing(tables: ResponseTables, rng: np.random.Generator) -> tuple[Evidence, Progress]:
    """One respondent with some answers behind them."""
    questions = len(tables.questions)
    evidence = Evidence.none(tables)
    for q in rng.choice(questions, ANSWERED, replace=False):
        code = int(rng.integers(OPTIONS))
        evidence.answered[0, q], evidence.codes[0, q] = True, code
        evidence.rows[0, q] = np.log(tables.questions[q].cells[:, code])
    progress = Progress(
        evidence.answered.copy(), np.ones((1, questions), dtype=bool), np.array([ANSWERED]), np.zeros(1), np.array([questions])
    )
    return evidence, progress


def ahead(tables: ResponseTables, rules: SurveyRules, evidence: Evidence, progress: Progress, asked: int) -> object:
    """The next question for every answer to the one that is asked now, and for none."""
    rows = np.vstack([np.log(tables.questions[asked].cells.T), np.zeros(tables.personas)])
    opens = np.ones((OPTIONS + 1, len(tables.questions)), dtype=bool)
    futures, then = suppose(tables, evidence, progress, asked, rows, opens)
    return next_questions(tables, rules, futures, limit_of(tables, rules, then))


if __name__ == "__main__":
    print(f"{PERSONAS} personas, {OPTIONS} options a question, {ANSWERED} answered; median of {ROUNDS} interleaved rounds, one thread")
    for size in (50, 500, 5000):
        measure(size)
