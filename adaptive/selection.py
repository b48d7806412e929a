"""The next question: gain per second of effort among the eligible ones, for one respondent or for many at once.

The live service, the answers ahead, `discern simulate` and `discern replay` all choose through `next_questions`.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from adaptive.forest import NOT_GIVEN
from adaptive.information import gain_given
from adaptive.likelihood import Bools, Floats
from adaptive.posterior import Evidence, believe
from adaptive.stopping import GO_ON, Progress, StopRule, most_in_all, reason_to_stop
from adaptive.tables import Integers, ResponseTables

TIE = 1e-9
"""Scores that differ by less than this share are equal, and the earlier question of the bank wins."""

NOTHING = 1e-12
"""Bits below which a question is considered to tell nothing."""

EFFORT_OFFSET = 2.0
"""Seconds added to every question: without them very quick questions are over-exposed (Choe, Kern and Chang, 2018)."""


@dataclass(frozen=True, eq=False)
class SurveyRules:
    """What one survey may ask and when it stops, as arrays over the Q questions of the bank.

    Attributes
    ----------
    included : (Q,) bool
        The survey contains the question.
    required : (Q,) bool
        The survey is not complete without it.
    needs : (Q, Q) bool
        ``needs[q, c]``: question q is conditional on the answer to question c.
    first : tuple of int
        Asked first, in this order, whatever their gain.
    """

    included: Bools
    required: Bools
    needs: Bools
    first: tuple[int, ...]
    stop: StopRule
    effort: float = 1.0

    @cached_property
    def conditional(self) -> Integers:
        """The questions that have a condition."""
        return np.flatnonzero(self.needs.any(axis=1))


@dataclass(frozen=True, eq=False)
class Step:
    """What to do next for each of B respondents.

    `chosen` is (B,), -1 where the survey ends; `reason` is (B,) a code of `stopping.REASONS`; `belief` is (B, K); `gain` is (B, Q) in bits.
    """

    chosen: Integers
    reason: Integers
    belief: Floats
    gain: Floats


def eligible(rules: SurveyRules, progress: Progress) -> Bools:
    """(B, Q) questions that may be asked now: in the survey, not done, every condition answered and met."""
    allowed: Bools = rules.included & ~progress.done & progress.opens
    if len(rules.conditional):
        allowed[:, rules.conditional] &= ~_any_of(~progress.done, rules)
    return allowed


def possible(tables: ResponseTables, rules: SurveyRules, progress: Progress) -> Bools:
    """(B, Q) questions that some further answers could still bring up; the rest will certainly not be asked."""
    wanted: Bools = tables.informative | rules.required
    wanted[list(rules.first)] = True
    candidates: Bools = rules.included & wanted & ~progress.done
    may_open = eligible(rules, progress)
    if len(rules.conditional):
        may_open[:, rules.conditional] |= _any_of(candidates, rules)
    return candidates & may_open


def _any_of(questions: Bools, rules: SurveyRules) -> Bools:
    """(B, conditional) whether any question that a conditional one depends on is among (B, Q) `questions`."""
    found: Bools = questions.astype(float) @ rules.needs[rules.conditional].T.astype(float) > 0
    return found


def limit_of(tables: ResponseTables, rules: SurveyRules, progress: Progress) -> Progress:
    """The same progress with its promise brought up to date: the limit falls where branches have closed, and never rises."""
    open_questions = possible(tables, rules, progress)
    return replace(progress, limit=most_in_all(rules.stop, open_questions, progress.taken, progress.limit))


def score(gain: Floats, tables: ResponseTables, effort: float) -> Floats:
    """(…, Q) expected bits per second of effort: ``gain / (seconds + 2) ** effort``; effort 0 ignores the time."""
    return gain / (tables.seconds + EFFORT_OFFSET) ** effort


def first_of_the_best(scores: Floats, allowed: Bools) -> Integers:
    """(B,) index of the highest of (B, Q) `scores` among the `allowed`, ties to the smallest index; -1 where nothing is allowed."""
    masked = np.where(allowed, scores, -np.inf)
    best = masked.max(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        tied = allowed & (masked >= best - TIE * np.abs(best))
    return np.where(allowed.any(axis=1), tied.argmax(axis=1), -1)


def next_questions(tables: ResponseTables, rules: SurveyRules, evidence: Evidence, progress: Progress) -> Step:
    """The next question of each respondent, or why there is none.

    Questions of `first` come before all, then required ones when only their places are left, then the highest score; questions whose
    topic is untouched come before repeats of a topic as long as one of them is worth asking.
    """
    belief = believe(tables, evidence)
    gain = gain_given(belief, tables, evidence)
    asking = eligible(rules, progress)
    worth_asking = asking & (gain > max(NOTHING, 0.0 if rules.stop.gain_below is None else rules.stop.gain_below - NOTHING))
    fresh = worth_asking & ~_touched(tables, evidence) if tables.has_topics else worth_asking
    pool = np.where(fresh.any(axis=1, keepdims=True), fresh, worth_asking)
    pool = np.where(pool.any(axis=1, keepdims=True), pool, asking & (gain > NOTHING))  # below the floor, until `at_least`

    leading = _leading(rules, asking)
    required = asking & rules.required
    some_required = np.asarray(required.any(axis=1))
    worth = np.where(asking & (gain > NOTHING), gain, -np.inf).max(axis=1)
    reason = reason_to_stop(rules.stop, belief, worth, leading >= 0, some_required, progress)

    scores = score(gain, tables, rules.effort)
    chosen = np.where(leading >= 0, leading, first_of_the_best(scores, pool))
    last_places = required.sum(axis=1) >= progress.limit - progress.taken
    settled = reason_to_stop(rules.stop, belief, worth, leading >= 0, np.zeros_like(some_required), progress) != GO_ON
    chosen = np.where(some_required & (last_places | settled), first_of_the_best(scores, required), chosen)
    return Step(np.where(reason == GO_ON, chosen, -1), reason, belief, gain)


def _leading(rules: SurveyRules, asking: Bools) -> Integers:
    """(B,) the earliest question of `first` that may be asked, -1 where none is left."""
    if not rules.first:
        return np.full(len(asking), -1)
    order = np.array(rules.first)
    waiting = asking[:, order]
    return np.where(waiting.any(axis=1), order[waiting.argmax(axis=1)], -1)


def _touched(tables: ResponseTables, evidence: Evidence) -> Bools:
    """(B, Q) questions whose topic already has an answer or an explicit silence."""
    given = (evidence.answered | evidence.silent).astype(float)
    touched: Bools = (given @ tables.topic_members) @ tables.topic_members.T > 0
    return touched


def suppose(
    tables: ResponseTables, evidence: Evidence, progress: Progress, question: int, rows: Floats, opens: Bools
) -> tuple[Evidence, Progress]:
    """The futures of one respondent (B = 1) in which `question` gets each of its outcomes, the last being no answer.

    `rows` is (A + 1, K) and `opens` is (A + 1, Q), one line an outcome. The time the question will take is its expected effort.
    """
    futures = len(rows)

    def repeated(one: Bools | Floats | Integers) -> Any:
        return np.repeat(one, futures, axis=0)

    answered, silent, done = repeated(evidence.answered), repeated(evidence.silent), repeated(progress.done)
    answered[:, question] = np.arange(futures) < futures - 1
    silent[:, question] = ~answered[:, question]
    done[:, question] = True
    given = repeated(evidence.rows)
    given[:, question] = rows
    codes = repeated(evidence.codes)
    codes[:, question] = np.append(np.arange(futures - 1), NOT_GIVEN)
    progress = Progress(
        done=done,
        opens=opens,
        taken=repeated(progress.taken) + 1,
        spent=repeated(progress.spent) + tables.seconds[question],
        limit=repeated(progress.limit),
    )
    return Evidence(answered, silent, given, codes, repeated(evidence.signals)), progress
