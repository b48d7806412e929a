"""Everything a bank's figures need, learnt from answers: tables, their shrinkage, dependences, and how far to trust it all.

Whatever is chosen is chosen by what it does on respondents who did not teach it: five folds, the same for every choice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adaptive.arrays import Bools, Floats, Ints
from adaptive.learning.calibration import EvidenceWeights, ScoredRespondents, choose_weights, engine_tables, no_answer_tables
from adaptive.learning.chow_liu import Dependences, fit_forest, linkable_questions
from adaptive.learning.cross_validation import Fold, PublishedTables, TrainingSet, assign_folds
from adaptive.learning.latent_classes import ParallelMap, Personas, Split, fit_latent_classes, style_posterior
from adaptive.learning.model_selection import choose_style_numbers, initial_styles
from adaptive.learning.responses import MISSING, Answers, split_items
from adaptive.learning.screening import informative_no_answers, repeated_questions
from adaptive.posterior import Evidence
from adaptive.response_styles import Styles
from adaptive.tables import ResponseTables

STRENGTHS = (2.0, 4.0, 8.0, 16.0, 32.0)
PUBLISHED_STRENGTHS = (2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)
STARTS = 24
FOLD_STARTS = 6

OnStep = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Fit:
    """What N respondents taught about K personas and J items. `tables[j]` is (K, A), P(answer | persona).

    `silence` is question -> (K,) P(no answer | persona), where that tells personas apart, and `silence_won` the nats it won on held-out
    respondents. `topics` is (Q,), equal numbers for questions that repeat each other, -1 for none; `questions` is (J,),
    the question of each item. Where personas have `styles`, K is the number of classes.
    """

    prior: Floats
    tables: tuple[Floats, ...]
    membership: Floats
    pseudo_counts: float
    dependences: Dependences
    evidence_weight: float
    silence: Mapping[int, Floats]
    no_answer_gain: Mapping[int, float]
    topics: Ints
    repeat_weight: float
    questions: Ints
    styles: Styles | None = None

    @property
    def engine(self) -> ResponseTables:
        """The tables as the engine believes with them; a number is the class it falls into."""
        tables = engine_tables(self.questions, self.tables, self.prior, self.silence, self.dependences, self.topics, self.styles)
        return replace(tables, evidence_weight=self.evidence_weight, repeat_weight=self.repeat_weight)


def fit_with_classes(
    answers: Answers,
    classes: int,
    rng: np.random.Generator,
    watch: OnStep = lambda _: None,
    spread: ParallelMap = map,
    *,
    styles: bool = False,
) -> Fit:
    """Personas are found: latent classes (Goodman, 1974), then everything else by cross-validation.

    Each fold finds its classes without the respondents that it sets aside: started from the classes of all, it would know them already,
    and what is stated after a few questions would look truer than it is.
    `watch` is told the name of each step before it begins; `spread` runs starts side by side. With `styles` personas may get some.
    """
    watch("classes")
    found = fit_latent_classes(answers.codes, answers.levels, classes, rng, starts=STARTS, spread=spread)
    parts = assign_folds(len(answers.codes), rng)
    starts = tuple(_classes_without(answers, parts == part, classes, rng, found.membership) for part in range(int(parts.max()) + 1))
    return _fit_with_styles(TrainingSet(answers, found.membership, False, parts, starts=starts), rng, watch, spread, styles=styles)


def _classes_without(answers: Answers, aside: Bools, classes: int, rng: np.random.Generator, membership: Floats) -> Floats:
    """(N - B, K) memberships found without B respondents; those of all where the others leave an item without an answer.

    Each class has the place of the class of all that it shares most people with.
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
    spread: ParallelMap = map,
    *,
    styles: bool = False,
) -> Fit:
    """Personas are known: (N,) `labels` 0 .. K - 1, or (N, K) P(persona). Folds have the same share of each label, as far as it goes."""
    membership = _membership_from_labels(labels, int(labels.max()) + 1)
    lesson = TrainingSet(answers, membership, True, assign_folds(len(answers.codes), rng, membership.argmax(axis=1)))
    return _fit_with_styles(lesson, rng, watch, spread, styles=styles)


def refit(
    answers: Answers, known: PublishedTables, labels: Ints | Floats | None, rng: np.random.Generator, watch: OnStep = lambda _: None
) -> Fit:
    """More answers to questions that have tables: these enter as so many respondents as cross-validation says, 2 to 200.

    With `labels` as in `fit_with_labels`, -1 or a row of zeros where a respondent's persona is not known, the unknown are left out; with
    None the personas of all are believed from the known tables, and the search goes on from there: personas keep their order. Which of
    its styles a labelled respondent has is believed from the known tables.
    """
    before = Personas(known.prior, np.concatenate(known.tables, axis=1), np.empty(0), 0.0)
    if labels is None:
        start = before.posterior(answers.hot)[0]
        return _fit_everything(TrainingSet(answers, start, False, assign_folds(len(answers.codes), rng), known), rng, watch)[0]
    membership = _membership_from_labels(labels, len(known.prior) if known.styles is None else known.styles.personas)
    rows = np.flatnonzero(membership.sum(axis=1) > 0)
    told, truth = answers.take(rows), membership[rows]
    parts = assign_folds(len(rows), rng, truth.argmax(axis=1))
    if known.styles is not None:
        truth = style_posterior(before, known.styles, told.hot, truth)[0]
    return _fit_everything(TrainingSet(told, truth, True, parts, known), rng, watch)[0]


def _membership_from_labels(labels: Ints | Floats, personas: int) -> Floats:
    """(N, K) P(persona) from labels, or as it is."""
    return labels.astype(float) if labels.ndim == 2 else (labels[:, None] == np.arange(personas)).astype(float)


def _fit_with_styles(lesson: TrainingSet, rng: np.random.Generator, watch: OnStep, spread: ParallelMap, *, styles: bool) -> Fit:
    """With `styles`, personas whose people answer in several ways get some, if these foretell held-out personas clearly better."""
    fit, weights = _fit_everything(lesson, rng, watch)
    if not styles:
        return fit
    watch("styles")
    numbers = choose_style_numbers(lesson.answers, fit.membership, rng, spread)
    found = Styles.of(np.repeat(np.arange(len(numbers)), numbers), sum(numbers))
    if found is None:
        return fit
    styled, judged = _fit_everything(
        replace(lesson, split=_initial_split(lesson, fit.membership, found, rng)), rng, watch, weights.scored_on
    )
    return styled if judged.clearly_better_than(weights) else fit


def _initial_split(lesson: TrainingSet, membership: Floats, styles: Styles, rng: np.random.Generator) -> Split:
    """Each fold finds its styles without those it sets aside."""
    starts = []
    for part in range(int(lesson.parts.max()) + 1):
        rows = np.flatnonzero(lesson.parts != part)
        own = lesson.starts[part] if lesson.starts else membership[rows]
        starts.append(initial_styles(lesson.answers.take(rows), own, styles, rng))
    return Split(styles, initial_styles(lesson.answers, membership, styles, rng), tuple(starts))


def _fit_everything(
    lesson: TrainingSet, rng: np.random.Generator, watch: OnStep, judges: Sequence[ScoredRespondents] | None = None
) -> tuple[Fit, EvidenceWeights]:
    watch("shrinkage")
    strengths = STRENGTHS if lesson.known is None else PUBLISHED_STRENGTHS
    best, folds = _choose_shrinkage(lesson, strengths)
    watch("silence")
    won = informative_no_answers(lesson, folds, best)
    voiced = sorted({*won, *(lesson.known.silence if lesson.known else ())})
    if voiced:
        lesson = lesson.with_no_answers(voiced)
        best, folds = _choose_shrinkage(lesson, strengths)
    taught = lesson.fit(best)
    watch("dependences")
    topics, _ = repeated_questions(lesson, folds)
    found, weights = _fit_dependences(lesson, taught, folds, topics, rng, watch, judges)
    fit = Fit(
        taught.prior,
        tuple(split_items(taught.table, lesson.levels)[: len(lesson.answers.levels)]),
        taught.membership,
        best,
        found,
        weights.evidence,
        no_answer_tables(lesson, taught),
        won,
        topics,
        weights.repeat,
        lesson.answers.questions,
        lesson.classes,
    )
    return fit, weights


def _choose_shrinkage(lesson: TrainingSet, strengths: tuple[float, ...]) -> tuple[float, list[Fold]]:
    """The strength of shrinkage under which held-out answers are likeliest, and its folds."""
    tried = {strength: lesson.folds(strength) for strength in strengths}
    best = max(strengths, key=lambda strength: sum(fold.score for fold in tried[strength]))
    return best, tried[best]


def _fit_dependences(
    lesson: TrainingSet,
    taught: Personas,
    folds: list[Fold],
    topics: Ints,
    rng: np.random.Generator,
    watch: OnStep,
    judges: Sequence[ScoredRespondents] | None,
) -> tuple[Dependences, EvidenceWeights]:
    """The forest and the weights. Questions that repeat each other weigh less, or are linked where that foretells personas clearly better.

    With few respondents, P(answer | persona, answer of its twin) cannot be learnt and the twin would count as news.
    """
    seed = rng.integers(2**32)

    def tried(allowed: Bools) -> tuple[Dependences, EvidenceWeights]:
        found = fit_forest(lesson, taught, folds, linkable_questions(lesson, allowed))
        watch("evidence weight")
        return found, choose_weights(lesson, folds, found, topics, np.random.default_rng(seed), judges)

    linked = tried(np.ones_like(topics, dtype=bool))
    if (topics < 0).all():
        return linked
    weighed = tried(topics < 0)
    return linked if linked[1].clearly_better_than(weighed[1]) else weighed


def evidence_of(codes: Ints, tables: ResponseTables) -> Evidence:
    """What (B, Q) answers to choices say, -1 where there is none."""
    nothing = Evidence.none(tables, len(codes))
    rows = nothing.rows
    for q, question in enumerate(tables.questions):
        rows[:, q] = np.log(question.cells[:, codes[:, q]]).T  # where the code is -1 this is read by nobody
    return Evidence(codes != MISSING, nothing.silent, rows, codes, nothing.signals)
