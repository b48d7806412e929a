"""What interviews showed, as numbers: how long they were, how true, which questions earned their place. Shares are of all respondents."""

from dataclasses import dataclass

import numpy as np

from adaptive.arrays import Floats, Ints
from adaptive.evaluation.simulate import END_REASONS, NO_QUESTION, Interviews
from adaptive.learning.calibration import calibration_error


@dataclass(frozen=True)
class Bin:
    """Respondents whose stated confidence lies between `low` and `high`: what was stated of them on average, and what was true."""

    low: float
    high: float
    respondents: int
    stated: float
    true: float


@dataclass(frozen=True, eq=False)
class Usage:
    """What became of each of Q questions; all arrays are (Q,).

    `asked` is the share of respondents who took it, `gain` what it was expected to tell when chosen (mean, in bits), `place` at which
    place it came on average (from 1), `silent` the share of those asked who gave no answer, `left` the share of respondents who went away
    in front of it. `gain`, `place` and `silent` are zero where nobody was asked.
    """

    asked: Floats
    gain: Floats
    place: Floats
    silent: Floats
    left: Floats


@dataclass(frozen=True)
class StopMetrics:
    """What the survey has found out at the moment it stops, as means over the respondents.

    `soft_agreement` is the probability that the belief after all answers gives to the stated persona; `agreement` the share whose stated
    persona is the one held to be true. The calibration error is against the first, or against labels where there are any.
    """

    questions: float
    confidence: float
    agreement: float
    soft_agreement: float
    calibration_error: float
    stopped_because: dict[str, float]


def stop_metrics(interviews: Interviews, full: Floats, label: Ints, *, labelled: bool) -> StopMetrics:
    """`full` is (N, K), the belief after all answers; `label` is (N,), the persona held to be true, `labelled` if known from elsewhere."""
    stated, confidence = interviews.belief.argmax(axis=1), interviews.belief.max(axis=1)
    right, soft = (stated == label).astype(float), full[np.arange(len(full)), stated]
    return StopMetrics(
        questions=float(interviews.length.mean()),
        confidence=float(confidence.mean()),
        agreement=float(right.mean()),
        soft_agreement=float(soft.mean()),
        calibration_error=calibration_error(confidence, right if labelled else soft),
        stopped_because=end_reasons(interviews),
    )


def reliability(stated: Floats, true: Floats, bins: int = 10) -> list[Bin]:
    """Stated confidence against truth, over equal bins of confidence; empty bins are left out.

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
    """(K, K) share of respondents by their persona (line) and the persona that was stated (column).

    `truth` is (N, K), P(persona) of each respondent, zeros and a one where it is known; `stated` is (N,). One minus the diagonal's sum is
    the classification error.
    """
    table: Floats = truth.T @ np.eye(truth.shape[1])[stated] / len(truth)
    return table


def usage(interviews: Interviews, questions: int) -> Usage:
    """How often each of the bank's questions was asked, and to what end."""
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
    """(S + 1,) share of respondents who took 0, 1, … S questions."""
    shares: Floats = np.bincount(interviews.length, minlength=interviews.asked.shape[1] + 1) / len(interviews.asked)
    return shares


def end_reasons(interviews: Interviews) -> dict[str, float]:
    """Share of respondents by what ended their interview; only what happened."""
    shares = np.bincount(interviews.reason, minlength=len(END_REASONS)) / len(interviews.reason)
    return {name: float(share) for name, share in zip(END_REASONS, shares, strict=True) if share > 0}
