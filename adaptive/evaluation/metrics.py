"""Metrics of interviews: length, agreement, calibration and use of each question. Shares are of all respondents."""

from dataclasses import dataclass

import numpy as np

from adaptive.arrays import Floats, Ints
from adaptive.evaluation.simulate import END_REASONS, NO_QUESTION, Interviews
from adaptive.learning.calibration import calibration_error


@dataclass(frozen=True)
class Bin:
    """Respondents whose stated confidence lies between `low` and `high`: their mean stated confidence and mean accuracy (`true`)."""

    low: float
    high: float
    respondents: int
    stated: float
    true: float


@dataclass(frozen=True, eq=False)
class Usage:
    """How often each of Q questions was used, and its result; all arrays are (Q,).

    `asked` is the share of respondents who were asked it, `gain` its mean expected gain in bits when chosen, `place` its mean position
    (from 1), `silent` the share of those asked who gave no answer, `left` the share of respondents who left when it was shown. `gain`,
    `place` and `silent` are zero where nobody was asked.
    """

    asked: Floats
    gain: Floats
    place: Floats
    silent: Floats
    left: Floats


@dataclass(frozen=True)
class StopMetrics:
    """Metrics at the moment the survey stops, as means over the respondents.

    `soft_agreement` is the probability that the belief after all answers gives to the stated persona; `agreement` the share whose stated
    persona is the reference persona. The calibration error is against the first, or against labels where there are any.
    """

    questions: float
    confidence: float
    agreement: float
    soft_agreement: float
    calibration_error: float
    stopped_because: dict[str, float]


def stop_metrics(interviews: Interviews, full: Floats, label: Ints, *, labelled: bool) -> StopMetrics:
    """Return the metrics at the stop.

    `full` is (N, K), the belief after all answers; `label` is (N,), the reference persona; `labelled` says that it comes from labels and
    not from `full`.
    """
    stated, confidence = interviews.belief.argmax(axis=1), interviews.belief.max(axis=1)
    correct, believed = (stated == label).astype(float), full[np.arange(len(full)), stated]
    return StopMetrics(
        questions=float(interviews.length.mean()),
        confidence=float(confidence.mean()),
        agreement=float(correct.mean()),
        soft_agreement=float(believed.mean()),
        calibration_error=calibration_error(confidence, correct if labelled else believed),
        stopped_because=end_reasons(interviews),
    )


def reliability(stated: Floats, true: Floats, bins: int = 10) -> list[Bin]:
    """Return stated confidence against truth over equal bins of confidence; empty bins are left out.

    `stated` and `true` are (N,): the confidence in the stated persona, and the probability (or 0/1) that it is right. The mean distance
    of the two, weighted by the size of the bins, is `calibration.calibration_error`.

    >>> reliability(np.array([0.9, 0.9]), np.array([1.0, 0.0]))
    [Bin(low=0.9, high=1.0, respondents=2, stated=0.9, true=0.5)]
    """
    place = np.minimum((stated * bins).astype(int), bins - 1)
    found = []
    for b in np.unique(place).tolist():
        there = place == b
        found.append(Bin(b / bins, (b + 1) / bins, int(there.sum()), float(stated[there].mean()), float(true[there].mean())))
    return found


def confusion(truth: Floats, stated: Ints) -> Floats:
    """Return the (K, K) share of respondents by their persona (row) and the stated persona (column).

    `truth` is (N, K), P(persona) of each respondent, one-hot where it is known; `stated` is (N,). One minus the trace is the
    classification error.
    """
    table: Floats = truth.T @ np.eye(truth.shape[1])[stated] / len(truth)
    return table


def usage(interviews: Interviews, questions: int) -> Usage:
    """Return how often each of the bank's `questions` was asked, and its result."""
    people = len(interviews.asked)
    taken = interviews.asked != NO_QUESTION
    which = interviews.asked[taken]
    times = np.bincount(which, minlength=questions)
    some = np.maximum(times, 1)
    places = np.broadcast_to(np.arange(1, taken.shape[1] + 1), taken.shape)

    def mean(values: Floats) -> Floats:
        return np.asarray(np.bincount(which, values, minlength=questions) / some, dtype=np.float64)

    left = np.bincount(interviews.left_at[interviews.left_at != NO_QUESTION], minlength=questions)
    silent = interviews.silent[taken].astype(float)
    return Usage(times / people, mean(interviews.gain[taken]), mean(places[taken].astype(float)), mean(silent), left / people)


def length_distribution(interviews: Interviews) -> Floats:
    """Return the (S + 1,) share of respondents who took 0, 1, … S questions."""
    shares: Floats = np.bincount(interviews.length, minlength=interviews.asked.shape[1] + 1) / len(interviews.asked)
    return shares


def end_reasons(interviews: Interviews) -> dict[str, float]:
    """Return the share of respondents by the reason their interview ended; reasons that did not occur are left out."""
    shares = np.bincount(interviews.reason, minlength=len(END_REASONS)) / len(interviews.reason)
    return {name: float(share) for name, share in zip(END_REASONS, shares, strict=True) if share > 0}
