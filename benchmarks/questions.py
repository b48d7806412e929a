"""How soon a fitted bank knows who is answering: four real questionnaires, fitted on one half of the respondents, replayed on the other.

    python benchmarks/questions.py [--halves 3] [--data ../shared/data] [--sets auto,vnf]

Three ways to ask, with the same bank: adaptive (the live choice), the best fixed order (learnt on the training half with the very belief
that the bank states, a strong opponent), and an order drawn at random for each respondent. Agreement is with the persona believed after
all answers; the calibration error compares stated confidence with what all answers say of the stated persona. One half has a standard
error of about .015. Effort is left out: what counts here is the number of questions.
"""

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from adaptive.fitting import evidence_of
from adaptive.posterior import believe
from adaptive.selection import SurveyRules
from adaptive.simulation import Measure, Respondents, replay
from adaptive.stopping import StopRule
from adaptive.tables import Integers, ResponseTables
from question_bank.compiling import compile_bank
from question_bank.fitting import fit_sheet, fitted_bank
from question_bank.recognising import Sheet, read_sheet

STEPS = range(1, 11)
ORDERS = ("adaptive", "fixed", "random")


@dataclass(frozen=True)
class Set:
    """A questionnaire: how many personas to find, and the columns that are no questions for them, with the reason."""

    name: str
    personas: int
    left_out: Sequence[str]
    why: str


SETS = (
    Set("auto", 4, ("model", "gender", "occupation", "household"), "what was bought and who one is, known without asking"),
    Set("vnf", 4, (), ""),
    Set("election", 3, ("VOTE3", "AGE", "EDUC", "GENDER", "PARTY"), "vote and demography beside the twelve items"),
    Set("hobbies", 4, ("Sex", "Age", "Marital status", "Profession", "nb.activitees"), "demography, and the sum of the answers"),
)


def whole(one: Set, data: Path) -> Sheet:
    """All respondents of a questionnaire, with the columns that are questions."""
    path = data / f"{one.name}.csv"
    text = path.read_text(encoding="utf-8")
    return read_sheet(text, path.name, [name for name in next(csv.reader([text.splitlines()[0]])) if name not in one.left_out])


def half(sheet: Sheet, rows: Integers) -> Sheet:
    """Some respondents of a sheet. Which answers exist is read from all of them: a rare one may be missing in one half."""
    return replace(sheet, columns=tuple(replace(column, codes=column.codes[rows]) for column in sheet.columns))


def best_order(tables: ResponseTables, people: Respondents, length: int) -> list[int]:
    """The order for everybody that, question by question, raises the training log score of the full-belief persona most."""
    label = believe(tables, people.answers).argmax(axis=1)
    nobody = np.arange(len(label))
    order: list[int] = []

    def score(question: int) -> float:
        shown = np.isin(np.arange(len(tables.questions)), [*order, question])
        belief = believe(tables, replace(people.answers, answered=people.answers.answered & shown))
        return float(np.log(belief[nobody, label]).mean())

    while len(order) < min(length, len(tables.questions)):
        order.append(max((q for q in range(len(tables.questions)) if q not in order), key=score))
    return order


def measured(tables: ResponseTables, training: Respondents, people: Respondents, order: str, rng: np.random.Generator) -> list[Measure]:
    """The fixed order is forced by `first`: the same engine asks it."""
    size = len(tables.questions)
    free = SurveyRules(
        np.ones(size, dtype=bool), np.zeros(size, dtype=bool), np.zeros((size, size), dtype=bool), (), StopRule(), effort=0.0
    )
    steps = [step for step in STEPS if step <= size]
    if order == "fixed":
        order, free = "adaptive", replace(free, first=tuple(best_order(tables, training, len(STEPS))))
    return replay(tables, free, people, order, steps, rng)


def one_half(one: Set, sheet: Sheet, seed: int) -> tuple[dict[str, list[Measure]], str]:
    """Measures by order, and a line about the bank."""
    shuffled = np.random.default_rng(seed).permutation(len(sheet.codes))
    train, test = (half(sheet, rows) for rows in np.array_split(shuffled, 2))
    fit = fit_sheet(train, one.personas, seed)
    tables = compile_bank(fitted_bank(train, fit, one.name)).tables
    training, people = (Respondents(evidence_of(part.codes, tables), np.ones_like(part.codes, dtype=bool)) for part in (train, test))
    found = {order: measured(tables, training, people, order, np.random.default_rng(seed)) for order in ORDERS}
    return found, f"{len(fit.dependences.parents)} edges, shrunk by {fit.pseudo_counts:g}, weight {fit.evidence_weight:g}"


def table(runs: Sequence[dict[str, list[Measure]]]) -> str:
    """One line a number of questions: agreement and calibration error of each order, averaged over the halves."""
    lines = ["  n" + "".join(f"{order:>20}" for order in ORDERS), "   " + "  agreement  cal.err" * len(ORDERS)]
    for place, step in enumerate(measure.questions for measure in runs[0][ORDERS[0]]):
        line = f"{step:>3}"
        for order in ORDERS:
            both = [(run[order][place].agreement, run[order][place].calibration_error) for run in runs]
            agreement, error = np.mean(both, axis=0)
            line += f"{agreement:>11.3f}{error:>9.3f}"
        lines.append(line)
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--halves", type=int, default=3)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parent.parent.parent / "shared" / "data")
    parser.add_argument("--sets", default=",".join(one.name for one in SETS))
    wish = parser.parse_args()
    for one in (one for one in SETS if one.name in wish.sets.split(",")):
        sheet = whole(one, wish.data)
        runs = [one_half(one, sheet, seed) for seed in range(1, wish.halves + 1)]
        print(f"\n{one.name}: {one.personas} personas, {wish.halves} halves; {'; '.join(told for _, told in runs)}")
        if one.left_out:
            print(f"left out: {', '.join(one.left_out)} ({one.why})")
        print(table([found for found, _ in runs]), flush=True)


if __name__ == "__main__":
    main()
