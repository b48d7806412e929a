"""Whether the stated confidence is true where labels are given: open sets with labels, and segments that no question explains.

    PYTHONPATH=. python -P benchmarks/segments.py [--halves 2] [--sets bfi,auto] [--data FOLDER] [--jobs 2] [--train 150]

A set with labels is taken as it is. Of a set without labels, half of the columns, drawn at random in each split, make four segments by
k-means, and the other half are the questions that have to find them. Everything is fitted on one half of the respondents, or on `--train`
of them, and scored on others. Stated is the mean confidence, true the share whose stated persona is the label, both at the stop of a
survey that asks until the confidence is .80. The calibration error is over the respondents of all splits together.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the halves run side by side instead
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from sklearn.cluster import KMeans

from adaptive.arrays import Bools, Floats
from adaptive.evaluation.simulate import interview
from adaptive.learning.calibration import calibration_error
from adaptive.stopping import StopRule
from benchmarks.questions import STOP, respondents, take_respondents
from benchmarks.typing_tools import command_line, over_all_sets, rules_of_all
from question_bank.datasets.dataset import Dataset, Labels
from question_bank.datasets.fit import answers_of, fit_dataset

SEGMENTS = 4
LENGTHS = (3, 5, 8)
MOST_SCORED = 1_500
CLOSE, FAR = 0.02, 0.04


@dataclass(frozen=True, eq=False)
class Half:
    """Confidence and correctness of each respondent after 3, 5, 8 and all questions, and at the stop; `length` is the mean at the stop.

    `log_score` is the mean at each of these lengths; `summary` says what the fit chose.
    """

    after: dict[str, tuple[Floats, Bools]]
    log_score: dict[str, float]
    length: float
    summary: str


def with_segments(dataset: Dataset, seed: int) -> Dataset:
    """Return half of the columns as questions, labelled by segments of the other half; unchanged where there are labels."""
    if dataset.labels is not None:
        return dataset
    rng, answers = np.random.default_rng(seed), answers_of(dataset)
    columns = rng.permutation(len(dataset.columns))
    hidden, asked = np.split(columns, [len(columns) // 2])
    segments = KMeans(SEGMENTS, n_init=5, random_state=seed).fit_predict(answers.hot[:, np.isin(answers.question_of_cell, hidden)])
    labels = Labels(tuple("abcdefgh"[:SEGMENTS]), np.eye(SEGMENTS)[segments])
    return replace(dataset, columns=tuple(dataset.columns[q] for q in np.sort(asked)), labels=labels)


def evaluate_half(dataset: Dataset, _personas: int | None, task: tuple[int, bool], train: int | None) -> Half:
    """Fit on one half and interview the other; `task` is the number of the split, and whether the halves are swapped."""
    seed, swapped = task
    chosen = with_segments(dataset, seed)
    shuffled = np.random.default_rng(seed).permutation(len(chosen.codes))
    fitted, scored = np.array_split(shuffled, 2)[:: -1 if swapped else 1]
    fit = fit_dataset(take_respondents(chosen, fitted[:train]), None, seed)
    tables = fit.engine
    people, rules = respondents(take_respondents(chosen, scored[:MOST_SCORED]), fit, tables), rules_of_all(tables)
    stops = {str(length): StopRule(at_most=length) for length in LENGTHS if length < len(tables.questions)}
    after, log_score, lengths = {}, {}, {}
    for name, stop in {**stops, "all": StopRule(), "stop": StopRule(confidence=STOP)}.items():
        found = interview(tables, replace(rules, stop=stop), people)
        after[name] = found.belief.max(axis=1), found.belief.argmax(axis=1) == people.label
        log_score[name] = float(np.log(found.belief[np.arange(len(found.belief)), people.label]).mean())
        lengths[name] = float(found.length.mean())
    own = "by question" if fit.weights.questions is not None else f"{len(fit.dependences.parents)} edges"
    return Half(after, log_score, lengths["stop"], f"{fit.evidence_weight:g}/{fit.weights.correlation:g}/{own}")


def pooled(halves: Sequence[Half], name: str) -> tuple[Floats, Floats]:
    """Return the confidence and the correctness of the respondents of all halves."""
    stated, true = (np.concatenate([half.after[name][part] for half in halves]) for part in (0, 1))
    return stated, true.astype(float)


def main() -> None:
    parser = command_line(str(__doc__))
    parser.add_argument("--train", type=int, help="so many respondents of each half instead of all")
    options = parser.parse_args()
    apart: list[float] = []
    errors: list[float] = []
    scores: dict[str, list[float]] = {}

    def show(heading: str, halves: list[Half]) -> None:
        stated, true = pooled(halves, "stop")
        apart.append(abs(stated.mean() - true.mean()))
        by_length = {name: calibration_error(*pooled(halves, name)) for name in halves[0].after if name != "stop"}
        errors.append(max(by_length.values()))
        for name in by_length:
            scores.setdefault(name, []).append(float(np.mean([half.log_score[name] for half in halves])))
        print(
            f"{heading.partition(':')[0]:<24}{np.mean([half.length for half in halves]):>6.1f} questions, stated {stated.mean():.3f}, "
            f"true {true.mean():.3f}, {stated.mean() - true.mean():+.3f}; calibration error "
            + ", ".join(f"{name}: {error:.3f}" for name, error in by_length.items())
            + f"; weight/correlation/what {', '.join(half.summary for half in halves[:2])}",
            flush=True,
        )

    over_all_sets(options, partial(evaluate_half, train=options.train), show)
    print(
        f"{len(apart)} sets: stated and true within {CLOSE} on {np.mean(np.array(apart) <= CLOSE):.0%}, at most {max(apart):.3f} apart, "
        f"{np.mean(apart):.4f} on average; calibration error from 3 questions on at most {FAR} on {np.mean(np.array(errors) <= FAR):.0%}, "
        f"at most {max(errors):.3f}; log score " + ", ".join(f"{name}: {np.mean(found):.4f}" for name, found in scores.items())
    )


if __name__ == "__main__":
    main()
