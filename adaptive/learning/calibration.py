"""Calibration: the calibration error of stated probabilities, and the evidence weights that calibrate them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy.special import log_softmax

from adaptive.arrays import Bools, Floats, Ints
from adaptive.learning.chow_liu import Dependences, edge_tables
from adaptive.learning.cross_validation import Fold, TrainingSet
from adaptive.learning.latent_classes import Personas
from adaptive.learning.responses import Answers, items_of, split_items
from adaptive.likelihood import Choice, MultipleChoice
from adaptive.posterior import Evidence, believe, correlation_weight, count_evidence, infer, restrict_to
from adaptive.response_styles import Styles
from adaptive.selection import SurveyRules, next_questions
from adaptive.stopping import Progress, StopRule
from adaptive.tables import ResponseTables


def engine_tables(
    questions: Ints,
    tables: Sequence[Floats],
    prior: Floats,
    silence: Mapping[int, Floats],
    dependences: Dependences,
    topics: Ints,
    styles: Styles | None = None,
) -> ResponseTables:
    """Return the tables of all questions, with evidence at full weight. A question of several items is a multiple choice.

    `questions` is (J,), the question of each of the (K, A) `tables`; `silence` is question -> (K,).
    """
    likelihoods: list[Choice | MultipleChoice] = []
    for q in range(len(topics)):
        items = [int(item) for item in np.flatnonzero(questions == q)]
        if len(items) == 1:
            likelihoods.append(Choice(tables[items[0]], silence.get(q)))
        else:
            likelihoods.append(MultipleChoice(np.column_stack([tables[item][:, 1] for item in items]), silence.get(q)))
    persona_of = None if styles is None else styles.persona_of
    return ResponseTables.of(likelihoods, prior, topics=topics, parents=dependences.parents, given=dependences.given, persona_of=persona_of)


def no_answer_tables(training: TrainingSet, fitted: Personas) -> dict[int, Floats]:
    """Return question -> (K,) P(no answer | persona), for the questions whose missing answers are modelled."""
    silent = split_items(fitted.table, training.levels)[len(training.answers.levels) :]
    return {q: table[:, 1] for q, table in zip(training.no_answer_questions, silent, strict=True)}


def evidence_of_answers(answers: Answers, tables: ResponseTables, table: Floats) -> Evidence:
    """Return the evidence of B respondents; `table` is (K, cells or more), P(answer | persona) of all items side by side."""
    nothing = Evidence.none(tables, len(answers.codes))
    cells = len(items_of(answers.levels))
    logs = np.log(table[:, :cells])
    rows = nothing.rows
    for q, question in enumerate(tables.questions):
        own = answers.question_of_cell == q
        rows[:, q] = answers.hot[:, own] @ logs[:, own].T
        if question.silence is not None:
            rows[:, q] += np.where(answers.answered[:, q, None], np.log1p(-question.silence), 0.0)
            rows[answers.silent[:, q], q] = np.log(question.silence)
    codes = nothing.codes
    single = np.flatnonzero(np.bincount(answers.questions) == 1)
    codes[:, single] = answers.codes[:, np.searchsorted(answers.questions, single)]
    silent = answers.silent & (tables.silence > 0).any(axis=1)
    return replace(nothing, answered=answers.answered, silent=silent, rows=rows, codes=codes)


EVIDENCE_WEIGHTS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4)
REPEAT_WEIGHTS = (1.0, 0.75, 0.5, 0.3, 0.15, 0.0)
CORRELATIONS = (0.0, 0.01, 0.02, 0.04, 0.06, 0.1, 0.15, 0.2, 0.3)
"""Correlations of answers given the persona, tried where labels are given: without them, all answers together are the truth."""
PARTIAL = (3, 5, 8)
"""Without labels the belief is scored after so many questions drawn at random."""
LIVE = (3, 5, 8, 13, 21)
"""The belief is scored after so many questions of the adaptive order."""
MOST_SCORED, MOST_SCORED_WITHOUT_LABELS = 120, 1_000
"""Respondents of each fold that are scored: more would change the result little."""
NO_REPEATS = 0.5
"""The repeat weight of a bank whose questions do not repeat one another: the default for topics written by hand."""


@dataclass(frozen=True, eq=False)
class ScoredRespondents:
    """Held-out respondents of a fold on whom weights are scored, and (B, K) P(persona) taken as true of them."""

    rows: Ints
    truth: Floats


@dataclass(frozen=True, eq=False)
class EvidenceWeights:
    """Exponents on all evidence and on repeats within a topic, the correlation of answers, and the weight of each question.

    `scores` are the (N,) log scores that they reach on held-out respondents, summed over the sets of answers that are scored; `scored_on`
    are the respondents of each fold: only scores on the same respondents can be compared. `questions` is (Q,), None where all are one.
    """

    evidence: float
    repeat: float
    correlation: float
    scores: Floats
    scored_on: tuple[ScoredRespondents, ...]
    questions: Floats | None = None

    def clearly_better_than(self, other: "EvidenceWeights", errors: float = 2.0) -> bool:
        """Return whether the score is higher by more than so many standard errors of the difference."""
        gain = self.scores - other.scores
        return bool(gain.sum() > errors * np.sqrt((gain**2).sum()))

    def applied_to(self, engine: ResponseTables) -> ResponseTables:
        """Return the tables with these weights."""
        return replace(
            engine,
            evidence_weight=self.evidence,
            repeat_weight=self.repeat,
            answer_correlation=self.correlation,
            question_weights=self.questions,
        )


@dataclass(frozen=True, eq=False)
class WeightScores:
    """The held-out log scores of G combinations of weights.

    `scores` is (G, N); `grid` is the repeat weight, the correlation and the evidence weight of each combination.
    """

    grid: Sequence[tuple[float, float, float]]
    scores: Floats
    scored_on: tuple[ScoredRespondents, ...]

    def best(self, correlations: Sequence[float] = CORRELATIONS) -> EvidenceWeights:
        """Return the weights of the best score among those with one of the `correlations`."""
        allowed = [correlation in correlations for _, correlation, _ in self.grid]
        place = int(np.where(allowed, self.scores.sum(axis=1), -np.inf).argmax())
        repeat, correlation, evidence = self.grid[place]
        return EvidenceWeights(evidence, repeat, correlation, self.scores[place], self.scored_on)


@dataclass(frozen=True, eq=False)
class HeldOutFold:
    """The tables fitted without a fold, evidence at full weight, and all answers of those of its respondents who are scored."""

    engine: ResponseTables
    answers: Evidence
    scored: ScoredRespondents


def held_out_folds(
    training: TrainingSet,
    folds: Sequence[Fold],
    dependences: Dependences,
    topics: Ints,
    rng: np.random.Generator,
    score_on: Sequence[ScoredRespondents] | None = None,
) -> Iterator[HeldOutFold]:
    """Yield each fold. `score_on` fixes the respondents to score instead of drawing them."""
    for n, fold in enumerate(folds):
        given = edge_tables(training, fold.fitted, fold.train, dependences.parents, dependences.strength)
        tables = split_items(fold.fitted.table, training.levels)
        silence = no_answer_tables(training, fold.fitted)
        engine = engine_tables(
            training.answers.questions, tables, fold.fitted.prior, silence, replace(dependences, given=given), topics, training.classes
        )
        scored = _respondents_to_score(training, fold, engine, rng) if score_on is None else score_on[n]
        answers = training.answers.take(fold.held_out[scored.rows])
        yield HeldOutFold(engine, evidence_of_answers(answers, engine, fold.fitted.table), scored)


def score_weights(
    training: TrainingSet,
    folds: Sequence[Fold],
    dependences: Dependences,
    topics: Ints,
    rng: np.random.Generator,
    score_on: Sequence[ScoredRespondents] | None = None,
) -> WeightScores:
    """Return how well the belief after a few questions predicts the persona of held-out respondents under each combination of weights.

    The true persona is the label, or the posterior of all answers at full weight. With labels the belief after all answers is scored too;
    without them it would be compared with itself, and where questions repeat each other, whole topics are drawn, because only then does
    the repeat weight matter. `score_on` fixes the respondents to score instead of drawing them.
    """
    linked = np.isin(np.arange(len(topics)), [*dependences.parents, *dependences.parents.values()])
    repeats = REPEAT_WEIGHTS if ((topics >= 0) & ~linked).any() else (NO_REPEATS,)
    correlations = CORRELATIONS if training.labelled else CORRELATIONS[:1]
    scores: list[Floats] = []
    scored_on: list[ScoredRespondents] = []
    for fold in held_out_folds(training, folds, dependences, topics, rng, score_on):
        masks = masks_with_labels(fold.engine, fold.answers) if training.labelled else masks_without_labels(fold.engine, fold.answers, rng)
        masked = [restrict_to(fold.answers, asked) for asked in masks]
        engines = [replace(fold.engine, repeat_weight=repeat) for repeat in repeats]
        scores.append(np.concatenate([log_scores(engine, masked, fold.scored.truth, correlations) for engine in engines]))
        scored_on.append(fold.scored)
    grid = list(product(repeats, correlations, EVIDENCE_WEIGHTS))
    return WeightScores(grid, np.concatenate(scores, axis=1), tuple(scored_on))


@dataclass(frozen=True, eq=False)
class AfterAllAnswers:
    """Held-out respondents after all their answers: (N,) confidence in the stated persona, and P(it is right), 0 or 1 under one label.

    No survey of these questions can be right more often.
    """

    stated: Floats
    true: Floats

    @property
    def standard_error(self) -> float:
        """Standard error of the mean of `true`."""
        return float(self.true.std() / np.sqrt(len(self.true)))


def score_all_answers(
    training: TrainingSet,
    folds: Sequence[Fold],
    dependences: Dependences,
    topics: Ints,
    weights: EvidenceWeights,
    rng: np.random.Generator,
) -> AfterAllAnswers:
    """Return what is stated and true of labelled respondents after all answers, under tables that were fitted without them."""
    everybody = []
    for fold in folds:
        rows = rng.permutation(len(fold.held_out))[:MOST_SCORED_WITHOUT_LABELS]
        truth = fold.truth if training.classes is None else training.classes.marginal(fold.truth)
        everybody.append(ScoredRespondents(rows, truth[rows]))
    stated, true = [], []
    for held_out in held_out_folds(training, folds, dependences, topics, rng, everybody):
        belief = believe(weights.applied_to(held_out.engine), held_out.answers)
        stated.append(belief.max(axis=1))
        true.append(np.take_along_axis(held_out.scored.truth, belief.argmax(axis=1)[:, None], axis=1)[:, 0])
    return AfterAllAnswers(np.concatenate(stated), np.concatenate(true))


def _respondents_to_score(training: TrainingSet, fold: Fold, engine: ResponseTables, rng: np.random.Generator) -> ScoredRespondents:
    """Return a random sample with their labels, or a larger one with the posterior of their full answers."""
    if training.labelled:
        rows = rng.permutation(len(fold.held_out))[:MOST_SCORED]
        return ScoredRespondents(rows, fold.truth[rows] if engine.styles is None else engine.styles.marginal(fold.truth[rows]))
    rows = np.arange(len(fold.held_out))
    if len(rows) > MOST_SCORED_WITHOUT_LABELS:
        rows = rng.permutation(len(rows))[:MOST_SCORED_WITHOUT_LABELS]
    full = evidence_of_answers(training.answers.take(fold.held_out[rows]), engine, fold.fitted.table)
    return ScoredRespondents(rows, believe(replace(engine, repeat_weight=1.0), full))


def log_scores(engine: ResponseTables, masked: Sequence[Evidence], truth: Floats, correlations: Sequence[float]) -> Floats:
    """Return the log scores of the belief under each correlation and evidence weight, the `masked` evidence summed: (combinations, B).

    The log belief is linear in the weight up to normalisation, so the posterior is computed once.
    """
    prior = np.log(engine.prior)
    total = np.zeros((len(correlations) * len(EVIDENCE_WEIGHTS), len(truth)))
    for evidence in masked:
        log_ratio = np.log(np.maximum(infer(engine, evidence).classes, np.finfo(float).tiny)) - prior
        count = count_evidence(evidence.answered, evidence.silent, engine)
        discounts = np.array([correlation_weight(count, correlation) for correlation in correlations])  # (correlations, B)
        weights = (discounts[:, None] * np.array(EVIDENCE_WEIGHTS)[:, None]).reshape(total.shape)
        for place, weight in enumerate(weights):
            total[place] += _log_score(engine, log_softmax(prior + weight[:, None] * log_ratio, axis=1), truth)
    return total


def _log_score(engine: ResponseTables, logs: Floats, truth: Floats) -> Floats:
    """Return the (B,) log score of (B, C) log probabilities of the classes for (B, K) P(persona) taken as true."""
    score: Floats = (truth * (logs if engine.styles is None else engine.styles.log_marginal(logs))).sum(axis=1)
    return score


def masks_with_labels(engine: ResponseTables, full: Evidence) -> list[Bools]:
    """Return (B, Q) masks of the questions asked: all, and some in adaptive order.

    Random questions are less alike than those that a survey asks: where labels are the truth, they would make the weights too high.
    """
    return [np.ones_like(full.answered), *_adaptive_masks(engine, full, full.codes.shape[1] - 1)]


def masks_without_labels(engine: ResponseTables, full: Evidence, rng: np.random.Generator) -> list[Bools]:
    """Return (B, Q) masks of the questions asked: some at random, and some in adaptive order."""
    asked = full.codes.shape[1]
    rank = _ranks(rng, full.codes.shape)
    masked = [rank < size for size in PARTIAL if size < asked] or [rank < asked]
    if (engine.topics >= 0).any():
        groups = np.where(engine.topics >= 0, engine.topics, engine.topics.max() + 1 + np.arange(asked))
        order = _ranks(rng, (len(rank), int(groups.max()) + 1))[:, groups]
        masked += [order < size for size in PARTIAL]
    return masked + _adaptive_masks(engine, full, asked)


def _ranks(rng: np.random.Generator, shape: tuple[int, ...]) -> Ints:
    ranks: Ints = rng.random(shape).argsort(axis=1).argsort(axis=1)
    return ranks


def _adaptive_masks(engine: ResponseTables, full: Evidence, most: int) -> list[Bools]:
    """Return masks of what the engine would have asked, up to `most` questions.

    The adaptive choice favours questions whose tables overstate their gain: random orders alone would give too high a weight.
    """
    people, asked = full.codes.shape
    nothing = np.zeros(asked, dtype=bool)
    rules = SurveyRules(~nothing, nothing, np.zeros((asked, asked), dtype=bool), (), StopRule(at_least=0), effort=0.0)
    done = np.zeros((people, asked), dtype=bool)
    masked = []
    for step in range(1, min(LIVE[-1], most) + 1):
        progress = Progress(done, np.ones_like(done), done.sum(axis=1), np.zeros(people), np.full(people, asked + 1))
        chosen = next_questions(engine, rules, restrict_to(full, done), progress).chosen
        done = done.copy()
        done[np.flatnonzero(chosen >= 0), chosen[chosen >= 0]] = True
        if step in LIVE:
            masked.append(done)
    return masked


def calibration_error(stated: Floats, true: Floats, bins: int = 10) -> float:
    """Return the mean distance between stated confidence and truth over equal bins of confidence, weighted by their size.

    `stated` and `true` are (N,): the confidence in the stated persona, and the probability (or 0/1) that it is right.

    >>> round(calibration_error(np.array([0.9, 0.9]), np.array([1.0, 0.0])), 6)
    0.4
    """
    edges = np.minimum((stated * bins).astype(int), bins - 1)
    sizes = np.bincount(edges, minlength=bins)
    gaps = np.abs(np.bincount(edges, stated, bins) - np.bincount(edges, true, bins))
    return float(gaps.sum() / sizes.sum())
