"""Stopping rules, and an upper bound on the number of questions of a session."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from adaptive.arrays import Bools, Floats, Ints

REASONS = ("", "confidence", "at_most", "gain", "seconds", "exhausted", "decision")
"""Names of the codes that `selection.next_questions` returns; code 0 means that the survey continues."""

Endgame = Literal["accuracy", "none"]

CONTINUE, CONFIDENCE, AT_MOST, GAIN, SECONDS, EXHAUSTED, DECISION = range(7)

NEGLIGIBLE_GAIN = 1e-12
"""Bits below which a question counts as uninformative."""

CONFIDENCE_TOLERANCE = 1e-12
"""Tolerance of the confidence threshold, so that rounding does not keep an exactly met threshold from being met."""


@dataclass(frozen=True)
class StopRule:
    """The stopping criteria of one survey; a criterion that is None does not apply.

    `gain_below` is in bits, `seconds` is the respondent's time. With the `endgame` "accuracy" the last two questions before `at_most` are
    chosen by the accuracy that they lead to, not by information.
    """

    confidence: float | None = None
    at_most: int | None = None
    at_least: int = 1
    gain_below: float | None = None
    seconds: float | None = None
    endgame: Endgame = "none"

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
        Answered or skipped in this session, or known from before: not to be asked again.
    opens : (B, Q) bool
        Every condition of the question is met by the answers so far; True where it has none.
    taken : (B,) int
        Questions answered or skipped in this session.
    spent : (B,) float
        Seconds the respondent has spent.
    limit : (B,) int
        The most questions this session may take in all, as announced to the respondent.
    """

    done: Bools
    opens: Bools
    taken: Ints
    spent: Floats
    limit: Ints


def reason_to_stop(
    rule: StopRule, belief: Floats, progress: Progress, remaining: Bools, worthwhile: Bools, decided: Bools | None, pending: Bools | None
) -> Ints:
    """Return the (B,) code of why each respondent should be asked nothing more, 0 where something is still to be asked.

    The limits on the respondent's time (`at_most`, `seconds`) override everything. Sufficient confidence, and no question worth asking,
    stop the survey only after `at_least` questions and after all that the author requires.

    Parameters
    ----------
    belief : (B, K) array
    remaining, worthwhile : (B,) bool
        An informative question may still be asked; one that gains at least `gain_below` may still be asked.
    decided : (B,) bool or None
        No answer can change the best action.
    pending : (B,) bool or None
        A question listed in `first`, or a required one, is still to be asked.
    """
    enough = progress.taken >= rule.at_least
    reason = np.zeros(len(enough), dtype=np.int64)
    if pending is not None:
        enough &= ~pending
    if worthwhile is not remaining:
        reason[enough & remaining & ~worthwhile] = GAIN
    if np.count_nonzero(remaining) < len(remaining):
        reason[~remaining if pending is None else ~(remaining | pending)] = EXHAUSTED
    if rule.seconds is not None:
        reason[progress.spent >= rule.seconds] = SECONDS
    full = progress.taken >= progress.limit
    if np.count_nonzero(full):
        reason[full & (reason != EXHAUSTED)] = AT_MOST
    if decided is not None:
        reason[enough & decided & (reason != EXHAUSTED)] = DECISION
    if rule.confidence is not None:
        reason[enough & (belief.max(axis=1) >= rule.confidence - CONFIDENCE_TOLERANCE)] = CONFIDENCE
    return reason
