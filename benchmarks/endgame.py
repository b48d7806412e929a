"""Whether the last two questions should be chosen by accuracy: `stop.endgame: accuracy` beside information, on open sets of real answers.

    PYTHONPATH=. python -P benchmarks/endgame.py [--halves 5] [--first-seed 101] [--sets car-buyers,bfi] [--data FOLDER] [--jobs 2]

Everything is fitted on one half and scored on the other, each half both ways. First with a known length of 2 to 8 questions, then in a
survey that stops at .80 and asks at most six. The criteria under which the endgame becomes the default were written before the run, and
before the sets beyond the first sixteen halves were seen:

1. known length of 3 to 6 questions: agreement is higher by at least .005 on average over the sets, beyond two standard errors;
2. no set is behind by more than .01 beyond two of its own standard errors at any of these lengths;
3. the calibration error and the log score are worse by at most .005 on average at each of these lengths;
4. in the survey that stops: accuracy at the stop is not lower, and at most .5 points fewer respondents are decided, on average.

With `--bonus 0` a belief that reaches the threshold of the survey is worth no more than another: then the fourth criterion was not met.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the halves run side by side instead

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from adaptive import endgame as endgame_of_engine
from adaptive.evaluation.metrics import StopMetrics, stop_metrics
from adaptive.evaluation.replay import StepMetrics, replay
from adaptive.evaluation.simulate import interview
from adaptive.stopping import StopRule
from benchmarks.questions import STOP
from benchmarks.typing_tools import command_line, fit_half, over_all_sets
from question_bank.datasets.dataset import Dataset

LENGTHS = range(2, 9)
DECISIVE = (3, 4, 5, 6)
AT_MOST = 6
WAYS = ("information", "accuracy")


@dataclass(frozen=True, eq=False)
class Half:
    """Metrics by way and length, and at the stop; `decided` is the share of respondents whose confidence reached the threshold."""

    steps: dict[str, list[StepMetrics]]
    stop: dict[str, StopMetrics]
    decided: dict[str, float]


def evaluate_half(dataset: Dataset, personas: int | None, task: tuple[int, bool], bonus: float) -> Half:
    """Replay one half in both ways; `task` is the number of the split, and whether the halves are swapped."""
    seed, swapped = task
    endgame_of_engine.DECISION_BONUS = bonus
    half = fit_half(dataset, personas, seed, swapped=swapped)
    lengths = [length for length in LENGTHS if length < len(half.tables.questions)]
    steps, stop, decided = {}, {}, {}
    for way, endgame in zip(WAYS, ("none", "accuracy"), strict=True):
        rules = replace(half.rules, stop=StopRule(at_most=AT_MOST, endgame=endgame))  # type: ignore[arg-type]
        steps[way] = replay(half.tables, rules, half.people, "adaptive", lengths, np.random.default_rng(seed))
        interviews = interview(half.tables, replace(rules, stop=replace(rules.stop, confidence=STOP)), half.people)
        stop[way] = stop_metrics(interviews, half.full, half.truth, labelled=half.people.label is not None)
        decided[way] = stop[way].stopped_because.get("confidence", 0.0)
    return Half(steps, stop, decided)


def gains(halves: Sequence[Half], name: str, place: int) -> np.ndarray:
    """Return what accuracy gains over information, by half."""
    return np.array([getattr(half.steps["accuracy"][place], name) - getattr(half.steps["information"][place], name) for half in halves])


def error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def main() -> None:
    parser = command_line(str(__doc__))
    parser.add_argument("--bonus", type=float, default=0.05, help="what reaching the threshold of the survey is worth")
    options = parser.parse_args()
    sets: dict[str, list[Half]] = {}

    def show(heading: str, halves: list[Half]) -> None:
        sets[heading] = halves
        print(f"\n{heading}")
        for place, step in enumerate(halves[0].steps["accuracy"]):
            agreement, calibration, log_score = (gains(halves, name, place) for name in ("agreement", "calibration_error", "log_score"))
            print(
                f"{step.questions:>3} questions: agreement {agreement.mean():+.3f} +-{error(agreement):.3f}, "
                f"calibration error {calibration.mean():+.3f}, log score {log_score.mean():+.4f}",
                flush=True,
            )
        print("  stop: " + ", ".join(f"{name} {value:+.3f}" for name, value in at_stop(halves).items()), flush=True)

    over_all_sets(options, partial(evaluate_half, bonus=options.bonus), show)
    judge(sets)


def at_stop(halves: Sequence[Half]) -> dict[str, float]:
    """Return what accuracy gains at the stop: accuracy, questions, and respondents decided."""
    found = {
        name: float(np.mean([getattr(half.stop["accuracy"], name) - getattr(half.stop["information"], name) for half in halves]))
        for name in ("agreement", "questions")
    }
    return found | {"decided": float(np.mean([half.decided["accuracy"] - half.decided["information"] for half in halves]))}


def decisive_places(halves: Sequence[Half]) -> list[int]:
    return [place for place, step in enumerate(halves[0].steps["accuracy"]) if step.questions in DECISIVE]


def judge(sets: dict[str, list[Half]]) -> None:
    """Print whether each criterion is met."""
    by_length: dict[int, dict[str, list[float]]] = {}
    behind = []
    for heading, halves in sets.items():
        for place in decisive_places(halves):
            length = halves[0].steps["accuracy"][place].questions
            of_length = by_length.setdefault(length, {})
            for name in ("agreement", "calibration_error", "log_score"):
                of_length.setdefault(name, []).append(float(gains(halves, name, place).mean()))
            agreement = gains(halves, "agreement", place)
            if agreement.mean() + 2 * error(agreement) < -0.01:
                behind.append(f"{heading.partition(':')[0]} at {length}")
    print(f"\n{len(sets)} sets")
    for length, found in sorted(by_length.items()):
        means = {name: np.array(values) for name, values in found.items()}
        print(
            f"{length:>3} questions: " + ", ".join(f"{name} {values.mean():+.4f} +-{error(values):.4f}" for name, values in means.items())
        )
    means = [[gains(halves, "agreement", place).mean() for place in decisive_places(halves)] for halves in sets.values()]
    overall = np.array([np.mean(found) for found in means])
    is_higher = overall.mean() >= 0.005 and overall.mean() > 2 * error(overall)
    stops = [at_stop(halves) for halves in sets.values()]
    accuracy, decided = (float(np.mean([stop[name] for stop in stops])) for name in ("agreement", "decided"))
    worst = max(max(np.mean(found["calibration_error"]), -np.mean(found["log_score"])) for found in by_length.values())
    print(f"1. agreement {overall.mean():+.4f} +-{error(overall):.4f}: {'met' if is_higher else 'not met'}")
    print(f"2. sets behind: {', '.join(behind) or 'none'}: {'not met' if behind else 'met'}")
    print(f"3. worst of calibration error and log score {worst:+.4f}: {'met' if worst <= 0.005 else 'not met'}")
    print(
        f"4. at the stop: accuracy {accuracy:+.4f}, decided {decided:+.4f}: {'met' if accuracy >= 0 and decided >= -0.005 else 'not met'}"
    )


if __name__ == "__main__":
    main()
