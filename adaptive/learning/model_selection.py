"""How many personas there are in answers: each number is judged by what it foretells of respondents who did not teach it."""

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
    """What K classes are worth for N respondents.

    `log_likelihood` is the greatest with flat priors, `parameters` its free figures, `bic` Schwarz's criterion (1978), less is better;
    `held_out` is (N,), log P(answers) in nats of each respondent under the shrunken fit of the other folds; `smallest` is a class share.
    """

    classes: int
    log_likelihood: float
    parameters: int
    bic: float
    held_out: Floats
    smallest: float

    @property
    def score(self) -> float:
        """Mean held-out log score of a respondent."""
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
    spread: ParallelMap = map,
) -> list[ClassNumber]:
    """Each of `numbers`, fitted to all respondents and to all but each fold. `spread` runs these fits side by side.

    Fits of a fold start afresh: what all respondents say of their classes must not help to foretell them.
    """
    parts = assign_folds(len(answers.codes), rng)
    tasks = [(number, part) for number in numbers for part in range(-1, FOLDS)]
    chances = rng.spawn(len(tasks))
    found: dict[int, list[tuple[float, float, Floats]]] = {number: [] for number in numbers}
    jobs = [(number, part, chance) for (number, part), chance in zip(tasks, chances, strict=True)]
    results: Iterable[tuple[float, float, Floats]] = spread(partial(_fit_part, answers.codes, answers.levels, parts), jobs)
    for (number, part), result in zip(tasks, results, strict=True):
        watch(f"{number} personas, {'all' if part < 0 else f'fold {part + 1}'}")
        found[number].append(result)
    return [_summarise(answers, number, parts, fits) for number, fits in found.items()]


def best_class_number(compared: Sequence[ClassNumber]) -> ClassNumber:
    """The fewest classes that fall behind the best held-out score by no more than one standard error of the difference.

    The difference is taken respondent by respondent: what makes some of them hard to foretell for any number does not count
    (Breiman, Friedman, Olshen and Stone, 1984, for the rule).
    """
    best = max(compared, key=lambda item: item.score)

    def close(class_number: ClassNumber) -> bool:
        behind = best.held_out - class_number.held_out
        return class_number is best or behind.mean() <= behind.std(ddof=1) / np.sqrt(len(behind))

    return min((item for item in compared if close(item)), key=lambda item: item.classes)


def _fit_part(codes: Ints, levels: Sequence[int], parts: Ints, job: tuple[int, int, np.random.Generator]) -> tuple[float, float, Floats]:
    """Log-likelihood and smallest share of the fit to all (part -1); or the log scores of those held out."""
    classes, part, rng = job
    if part < 0:
        fit = fit_latent_classes(codes, levels, classes, rng, starts=STARTS, pseudo_counts=0.0)
        return fit.log_likelihood, float(fit.prior.min()), np.empty(0)
    teach = np.flatnonzero(parts != part)
    known = np.flatnonzero((codes[teach] != MISSING).any(axis=0))
    sizes = np.asarray(levels)[known].tolist()
    fit = fit_latent_classes(codes[np.ix_(teach, known)], sizes, classes, rng, starts=STARTS)
    hot = one_hot(codes, levels)
    taught = fit_personas(hot[teach], levels, fit.membership, PSEUDO_COUNTS, settled=True)
    return 0.0, 0.0, taught.posterior(hot[parts == part])[1]


def _summarise(answers: Answers, classes: int, parts: Ints, fits: Sequence[tuple[float, float, Floats]]) -> ClassNumber:
    (likelihood, smallest, _), *folds = fits
    held_out = np.empty(len(parts))
    for part, (_, _, scores) in enumerate(folds):
        held_out[parts == part] = scores
    parameters = classes - 1 + classes * sum(level - 1 for level in answers.levels)
    bic = parameters * float(np.log(len(parts))) - 2 * likelihood
    return ClassNumber(classes, likelihood, parameters, bic, held_out, smallest)


MOST_STYLES = 3
FEWEST = 50
"""Respondents of a persona from which a second style is thought of."""

STYLE_STARTS = 12


def choose_style_numbers(answers: Answers, membership: Floats, rng: np.random.Generator, spread: ParallelMap = map) -> list[int]:
    """How many styles each of K personas has: more than one only where that foretells held-out answers of its people better.

    `membership` is (N, K); each respondent counts for the likeliest persona. The rule is that of `best_class_number`, persona by persona:
    the fewest within one standard error of the best. Questions that depend on one another look like styles: link them first.
    """
    who = membership.argmax(axis=1)
    return [_best_style_number(answers.take(np.flatnonzero(who == k)), rng, spread).classes for k in range(membership.shape[1])]


def initial_styles(answers: Answers, membership: Floats, styles: Styles, rng: np.random.Generator) -> Floats:
    """(N, C) P(style | persona, answers), from which the search begins: latent classes among the people of each persona.

    `membership` is (N, K); each respondent counts for the likeliest persona when its classes are sought, and all are then attributed.
    """
    shares = np.ones((len(membership), len(styles.persona_of)))
    who = membership.argmax(axis=1)
    for k in styles.styled_personas:
        classes = np.flatnonzero(styles.persona_of == k)
        answered, heard = _answered_items(answers.take(np.flatnonzero(who == k)))
        if len(answered):
            found = fit_latent_classes(heard.codes, heard.levels, len(classes), rng, starts=STYLE_STARTS).membership
            taught = fit_personas(heard.hot, heard.levels, found, PSEUDO_COUNTS, settled=True)
            shares[:, classes] = taught.posterior(Answers.of(answers.codes[:, answered], heard.levels).hot)[0]
    return styles.within(shares)


def _best_style_number(answers: Answers, rng: np.random.Generator, spread: ParallelMap) -> ClassNumber:
    numbers: Sequence[int] = range(1, MOST_STYLES + 1) if len(answers.codes) >= max(FEWEST, FOLDS) else [1]
    return best_class_number(compare_class_numbers(_answered_items(answers)[1], numbers, rng, spread=spread))


def _answered_items(answers: Answers) -> tuple[Ints, Answers]:
    """The items that anybody answered, and the answers to them."""
    answered = np.flatnonzero((answers.codes >= 0).any(axis=0))
    return answered, Answers.of(answers.codes[:, answered], np.asarray(answers.levels)[answered].tolist())
