"""What priors from attributes are worth in surveys: questions until .80, and accuracy at three questions, with and without them.

PYTHONPATH=. .venv/bin/python -P benchmarks/attribution_replay.py [--halves 5]

Hobbies and election, halves drawn at random: the bank and the attributes are fitted to 600 people, 600 others answer. The reference is what
all answers of a person say. The gain is that of docs/attribution.md, measured on one session in ten, by lot; below -.01 nats the priors
are not used any more.
"""

import argparse
import warnings

import numpy as np

from adaptive.arrays import Ints
from adaptive.learning.fit import evidence_of, fit_with_classes
from adaptive.learning.responses import Answers
from adaptive.lookalike.fit import fit_attribution
from adaptive.lookalike.model import score
from adaptive.posterior import believe
from adaptive.stopping import StopRule
from benchmarks.attribution_sets import SHARED, columns_of_file
from benchmarks.calibration import at_the_stop
from question_bank.datasets.attribute_kinds import infer_kind
from survey_service.attribution.gain import WORST_GAIN

SETS = {"hobbies": ("hobbies.csv", 4), "election": ("election.csv", 3)}
NOT_HOBBIES = ("Sex", "Age", "Marital status", "Profession", "nb.activitees")
LEFT_OUT = ("nb.activitees",)
PEOPLE, QUESTIONS, CONFIDENCE, HELD_OUT = 600, 3, 0.8, 10
WORSE = 0.01


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--halves", type=int, default=5)
    halves = parser.parse_args().halves
    for name, (file, personas) in SETS.items():
        columns = columns_of_file(SHARED / file)
        found = np.array([_half(columns, name, personas, np.random.default_rng(seed)) for seed in range(halves)])
        without, with_priors, at_three, at_three_with, gain, is_used = found.mean(axis=0)
        print(f"{name}: questions until {CONFIDENCE}: {without:.2f} without, {with_priors:.2f} with priors from attributes")
        change = at_three_with - at_three
        print(
            f"{name}: accuracy at {QUESTIONS} questions: {at_three:.3f} without, {at_three_with:.3f} with; {change:+.3f} (bound -{WORSE})"
        )
        print(f"{name}: measured gain {gain:+.3f} nats a session; used in {is_used:.0%} of the halves", flush=True)


def _half(columns: dict[str, list[str]], name: str, personas: int, rng: np.random.Generator) -> tuple[float, ...]:
    """Return questions and accuracy without and with priors, the measured gain, and whether the priors are used after it."""
    items = [column for column in columns if (column not in NOT_HOBBIES if name == "hobbies" else column[-1] in "GB" and column.isupper())]
    attributes = {column: values for column, values in columns.items() if column not in items and column not in LEFT_OUT}
    codes, levels = _codes([columns[item] for item in items])
    order = rng.permutation(len(codes))
    train, test = order[:PEOPLE], order[PEOPLE : 2 * PEOPLE]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tables = fit_with_classes(Answers.of(codes[train], levels), personas, rng).engine
        beliefs = believe(tables, evidence_of(codes[train], tables))
        kinds = {column: infer_kind(column, values).kind for column, values in attributes.items()}
        names = tuple(f"p{number}" for number in range(personas))
        fit = fit_attribution(_take(attributes, train), kinds, beliefs, names, prior=tables.persona_prior)
    attributed = score(fit.model, _take(attributes, test), len(test))
    signals = np.log(attributed / tables.persona_prior) / tables.evidence_weight
    answers = codes[test]
    everything = believe(tables, evidence_of(answers, tables))
    reference = everything.argmax(axis=1)
    until, three = StopRule(confidence=CONFIDENCE), StopRule(at_most=QUESTIONS)
    asked = [at_the_stop(tables, answers, until, given)[1].mean() for given in (None, signals)]
    right = [(at_the_stop(tables, answers, three, given)[0].argmax(axis=1) == reference).mean() for given in (None, signals)]
    held_out = rng.random(len(test)) < 1 / HELD_OUT
    belief, _ = at_the_stop(tables, answers[held_out], until)
    gain = float(np.log(np.einsum("nk,nk->n", belief, attributed[held_out] / tables.persona_prior)).mean())
    return (*(float(number) for number in (*asked, *right)), gain, float(gain >= WORST_GAIN))


def _codes(items: list[list[str]]) -> tuple[Ints, list[int]]:
    """Return (N, Q) codes of the answers, -1 where there is none, and the number of levels of each question."""
    columns, levels = [], []
    for values in items:
        names = sorted({value for value in values if value})
        places = {value: place for place, value in enumerate(names)}
        columns.append([places.get(value, -1) for value in values])
        levels.append(len(names))
    return np.array(columns).T, levels


def _take(columns: dict[str, list[str]], rows: Ints) -> dict[str, list[str]]:
    return {name: [values[row] for row in rows] for name, values in columns.items()}


if __name__ == "__main__":
    main()
