"""Calibration at the stop: tables fitted to few labelled respondents of a simulated world, scored on new respondents.

    python benchmarks/calibration.py [--draws 10] [--respondents 100,200,400]

Eight personas, sixty questions of five options: once all independent, once twelve that are asked in five ways each. Respondents are
asked what the engine chooses until its confidence is .90; then the stated confidence is compared with the accuracy.
"""

import argparse
from dataclasses import dataclass, replace

import numpy as np

from adaptive.arrays import Floats, Ints
from adaptive.learning.fit import Fit, evidence_of, fit_with_labels
from adaptive.learning.responses import Answers
from adaptive.posterior import believe
from adaptive.selection import SurveyRules, next_questions
from adaptive.stopping import Progress, StopRule
from adaptive.tables import ResponseTables

PERSONAS, QUESTIONS, OPTIONS = 8, 60, 5
SURE = 0.9
UNTIL_SURE = StopRule(confidence=SURE)


@dataclass(frozen=True, eq=False)
class World:
    """(K, underlying, A) tables; each underlying question is asked in so many `ways`, and answered at random in a share `slips` of them."""

    tables: Floats
    ways: int
    slips: float = 0.05

    @classmethod
    def of(cls, rng: np.random.Generator, ways: int) -> "World":
        return cls(rng.dirichlet(np.ones(OPTIONS), size=(PERSONAS, QUESTIONS // ways)), ways)

    def draw(self, respondents: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Draw (N, Q) answers and (N,) personas, with equal numbers of each persona as far as possible."""
        who = rng.permutation(np.arange(respondents) % PERSONAS)
        below = self.tables.cumsum(axis=2)[who]  # (N, underlying, A)
        meant = (rng.random((respondents, below.shape[1], 1)) > below[:, :, :-1]).sum(axis=2)
        answers = np.repeat(meant, self.ways, axis=1)
        errors = (rng.random(answers.shape) < self.slips) & (self.ways > 1)
        return np.where(errors, rng.integers(0, OPTIONS, answers.shape), answers), who


def fit_world(world: World, respondents: int, rng: np.random.Generator) -> Fit:
    codes, who = world.draw(respondents, rng)
    return fit_with_labels(Answers.of(codes, [OPTIONS] * QUESTIONS), who, rng)


def at_the_stop(tables: ResponseTables, codes: Ints, stop: StopRule = UNTIL_SURE, signals: Floats | None = None) -> tuple[Floats, Ints]:
    """Return the (N, K) beliefs at the stop, and the (N,) number of questions asked. `signals` is (N, K) evidence from elsewhere."""
    size = len(tables.questions)
    nothing = np.zeros(size, dtype=bool)
    rules = SurveyRules(~nothing, nothing, np.zeros((size, size), dtype=bool), (), stop, effort=0.0)
    full = evidence_of(codes, tables)
    full = full if signals is None else replace(full, signals=signals)
    done = np.zeros(codes.shape, dtype=bool)
    open_sessions = np.arange(len(codes))
    while len(open_sessions):
        seen = done[open_sessions]
        evidence = type(full)(
            seen & full.answered[open_sessions],
            full.silent[open_sessions],
            full.rows[open_sessions],
            np.where(seen, codes[open_sessions], -1),
            full.signals[open_sessions],
        )
        taken = seen.sum(axis=1)
        progress = Progress(
            seen, np.ones_like(seen), taken, np.zeros(len(open_sessions)), np.full(len(open_sessions), stop.at_most or size + 1)
        )
        chosen = next_questions(tables, rules, evidence, progress).chosen
        open_sessions, chosen = open_sessions[chosen >= 0], chosen[chosen >= 0]
        done[open_sessions, chosen] = True
    final = type(full)(done & full.answered, full.silent, full.rows, np.where(done, codes, -1), full.signals)
    return believe(tables, final), done.sum(axis=1)


def calibration_at_stop(ways: int, respondents: int, seed: int, test_respondents: int = 1000) -> tuple[float, float, float]:
    """Return stated confidence, accuracy and questions asked at the stop, of new respondents who reached the confidence."""
    rng = np.random.default_rng(seed)
    world = World.of(rng, ways)
    fit = fit_world(world, respondents, rng)
    codes, who = world.draw(test_respondents, rng)
    belief, asked = at_the_stop(fit.engine, codes)
    sure = belief.max(axis=1) >= SURE
    right = belief.argmax(axis=1) == who
    return float(belief.max(axis=1)[sure].mean()), float(right[sure].mean()), float(asked[sure].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--respondents", default="100,200,400")
    options = parser.parse_args()
    print(f"{'ways':>5}{'respondents':>13}{'stated':>9}{'true':>7}{'off':>7}{'questions':>11}")
    for ways in (1, 5):
        for respondents in map(int, options.respondents.split(",")):
            stated, true, asked = np.mean([calibration_at_stop(ways, respondents, seed) for seed in range(options.draws)], axis=0)
            print(f"{ways:>5}{respondents:>13}{stated:>9.3f}{true:>7.3f}{stated - true:>7.3f}{asked:>11.1f}", flush=True)


if __name__ == "__main__":
    main()
