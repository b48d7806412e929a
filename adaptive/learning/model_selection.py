"""Choose the number of personas, and of styles, by the log score of held-out respondents."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from adaptive.arrays import Floats, Ints
from adaptive.learning.cross_validation import FOLDS, assign_folds
from adaptive.learning.latent_classes import PSEUDO_COUNTS, ParallelMap, fit_latent_classes, fit_personas
from adaptive.learning.responses import MISSING, Answers, one_hot
from adaptive.response_styles import Styles

STARTS = 12


@dataclass(frozen=True, eq=False)
class ClassNumber:
    """The fit of K classes to N respondents.

    `log_likelihood` is the maximum with flat priors, `parameters` its free parameters, `bic` Schwarz's criterion (1978), lower is better;
    `held_out` is (N,), log P(answers) in nats of each respondent under the shrunken fit of the other folds; `smallest` is the smallest
    class share.
    """

    classes: int
    log_likelihood: float
    parameters: int
    bic: float
    held_out: Floats
    smallest: float

    @property
    def score(self) -> float:
        """Mean held-out log score per respondent."""
        return float(self.held_out.mean())

    @property
    def error(self) -> float:
        """Standard error of `score`."""
        return float(self.held_out.std(ddof=1) / np.sqrt(len(self.held_out)))


def compare_class_numbers(
    answers: Answers,
    numbers: Sequence[int],
    rng: np.random.Generator,
    watch: Callable[[str], None] = lambda _: None,
    parallel_map: ParallelMap = map,
) -> list[ClassNumber]:
    """Compare each of `numbers`, fitted to all respondents and to all but each fold. `parallel_map` runs these fits side by side.

    The fits of a fold start at random: starting from the classes of all respondents would leak the held-out ones.
    """
    fold_of = assign_folds(len(answers.codes), rng)
    tasks = [(number, part) for number in numbers for part in range(-1, FOLDS)]
    chances = rng.spawn(len(tasks))
    found: dict[int, list[tuple[float, float, Floats]]] = {number: [] for number in numbers}
    jobs = [(number, part, chance) for (number, part), chance in zip(tasks, chances, strict=True)]
    results: Iterable[tuple[float, float, Floats]] = parallel_map(partial(_fit_part, answers.codes, answers.levels, fold_of), jobs)
    for (number, part), result in zip(tasks, results, strict=True):
        watch(f"{number} personas, {'all' if part < 0 else f'fold {part + 1}'}")
        found[number].append(result)
    return [_summarise(answers, number, fold_of, fits) for number, fits in found.items()]


def best_class_number(compared: Sequence[ClassNumber]) -> ClassNumber:
    """Return the fewest classes whose held-out score is within one standard error of the best (Breiman, Friedman, Olshen and Stone, 1984).

    The difference is taken per respondent, so that respondents who are hard to predict for every number add no error.
    """
    best = max(compared, key=lambda candidate: candidate.score)

    def is_close(candidate: ClassNumber) -> bool:
        behind = best.held_out - candidate.held_out
        return candidate is best or behind.mean() <= behind.std(ddof=1) / np.sqrt(len(behind))

    return min((candidate for candidate in compared if is_close(candidate)), key=lambda candidate: candidate.classes)


def _fit_part(codes: Ints, levels: Sequence[int], fold_of: Ints, job: tuple[int, int, np.random.Generator]) -> tuple[float, float, Floats]:
    """Return the log-likelihood and smallest share of the fit to all (part -1), or the log scores of those held out."""
    classes, part, rng = job
    if part < 0:
        fit = fit_latent_classes(codes, levels, classes, rng, starts=STARTS, pseudo_counts=0.0)
        return fit.log_likelihood, float(fit.prior.min()), np.empty(0)
    train = np.flatnonzero(fold_of != part)
    known = np.flatnonzero((codes[train] != MISSING).any(axis=0))
    sizes = np.asarray(levels)[known].tolist()
    fit = fit_latent_classes(codes[np.ix_(train, known)], sizes, classes, rng, starts=STARTS)
    hot = one_hot(codes, levels)
    fitted = fit_personas(hot[train], levels, fit.membership, PSEUDO_COUNTS, settled=True)
    return 0.0, 0.0, fitted.posterior(hot[fold_of == part])[1]


def _summarise(answers: Answers, classes: int, fold_of: Ints, fits: Sequence[tuple[float, float, Floats]]) -> ClassNumber:
    (likelihood, smallest, _), *folds = fits
    held_out = np.empty(len(fold_of))
    for part, (_, _, scores) in enumerate(folds):
        held_out[fold_of == part] = scores
    parameters = classes - 1 + classes * sum(level - 1 for level in answers.levels)
    bic = parameters * float(np.log(len(fold_of))) - 2 * likelihood
    return ClassNumber(classes, likelihood, parameters, bic, held_out, smallest)


MOST_STYLES = 3
FEWEST = 50
"""Respondents a persona needs before a second style is tried."""

STYLE_STARTS = 12


def choose_style_numbers(answers: Answers, membership: Floats, rng: np.random.Generator, parallel_map: ParallelMap = map) -> list[int]:
    """Return the number of styles of each of K personas: more than one only where that predicts held-out answers of its people better.

    `membership` is (N, K); each respondent counts for the likeliest persona. The rule is that of `best_class_number`, per persona.
    Dependent questions look like styles: fit the forest first.
    """
    who = membership.argmax(axis=1)
    return [_best_style_number(answers.take(np.flatnonzero(who == k)), rng, parallel_map).classes for k in range(membership.shape[1])]


def initial_styles(answers: Answers, membership: Floats, styles: Styles, rng: np.random.Generator) -> Floats:
    """Return (N, C) P(style | persona, answers), where EM starts: latent classes among the people of each persona.

    `membership` is (N, K); each respondent counts for the likeliest persona when its classes are sought, and all are then attributed.
    """
    shares = np.ones((len(membership), len(styles.persona_of)))
    who = membership.argmax(axis=1)
    for k in styles.styled_personas:
        classes = np.flatnonzero(styles.persona_of == k)
        answered, items = _answered_items(answers.take(np.flatnonzero(who == k)))
        if len(answered):
            found = fit_latent_classes(items.codes, items.levels, len(classes), rng, starts=STYLE_STARTS).membership
            fitted = fit_personas(items.hot, items.levels, found, PSEUDO_COUNTS, settled=True)
            shares[:, classes] = fitted.posterior(Answers.of(answers.codes[:, answered], items.levels).hot)[0]
    return styles.within(shares)


def _best_style_number(answers: Answers, rng: np.random.Generator, parallel_map: ParallelMap) -> ClassNumber:
    numbers: Sequence[int] = range(1, MOST_STYLES + 1) if len(answers.codes) >= max(FEWEST, FOLDS) else [1]
    return best_class_number(compare_class_numbers(_answered_items(answers)[1], numbers, rng, parallel_map=parallel_map))


def _answered_items(answers: Answers) -> tuple[Ints, Answers]:
    """Return the items that anybody answered, and the answers to them."""
    answered = np.flatnonzero((answers.codes >= 0).any(axis=0))
    return answered, Answers.of(answers.codes[:, answered], np.asarray(answers.levels)[answered].tolist())
