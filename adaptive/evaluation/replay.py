"""Replay of real respondents through the live engine, to measure agreement and calibration after each question."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adaptive.arrays import Bools, Floats, Ints
from adaptive.dependency_forest import NOT_GIVEN
from adaptive.information import entropy
from adaptive.learning.calibration import calibration_error
from adaptive.posterior import Evidence, believe, correlation_weight, count_evidence, repeat_weights, restrict_to, select_evidence
from adaptive.selection import SurveyRules, argmax_allowed, eligible, next_questions
from adaptive.stopping import Progress, StopRule
from adaptive.tables import ResponseTables


def best_fixed_order(tables: ResponseTables, answers: Evidence, label: Ints, included: Bools, length: int | None = None) -> list[int]:
    """Return the `included` questions in the order that greedily raises the log score of `label` most on these respondents.

    The belief is the one that the service would state, with its trees and topics. On the same respondents the order looks better than it
    is: one of many orders fits their chance answers best.

    Parameters
    ----------
    answers : Evidence
        All evidence of N respondents.
    label : (N,) int array
        The reference persona.
    included : (Q,) bool
    length : int, optional
        Number of questions; all of them by default.
    """
    groups = _evidence_groups(tables)
    place = np.arange(len(included))
    shown = np.zeros_like(included)
    known = np.log(tables.prior) + answers.signals * tables.evidence_weight
    added = np.zeros_like(known)

    def score(q: int) -> float:
        asked = shown | (place == q)
        count = count_evidence(answers.answered & asked, answers.silent & asked, tables)
        weight = correlation_weight(count, tables.answer_correlation)[:, None]
        return _log_score(tables, known + weight * (added + contributions[q]), label)

    contributions = {int(q): _group_evidence(tables, answers, place == q) for q in np.flatnonzero(included)}
    order: list[int] = []
    while contributions and (length is None or len(order) < length):
        best = max(contributions, key=score)
        added = added + contributions.pop(best)
        shown[best] = True
        order.append(best)
        group = groups == groups[best]
        shown_evidence = _group_evidence(tables, answers, shown & group)
        for q in contributions.keys() & set(np.flatnonzero(group).tolist()):
            contributions[q] = _group_evidence(tables, answers, (shown & group) | (place == q)) - shown_evidence
    return order


def _log_score(tables: ResponseTables, logits: Floats, label: Ints) -> float:
    if tables.styles is not None:
        logits = tables.styles.log_marginal(logits)
    right = np.take_along_axis(logits, label[:, None], axis=1)[:, 0]
    return float((right - np.logaddexp.reduce(logits, axis=1)).mean())


def _evidence_groups(tables: ResponseTables) -> Ints:
    """Return (Q,) equal numbers for questions whose evidence is not additive: those connected by trees and topics."""
    groups = np.arange(len(tables.questions))
    bound = [np.flatnonzero(tables.topics == topic) for topic in np.unique(tables.topics[tables.topics >= 0])]
    if tables.forest is not None:
        questions = tables.forest.questions
        for level in tables.forest.levels[1:]:
            bound += list(np.column_stack([questions[level.parents], questions[level.nodes]]))
    for members in bound:
        groups[np.isin(groups, groups[members])] = groups[members].min()
    return groups


def _group_evidence(tables: ResponseTables, answers: Evidence, shown: Bools) -> Floats:
    """Return the (N, K) weighted log-likelihood of the answers to the `shown` questions, all of one group."""
    columns = np.flatnonzero(shown)
    answered, silent = answers.answered & shown, answers.silent & shown
    within = (answered & tables.in_forest)[:, columns]
    rows = np.where(within[:, :, None], tables.log_any_answer[columns], answers.rows[:, columns])
    weights = np.where(within, 1.0, repeat_weights(answered, silent, tables)[:, columns])
    log_likelihood: Floats = np.einsum("nq,nqk->nk", weights, rows)
    if tables.forest is not None and within.any():
        log_likelihood = log_likelihood + tables.forest.collect(np.where(answered, answers.codes, NOT_GIVEN)).log_likelihood
    return tables.evidence_weight * log_likelihood


Chooser = Callable[[Evidence, Progress], Ints]
"""(B,) next question of each respondent, -1 where there is none."""


@dataclass(frozen=True, eq=False)
class Respondents:
    """The answers of N respondents to all questions, of which a replay shows the engine one at a time.

    `answers` is all evidence; `opens` is (N, Q), conditions met by the respondent's own answers; `label` is (N,), the reference persona,
    or None: then it is the likeliest persona after all answers.
    """

    answers: Evidence
    opens: Bools
    label: Ints | None = None


@dataclass(frozen=True)
class StepMetrics:
    """Quality of the belief after so many questions (definitions: docs, "How agreement and calibration are measured")."""

    questions: int
    agreement: float
    confidence: float
    calibration_error: float
    log_score: float
    entropy_bits: float


def replay(
    tables: ResponseTables,
    rules: SurveyRules,
    people: Respondents,
    order: str,
    steps: Sequence[int],
    rng: np.random.Generator,
    watch: Callable[[int], None] = lambda _: None,
) -> list[StepMetrics]:
    """Ask every respondent one question after another, without stopping, and measure the belief after each of `steps`.

    `order` is adaptive (the live choice), fixed (the order that is best for the other half of the respondents, see `best_fixed_order`) or
    random (another order for each respondent). A question that the respondent left empty counts as asked. `watch` is called with each step.
    Raises ValueError for another order.

    Where the survey has an endgame, the adaptive order knows that the survey ends after each of `steps`: the two questions before it are
    chosen for that.
    """
    full, label = reference_personas(tables, rules, people)
    choose = _chooser(tables, rules, people, order, label, rng)
    done = np.zeros(people.opens.shape, dtype=bool)
    has_endgame = order == "adaptive" and rules.has_endgame
    metrics: list[StepMetrics] = []

    def score(step: int, done: Bools) -> None:
        belief = believe(tables, restrict_to(people.answers, done))
        metrics.append(_score_step(step, belief, full, label, soft=people.label is None))

    for step in range(max(steps, default=0) + 1):
        progress = _progress_after(rules, done, people.opens)
        if step in steps and (not has_endgame or step == 0):
            score(step, done)
        for left in (1, 2) if has_endgame else ():
            if step + left in steps and (left == 2 or step == 0):
                score(step + left, _ask_last(tables, rules, people, progress, left))
        done = _with_chosen(done, choose(restrict_to(people.answers, done), progress))
        watch(step)
    return sorted(metrics, key=lambda found: found.questions)


def _with_chosen(done: Bools, chosen: Ints) -> Bools:
    done, asked = done.copy(), chosen >= 0
    done[np.flatnonzero(asked), chosen[asked]] = True
    return done


def _ask_last(tables: ResponseTables, rules: SurveyRules, people: Respondents, progress: Progress, left: int) -> Bools:
    """Return the (N, Q) questions asked after the `left` last ones, chosen by the endgame."""
    limit = progress.taken + left
    rules = replace(rules, stop=StopRule(at_least=0, at_most=int(limit.max()), endgame="accuracy"))
    done = progress.done
    for _ in range(left):
        progress = replace(_progress_after(rules, done, people.opens), limit=limit)
        done = _with_chosen(done, next_questions(tables, rules, restrict_to(people.answers, done), progress).chosen)
    return done


def reference_personas(tables: ResponseTables, rules: SurveyRules, people: Respondents) -> tuple[Floats, Ints]:
    """Return the (N, K) belief after all answers to the survey's questions, and the (N,) reference persona: label, else likeliest."""
    full = believe(tables, restrict_to(people.answers, np.broadcast_to(rules.included, people.opens.shape)))
    return full, full.argmax(axis=1) if people.label is None else people.label


def _chooser(tables: ResponseTables, rules: SurveyRules, people: Respondents, order: str, label: Ints, rng: np.random.Generator) -> Chooser:
    if order == "adaptive":
        endless = replace(rules, stop=StopRule(at_least=0))
        return lambda evidence, progress: next_questions(tables, endless, evidence, progress).chosen
    if order == "fixed":
        scores = 1 / (1 + _fixed_ranks(tables, restrict_to(people.answers, people.opens), label, rules.included, rng))
        return lambda _, progress: argmax_allowed(scores, eligible(rules, progress))
    if order == "random":
        draw = rng.random(people.opens.shape)
        return lambda _, progress: argmax_allowed(draw, eligible(rules, progress))
    raise ValueError(f"{order!r} is not an order: choose adaptive, fixed or random")


def _fixed_ranks(tables: ResponseTables, answers: Evidence, label: Ints, included: Bools, rng: np.random.Generator) -> Floats:
    """Return the (N, Q) place of each question in the order that is best for the other half of the respondents, drawn at random.

    A respondent who is alone gets the order that is best for them.
    """
    ranks = np.full(answers.answered.shape, np.inf)
    halves = np.array_split(rng.permutation(len(label)), 2)
    for half, others in zip(halves, reversed(halves), strict=True):
        fitted = others if len(others) else half
        order = best_fixed_order(tables, select_evidence(answers, fitted), label[fitted], included)
        ranks[half[:, None], order] = np.arange(len(order))
    return ranks


def _progress_after(rules: SurveyRules, done: Bools, opens: Bools) -> Progress:
    people = len(done)
    taken = done.sum(axis=1)
    return Progress(done, opens, taken, np.zeros(people), np.full(people, rules.included.sum() + 1))


def truth_of_stated(belief: Floats, full: Floats, label: Ints, *, soft: bool) -> Floats:
    """Return the (N,) probability that the stated persona is right: 0 or 1 by (N,) `label`; if `soft`, that of the (N, K) belief `full`.

    A label taken from the belief itself would make hard agreement reach 1 by construction, and uncertainty look like miscalibration.
    """
    stated = belief.argmax(axis=1)
    truth: Floats = full[np.arange(len(stated)), stated] if soft else (stated == label).astype(float)
    return truth


def _score_step(step: int, belief: Floats, full: Floats, label: Ints, *, soft: bool) -> StepMetrics:
    return StepMetrics(
        questions=step,
        agreement=float((belief.argmax(axis=1) == label).mean()),
        confidence=float(belief.max(axis=1).mean()),
        calibration_error=calibration_error(belief.max(axis=1), truth_of_stated(belief, full, label, soft=soft)),
        log_score=float(np.log(belief[np.arange(len(belief)), label]).mean()),
        entropy_bits=float(entropy(belief).mean()),
    )
