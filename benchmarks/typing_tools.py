"""The tools that `benchmarks/typing.py` compares, and its tables."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the halves run side by side instead
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np
from lightgbm import LGBMClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier

from adaptive.arrays import Floats, Ints
from adaptive.evaluation.metrics import StopMetrics, stop_metrics
from adaptive.evaluation.replay import Respondents, best_fixed_order, reference_personas, replay, truth_of_stated
from adaptive.evaluation.simulate import interview
from adaptive.learning.calibration import calibration_error
from adaptive.learning.fit import Fit
from adaptive.selection import SurveyRules
from adaptive.stopping import StopRule
from adaptive.tables import ResponseTables
from benchmarks.questions import LEAVES, SHARED, STOP, mean_path_length, respondents, take_respondents
from benchmarks.survey_sets import SurveySet, survey_sets
from question_bank.datasets.dataset import Dataset
from question_bank.datasets.fit import answers_of, fit_dataset
from question_bank.datasets.read_options import ReadOptions
from question_bank.exports.table_files import AnswersInvalid

Found = TypeVar("Found")
LENGTHS = (3, 5, 8)
RIVALS = ("fixed", "logistic", "lightgbm", "golden", "tree")
BEHIND = 0.01
"""A rival that is ahead by more, beyond two standard errors, is marked."""


@dataclass(frozen=True, eq=False)
class Half:
    """One half, fitted on the other. `rivals` has the agreement of each rival and of the adaptive order at its length, by length.

    `confidence` has, by length, the (N,) confidence of the adaptive order in the stated persona and what is true of it: whether it is the
    label, or without labels the probability that all answers give it. `stop` is measured in the same way.
    """

    agreement: dict[int, float]
    confidence: dict[int, tuple[Floats, Floats]]
    rivals: dict[int, dict[str, tuple[float, float]]]
    stop: StopMetrics
    is_labelled: bool


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model of one half, that half as evidence with its personas, and the other half with its own."""

    fit: Fit
    tables: ResponseTables
    rules: SurveyRules
    training: Respondents
    label: Ints
    people: Respondents
    full: Floats
    truth: Ints
    hot: tuple[Floats, Floats]
    question_of_cell: Ints


def fit_half(dataset: Dataset, personas: int | None, seed: int, *, swapped: bool) -> Fitted:
    """Fit on one random half, and prepare the other."""
    shuffled = np.random.default_rng(seed).permutation(len(dataset.codes))
    train, test = (take_respondents(dataset, rows) for rows in np.array_split(shuffled, 2)[:: -1 if swapped else 1])
    fit = fit_dataset(train, personas, seed)
    tables = fit.engine
    training, people = (respondents(part, fit, tables) for part in (train, test))
    rules = rules_of_all(tables)
    full, truth = reference_personas(tables, rules, people)
    answers = answers_of(train)
    label = reference_personas(tables, rules, training)[1]
    return Fitted(
        fit, tables, rules, training, label, people, full, truth, (answers.hot, answers_of(test).hot), np.asarray(answers.question_of_cell)
    )


def rules_of_all(tables: ResponseTables) -> SurveyRules:
    """Return the rules of a survey that may ask all questions, without regard to their seconds."""
    size = len(tables.questions)
    none = np.zeros(size, dtype=bool)
    return SurveyRules(~none, none, np.zeros((size, size), dtype=bool), (), StopRule(), effort=0.0)


def evaluate_half(dataset: Dataset, personas: int | None, task: tuple[int, bool]) -> Half:
    """Score every tool on one half; `task` is the number of the split, and whether the halves are swapped."""
    seed, swapped = task
    half = fit_half(dataset, personas, seed, swapped=swapped)
    size = len(half.tables.questions)
    lengths = [length for length in LENGTHS if length < size]
    order = best_fixed_order(half.tables, half.training.answers, half.label, half.rules.included, max(lengths))
    rng = np.random.default_rng(seed)
    as_fitted = replace(half.rules, stop=StopRule(at_most=max(lengths), endgame="accuracy"))  # as `discern fit` writes it
    steps = range(max(lengths) + 1)
    ours = {found.questions: found.agreement for found in replay(half.tables, as_fitted, half.people, "adaptive", steps, rng)}
    first = replace(half.rules, first=tuple(order))
    fixed = {found.questions: found.agreement for found in replay(half.tables, first, half.people, "adaptive", lengths, rng)}
    importance = _importance(half, seed)
    rivals = {}
    for length in lengths:
        agreement = ours[length]
        golden = np.argsort(-importance)[:length]
        forest = RandomForestClassifier(300, min_samples_leaf=3, random_state=seed)
        boosted = LGBMClassifier(n_estimators=60, num_leaves=15, min_child_samples=10, random_state=seed, verbose=-1, n_jobs=1)
        rivals[length] = {
            "fixed": (fixed[length], agreement),
            "logistic": (_agreement(half, order[:length], _logistic()), agreement),
            "lightgbm": (_agreement(half, order[:length], boosted), agreement),
            "golden": (_agreement(half, golden, forest), agreement),
            "tree": _tree(half, length, [ours[n] for n in steps], seed),
        }
    interviews = interview(half.tables, replace(half.rules, stop=StopRule(confidence=STOP)), half.people)
    ended = stop_metrics(interviews, half.full, half.truth, labelled=half.people.label is not None)
    confidence = {length: _confidence(half, replace(as_fitted, stop=replace(as_fitted.stop, at_most=length))) for length in lengths}
    return Half({length: ours[length] for length in lengths}, confidence, rivals, ended, half.people.label is not None)


def _confidence(half: Fitted, rules: SurveyRules) -> tuple[Floats, Floats]:
    """Return the (N,) confidence at the end of a survey, and what is true of the stated persona."""
    belief = interview(half.tables, rules, half.people).belief
    return belief.max(axis=1), truth_of_stated(belief, half.full, half.truth, soft=half.people.label is None)


def _logistic() -> GridSearchCV:
    return GridSearchCV(LogisticRegression(max_iter=500), {"C": (0.1, 1.0, 10.0)}, cv=3)


def _importance(half: Fitted, seed: int) -> Floats:
    """Return the (Q,) importance of each question in a random forest on all answers."""
    forest = RandomForestClassifier(300, min_samples_leaf=3, random_state=seed).fit(half.hot[0], half.label)
    return np.bincount(half.question_of_cell, weights=forest.feature_importances_, minlength=len(half.tables.questions))


def _agreement(half: Fitted, questions: Sequence[int] | Ints, tool: object) -> float:
    cells = np.isin(half.question_of_cell, questions)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LightGBM and scikit-learn disagree about names of features
        fitted = tool.fit(half.hot[0][:, cells], half.label)  # type: ignore[attr-defined]
        return float((fitted.predict(half.hot[1][:, cells]) == half.truth).mean())


def _tree(half: Fitted, length: int, ours: Sequence[float], seed: int) -> tuple[float, float]:
    """Return the agreement of the tree that asks closest to `length` questions on average, and ours after as many."""
    found = []
    for depth in range(max(length - 1, 2), length + 5):
        tree = DecisionTreeClassifier(max_depth=depth, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            best = GridSearchCV(tree, {"min_samples_leaf": LEAVES}, cv=3).fit(half.hot[0], half.label).best_estimator_
        asked = mean_path_length(best, half.hot[1], half.question_of_cell)
        found.append((abs(asked - length), asked, float((best.predict(half.hot[1]) == half.truth).mean())))
    _, asked, agreement = min(found)
    return agreement, float(np.interp(asked, range(len(ours)), ours))


def table(halves: Sequence[Half]) -> tuple[list[str], dict[str, list[float]]]:
    """Return one line per length, and the leads of the adaptive order over each rival."""
    lines, leads = [], {rival: [] for rival in RIVALS}  # type: ignore[var-annotated]
    for length in halves[0].agreement:
        stated, true = (np.concatenate([half.confidence[length][part] for half in halves]) for part in (0, 1))
        agreement = np.mean([half.agreement[length] for half in halves])
        cells = [f"{length:>3}{agreement:>10.3f}{calibration_error(stated, true):>9.3f}"]
        for rival in RIVALS:
            pairs = np.array([half.rivals[length][rival] for half in halves])
            lead = pairs[:, 1] - pairs[:, 0]
            error = lead.std(ddof=1) / np.sqrt(len(lead))
            leads[rival].append(float(lead.mean()))
            mark = "!" if -lead.mean() > BEHIND + 2 * error else " "
            cells.append(f"{pairs[:, 0].mean():>10.3f} {lead.mean():>+6.3f} +-{error:.3f}{mark}")
        lines.append("".join(cells))
    stated, asked = (np.mean([getattr(half.stop, name) for half in halves]) for name in ("confidence", "questions"))
    true = np.mean([half.stop.agreement if half.is_labelled else half.stop.soft_agreement for half in halves])
    lines.append(f"stopping at {STOP}: {asked:.2f} questions, stated {stated:.3f}, true {true:.3f}, apart by {abs(stated - true):.3f}")
    return lines, leads


def chosen_sets(options: argparse.Namespace) -> dict[str, SurveySet]:
    """Return the sets that the command line asks for."""
    if options.answers is None:
        known = survey_sets(options.data)
        return {name: known[name] for name in (options.sets.split(",") if options.sets else known)}
    without = tuple(name for name in options.without.split(",") if name)
    read = ReadOptions(label=options.label, without=without, keep_repeats=True)
    personas = None if options.label else options.personas
    return {options.answers.name: SurveySet(lambda: options.answers.read_text(encoding="utf-8"), personas, read)}


def command_line(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--halves", type=int, default=5, help="random splits, each used both ways")
    parser.add_argument("--sets", help="names of the sets, separated by commas; all by default")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("DISCERN_SHARED_DATA", SHARED)))
    parser.add_argument("--answers", type=Path, help="a CSV file instead of the known sets")
    parser.add_argument("--personas", type=int, default=6)
    parser.add_argument("--label", help="column with the persona; then none are looked for")
    parser.add_argument("--without", default="", help="columns that are not questions, separated by commas")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser


def over_all_sets(
    options: argparse.Namespace,
    evaluate: Callable[[Dataset, int | None, tuple[int, bool]], Found],
    show: Callable[[str, list[Found]], None],
) -> None:
    """Evaluate every half of every set that can be read, and show each set's halves."""
    tasks = [(seed, swapped) for seed in range(options.first_seed, options.first_seed + options.halves) for swapped in (False, True)]
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        for name, chosen in chosen_sets(options).items():
            try:
                dataset = chosen.dataset(name)
            except (FileNotFoundError, AnswersInvalid) as missing:
                print(f"\n{name}: left out: {missing}")
                continue
            personas = f"{chosen.personas} latent classes" if chosen.personas else "labels"
            heading = f"{name}: {len(dataset.codes)} respondents, {len(dataset.columns)} columns, {personas}"
            show(heading, list(pool.map(partial(evaluate, dataset, chosen.personas), tasks)))


def main(description: str) -> None:
    options = command_line(description).parse_args()
    behind: list[str] = []
    over_logistic: list[float] = []

    def show(heading: str, halves: list[Half]) -> None:
        lines, leads = table(halves)
        print(f"\n{heading}\n  n  adaptive  cal.err" + "".join(f"{rival:>25}" for rival in RIVALS))
        print("\n".join(lines), flush=True)
        behind.extend(f"{heading.partition(':')[0]}: {line}" for line in lines if "!" in line)
        over_logistic.extend(leads["logistic"])

    over_all_sets(options, evaluate_half, show)
    if not over_logistic:
        raise SystemExit("\nnothing to compare")
    print(f"\nahead of logistic regression by {np.mean(over_logistic):+.3f} on average")
    print(f"behind a rival by more than {BEHIND} and two standard errors (!): {len(behind)} of {len(over_logistic)} lines")
