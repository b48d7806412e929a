"""Cross-validation: respondents in folds, and models fitted without each fold, by which every choice is scored."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from adaptive.arrays import Floats, Ints
from adaptive.learning.latent_classes import Personas, Split, fit_personas, fit_styles, style_posterior
from adaptive.learning.responses import MISSING, Answers, one_hot
from adaptive.response_styles import Styles

FOLDS = 5


@dataclass(frozen=True, eq=False)
class Fold:
    """A fold: `train` and `held_out` respondents, and the tables `fitted` to the first.

    `truth` is (B, K), P(persona) of those held out, known or inferred; `score` is their log-likelihood. Where personas have styles, K is
    the number of classes.
    """

    train: Ints
    fitted: Personas
    held_out: Ints
    truth: Floats
    score: float


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """The answers of N respondents, and their (N, K) `membership`: the truth where `labelled`, else where EM starts.

    `starts` are (N - B, K), where EM starts in each fold; without them it starts at `membership`. `no_answer_questions` are the questions
    whose missing answers are modelled: each adds an item, 0 answered and 1 not, behind the items of the answers. With a `split` the
    styles of the personas are fitted.
    """

    answers: Answers
    membership: Floats
    labelled: bool
    fold_of: Ints  # (N,) fold of each respondent
    no_answer_questions: tuple[int, ...] = ()
    starts: tuple[Floats, ...] = ()
    split: Split | None = None

    @property
    def classes(self) -> Styles | None:
        """The persona of each class, or None where every persona is one class."""
        return None if self.split is None else self.split.styles

    @cached_property
    def levels(self) -> list[int]:
        return [*self.answers.levels, *([2] * len(self.no_answer_questions))]

    @cached_property
    def hot(self) -> Floats:
        """(N, cells) one-hot answers, then whether each of `no_answer_questions` was left unanswered."""
        no_answers = np.where(self.answers.answered, 0, np.where(self.answers.silent, 1, MISSING))
        return np.concatenate(
            [self.answers.hot, one_hot(no_answers[:, list(self.no_answer_questions)], [2] * len(self.no_answer_questions))], axis=1
        )

    def with_no_answers(self, voiced: Sequence[int]) -> "TrainingSet":
        """Return the same respondents with the missing answers of some questions modelled."""
        return replace(self, no_answer_questions=tuple(voiced))

    def fit(self, pseudo_counts: float, left_out: int | None = None) -> Personas:
        """Fit the tables to all respondents, or to those of all folds but one."""
        rows = slice(None) if left_out is None else np.flatnonzero(self.fold_of != left_out)
        hot = self.hot[rows]
        membership = self.membership[rows] if left_out is None or not self.starts else self.starts[left_out]
        personas = fit_personas(hot, self.levels, membership, pseudo_counts, settled=self.labelled)
        if self.split is None:
            return personas
        return fit_styles(
            hot, self.levels, personas, self.split.styles, self.split.start if left_out is None else self.split.starts[left_out]
        )

    def folds(self, pseudo_counts: float) -> list[Fold]:
        return [self._fold(part, pseudo_counts) for part in range(int(self.fold_of.max()) + 1)]

    def _fold(self, part: int, pseudo_counts: float) -> Fold:
        train, held_out = np.flatnonzero(self.fold_of != part), np.flatnonzero(self.fold_of == part)
        fitted = self.fit(pseudo_counts, part)
        truth, scores = fitted.posterior(self.hot[held_out])
        if self.labelled and self.split is not None:
            truth, scores = style_posterior(fitted, self.split.styles, self.hot[held_out], self.membership[held_out])
        elif self.labelled:
            truth = self.membership[held_out]
            scores = fitted.log_given(self.hot[held_out], truth)
        return Fold(train, fitted, held_out, truth, float(scores.sum()))


def assign_folds(respondents: int, rng: np.random.Generator, labels: Ints | None = None) -> Ints:
    """Return the (N,) fold of each respondent: random folds of equal size, stratified by label."""
    shuffled = rng.permutation(respondents)
    order = shuffled if labels is None else shuffled[np.argsort(labels[shuffled], kind="stable")]
    fold_of = np.empty(respondents, dtype=np.int64)
    fold_of[order] = np.arange(respondents) % min(FOLDS, respondents)
    return fold_of
