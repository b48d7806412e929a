"""Everything a bank's figures need, learnt from answers: tables, their shrinkage, dependences, and how far to trust it all.

Whatever is chosen is chosen by what it does on respondents who did not teach it: five folds, the same for every choice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adaptive.learning.calibration import Judge, Weights, choose_weights, engine_tables, silence_of
from adaptive.learning.chow_liu import Dependences, learn_forest, linkable_questions
from adaptive.learning.cross_validation import Fold, Known, TrainingSet, dealt
from adaptive.learning.latent_classes import Personas, Split, Spread, attribute_styles, fit_latent_classes
from adaptive.learning.model_selection import first_guess, style_numbers
from adaptive.learning.responses import MISSING, Answers, Codes, split_items
from adaptive.learning.screening import informative_no_answers, repeated_questions
from adaptive.likelihood import Bools, Floats
from adaptive.posterior import Evidence
from adaptive.response_styles import Styles
from adaptive.tables import ResponseTables

STRENGTHS = (2.0, 4.0, 8.0, 16.0, 32.0)
KNOWN_STRENGTHS = (2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)
STARTS = 24
FOLD_STARTS = 6

Watch = Callable[[str], None]


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
    silence_won: Mapping[int, float]
    topics: Codes
    repeat_weight: float
    questions: Codes
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
    watch: Watch = lambda _: None,
    spread: Spread = map,
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
    parts = dealt(len(answers.codes), rng)
    starts = tuple(_found_without(answers, parts == part, classes, rng, found.membership) for part in range(int(parts.max()) + 1))
    return _fitted(TrainingSet(answers, found.membership, False, parts, starts=starts), rng, watch, spread, styles=styles)


def _found_without(answers: Answers, aside: Bools, classes: int, rng: np.random.Generator, membership: Floats) -> Floats:
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
    labels: Codes | Floats,
    rng: np.random.Generator,
    watch: Watch = lambda _: None,
    spread: Spread = map,
    *,
    styles: bool = False,
) -> Fit:
    """Personas are known: (N,) `labels` 0 .. K - 1, or (N, K) P(persona). Folds have the same share of each label, as far as it goes."""
    membership = _shares(labels, int(labels.max()) + 1)
    lesson = TrainingSet(answers, membership, True, dealt(len(answers.codes), rng, membership.argmax(axis=1)))
    return _fitted(lesson, rng, watch, spread, styles=styles)


def refit(answers: Answers, known: Known, labels: Codes | Floats | None, rng: np.random.Generator, watch: Watch = lambda _: None) -> Fit:
    """More answers to questions that have tables: these enter as so many respondents as cross-validation says, 2 to 200.

    With `labels` as in `fit_with_labels`, -1 or a row of zeros where a respondent's persona is not known, the unknown are left out; with
    None the personas of all are believed from the known tables, and the search goes on from there: personas keep their order. Which of
    its styles a labelled respondent has is believed from the known tables.
    """
    before = Personas(known.prior, np.concatenate(known.tables, axis=1), np.empty(0), 0.0)
    if labels is None:
        start = before.attribute(answers.hot)[0]
        return _learnt(TrainingSet(answers, start, False, dealt(len(answers.codes), rng), known), rng, watch)[0]
    membership = _shares(labels, len(known.prior) if known.styles is None else known.styles.personas)
    rows = np.flatnonzero(membership.sum(axis=1) > 0)
    told, truth = answers.some(rows), membership[rows]
    parts = dealt(len(rows), rng, truth.argmax(axis=1))
    if known.styles is not None:
        truth = attribute_styles(before, known.styles, told.hot, truth)[0]
    return _learnt(TrainingSet(told, truth, True, parts, known), rng, watch)[0]


def _shares(labels: Codes | Floats, personas: int) -> Floats:
    """(N, K) P(persona) from labels, or as it is."""
    return labels.astype(float) if labels.ndim == 2 else (labels[:, None] == np.arange(personas)).astype(float)


def _fitted(lesson: TrainingSet, rng: np.random.Generator, watch: Watch, spread: Spread, *, styles: bool) -> Fit:
    """With `styles`, personas whose people answer in several ways get some, if these foretell held-out personas clearly better."""
    fit, weights = _learnt(lesson, rng, watch)
    if not styles:
        return fit
    watch("styles")
    numbers = style_numbers(lesson.answers, fit.membership, rng, spread)
    found = Styles.of(np.repeat(np.arange(len(numbers)), numbers), sum(numbers))
    if found is None:
        return fit
    styled, judged = _learnt(replace(lesson, split=_split(lesson, fit.membership, found, rng)), rng, watch, weights.judges)
    return styled if judged.clearly_better_than(weights) else fit


def _split(lesson: TrainingSet, membership: Floats, styles: Styles, rng: np.random.Generator) -> Split:
    """Each fold finds its styles without those it sets aside."""
    starts = []
    for part in range(int(lesson.parts.max()) + 1):
        rows = np.flatnonzero(lesson.parts != part)
        own = lesson.starts[part] if lesson.starts else membership[rows]
        starts.append(first_guess(lesson.answers.some(rows), own, styles, rng))
    return Split(styles, first_guess(lesson.answers, membership, styles, rng), tuple(starts))


def _learnt(lesson: TrainingSet, rng: np.random.Generator, watch: Watch, judges: Sequence[Judge] | None = None) -> tuple[Fit, Weights]:
    watch("shrinkage")
    strengths = STRENGTHS if lesson.known is None else KNOWN_STRENGTHS
    best, folds = _shrunk(lesson, strengths)
    watch("silence")
    won = informative_no_answers(lesson, folds, best)
    voiced = sorted({*won, *(lesson.known.silence if lesson.known else ())})
    if voiced:
        lesson = lesson.hearing(voiced)
        best, folds = _shrunk(lesson, strengths)
    taught = lesson.learn(best)
    watch("dependences")
    topics, _ = repeated_questions(lesson, folds)
    found, weights = _trusted(lesson, taught, folds, topics, rng, watch, judges)
    fit = Fit(
        taught.prior,
        tuple(split_items(taught.table, lesson.levels)[: len(lesson.answers.levels)]),
        taught.membership,
        best,
        found,
        weights.evidence,
        silence_of(lesson, taught),
        won,
        topics,
        weights.repeat,
        lesson.answers.questions,
        lesson.classes,
    )
    return fit, weights


def _shrunk(lesson: TrainingSet, strengths: tuple[float, ...]) -> tuple[float, list[Fold]]:
    """The strength of shrinkage under which held-out answers are likeliest, and its folds."""
    tried = {strength: lesson.folds(strength) for strength in strengths}
    best = max(strengths, key=lambda strength: sum(fold.score for fold in tried[strength]))
    return best, tried[best]


def _trusted(
    lesson: TrainingSet,
    taught: Personas,
    folds: list[Fold],
    topics: Codes,
    rng: np.random.Generator,
    watch: Watch,
    judges: Sequence[Judge] | None,
) -> tuple[Dependences, Weights]:
    """The forest and the weights. Questions that repeat each other weigh less, or are linked where that foretells personas clearly better.

    With few respondents, P(answer | persona, answer of its twin) cannot be learnt and the twin would count as news.
    """
    seed = rng.integers(2**32)

    def tried(allowed: Bools) -> tuple[Dependences, Weights]:
        found = learn_forest(lesson, taught, folds, linkable_questions(lesson, allowed))
        watch("evidence weight")
        return found, choose_weights(lesson, folds, found, topics, np.random.default_rng(seed), judges)

    linked = tried(np.ones_like(topics, dtype=bool))
    if (topics < 0).all():
        return linked
    weighed = tried(topics < 0)
    return linked if linked[1].clearly_better_than(weighed[1]) else weighed


def evidence_of(codes: Codes, tables: ResponseTables) -> Evidence:
    """What (B, Q) answers to choices say, -1 where there is none."""
    nothing = Evidence.none(tables, len(codes))
    rows = nothing.rows
    for q, question in enumerate(tables.questions):
        rows[:, q] = np.log(question.cells[:, codes[:, q]]).T  # where the code is -1 this is read by nobody
    return Evidence(codes != MISSING, nothing.silent, rows, codes, nothing.signals)
