"""When to stop asking, and an honest bound on what is left."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from adaptive.arrays import Bools, Floats, Ints

REASONS = ("", "confidence", "at_most", "gain", "seconds", "exhausted", "decision")
"""Names of the codes that `selection.next_questions` returns; code 0 means: go on."""

CONTINUE, CONFIDENCE, AT_MOST, GAIN, SECONDS, EXHAUSTED, DECISION = range(7)

NEGLIGIBLE_GAIN = 1e-12
"""Bits below which a question is considered to tell nothing."""

CONFIDENCE_TOLERANCE = 1e-12
"""Two confidences closer than this are the same: a threshold that is met exactly is met."""


@dataclass(frozen=True)
class StopRule:
    """The criteria of one survey; what is None is not applied: what an author reads in the file is what happens.

    `gain_below` is in bits, `seconds` is the respondent's time.
    """

    confidence: float | None = None
    at_most: int | None = None
    at_least: int = 1
    gain_below: float | None = None
    seconds: float | None = None

    @cached_property
    def floor(self) -> float:
        """Bits that a question must exceed to be worth asking."""
        return NEGLIGIBLE_GAIN if self.gain_below is None else max(NEGLIGIBLE_GAIN, self.gain_below - NEGLIGIBLE_GAIN)


@dataclass(frozen=True, eq=False)
class Progress:
    """How far B respondents are in one survey.

    Attributes
    ----------
    done : (B, Q) bool
        Given in this session in any way, or known from before: not to be asked again.
    opens : (B, Q) bool
        Every condition of the question is met by the answers at hand; True where there is none.
    taken : (B,) int
        Questions given in this session, silences included.
    spent : (B,) float
        Seconds the respondent has spent.
    limit : (B,) int
        The most questions this session may take in all, as already told to the respondent.
    """

    done: Bools
    opens: Bools
    taken: Ints
    spent: Floats
    limit: Ints


def reason_to_stop(
    rule: StopRule, belief: Floats, progress: Progress, left: Bools, worthwhile: Bools, settled: Bools | None, wanted: Bools | None
) -> Ints:
    """(B,) code of why each respondent should be asked nothing more, 0 where something is still to be asked.

    The limits of the respondent's patience (`at_most`, `seconds`) hold against everything. Being sure enough, and having nothing
    worth asking, wait for `at_least` and for the questions the author wants in any case.

    Parameters
    ----------
    belief : (B, K) array
    left, worthwhile : (B,) bool
        A question that tells anything may still be asked; and one that tells at least `gain_below`.
    settled : (B,) bool or None
        No answer can change what will be done.
    wanted : (B,) bool or None
        A question listed in `first`, or a required one, is still to be asked.
    """
    enough = progress.taken >= rule.at_least
    reason = np.zeros(len(enough), dtype=np.int64)
    if wanted is not None:
        enough &= ~wanted
    if worthwhile is not left:
        reason[enough & left & ~worthwhile] = GAIN
    if np.count_nonzero(left) < len(left):
        reason[~left if wanted is None else ~(left | wanted)] = EXHAUSTED
    if rule.seconds is not None:
        reason[progress.spent >= rule.seconds] = SECONDS
    full = progress.taken >= progress.limit
    if np.count_nonzero(full):
        reason[full & (reason != EXHAUSTED)] = AT_MOST
    if settled is not None:
        reason[enough & settled & (reason != EXHAUSTED)] = DECISION
    if rule.confidence is not None:
        reason[enough & (belief.max(axis=1) >= rule.confidence - CONFIDENCE_TOLERANCE)] = CONFIDENCE
    return reason


def question_limit(rule: StopRule, possible: Bools, taken: Ints, told: Ints | None = None) -> Ints:
    """(B,) upper bound of the questions of a session, those already taken included.

    It counts the questions that any answers could still open, capped by `at_most`, and never exceeds what was `told` before: a
    respondent who was promised six questions gets no seventh, even where a corrected answer opens another branch.
    """
    bound = taken + possible.sum(axis=1)
    if rule.at_most is not None:
        bound = np.minimum(bound, rule.at_most)
    kept: Ints = (bound if told is None else np.minimum(bound, told)).astype(np.int64)
    return kept
