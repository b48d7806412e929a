"""When to stop asking, and an honest bound on what is left."""

from dataclasses import dataclass

import numpy as np

from adaptive.likelihood import Bools, Floats
from adaptive.tables import Integers

REASONS = ("", "confidence", "at_most", "gain", "seconds", "exhausted")
"""Names of the codes that `selection.next_questions` returns; code 0 means: go on."""

GO_ON, CONFIDENCE, AT_MOST, GAIN, SECONDS, EXHAUSTED = range(6)

CERTAIN = 1e-12
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
    taken: Integers
    spent: Floats
    limit: Integers


def reason_to_stop(rule: StopRule, belief: Floats, worth: Floats, open_first: Bools, open_required: Bools, progress: Progress) -> Integers:
    """(B,) code of why each respondent should be asked nothing more, 0 where something is still to be asked.

    The limits of the respondent's patience (`at_most`, `seconds`) hold against everything. Being sure enough, and having nothing
    worth asking, wait for `at_least` and for the questions the author wants in any case.

    Parameters
    ----------
    belief : (B, K) array
    worth : (B,) array
        Gain in bits of the best question that may still be asked, -inf where there is none.
    open_first, open_required : (B,) bool
        A question listed in `first`, or a required one, is still to be asked.
    """
    wanted = open_first | open_required
    enough = (progress.taken >= rule.at_least) & ~wanted
    reason = np.where(np.isneginf(worth) & ~wanted, EXHAUSTED, GO_ON)
    if rule.gain_below is not None:
        reason = np.where((reason == GO_ON) & enough & (worth < rule.gain_below), GAIN, reason)
    if rule.seconds is not None:
        reason = np.where(progress.spent >= rule.seconds, SECONDS, reason)
    reason = np.where(progress.taken >= progress.limit, np.where(reason == EXHAUSTED, EXHAUSTED, AT_MOST), reason)
    if rule.confidence is not None:
        reason = np.where(enough & (belief.max(axis=1) >= rule.confidence - CERTAIN), CONFIDENCE, reason)
    return reason.astype(np.int64)


def most_in_all(rule: StopRule, possible: Bools, taken: Integers, told: Integers | None = None) -> Integers:
    """(B,) upper bound of the questions of a session, those already taken included.

    It counts the questions that any answers could still open, capped by `at_most`, and never exceeds what was `told` before: a
    respondent who was promised six questions gets no seventh, even where a corrected answer opens another branch.
    """
    bound = taken + possible.sum(axis=1)
    if rule.at_most is not None:
        bound = np.minimum(bound, rule.at_most)
    kept: Integers = (bound if told is None else np.minimum(bound, told)).astype(np.int64)
    return kept
