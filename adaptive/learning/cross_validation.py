"""Respondents dealt into folds, and what the others teach about those set aside: the ground on which everything is chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from adaptive.arrays import Floats, Ints
from adaptive.learning.latent_classes import Anchor, Personas, Split, fit_personas, fit_styles, style_posterior
from adaptive.learning.responses import MISSING, Answers, one_hot, starts_of
from adaptive.response_styles import Styles

FOLDS = 5


@dataclass(frozen=True, eq=False)
class PublishedTables:
    """What a bank says before these answers: (K,) prior, a (K, A) table an item, and where it has them P(no answer) and forests.

    `silence` is question -> (K,); `parents` child -> parent and `given` child -> (K, P, A), of questions that are one item. Where personas
    have `styles`, K is the number of classes.
    """

    prior: Floats
    tables: Sequence[Floats]
    silence: Mapping[int, Floats] = field(default_factory=dict)
    parents: Mapping[int, int] = field(default_factory=dict)
    given: Mapping[int, Floats] = field(default_factory=dict)
    styles: Styles | None = None


@dataclass(frozen=True, eq=False)
class Fold:
    """Some respondents set aside. `truth` is (B, K): P(persona) of those held out, known or believed; `score` is their log-likelihood.

    Where personas have styles, K is the number of classes.
    """

    train: Ints
    fitted: Personas
    held: Ints
    truth: Floats
    score: float


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """N respondents with what they answered, and (N, K) who they are: `settled`, or where the search starts.

    `starts` are where the search of each fold begins, (N - B, K); where there are none, it begins at `membership`. `voiced` are the
    questions whose silence counts: each is one more item, 0 answered and 1 silent, behind the items of the answers. With a `split` what
    is learnt are the styles of the personas.
    """

    answers: Answers
    membership: Floats
    settled: bool
    parts: Ints  # (N,) fold of each respondent
    known: PublishedTables | None = None
    no_answer_questions: tuple[int, ...] = ()
    starts: tuple[Floats, ...] = ()
    split: Split | None = None

    @property
    def classes(self) -> Styles | None:
        """Which class is of which persona, where these are not the same."""
        if self.split is not None:
            return self.split.styles
        return None if self.known is None else self.known.styles

    @cached_property
    def levels(self) -> list[int]:
        return [*self.answers.levels, *([2] * len(self.no_answer_questions))]

    @cached_property
    def hot(self) -> Floats:
        """(N, cells) answers, then silences."""
        heard = np.where(self.answers.answered, 0, np.where(self.answers.silent, 1, MISSING))
        return np.concatenate(
            [self.answers.hot, one_hot(heard[:, list(self.no_answer_questions)], [2] * len(self.no_answer_questions))], axis=1
        )

    def with_no_answers(self, voiced: Sequence[int]) -> "TrainingSet":
        """The same lesson in which the silence of some questions counts."""
        return replace(self, no_answer_questions=tuple(voiced))

    def fit(self, pseudo_counts: float, without: int | None = None) -> Personas:
        """What all respondents teach, or those of all folds but one."""
        rows = slice(None) if without is None else np.flatnonzero(self.parts != without)
        hot = self.hot[rows]
        membership = self.membership[rows] if without is None or not self.starts else self.starts[without]
        personas = fit_personas(hot, self.levels, membership, pseudo_counts, settled=self.settled, anchor=self._anchor(hot))
        if self.split is None:
            return personas
        return fit_styles(
            hot, self.levels, personas, self.split.styles, self.split.start if without is None else self.split.starts[without]
        )

    def _anchor(self, hot: Floats) -> Anchor | None:
        if self.known is None:
            return None
        tables = list(self.known.tables)
        for item, question in enumerate(self.no_answer_questions, len(self.answers.levels)):
            cells = hot[:, starts_of(self.levels)[item] :][:, :2].sum(axis=0) + 0.5
            silent = self.known.silence.get(question, np.full(len(self.known.prior), cells[1] / cells.sum()))
            tables.append(np.column_stack([1 - silent, silent]))
        return Anchor(self.known.prior, np.concatenate(tables, axis=1))

    def folds(self, pseudo_counts: float) -> list[Fold]:
        return [self._fold(part, pseudo_counts) for part in range(int(self.parts.max()) + 1)]

    def _fold(self, part: int, pseudo_counts: float) -> Fold:
        teach, held = np.flatnonzero(self.parts != part), np.flatnonzero(self.parts == part)
        taught = self.fit(pseudo_counts, part)
        truth, scores = taught.posterior(self.hot[held])
        if self.settled and self.split is not None:
            truth, scores = style_posterior(taught, self.split.styles, self.hot[held], self.membership[held])
        elif self.settled:
            truth = self.membership[held]
            scores = taught.log_given(self.hot[held], truth)
        return Fold(teach, taught, held, truth, float(scores.sum()))


def assign_folds(respondents: int, rng: np.random.Generator, labels: Ints | None = None) -> Ints:
    """(N,) fold of each respondent, dealt out like cards, label by label."""
    shuffled = rng.permutation(respondents)
    order = shuffled if labels is None else shuffled[np.argsort(labels[shuffled], kind="stable")]
    parts = np.empty(respondents, dtype=np.int64)
    parts[order] = np.arange(respondents) % min(FOLDS, respondents)
    return parts
