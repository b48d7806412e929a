"""Accuracy by number of questions: real questionnaires, fitted on one half of the respondents, replayed on the other.

    python benchmarks/questions.py [--halves 10] [--data FOLDER] [--sets car-buyers,vnf] [--jobs 2]
    python benchmarks/questions.py --answers YOURS.csv [--personas 6 | --label COLUMN] [--without id,date]

Four orders are compared: adaptive (the live choice), the best fixed order (fitted on the training half with the belief of the bank, a
strong baseline), a random order for each respondent, and a typing tool: a decision tree fitted to the training half's personas. Agreement
is with the likeliest persona after all answers (or the label); the calibration error compares stated confidence with the probability that
all answers give to the stated persona. Each split is used in both directions; one half alone has a standard error of about .015. Effort
is ignored: only the number of questions counts.

The car buyers' answers ship with the project. The other questionnaires are not part of it: `--data`, `DISCERN_SHARED_DATA` or
`../shared/data` is the folder that holds them; a questionnaire that is not there is left out.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the halves run side by side instead

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier

from adaptive.arrays import Ints
from adaptive.evaluation.metrics import StopMetrics, stop_metrics
from adaptive.evaluation.replay import Respondents, StepMetrics, best_fixed_order, reference_personas, replay
from adaptive.evaluation.simulate import interview
from adaptive.learning.calibration import evidence_of_answers
from adaptive.learning.fit import Fit
from adaptive.selection import SurveyRules
from adaptive.stopping import StopRule
from adaptive.tables import ResponseTables
from question_bank.datasets.dataset import Dataset
from question_bank.datasets.fit import answers_of, fit_dataset
from question_bank.datasets.infer import read_dataset
from question_bank.datasets.read_options import ReadOptions

SHIPPED = Path(__file__).resolve().parent.parent / "question_bank" / "examples" / "car-buyers.answers.csv"
SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
STEPS = range(1, 11)
ORDERS = ("adaptive", "fixed", "random")
PERSONAS = 6
STOP = 0.8
DEPTHS = (3, 5, 7)
"""Depths of the typing tools that are compared at their own length; another is as long as the survey that stops at `STOP`."""
LEAVES = (2, 5, 10, 20)
"""Respondents in the smallest leaf of a typing tool; its own cross-validation chooses."""


@dataclass(frozen=True)
class Questionnaire:
    """A questionnaire: the file, and the columns that are not questions, with the reason."""

    file: Path
    wanted: ReadOptions = field(default_factory=ReadOptions)
    why: str = ""
    personas: int | None = PERSONAS

    @property
    def name(self) -> str:
        return self.file.name.partition(".")[0]


def known_questionnaires(data: Path) -> list[Questionnaire]:
    """Return the car buyers and the three questionnaires of the data folder."""

    def questionnaire(file: Path, without: str = "", why: str = "") -> Questionnaire:
        return Questionnaire(file, ReadOptions(without=without.split(",") if without else (), keep_repeats=True), why)

    return [
        questionnaire(SHIPPED, "household,occupation", "who the respondents are, known without asking"),
        questionnaire(data / "vnf.csv"),
        questionnaire(data / "election.csv", "VOTE3,AGE,EDUC,GENDER,PARTY", "vote and demography beside the twelve items"),
        questionnaire(data / "hobbies.csv", "Sex,Age,Marital status,Profession,nb.activitees", "demography, and the sum of the answers"),
    ]


@dataclass(frozen=True)
class TypingTool:
    """A decision tree: its mean number of questions, its agreement, and the agreement of the adaptive order after as many."""

    questions: float
    agreement: float
    ours: float


@dataclass(frozen=True, eq=False)
class Half:
    """The metrics on one half of a bank fitted on the other."""

    orders: dict[str, list[StepMetrics]]
    tools: list[TypingTool]
    stop: StopMetrics
    summary: str


def take_respondents(dataset: Dataset, rows: Ints) -> Dataset:
    """Return some respondents of a dataset. The options come from all respondents: a rare one may be missing in one half."""
    labels = dataset.labels and replace(dataset.labels, membership=dataset.labels.membership[rows])
    return replace(dataset, columns=tuple(column.take(rows) for column in dataset.columns), labels=labels)


def respondents(dataset: Dataset, fit: Fit, tables: ResponseTables) -> Respondents:
    """Return all respondents of a dataset as the engine's evidence."""
    answers = answers_of(dataset)
    label = None if dataset.labels is None else dataset.labels.codes
    return Respondents(evidence_of_answers(answers, tables, np.concatenate(fit.tables, axis=1)), np.ones_like(answers.silent), label)


def evaluate_half(dataset: Dataset, personas: int | None, task: tuple[int, bool]) -> Half:
    """Fit on one half and replay the other; `task` is the number of the split, and whether the halves are swapped."""
    seed, swapped = task
    shuffled = np.random.default_rng(seed).permutation(len(dataset.codes))
    train, test = (take_respondents(dataset, rows) for rows in np.array_split(shuffled, 2)[:: -1 if swapped else 1])
    fit = fit_dataset(train, personas, seed)
    tables = fit.engine
    training, people = (respondents(part, fit, tables) for part in (train, test))
    size = len(tables.questions)
    rules = SurveyRules(
        np.ones(size, dtype=bool), np.zeros(size, dtype=bool), np.zeros((size, size), dtype=bool), (), StopRule(), effort=0.0
    )
    label = reference_personas(tables, rules, training)[1]
    order = best_fixed_order(tables, training.answers, label, rules.included, len(STEPS))
    steps = [step for step in (0, *STEPS) if step <= size]

    def asked(way: str) -> list[StepMetrics]:
        rng = np.random.default_rng(seed)
        if way == "fixed":  # the same engine asks it
            return replay(tables, replace(rules, first=tuple(order)), people, "adaptive", steps, rng)
        return replay(tables, rules, people, way, steps, rng)

    orders = {way: asked(way) for way in ORDERS}
    full, truth = reference_personas(tables, rules, people)
    interviews = interview(tables, replace(rules, stop=StopRule(confidence=STOP)), people)
    ended = stop_metrics(interviews, full, truth, labelled=people.label is not None)
    found = f"{len(fit.dependences.parents)} edges, {len(fit.silence)} silences"
    return Half(
        {way: measures[1:] for way, measures in orders.items()},
        typing_tools((train, label), (test, truth), orders["adaptive"], ended, seed),
        ended,
        f"{found}, shrunk by {fit.pseudo_counts:g}, weight {fit.evidence_weight:g}",
    )


def typing_tools(
    train: tuple[Dataset, Ints], test: tuple[Dataset, Ints], ours: Sequence[StepMetrics], ended: StopMetrics, seed: int
) -> list[TypingTool]:
    """Return decision trees of several depths, and last the one whose mean length is closest to the survey's."""
    (train_half, label), (test_half, truth) = train, test
    cells, hot = answers_of(train_half), answers_of(test_half).hot

    def grow(depth: int) -> tuple[float, float]:
        tree = DecisionTreeClassifier(max_depth=depth, random_state=seed)
        best = GridSearchCV(tree, {"min_samples_leaf": LEAVES}, cv=3).fit(cells.hot, label).best_estimator_
        return mean_path_length(best, hot, cells.question_of_cell), float((best.predict(hot) == truth).mean())

    found = []
    for length, agreement in map(grow, DEPTHS):
        reached = float(np.interp(length, range(len(ours)), [measure.agreement for measure in ours]))
        found.append(TypingTool(length, agreement, reached))
    longest = min(map(grow, range(3, 16, 2)), key=lambda tool: abs(tool[0] - ended.questions))
    return [*found, TypingTool(*longest, ended.agreement)]


def mean_path_length(tree: DecisionTreeClassifier, hot: np.ndarray, question_of_cell: Ints) -> float:
    """Return the mean number of different questions on a respondent's path through the tree."""
    splits = np.where(tree.tree_.feature >= 0, question_of_cell[tree.tree_.feature], -1)
    path = tree.decision_path(hot)
    met = [len(set(splits[path.indices[a:b]]) - {-1}) for a, b in zip(path.indptr, path.indptr[1:], strict=False)]
    return float(np.mean(met))


def table(halves: Sequence[Half]) -> str:
    """Return one line per number of questions: agreement and calibration error of each order, averaged over the halves."""
    lines = ["  n" + "".join(f"{order:>20}" for order in ORDERS) + "     ahead of fixed", "   " + "  agreement  cal.err" * len(ORDERS)]
    for place, step in enumerate(measure.questions for measure in halves[0].orders[ORDERS[0]]):
        figures = {
            order: np.array([(half.orders[order][place].agreement, half.orders[order][place].calibration_error) for half in halves])
            for order in ORDERS
        }
        lead = figures["adaptive"][:, 0] - figures["fixed"][:, 0]
        line = "".join(f"{found.mean(axis=0)[0]:>11.3f}{found.mean(axis=0)[1]:>9.3f}" for found in figures.values())
        lines.append(f"{step:>3}{line}{lead.mean():>+11.3f} +-{lead.std() / np.sqrt(len(lead)):.3f}")
    stop = [(half.stop.questions, half.stop.confidence, half.stop.soft_agreement, half.stop.agreement) for half in halves]
    asked, stated, soft, agreement = np.mean(stop, axis=0)
    lines.append(
        f"stopping at {STOP}: {asked:.2f} questions, stated {stated:.3f}, all answers give it {soft:.3f}, agreement {agreement:.3f}"
    )
    for place, depth in enumerate([*DEPTHS, None]):
        tools = [half.tools[place] for half in halves]
        length, theirs, ours = (float(np.mean([getattr(tool, name) for tool in tools])) for name in ("questions", "agreement", "ours"))
        name, when = ("as long as that, or the longest", "at its stop") if depth is None else (f"of depth {depth}", "after as many")
        lines.append(f"typing tool {name}: {length:.2f} questions, agreement {theirs:.3f}; adaptive {ours:.3f} {when}")
    return "\n".join(lines)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--halves", type=int, default=10, help="random splits, each used both ways round")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("DISCERN_SHARED_DATA", SHARED)))
    parser.add_argument("--sets", default="car-buyers,vnf,election,hobbies")
    parser.add_argument("--answers", type=Path, help="another CSV file instead of the known sets")
    parser.add_argument("--personas", type=int, default=PERSONAS)
    parser.add_argument("--label", help="column with the persona; then none are looked for")
    parser.add_argument("--without", default="", help="columns that are not questions, separated by commas")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def questionnaires_of(options: argparse.Namespace) -> list[Questionnaire]:
    if options.answers is None:
        known = {questionnaire.name: questionnaire for questionnaire in known_questionnaires(options.data)}
        wanted = [replace(known[name], personas=options.personas) for name in options.sets.split(",")]
        for missing in (questionnaire.file for questionnaire in wanted if not questionnaire.file.is_file()):
            if os.environ.get("CI"):
                raise SystemExit(f"{missing} is missing")
            print(f"{missing} is not part of the project and is missing: left out")
        return [questionnaire for questionnaire in wanted if questionnaire.file.is_file()]
    without = [name for name in options.without.split(",") if name]
    return [
        Questionnaire(
            options.answers,
            ReadOptions(label=options.label, without=without, keep_repeats=True),
            personas=None if options.label else options.personas,
        )
    ]


def main() -> None:
    options = parse_arguments()
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        for questionnaire in questionnaires_of(options):
            dataset = read_dataset(questionnaire.file.read_text(encoding="utf-8"), questionnaire.file.name, questionnaire.wanted)
            tasks = [(seed, turned) for seed in range(1, options.halves + 1) for turned in (False, True)]
            halves = list(pool.map(partial(evaluate_half, dataset, questionnaire.personas), tasks))
            found = f"{questionnaire.personas} personas" if questionnaire.personas else f'personas by "{options.label}"'
            print(f"\n{questionnaire.name}: {len(dataset.codes)} respondents, {found}, {options.halves} splits used both ways")
            if questionnaire.wanted.without:
                print(f"left out: {', '.join(questionnaire.wanted.without)}{f' ({questionnaire.why})' if questionnaire.why else ''}")
            print(f"fits: {'; '.join(half.summary for half in halves[:4])}; ...")
            print(table(halves), flush=True)


if __name__ == "__main__":
    main()
