"""Time of a simulation: `python benchmarks/simulate.py [--respondents 10000]`.

10,000 respondents take 20 questions each of a bank of 60 questions with 5 options, on one core. The reference is the formula of the gain
and the product of belief and tables in plain numpy, as often as the simulation needs them: the rest is the cost of drawing, stopping,
topics, conditions and ties.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # one core

import argparse
from collections.abc import Callable
from time import perf_counter

import numpy as np
from scipy.special import entr

from adaptive import ResponseTables, StopRule, SurveyRules
from adaptive.evaluation.simulate import BLOCK, simulate

PERSONAS, QUESTIONS, OPTIONS, ASKED, ROUNDS = 8, 60, 5, 20, 3


def formula(tables: ResponseTables, respondents: int) -> None:
    """Compute the gains only, in blocks of the same size."""
    beliefs = np.full((BLOCK, PERSONAS), 1 / PERSONAS)
    for _ in range(ASKED * -(-respondents // BLOCK)):
        outcome = beliefs @ tables.flat
        (np.add.reduceat(entr(outcome), tables.starts, axis=1) - beliefs @ tables.noise).argmax(axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--respondents", type=int, default=10_000)
    respondents = parser.parse_args().respondents
    rng = np.random.default_rng(7)
    none = np.zeros(QUESTIONS, dtype=bool)
    rules = SurveyRules(~none, none, np.zeros((QUESTIONS, QUESTIONS), dtype=bool), (), StopRule(at_most=ASKED))
    plain = ResponseTables.of([rng.dirichlet(np.ones(OPTIONS), size=PERSONAS) for _ in range(QUESTIONS)])
    parents = {q: int(rng.integers(q // 6 * 6, q)) for q in range(QUESTIONS) if q % 6}
    given = {q: rng.dirichlet(np.ones(OPTIONS), size=(PERSONAS, OPTIONS)) for q in parents}
    trees = ResponseTables.of([rng.dirichlet(np.ones(OPTIONS), size=PERSONAS) for _ in range(QUESTIONS)], parents=parents, given=given)

    print(f"{respondents} respondents, {ASKED} of {QUESTIONS} questions, {OPTIONS} options, {PERSONAS} personas, one thread")
    floor = min(_seconds(lambda: formula(plain, respondents)) for _ in range(ROUNDS))
    for name, tables in (("independent questions", plain), ("ten trees of six", trees)):
        took = _seconds(lambda tables=tables: simulate(tables, rules, {}, respondents, np.random.default_rng(1)))
        print(f"{name:<24}{took:>7.2f} s{took / floor:>7.1f} x the formula alone")


def _seconds(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


if __name__ == "__main__":
    main()
