"""The next question: gain per second of effort among the eligible ones, for one respondent or for many at once.

The live service, the answers ahead, `discern simulate` and `discern replay` all choose through `next_questions`.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from adaptive.arrays import Bools, Floats, Ints
from adaptive.dependency_forest import NOT_GIVEN
from adaptive.dropout import Hazard
from adaptive.exploration import RandomDraw, draw_by_score, draw_pilot
from adaptive.information import decision_is_final, information_gain, value_of_information
from adaptive.posterior import Evidence, Posterior, infer
from adaptive.stopping import CONTINUE, NEGLIGIBLE_GAIN, Progress, StopRule, question_limit, reason_to_stop
from adaptive.tables import ResponseTables


def look_ahead_states(
    tables: ResponseTables, evidence: Evidence, progress: Progress, question: int, rows: Floats, opens: Bools
) -> tuple[Evidence, Progress]:
    """The futures of one respondent (B = 1) in which `question` gets each of its outcomes, the last being no answer.

    `rows` is (A + 1, K) and `opens` is (A + 1, Q), one line an outcome. The time the question will take is its expected effort.
    """
    futures = len(rows)

    def repeated(item: Bools | Floats | Ints) -> Any:
        return np.repeat(item, futures, axis=0)

    answered, silent, done = repeated(evidence.answered), repeated(evidence.silent), repeated(progress.done)
    answered[:-1, question], answered[-1, question] = True, False
    silent[:-1, question], silent[-1, question] = False, True
    done[:, question] = True
    codes = repeated(evidence.codes)
    codes[:, question] = np.append(np.arange(futures - 1), NOT_GIVEN)
    taken, spent = repeated(progress.taken) + 1, repeated(progress.spent) + tables.seconds[question]
    then = Progress(done, opens, taken, spent, repeated(progress.limit))
    return Evidence(answered, silent, evidence.rows, codes, repeated(evidence.signals), (question, rows)), then


TIE = 1e-9
"""Scores that differ by less than this share are equal, and the earlier question of the bank wins."""


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
    actions : (M, K) or None
        Value of each action for each persona, or class: then questions are chosen by the value of their information.
    pilots : (Q,) bool or None
        Questions without a table yet, asked by lot.
    hazard : Hazard or None
        What a question counts is discounted by the chance that the respondent leaves at it.
    """

    included: Bools
    required: Bools
    needs: Bools
    first: tuple[int, ...]
    stop: StopRule
    effort: float = 1.0
    actions: Floats | None = None
    pilots: Bools | None = None
    hazard: Hazard | None = None

    @cached_property
    def any_required(self) -> bool:
        """Whether the survey insists on any question."""
        return bool((self.required & self.included).any())

    @cached_property
    def conditional(self) -> Ints:
        """The questions that have a condition."""
        return np.flatnonzero(self.needs.any(axis=1))


class Step(NamedTuple):
    """What to do next for each of B respondents.

    `chosen` is (B,), -1 where the survey ends; `reason` is (B,) a code of `stopping.REASONS`; `belief` is (B, K); `gain` is (B, Q) in bits;
    `chance` is (B,) the probability with which the question was drawn, 1 where it was not drawn by lot, None where there were no lots.
    """

    chosen: Ints
    reason: Ints
    belief: Floats
    gain: Floats
    chance: Floats | None


def eligible(rules: SurveyRules, progress: Progress) -> Bools:
    """(B, Q) questions that may be asked now: in the survey, not done, every condition answered and met."""
    allowed: Bools = rules.included > progress.done
    if len(rules.conditional):
        allowed &= progress.opens
        allowed[:, rules.conditional] &= ~_any_of(~progress.done, rules)
    return allowed


def reachable(tables: ResponseTables, rules: SurveyRules, progress: Progress) -> Bools:
    """(B, Q) questions that some further answers could still bring up; the rest will certainly not be asked."""
    wanted: Bools = tables.informative | rules.required
    if rules.pilots is not None:
        wanted = wanted | rules.pilots
    wanted[list(rules.first)] = True
    candidates: Bools = (rules.included & wanted) > progress.done
    if not len(rules.conditional):
        return candidates
    may_open = eligible(rules, progress)
    may_open[:, rules.conditional] |= _any_of(candidates, rules)
    return candidates & may_open


def _any_of(questions: Bools, rules: SurveyRules) -> Bools:
    """(B, conditional) whether any question that a conditional one depends on is among (B, Q) `questions`."""
    found: Bools = questions.astype(float) @ rules.needs[rules.conditional].T.astype(float) > 0
    return found


def update_limit(tables: ResponseTables, rules: SurveyRules, progress: Progress) -> Progress:
    """The same progress with its promise brought up to date: the limit falls where branches have closed, and never rises."""
    open_questions = reachable(tables, rules, progress)
    return replace(progress, limit=question_limit(rules.stop, open_questions, progress.taken, progress.limit))


def argmax_allowed(scores: Floats, allowed: Bools) -> Ints:
    """(B,) index of the highest of (B, Q) `scores` among the `allowed`, ties to the smallest index; -1 where nothing is allowed.

    Scores are not negative.
    """
    first, some = _argmax_allowed(scores, allowed)
    return np.where(some, first, -1)


def _argmax_allowed(scores: Floats, allowed: Bools) -> tuple[Ints, Bools]:
    """The same index, any where nothing is allowed; and (B,) whether anything is."""
    masked = np.where(allowed, scores, -np.inf)
    best = np.maximum.reduce(masked, axis=1, keepdims=True)
    best *= 1 - TIE
    first: Ints = (masked >= best).argmax(axis=1)
    return first, best[:, 0] >= 0


def next_questions(
    tables: ResponseTables, rules: SurveyRules, evidence: Evidence, progress: Progress, lots: RandomDraw | None = None
) -> Step:
    """The next question of each respondent, or why there is none.

    Questions of `first` come before all, then required ones when only their places are left, then the highest score; questions whose
    topic is untouched come before repeats of a topic as long as one of them is worth asking. With `lots`, some respondents get a
    question drawn among those worth asking, or a pilot.
    """
    standing = infer(tables, evidence)
    gain = information_gain(tables, standing)
    asking = eligible(rules, progress)
    pool = asking & (gain > rules.stop.floor)
    if tables.has_topics:
        fresh = pool & ~_topic_answered(tables, evidence)
        pool = np.where(fresh.any(axis=1, keepdims=True), fresh, pool)
    scores = (gain if rules.actions is None else _value_scores(tables, rules.actions, standing, gain, pool)) * tables.inverse_cost(
        rules.effort
    )
    if rules.hazard is not None:
        scores *= rules.hazard.survival(progress.taken[:, None], tables.seconds, ~_topic_answered(tables, evidence))
    chance = None
    chosen, worthwhile = _argmax_allowed(scores, pool)
    left = worthwhile
    if np.count_nonzero(worthwhile) < len(worthwhile):  # below the floor, until `at_least`
        chosen = np.where(worthwhile, chosen, argmax_allowed(scores, asking & (gain > NEGLIGIBLE_GAIN)))
        left = chosen >= 0
    if lots is not None:
        drawn, share = draw_by_score(scores, pool, lots.draw)
        by_lot = lots.explore & (drawn >= 0)
        chosen, chance = np.where(by_lot, drawn, chosen), np.where(by_lot, share, 1.0)
    settled = _decision(tables, rules, standing, progress)
    standpoint = (rules.stop, standing.belief, progress, left, worthwhile, settled)
    wanted = None
    if rules.first or rules.any_required or rules.pilots is not None:
        chosen, chance, wanted = _apply_requirements(rules, standpoint, asking, scores, chosen, chance, lots)
    reason = reason_to_stop(*standpoint, wanted)
    if np.count_nonzero(reason):
        chosen = np.where(reason == CONTINUE, chosen, -1)
    return Step(chosen, reason, standing.belief, gain, chance)


_StopInputs = tuple[StopRule, Floats, Progress, Bools, Bools, Bools | None]
"""What `reason_to_stop` needs, but for what the author insists on."""


def _decision(tables: ResponseTables, rules: SurveyRules, standing: Posterior, progress: Progress) -> Bools | None:
    """(B,) whether what will be done can no longer change, None where nothing depends on the answers."""
    if rules.actions is None:
        return None
    return decision_is_final(tables, standing, rules.actions, reachable(tables, rules, progress), progress.limit - progress.taken)


def _apply_requirements(
    rules: SurveyRules,
    standpoint: _StopInputs,
    asking: Bools,
    scores: Floats,
    chosen: Ints,
    chance: Floats | None,
    lots: RandomDraw | None,
) -> tuple[Ints, Floats | None, Bools]:
    """The question that the author wants instead of the best one, where there is one; its chance; and (B,) whether any is still wanted."""
    progress = standpoint[2]
    first = _next_of_first(rules, asking)
    wanted = first >= 0
    forced = np.zeros_like(wanted)
    if rules.any_required:
        required = asking & rules.required
        some = np.asarray(required.any(axis=1))
        last_places = required.sum(axis=1) >= progress.limit - progress.taken
        forced = some & (last_places | (reason_to_stop(*standpoint, wanted) != CONTINUE))
        chosen = np.where(forced, argmax_allowed(scores, required), chosen)
        wanted = wanted | some
    if lots is not None and chance is not None and rules.pilots is not None:
        pilot, share = draw_pilot(_pilots_due(rules.pilots, asking, progress, lots, wanted), lots.draw)
        chosen, chance = np.where(pilot >= 0, pilot, chosen), np.where(pilot >= 0, share, chance)
    chosen = np.where(first >= 0, first, chosen)
    return chosen, None if chance is None else np.where(forced | (first >= 0), 1.0, chance), wanted


def _value_scores(tables: ResponseTables, actions: Floats, standing: Posterior, gain: Floats, pool: Bools) -> Floats:
    """(B, Q) the value of each question's information; where no single answer would change what is done, its gain.

    Value alone looks one step ahead, and would stand still.
    """
    value = value_of_information(tables, standing, actions)
    any_value = (value * pool).max(axis=1, keepdims=True) > NEGLIGIBLE_GAIN * np.abs(actions).max()
    return np.where(any_value, value, gain)


def _pilots_due(pilots: Bools, asking: Bools, progress: Progress, lots: RandomDraw, wanted: Bools) -> Bools:
    """(B, Q) pilots that may be asked now: one a session, after a first question that counts and all that the author wants."""
    due = lots.pilots & (progress.taken > 0) & ~(progress.done & pilots).any(axis=1) & ~wanted
    waiting: Bools = asking & pilots & due[:, None]
    return waiting


def _next_of_first(rules: SurveyRules, asking: Bools) -> Ints:
    """(B,) the earliest question of `first` that may be asked, -1 where none is left."""
    if not rules.first:
        return np.full(len(asking), -1)
    order = np.array(rules.first)
    waiting = asking[:, order]
    return np.where(waiting.any(axis=1), order[waiting.argmax(axis=1)], -1)


def _topic_answered(tables: ResponseTables, evidence: Evidence) -> Bools:
    """(B, Q) questions whose topic already has an answer or an explicit silence."""
    given = evidence.answered | evidence.silent
    if not tables.has_topics:
        return given
    touched: Bools = (given.astype(float) @ tables.topic_members) @ tables.topic_members.T > 0
    return touched
