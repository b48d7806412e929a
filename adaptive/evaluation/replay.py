"""Real respondents replayed through the engine that serves the live ones, to see how soon and how truly it knows them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adaptive.arrays import Bools, Floats, Ints
from adaptive.dependency_forest import NOT_GIVEN
from adaptive.information import entropy
from adaptive.learning.calibration import calibration_error
from adaptive.posterior import Evidence, believe, repeat_weights, restrict_to
from adaptive.selection import SurveyRules, argmax_allowed, eligible, next_questions
from adaptive.stopping import Progress, StopRule
from adaptive.tables import ResponseTables


def best_fixed_order(tables: ResponseTables, answers: Evidence, label: Ints, included: Bools, length: int | None = None) -> list[int]:
    """The `included` questions in the order that, one by one, raises the log score of `label` most on these very respondents.

    The belief is the one that the service would state, with its trees and topics. The order knows the answers in advance: a strong
    opponent for any rule that does not.

    Parameters
    ----------
    answers : Evidence
        Everything that N respondents gave.
    label : (N,) int array
        The persona held to be true.
    included : (Q,) bool
    length : int, optional
        So many questions only.
    """
    groups = _evidence_groups(tables)
    place = np.arange(len(included))
    shown = np.zeros_like(included)
    logits = np.log(tables.prior) + answers.signals * tables.evidence_weight
    adds = {int(q): _group_evidence(tables, answers, place == q) for q in np.flatnonzero(included)}
    order: list[int] = []
    while adds and (length is None or len(order) < length):
        best = max(adds, key=lambda q: _log_score(tables, logits + adds[q], label))
        logits = logits + adds.pop(best)
        shown[best] = True
        order.append(best)
        group = groups == groups[best]
        said = _group_evidence(tables, answers, shown & group)
        for q in adds.keys() & set(np.flatnonzero(group).tolist()):
            adds[q] = _group_evidence(tables, answers, (shown & group) | (place == q)) - said
    return order


def _log_score(tables: ResponseTables, logits: Floats, label: Ints) -> float:
    if tables.styles is not None:
        logits = tables.styles.log_marginal(logits)
    right = np.take_along_axis(logits, label[:, None], axis=1)[:, 0]
    return float((right - np.logaddexp.reduce(logits, axis=1)).mean())


def _evidence_groups(tables: ResponseTables) -> Ints:
    """(Q,) equal numbers for questions whose evidence cannot be added up: those of one tree or one topic, or of both in a chain."""
    groups = np.arange(len(tables.questions))
    bound = [np.flatnonzero(tables.topics == topic) for topic in np.unique(tables.topics[tables.topics >= 0])]
    if tables.forest is not None:
        above = np.empty(0, dtype=np.int64)
        for level in tables.forest.levels:
            here = tables.forest.questions[level.nodes]
            bound += [np.array(pair) for pair in zip(above[level.above], here, strict=True)] if len(above) else []
            above = here
    for members in bound:
        groups[np.isin(groups, groups[members])] = groups[members].min()
    return groups


def _group_evidence(tables: ResponseTables, answers: Evidence, shown: Bools) -> Floats:
    """(N, K) weighted log-likelihood of the answers to the `shown` questions, all of one group."""
    few = np.flatnonzero(shown)
    answered, silent = answers.answered & shown, answers.silent & shown
    within = (answered & tables.in_forest)[:, few]
    rows = np.where(within[:, :, None], tables.log_any_answer[few], answers.rows[:, few])
    weights = np.where(within, 1.0, repeat_weights(answered, silent, tables)[:, few])
    said: Floats = np.einsum("nq,nqk->nk", weights, rows)
    if tables.forest is not None and within.any():
        said = said + tables.forest.read(np.where(answered, answers.codes, NOT_GIVEN)).log_likelihood
    return tables.evidence_weight * said


Chooser = Callable[[Evidence, Progress], Ints]
"""(B,) next question of each respondent, -1 where there is none."""


@dataclass(frozen=True, eq=False)
class Respondents:
    """What N real people gave to every question, as it will be uncovered question by question.

    `answers` holds everything at once; `opens` is (N, Q), conditions met by the person's own answers; `label` is (N,) the persona that
    is held to be true, or None: then it is the one believed after all answers.
    """

    answers: Evidence
    opens: Bools
    label: Ints | None = None


@dataclass(frozen=True)
class StepMetrics:
    """How good the belief is after so many questions (definitions: docs, "How agreement and calibration are measured")."""

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

    `order` is adaptive (the live choice), fixed (the best order for everybody, see `ordering`) or random (another order for each
    respondent). A question that the respondent left empty counts as asked. `watch` is told each step.
    """
    full, label = reference_personas(tables, rules, people)
    choose = _chooser(tables, rules, people, order, label, rng)
    done = np.zeros(people.opens.shape, dtype=bool)
    measures = []
    for step in range(max(steps, default=0) + 1):
        evidence = restrict_to(people.answers, done)
        if step in steps:
            measures.append(_score_step(step, believe(tables, evidence), full, label, soft=people.label is None))
        progress = _progress_after(rules, done, people.opens)
        chosen = choose(evidence, progress)
        asked = chosen >= 0
        done = done.copy()
        done[np.flatnonzero(asked), chosen[asked]] = True
        watch(step)
    return measures


def reference_personas(tables: ResponseTables, rules: SurveyRules, people: Respondents) -> tuple[Floats, Ints]:
    """(N, K) belief after all answers to the survey's questions, and (N,) the persona held to be true: the label, else its top."""
    full = believe(tables, restrict_to(people.answers, np.broadcast_to(rules.included, people.opens.shape)))
    return full, full.argmax(axis=1) if people.label is None else people.label


def _chooser(tables: ResponseTables, rules: SurveyRules, people: Respondents, order: str, label: Ints, rng: np.random.Generator) -> Chooser:
    if order == "adaptive":
        endless = replace(rules, stop=StopRule(at_least=0))
        return lambda evidence, progress: next_questions(tables, endless, evidence, progress).chosen
    if order == "fixed":
        rank = np.full(len(tables.questions), np.inf)
        rank[best_fixed_order(tables, restrict_to(people.answers, people.opens), label, rules.included)] = np.arange(rules.included.sum())
        return lambda _, progress: argmax_allowed(np.broadcast_to(1 / (1 + rank), progress.done.shape), eligible(rules, progress))
    if order == "random":
        draw = rng.random(people.opens.shape)
        return lambda _, progress: argmax_allowed(draw, eligible(rules, progress))
    raise ValueError(f"{order!r} is not an order: choose adaptive, fixed or random")


def _progress_after(rules: SurveyRules, done: Bools, opens: Bools) -> Progress:
    people = len(done)
    taken = done.sum(axis=1)
    return Progress(done, opens, taken, np.zeros(people), np.full(people, rules.included.sum() + 1))


def _score_step(step: int, belief: Floats, full: Floats, label: Ints, *, soft: bool) -> StepMetrics:
    rows = np.arange(len(belief))
    stated = belief.argmax(axis=1)
    right = stated == label
    # With a label taken from the belief itself, hard agreement reaches 1 by construction and would punish honest doubt.
    truth = full[rows, stated] if soft else right.astype(float)
    return StepMetrics(
        questions=step,
        agreement=float(right.mean()),
        confidence=float(belief.max(axis=1).mean()),
        calibration_error=calibration_error(belief.max(axis=1), truth),
        log_score=float(np.log(belief[rows, label]).mean()),
        entropy_bits=float(entropy(belief).mean()),
    )
