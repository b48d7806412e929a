"""The E step over answers that come in chunks: expected counts per class, whose size does not depend on the number of respondents.

Every statistic that the M step needs is a sum over respondents of membership times a number known from the answers. The numbers of one
chunk are the columns of a matrix X (N, C), so its expected counts are ``X.T @ membership`` (C, K), and those of two chunks add up.
Source: Dempster, Laird and Rubin (1977).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from scipy.special import logsumexp

from adaptive.arrays import Bools, Floats, Ints
from adaptive.likelihood import AnyLikelihood, Choice, MultipleChoice, Numeric, log_any_answer, log_no_answer
from adaptive.response_styles import Styles

TINY = float(np.finfo(float).tiny)


@dataclass(frozen=True, eq=False)
class Model:
    """The model of a bank with K classes: (K,) prior, its questions, and (K, P, A) tables of the questions that have a parent.

    `signals` is (K, S), P(signal seen | class). A class is a persona, or with `styles` one style of a persona. `pilots` are questions
    without a table: a table of any values, whose type and shape say what to count.
    """

    prior: Floats
    questions: tuple[AnyLikelihood, ...]
    parents: Mapping[int, int] = field(default_factory=dict)
    given: Mapping[int, Floats] = field(default_factory=dict)
    signals: Floats | None = None
    styles: Styles | None = None
    pilots: Mapping[int, AnyLikelihood] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Answers:
    """What is known of N respondents to Q questions: one chunk, or all of them.

    `codes` is (N, Q), the outcome of a choice, -1 elsewhere; `silent` is (N, Q), explicitly not answered. `ticks` is, for each multiple
    choice, (N, M): 1 ticked, 0 not ticked, NaN not seen; `numbers` is, for each number, (N,) with NaN where there is none.

    `labels` is (N, personas), P(persona) of the respondents whose persona is known, a row of zeros for the others. `signals` is (N, S), the
    decayed number of events of each signal, and `active` (N,) whether there is any event of the respondent. `evidence` is (N, K), any
    further log-likelihood in nats. `keys` is (N,), numbers that stay with the respondents, by default their positions.
    """

    codes: Ints
    silent: Bools
    ticks: Mapping[int, Floats]
    numbers: Mapping[int, Floats]
    labels: Floats | None = None
    signals: Floats | None = None
    active: Bools | None = None
    evidence: Floats | None = None
    keys: Ints | None = None

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def answered(self) -> Bools:
        """(N, Q) whether the question was answered."""
        there: Bools = self.codes >= 0
        for q, ticked in self.ticks.items():
            there[:, q] = ~np.isnan(ticked).all(axis=1)
        for q, numbers in self.numbers.items():
            there[:, q] = ~np.isnan(numbers)
        return there


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of X: a slice for each statistic of a question, or of the whole (then the question is -1).

    ``respondent`` is one column of ones. ``silent`` and ``answered`` have a column per question. ``cells`` are the outcomes of a choice
    whose parent was not answered or that has none, ``pairs`` the (P, A) outcomes with the parent's. ``ticks`` are the options ticked, then
    those not ticked; ``moments`` 1, x and x² of a number, then the same of its logarithm where it has one. ``seen`` are signals, and
    ``active`` is one column.
    """

    places: Mapping[tuple[str, int], slice]
    width: int

    @classmethod
    def of(cls, model: Model) -> "Columns":
        """Return the columns for the questions and signals of a model; the values of its tables do not matter."""
        places, width = {}, 0
        for name, size in _widths(model):
            places[name] = slice(width, width + size)
            width += size
        return cls(places, width)

    def prepare(self, model: Model, answers: Answers) -> "Prepared":
        """Return X for a chunk of answers."""
        columns = np.zeros((len(answers), self.width))
        columns[:, self.places["respondent", -1]] = 1
        columns[:, self.places["silent", -1]] = answers.silent
        columns[:, self.places["answered", -1]] = answers.answered
        for (name, q), place in self.places.items():
            if name == "cells":
                self._set_cells(columns, model, answers, q)
            elif name == "ticks" and q in answers.ticks:
                columns[:, place] = np.nan_to_num(np.column_stack([answers.ticks[q], 1 - answers.ticks[q]]))
            elif name == "moments" and q in answers.numbers:
                columns[:, place] = _moments(answers.numbers[q])
        if answers.signals is not None:
            columns[:, self.places["seen", -1]] = answers.signals > 0
        if answers.active is not None:
            columns[:, self.places["active", -1]] = answers.active[:, None]
        return Prepared(answers, self, columns)

    def _set_cells(self, columns: Floats, model: Model, answers: Answers, q: int) -> None:
        """Set the cell of each answer to a choice, or the cell of the pair where the parent was answered too."""
        codes, rows = answers.codes[:, q], np.arange(len(answers))
        alone = codes >= 0
        if q in model.parents:
            above = answers.codes[:, model.parents[q]]
            both = alone & (above >= 0)
            columns[rows[both], self.places["pairs", q].start + above[both] * model.given[q].shape[2] + codes[both]] = 1
            alone = alone & (above < 0)
        columns[rows[alone], self.places["cells", q].start + codes[alone]] = 1

    def log_tables(self, model: Model) -> Floats:
        """Return the (C, K) log-likelihood in nats of each column; zero for statistics that are no evidence, and for numbers."""
        classes, logs = len(model.prior), np.zeros((self.width, len(model.prior)))
        silence = [question.silence for question in model.questions]
        logs[self.places["silent", -1]] = [log_no_answer(shares, classes) for shares in silence]
        logs[self.places["answered", -1]] = [log_any_answer(shares, classes) for shares in silence]
        for q, question in enumerate(model.questions):
            if isinstance(question, Choice):
                logs[self.places["cells", q]] = _log(question.table).T
            elif isinstance(question, MultipleChoice):
                logs[self.places["ticks", q]] = np.concatenate([_log(question.ticked), _log(1 - question.ticked)], axis=1).T
            if q in model.parents:
                logs[self.places["pairs", q]] = _log(model.given[q]).reshape(classes, -1).T
        return logs


def _widths(model: Model) -> Iterator[tuple[tuple[str, int], int]]:
    yield ("respondent", -1), 1
    yield ("silent", -1), len(model.questions)
    yield ("answered", -1), len(model.questions)
    yield ("seen", -1), 0 if model.signals is None else model.signals.shape[1]
    yield ("active", -1), 1
    for q, question in enumerate(model.questions):
        table = model.pilots.get(q, question)
        if isinstance(table, Choice):
            yield ("cells", q), table.table.shape[1]
        elif isinstance(table, MultipleChoice):
            yield ("ticks", q), 2 * table.ticked.shape[1]
        elif isinstance(table, Numeric):
            yield ("moments", q), 6
        if q in model.parents:
            yield ("pairs", q), model.given[q].shape[1] * model.given[q].shape[2]


def _log(shares: Floats) -> Floats:
    # Without the bound, an outcome of probability zero that nobody gave would make 0 * -inf = NaN of everybody.
    logs: Floats = np.log(np.maximum(shares, TINY))
    return logs


def _moments(numbers: Floats) -> Floats:
    """Return (N, 6): 1, x, x² where there is a number, and 1, log x, log² x where it is above zero."""
    there = ~np.isnan(numbers)
    plain = np.where(there, numbers, 0.0)
    positive = plain > 0
    logs = np.log(np.where(positive, plain, 1.0))
    return np.column_stack([there, plain, plain**2, positive, logs, logs**2])


@dataclass(frozen=True, eq=False)
class Expectation:
    """The E step of N respondents: (N, K) `membership`, P(class | everything known), and two (N,) log-likelihoods in nats.

    `log_likelihood` is log P(answers, behaviour, label); `score` is log P(answers | behaviour, label), what held-out respondents are scored
    by. Behaviour only says what was seen, so P(behaviour) must not decide between models.
    """

    membership: Floats
    log_likelihood: Floats
    score: Floats


@dataclass(frozen=True, eq=False)
class Prepared:
    """A chunk of answers with its X (N, C)."""

    answers: Answers
    columns: Columns
    values: Floats

    def log_behaviour(self, model: Model) -> Floats:
        """Return (N, K) log P(class) plus the log-likelihood of what was seen: ``log prior + sum_s weight[s] log P(s | k)``."""
        behaviour = np.log(model.prior) + np.zeros((len(self.answers), 1))
        if model.signals is not None and self.answers.signals is not None:
            behaviour += self.answers.signals @ _log(model.signals).T
        return behaviour if self.answers.evidence is None else behaviour + self.answers.evidence

    def log_given(self, model: Model) -> Floats:
        """Return (N, K) log P(answers and skips | class) in nats. Where the parent was answered, a question counts given that answer."""
        total: Floats = self.values @ self.columns.log_tables(model)
        for q, question in enumerate(model.questions):
            if isinstance(question, Numeric) and q in self.answers.numbers:
                density = replace(question, silence=None).log_given(np.nan_to_num(self.answers.numbers[q]))
                total += np.where(self.answers.answered[:, q, None], density, 0.0)
        return total

    def expect(self, model: Model) -> Expectation:
        """Run the E step. The label of a respondent replaces the inferred persona; the style within it is inferred (Bayes)."""
        behaviour = self.log_behaviour(model)
        joint = behaviour + self.log_given(model)
        total, known = logsumexp(joint, axis=1), self.answers.labels
        membership, score = np.exp(joint - total[:, None]), total - logsumexp(behaviour, axis=1)
        if known is None:
            return Expectation(membership, total, score)
        styles, by_persona, before, spread = model.styles, joint, behaviour, known
        if styles is not None:
            by_persona, before = styles.log_marginal(joint), styles.log_marginal(behaviour)
            spread = known[:, styles.persona_of] * styles.shares(joint)
        labelled = known.sum(axis=1) > 0
        return Expectation(
            np.where(labelled[:, None], spread, membership),
            np.where(labelled, (known * by_persona).sum(axis=1), total),
            np.where(labelled, (known * (by_persona - before)).sum(axis=1), score),
        )

    def count(self, model: Model, included: Bools) -> "Counts":
        """Return the expected counts under `model` of the respondents of an (N,) mask."""
        return self.count_expected(self.expect(model), included)

    def count_expected(self, expected: "Expectation", included: Bools) -> "Counts":
        """Return the expected counts of the respondents of an (N,) mask after an E step."""
        return Counts(
            self.columns, self.values.T @ (expected.membership * included[:, None]), float(expected.log_likelihood[included].sum())
        )


@dataclass(frozen=True, eq=False)
class Counts:
    """Expected counts of any number of respondents: (C, K) `table`, and their log-likelihood in nats."""

    columns: Columns
    table: Floats
    log_likelihood: float = 0.0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.columns, self.table + other.table, self.log_likelihood + other.log_likelihood)

    def of(self, name: str, q: int = -1) -> Floats:
        """Return the (K, columns) counts of a statistic of `Columns`."""
        counts: Floats = self.table[self.columns.places[name, q]].T
        return counts

    @property
    def membership(self) -> Floats:
        """(K,) expected number of respondents of each class."""
        return self.of("respondent")[:, 0]

    @property
    def respondents(self) -> int:
        return round(float(self.membership.sum()))

    @property
    def answered(self) -> Ints:
        """(Q,) number of answers to each question."""
        answers: Ints = self.of("answered").sum(axis=0).round().astype(np.int64)
        return answers


def log_joint(model: Model, answers: Answers) -> Floats:
    """Return (N, K) log P(class, answers, behaviour) in nats."""
    prepared = Columns.of(model).prepare(model, answers)
    return prepared.log_behaviour(model) + prepared.log_given(model)


def posterior(model: Model, answers: Answers) -> Floats:
    """Return (N, K) P(class | answers, behaviour, label)."""
    return Columns.of(model).prepare(model, answers).expect(model).membership
