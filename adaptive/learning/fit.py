"""Fit a bank's numbers to answers: tables, their shrinkage, dependences, no-answer tables and evidence weights.

Every choice is made by five-fold cross-validation, with the same folds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adaptive.arrays import Bools, Floats, Ints
from adaptive.learning.calibration import (
    AfterAllAnswers,
    EvidenceWeights,
    ScoredRespondents,
    WeightScores,
    engine_tables,
    no_answer_tables,
    score_all_answers,
    score_weights,
)
from adaptive.learning.chow_liu import Dependences, fit_forest, linkable_questions
from adaptive.learning.cross_validation import Fold, TrainingSet, assign_folds
from adaptive.learning.latent_classes import ParallelMap, Personas, Split, fit_latent_classes
from adaptive.learning.model_selection import choose_style_numbers, initial_styles
from adaptive.learning.question_weights import choose_question_weights
from adaptive.learning.responses import MISSING, Answers, split_items
from adaptive.learning.screening import informative_no_answers, repeated_questions
from adaptive.posterior import Evidence
from adaptive.response_styles import Styles
from adaptive.tables import ResponseTables

STRENGTHS = (2.0, 4.0, 8.0, 16.0, 32.0)
STARTS = 24
FOLD_STARTS = 6
QUESTION_WEIGHTS_ERRORS = 1.0
"""Standard errors by which weights by question must predict better. On 17 sets with labels two of them never keep the weights; one keeps
them in an eighth of the fits, and nothing is lost in the others."""

OnStep = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Fit:
    """The tables of K personas and J items, fitted to N respondents. `tables[j]` is (K, A), P(answer | persona).

    `silence` is question -> (K,) P(no answer | persona), where it differs between personas; `no_answer_gain` is the nats it gains on
    held-out respondents. `topics` is (Q,), equal numbers for questions that repeat each other, -1 for none; `questions` is (J,),
    the question of each item. Where personas have `styles`, K is the number of classes. `weights` are those of the evidence.

    Where labels are given, `question_weights_gain` is the log score in nats that a weight per question gains for a held-out respondent,
    kept or not, and `all_answers` says how often held-out respondents are right after all questions.
    """

    prior: Floats
    tables: tuple[Floats, ...]
    membership: Floats
    pseudo_counts: float
    dependences: Dependences
    weights: EvidenceWeights
    silence: Mapping[int, Floats]
    no_answer_gain: Mapping[int, float]
    topics: Ints
    questions: Ints
    styles: Styles | None = None
    question_weights_gain: float | None = None
    all_answers: AfterAllAnswers | None = None

    @property
    def evidence_weight(self) -> float:
        """The exponent on all evidence."""
        return self.weights.evidence

    @property
    def repeat_weight(self) -> float:
        """The exponent on repeats within a topic."""
        return self.weights.repeat

    @property
    def engine(self) -> ResponseTables:
        """The fitted tables as the engine uses them; a number is replaced by its band."""
        tables = engine_tables(self.questions, self.tables, self.prior, self.silence, self.dependences, self.topics, self.styles)
        return self.weights.applied_to(tables)


def fit_with_classes(
    answers: Answers,
    classes: int,
    rng: np.random.Generator,
    watch: OnStep = lambda _: None,
    parallel_map: ParallelMap = map,
    *,
    styles: bool = False,
) -> Fit:
    """Find the personas as latent classes (Goodman, 1974), then fit everything else by cross-validation.

    Each fold finds its classes without its held-out respondents: starting from the classes of all respondents would leak them into the
    fold and overstate the calibration. `watch` is called with the name of each step before it begins; `parallel_map` runs starts side by
    side. With `styles`, personas may get response styles.
    """
    watch("classes")
    found = fit_latent_classes(answers.codes, answers.levels, classes, rng, starts=STARTS, parallel_map=parallel_map)
    fold_of = assign_folds(len(answers.codes), rng)
    starts = tuple(_classes_without(answers, fold_of == part, classes, rng, found.membership) for part in range(int(fold_of.max()) + 1))
    return _fit_with_styles(TrainingSet(answers, found.membership, False, fold_of, starts=starts), rng, watch, parallel_map, styles=styles)


def _classes_without(answers: Answers, aside: Bools, classes: int, rng: np.random.Generator, membership: Floats) -> Floats:
    """Return (N - B, K) memberships found without B respondents, or those of all where an item would have no answer left.

    The classes are matched to the classes of all respondents by their shared members.
    """
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415  (half a second that only a fit should pay)

    codes = answers.codes[~aside]
    if (codes == MISSING).all(axis=0).any():
        return membership[~aside]
    found = fit_latent_classes(codes, answers.levels, classes, rng, starts=FOLD_STARTS).membership
    return found[:, linear_sum_assignment(membership[~aside].T @ found, maximize=True)[1]]


def fit_with_labels(
    answers: Answers,
    labels: Ints | Floats,
    rng: np.random.Generator,
    watch: OnStep = lambda _: None,
    parallel_map: ParallelMap = map,
    *,
    styles: bool = False,
) -> Fit:
    """Fit to known personas: (N,) `labels` 0 .. K - 1, or (N, K) P(persona). Folds are stratified by label."""
    membership = _membership_from_labels(labels, int(labels.max()) + 1)
    training = TrainingSet(answers, membership, True, assign_folds(len(answers.codes), rng, membership.argmax(axis=1)))
    return _fit_with_styles(training, rng, watch, parallel_map, styles=styles)


def _membership_from_labels(labels: Ints | Floats, personas: int) -> Floats:
    """Return (N, K) P(persona) from labels, or unchanged where it is given as such."""
    return labels.astype(float) if labels.ndim == 2 else (labels[:, None] == np.arange(personas)).astype(float)


def _fit_with_styles(training: TrainingSet, rng: np.random.Generator, watch: OnStep, parallel_map: ParallelMap, *, styles: bool) -> Fit:
    """Fit everything; with `styles`, keep response styles if they predict held-out personas clearly better."""
    fit = _fit_everything(training, rng, watch)
    if not styles:
        return fit
    watch("styles")
    numbers = choose_style_numbers(training.answers, fit.membership, rng, parallel_map)
    found = Styles.of(np.repeat(np.arange(len(numbers)), numbers), sum(numbers))
    if found is None:
        return fit
    split = _initial_split(training, fit.membership, found, rng)
    styled = _fit_everything(replace(training, split=split), rng, watch, fit.weights.scored_on)
    return styled if styled.weights.clearly_better_than(fit.weights) else fit


def _initial_split(training: TrainingSet, membership: Floats, styles: Styles, rng: np.random.Generator) -> Split:
    """Return where the fit of the styles starts; each fold finds its styles without its held-out respondents."""
    starts = []
    for part in range(int(training.fold_of.max()) + 1):
        rows = np.flatnonzero(training.fold_of != part)
        own = training.starts[part] if training.starts else membership[rows]
        starts.append(initial_styles(training.answers.take(rows), own, styles, rng))
    return Split(styles, initial_styles(training.answers, membership, styles, rng), tuple(starts))


def _fit_everything(
    training: TrainingSet, rng: np.random.Generator, watch: OnStep, scored_on: Sequence[ScoredRespondents] | None = None
) -> Fit:
    watch("shrinkage")
    best, folds = _choose_shrinkage(training)
    watch("silence")
    no_answer_gain = informative_no_answers(training, folds, best)
    if no_answer_gain:
        training = training.with_no_answers(sorted(no_answer_gain))
        best, folds = _choose_shrinkage(training)
    fitted = training.fit(best)
    watch("dependences")
    topics, _ = repeated_questions(training, folds)
    found, weights, gain = _fit_dependences(training, fitted, folds, topics, rng, watch, scored_on)
    return Fit(
        fitted.prior,
        tuple(split_items(fitted.table, training.levels)[: len(training.answers.levels)]),
        fitted.membership,
        best,
        found,
        weights,
        no_answer_tables(training, fitted),
        no_answer_gain,
        topics,
        training.answers.questions,
        training.classes,
        gain,
        score_all_answers(training, folds, found, topics, weights, rng) if training.labelled else None,
    )


def _choose_shrinkage(training: TrainingSet) -> tuple[float, list[Fold]]:
    """Return the strength of shrinkage under which held-out answers are likeliest, and its folds."""
    tried = {strength: training.folds(strength) for strength in STRENGTHS}
    best = max(STRENGTHS, key=lambda strength: sum(fold.score for fold in tried[strength]))
    return best, tried[best]


def _fit_dependences(
    training: TrainingSet,
    fitted: Personas,
    folds: list[Fold],
    topics: Ints,
    rng: np.random.Generator,
    watch: OnStep,
    scored_on: Sequence[ScoredRespondents] | None,
) -> tuple[Dependences, EvidenceWeights, float | None]:
    """Return the forest, the weights, and what a weight per question gains where labels are given.

    Questions that repeat each other are down-weighted, or linked where that predicts clearly better: with few respondents,
    P(answer | persona, other answer) cannot be estimated, and a linked repeat would count as new evidence. Where labels are given, the
    forest is kept only if it predicts held-out labels better than no forest, and weights by question in place of either if they do so by
    more than one standard error: answers that depend on each other need not say more about the persona.
    """
    seed = rng.integers(2**32)

    def tried(allowed: Bools) -> tuple[Dependences, WeightScores]:
        found = fit_forest(training, fitted, folds, linkable_questions(training, allowed))
        watch("evidence weight")
        return found, score_weights(training, folds, found, topics, np.random.default_rng(seed), scored_on)

    found, scores = tried(np.ones_like(topics, dtype=bool))
    if (topics >= 0).any():
        weighed = tried(topics < 0)
        found, scores = (found, scores) if scores.best().clearly_better_than(weighed[1].best()) else weighed
    weights = scores.best()
    if not training.labelled:
        return found, weights, None
    without_forest = tried(np.zeros_like(topics, dtype=bool))[1] if found.parents else scores
    plain = without_forest.best()
    if found.parents:
        gain = float((weights.scores - plain.scores).mean())
        found, weights = (replace(found, label_gain=gain), weights) if gain > 0 else (Dependences(label_gain=gain), plain)
    if training.classes is not None:
        return found, weights, None  # within styles the log score is not concave in the weights
    watch("question weights")
    own = choose_question_weights(training, folds, topics, without_forest.best(correlations=(0.0,)), np.random.default_rng(seed))
    is_kept = own.clearly_better_than(weights, errors=QUESTION_WEIGHTS_ERRORS)
    gain = float((own.scores - weights.scores).mean())
    return (Dependences(label_gain=found.label_gain), own, gain) if is_kept else (found, weights, gain)


def evidence_of(codes: Ints, tables: ResponseTables) -> Evidence:
    """Return the evidence of (B, Q) outcome codes of choices, -1 where there is no answer."""
    nothing = Evidence.none(tables, len(codes))
    rows = nothing.rows
    for q, question in enumerate(tables.questions):
        rows[:, q] = np.log(question.cells[:, codes[:, q]]).T  # where the code is -1 the row is masked
    return Evidence(codes != MISSING, nothing.silent, rows, codes, nothing.signals)
