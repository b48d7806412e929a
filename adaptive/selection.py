"""The next question: the eligible one with the most gain per second of effort, for one respondent or many at once.

The live service, its look-ahead, `discern simulate` and `discern replay` all choose through `next_questions`.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from adaptive.arrays import Bools, Floats, Ints
from adaptive.dependency_forest import NOT_GIVEN
from adaptive.dropout import Hazard
from adaptive.endgame import PLANNED, Opening, Plan, endgame_scores
from adaptive.exploration import RandomDraw, draw_by_score, draw_pilot
from adaptive.information import decision_is_final, information_gain, value_of_information
from adaptive.posterior import Evidence, Posterior, infer
from adaptive.stopping import CONTINUE, EXHAUSTED, NEGLIGIBLE_GAIN, Progress, StopRule, reason_to_stop
from adaptive.tables import ResponseTables

TIE = 1e-9
ROUNDING = 1e-12
"""Scores that differ by less than this share count as equal; the earlier question of the bank is chosen."""


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
        Questions asked first, in this order, regardless of their gain.
    actions : (M, K) or None
        Value of each action for each persona, or class. With it, questions are chosen by the value of their information.
    pilots : (Q,) bool or None
        Questions without a table yet, asked at random.
    hazard : Hazard or None
        The score of a question is multiplied by the probability that the respondent stays.
    opening : mapping
        The conditional questions that one answer can open; the endgame plans with them.
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
    opening: Opening = field(default_factory=dict)

    @cached_property
    def has_endgame(self) -> bool:
        """Whether the last two questions are chosen by the accuracy that they lead to: the length is known, and no action has a value."""
        return self.stop.endgame == "accuracy" and self.stop.at_most is not None and self.actions is None

    @cached_property
    def any_required(self) -> bool:
        """Whether any question of the survey is required."""
        return bool((self.required & self.included).any())

    @cached_property
    def conditional(self) -> Ints:
        """The questions that have a condition."""
        return np.flatnonzero(self.needs.any(axis=1))


class Step(NamedTuple):
    """What to do next for each of B respondents.

    `chosen` is (B,), -1 where the survey ends; `reason` is (B,) a code of `stopping.REASONS`; `belief` is (B, K); `gain` is (B, Q) in bits;
    `chance` is (B,) the probability with which the question was drawn, 1 where it was not drawn, None without random draws.
    """

    chosen: Ints
    reason: Ints
    belief: Floats
    gain: Floats
    chance: Floats | None


def eligible(rules: SurveyRules, progress: Progress) -> Bools:
    """Return the (B, Q) questions that may be asked now: in the survey, not done, every condition answered and met."""
    allowed: Bools = rules.included > progress.done
    if len(rules.conditional):
        allowed &= progress.opens
        allowed[:, rules.conditional] &= ~_any_of(~progress.done, rules)
    return allowed


def reachable(tables: ResponseTables, rules: SurveyRules, progress: Progress) -> Bools:
    """Return the (B, Q) questions that some further answers could still make eligible; the others cannot be asked any more."""
    useful: Bools = tables.informative | rules.required
    if rules.pilots is not None:
        useful = useful | rules.pilots
    if rules.first:
        useful[list(rules.first)] = True
    candidates: Bools = (rules.included & useful) > progress.done
    if not len(rules.conditional):
        return candidates
    may_open = eligible(rules, progress)
    may_open[:, rules.conditional] |= _any_of(candidates, rules)
    return candidates & may_open


def _any_of(questions: Bools, rules: SurveyRules) -> Bools:
    """Return (B, conditional) whether any question that a conditional one depends on is among (B, Q) `questions`."""
    found: Bools = questions.astype(float) @ rules.needs[rules.conditional].T.astype(float) > 0
    return found


def update_limit(tables: ResponseTables, rules: SurveyRules, progress: Progress) -> Progress:
    """Return the progress with its limit recomputed: it falls where branches have closed, and never rises.

    The limit counts the questions already taken and those that any answers could still open, capped by `at_most`. It never exceeds what was
    promised before, even where a corrected answer opens another branch.
    """
    bound: Ints = np.add.reduce(reachable(tables, rules, progress), axis=1)
    bound += progress.taken
    if rules.stop.at_most is not None:
        bound = np.minimum(bound, rules.stop.at_most)
    return Progress(progress.done, progress.opens, progress.taken, progress.spent, np.minimum(bound, progress.limit, out=bound))


def argmax_allowed(scores: Floats, allowed: Bools) -> Ints:
    """Return the (B,) index of the highest of (B, Q) `scores` among the `allowed`; -1 where nothing is allowed.

    Scores are not negative, but rounding may bring a zero just below zero. Ties go to the smallest index.
    """
    first, some = _argmax_allowed(scores, allowed)
    return np.where(some, first, -1)


def _argmax_allowed(scores: Floats, allowed: Bools) -> tuple[Ints, Bools]:
    """Return that index, arbitrary where nothing is allowed, and (B,) whether anything is allowed."""
    masked = np.where(allowed, scores, -np.inf)
    threshold = np.maximum.reduce(masked, axis=1, keepdims=True)
    some: Bools = threshold[:, 0] > -np.inf
    threshold *= 1 - TIE
    threshold -= ROUNDING
    return (masked >= threshold).argmax(axis=1), some


def next_questions(
    tables: ResponseTables, rules: SurveyRules, evidence: Evidence, progress: Progress, draws: RandomDraw | None = None
) -> Step:
    """Return the next question of each respondent, or why there is none.

    Questions of `first` come first, then required ones once only their places remain, then the question with the highest score.
    Questions of a new topic come before repeats of a topic as long as one of them is worth asking. With `draws`, some respondents get
    a question drawn among those worth asking, or a pilot.
    """
    posterior = infer(tables, evidence)
    gain, repeats = information_gain(tables, posterior), _shares_of_repeats(tables, evidence)
    if repeats is not None:
        gain *= repeats
    askable = eligible(rules, progress)
    candidates = askable & (gain > rules.stop.floor)
    if tables.has_topics:
        new_topic = candidates & ~_topic_given(tables, evidence.answered | evidence.silent)
        candidates = np.where(new_topic.any(axis=1, keepdims=True), new_topic, candidates)
    scores = gain if rules.actions is None else _value_scores(tables, rules.actions, posterior, gain, candidates, repeats)
    # The power is taken only where the author changed the default effort: it costs a fifth of the choice.
    scores = scores * (tables.inverse_cost if rules.effort == 1 else tables.inverse_cost**rules.effort)
    if rules.has_endgame and np.count_nonzero((left := progress.limit - progress.taken) <= PLANNED):
        plan = Plan(rules.opening, candidates, askable, rules.included > progress.done, left, repeats, rules.stop.confidence)
        scores = endgame_scores(tables, plan, posterior, scores)
    if rules.hazard is not None:
        new = ~_topic_given(tables, evidence.answered | evidence.silent)
        scores *= rules.hazard.survival(progress.taken[:, None], tables.seconds, new)
    chance = None
    chosen, worthwhile = _argmax_allowed(scores, candidates)
    remaining = worthwhile
    if np.count_nonzero(worthwhile) < len(worthwhile):  # below the floor, until `at_least`
        chosen = np.where(worthwhile, chosen, argmax_allowed(scores, askable & (gain > NEGLIGIBLE_GAIN)))
        remaining = chosen >= 0
    if draws is not None:
        drawn, share = draw_by_score(scores, candidates, draws.draw)
        explored = draws.explore & (drawn >= 0)
        chosen, chance = np.where(explored, drawn, chosen), np.where(explored, share, 1.0)
    decided = _decision(tables, rules, evidence, posterior, progress)
    stop_inputs = (rules.stop, posterior.belief, progress, remaining, worthwhile, decided)
    pending = None
    if rules.first or rules.any_required or rules.pilots is not None:
        chosen, chance, pending = _apply_requirements(rules, stop_inputs, askable, scores, chosen, chance, draws)
    reason = reason_to_stop(*stop_inputs, pending)
    if remaining is not worthwhile:  # a survey without a next question always ends with a reason
        reason = np.where((chosen < 0) & (reason == CONTINUE), EXHAUSTED, reason)
    if np.count_nonzero(reason):
        chosen = np.where(reason == CONTINUE, chosen, -1)
    return Step(chosen, reason, posterior.belief, gain, chance)


_StopInputs = tuple[StopRule, Floats, Progress, Bools, Bools, Bools | None]
"""The arguments of `reason_to_stop`, except for the questions that the author requires."""


def _decision(tables: ResponseTables, rules: SurveyRules, evidence: Evidence, posterior: Posterior, progress: Progress) -> Bools | None:
    """Return (B,) whether the best action can no longer change, or None where the survey has no actions."""
    if rules.actions is None:
        return None
    remaining = progress.limit - progress.taken
    return decision_is_final(tables, evidence, posterior, rules.actions, reachable(tables, rules, progress), remaining)


def _apply_requirements(
    rules: SurveyRules,
    stop_inputs: _StopInputs,
    askable: Bools,
    scores: Floats,
    chosen: Ints,
    chance: Floats | None,
    draws: RandomDraw | None,
) -> tuple[Ints, Floats | None, Bools]:
    """Put required questions and pilots in place of the best question, where they are due.

    Return the (B,) questions, their probabilities, and (B,) whether a question that the author requires is still pending.
    """
    progress = stop_inputs[2]
    first = _next_of_first(rules, askable)
    pending = first >= 0
    forced = np.zeros_like(pending)
    if rules.any_required:
        required = askable & rules.required
        any_required = np.asarray(required.any(axis=1))
        last_places = required.sum(axis=1) >= progress.limit - progress.taken
        forced = any_required & (last_places | (reason_to_stop(*stop_inputs, pending) != CONTINUE))
        chosen = np.where(forced, argmax_allowed(scores, required), chosen)
        pending = pending | any_required
    if draws is not None and chance is not None and rules.pilots is not None:
        pilot, share = draw_pilot(_pilots_due(rules.pilots, askable, progress, draws, pending), draws.draw)
        chosen, chance = np.where(pilot >= 0, pilot, chosen), np.where(pilot >= 0, share, chance)
    chosen = np.where(first >= 0, first, chosen)
    return chosen, None if chance is None else np.where(forced | (first >= 0), 1.0, chance), pending


def _value_scores(
    tables: ResponseTables, actions: Floats, posterior: Posterior, gain: Floats, candidates: Bools, repeats: Floats | None
) -> Floats:
    """Return the (B, Q) value of information of each question; where no single answer changes the best action, its gain instead.

    The value looks only one answer ahead: on its own it would be zero for every question there.
    """
    value = value_of_information(tables, posterior, actions)
    if repeats is not None:
        value *= repeats
    any_value = (value * candidates).max(axis=1, keepdims=True) > NEGLIGIBLE_GAIN * np.abs(actions).max()
    return np.where(any_value, value, gain)


def _pilots_due(pilots: Bools, askable: Bools, progress: Progress, draws: RandomDraw, pending: Bools) -> Bools:
    """Return the (B, Q) pilots that may be asked now: one per session, after another question and after all required ones."""
    due = draws.pilots & (progress.taken > 0) & ~(progress.done & pilots).any(axis=1) & ~pending
    allowed: Bools = askable & pilots & due[:, None]
    return allowed


def _next_of_first(rules: SurveyRules, askable: Bools) -> Ints:
    """Return the (B,) earliest question of `first` that may be asked, -1 where none remains."""
    if not rules.first:
        return np.full(len(askable), -1)
    order = np.array(rules.first)
    allowed = askable[:, order]
    return np.where(allowed.any(axis=1), order[allowed.argmax(axis=1)], -1)


def _shares_of_repeats(tables: ResponseTables, evidence: Evidence) -> Floats | None:
    """Return the (B, Q) share of each question's gain that counts, which is that of its evidence: less where its topic has an answer.

    None where no repeat counts less.
    """
    if not tables.has_topics or tables.repeat_weight == 1:
        return None
    return np.where(_topic_given(tables, evidence.answered) & ~tables.in_forest, tables.repeat_weight, 1.0)


def _topic_given(tables: ResponseTables, given: Bools) -> Bools:
    """Return (B, Q) whether any question of the topic of each question is among (B, Q) `given`."""
    if not tables.has_topics:
        return given
    found: Bools = (given.astype(float) @ tables.topic_members) @ tables.topic_members.T > 0
    return found


def look_ahead_states(
    tables: ResponseTables, evidence: Evidence, progress: Progress, question: int, rows: Floats, opens: Bools
) -> tuple[Evidence, Progress]:
    """Return the states of one respondent (B = 1) after each outcome of `question`, the last being no answer.

    `rows` is (A + 1, K) and `opens` is (A + 1, Q), one row per outcome. The question is assumed to take its expected seconds.
    """
    futures = len(rows)

    def repeat(values: Bools | Floats | Ints) -> Any:
        return values.repeat(futures, axis=0)

    answered, silent, done = repeat(evidence.answered), repeat(evidence.silent), repeat(progress.done)
    answered[:-1, question], answered[-1, question] = True, False
    silent[:-1, question], silent[-1, question] = False, True
    done[:, question] = True
    codes = repeat(evidence.codes)
    codes[:, question] = np.arange(futures)
    codes[-1, question] = NOT_GIVEN
    taken, spent = repeat(progress.taken + 1), repeat(progress.spent + tables.seconds[question])
    after = Progress(done, opens, taken, spent, repeat(progress.limit))
    return Evidence(answered, silent, evidence.rows, codes, repeat(evidence.signals), (question, rows)), after
