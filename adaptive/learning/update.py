"""Update published tables with new answers: the tables count as so many respondents of each persona.

Expectation maximisation starts from the published tables, so that personas keep their identity. Which questions a respondent got
depended only on the answers before, so the missing answers are ignorable (Rubin, 1976).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from scipy.special import logsumexp

from adaptive.arrays import Bools, Floats, Ints
from adaptive.likelihood import FLOOR, AnyLikelihood, Choice, MultipleChoice, Numeric, log_any_answer, log_no_answer

PERCENT = np.linspace(0.01, 0.99, 99)


def distance(before: AnyLikelihood, after: AnyLikelihood) -> Floats:
    """Return the (K,) total variation between two tables of a question, from 0 (equal) to 1; of a multiple choice the mean over options."""
    if isinstance(before, MultipleChoice) and isinstance(after, MultipleChoice):
        ticks: Floats = np.abs(before.ticked - after.ticked).mean(axis=1)
        return ticks
    if isinstance(before, Numeric) and isinstance(after, Numeric):
        inner = np.unique([law.quantile(PERCENT) for law in (before, after)])
        ends = list(pairwise([before.low, *inner.tolist(), before.high]))
        cells = [np.column_stack([law.chance_between(low, high) for low, high in ends]) for law in (before, after)]
        return _variation(*cells)
    if isinstance(before, Choice) and isinstance(after, Choice):
        return _variation(before.table, after.table)
    raise TypeError("only tables of the same kind can be compared")


def _variation(before: Floats, after: Floats) -> Floats:
    half: Floats = np.abs(before - after).sum(axis=1) / 2
    return half


STRENGTHS = (5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)
"""Numbers of respondents of each persona that the published tables may count as."""

FOLDS = 5
STEPS = 200
TOLERANCE = 1e-7


@dataclass(frozen=True, eq=False)
class Model:
    """The model of a bank with K personas: (K,) prior, its questions, and (K, P, A) tables of the questions that have a parent."""

    prior: Floats
    questions: tuple[AnyLikelihood, ...]
    parents: Mapping[int, int] = field(default_factory=dict)
    given: Mapping[int, Floats] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers of N respondents to Q questions.

    `codes` is (N, Q), the outcome of a choice, -1 elsewhere; `silent` is (N, Q), explicitly not answered. `ticks` is, for each multiple
    choice, (N, M): 1 ticked, 0 not ticked, NaN not seen; `numbers` is, for each number, (N,) with NaN where there is none.
    """

    codes: Ints
    silent: Bools
    ticks: Mapping[int, Floats]
    numbers: Mapping[int, Floats]

    def take(self, rows: Ints) -> "Answers":
        """Return the answers of some respondents only."""
        ticks, numbers = ({q: given[rows] for q, given in kind.items()} for kind in (self.ticks, self.numbers))
        return Answers(self.codes[rows], self.silent[rows], ticks, numbers)

    @property
    def answered(self) -> Bools:
        """(N, Q) whether the question was answered."""
        there: Bools = self.codes >= 0
        for q, ticked in self.ticks.items():
            there[:, q] = ~np.isnan(ticked).all(axis=1)
        for q, numbers in self.numbers.items():
            there[:, q] = ~np.isnan(numbers)
        return there


@dataclass(frozen=True, eq=False)
class UpdatedModel:
    """The `model` fitted to all respondents and their (N, K) `membership` under it; `strength` was chosen on held-out respondents.

    `before` and `after` are (N,), log P(answers) in nats of each respondent under the published tables, and under those fitted to the
    other folds.
    """

    model: Model
    membership: Floats
    strength: float
    before: Floats
    after: Floats


def update_model(
    published: Model, answers: Answers, rng: np.random.Generator, watch: Callable[[int], None] = lambda _: None
) -> UpdatedModel:
    """Return the tables updated with the answers. The weight of the published ones is the strength that predicts held-out answers best.

    `watch` is called with 1 after each of `STRENGTHS`.
    """
    people = len(answers.codes)
    fold_of = rng.permutation(people) % min(FOLDS, people)
    held = {}
    for strength in STRENGTHS:
        held[strength] = _held_out_scores(published, answers, fold_of, strength)
        watch(1)
    best = max(STRENGTHS, key=lambda strength: float(held[strength].sum()))
    model, membership = fit_model(published, answers, best)
    before = logsumexp(log_joint(published, answers), axis=1)
    return UpdatedModel(model, membership, best, before, held[best])


def _held_out_scores(published: Model, answers: Answers, fold_of: Ints, strength: float) -> Floats:
    scores = np.zeros(len(fold_of))
    for fold in range(int(fold_of.max()) + 1):
        rows = np.flatnonzero(fold_of == fold)
        fitted, _ = fit_model(published, answers.take(np.flatnonzero(fold_of != fold)), strength)
        scores[rows] = logsumexp(log_joint(fitted, answers.take(rows)), axis=1)
    return scores


def fit_model(published: Model, answers: Answers, strength: float) -> tuple[Model, Floats]:
    """Return the likeliest model when the published one counts as `strength` respondents per persona, and the (N, K) memberships."""
    model, before = published, -np.inf
    for _ in range(STEPS):
        joint = log_joint(model, answers)
        total = logsumexp(joint, axis=1, keepdims=True)
        model = _m_step(published, answers, np.exp(joint - total), strength)
        if abs(float(total.sum()) - before) <= TOLERANCE * abs(float(total.sum())):
            break
        before = float(total.sum())
    joint = log_joint(model, answers)
    return model, np.exp(joint - logsumexp(joint, axis=1, keepdims=True))


def log_joint(model: Model, answers: Answers) -> Floats:
    """Return (N, K) log P(persona, answers). A question with a parent counts given the parent's answer, where there is an answer."""
    total = np.log(model.prior) + np.zeros((len(answers.codes), 1))
    answered = answers.answered
    for q, question in enumerate(model.questions):
        any_answer = np.where(answered[:, q, None], log_any_answer(question.silence, len(model.prior)), 0.0)
        total += any_answer + np.where(answers.silent[:, q, None], log_no_answer(question.silence, len(model.prior)), 0.0)
        total += np.where(answered[:, q, None], _log_given(model, answers, q), 0.0)
    return total


def _log_given(model: Model, answers: Answers, q: int) -> Floats:
    """Return (N, K) log P(answer | persona, answered); arbitrary where there is no answer."""
    question, codes = model.questions[q], answers.codes[:, q]
    if isinstance(question, Choice):
        alone = np.log(question.table[:, codes]).T
        if q not in model.parents:
            return alone
        above = answers.codes[:, model.parents[q]]
        return np.where((above >= 0)[:, None], np.log(model.given[q][:, above, codes]).T, alone)
    if isinstance(question, MultipleChoice) and q in answers.ticks:
        yes, no = np.nan_to_num(answers.ticks[q]), np.nan_to_num(1 - answers.ticks[q])
        log_likelihood: Floats = yes @ np.log(question.ticked).T + no @ np.log1p(-question.ticked).T
        return log_likelihood
    if isinstance(question, Numeric) and q in answers.numbers:
        return replace(question, silence=None).log_given(np.nan_to_num(answers.numbers[q]))
    return np.zeros((len(codes), len(model.prior)))


def _m_step(published: Model, answers: Answers, membership: Floats, strength: float) -> Model:
    """Run the M step, with the published tables as `strength` respondents of each persona."""
    answered = answers.answered
    shares = strength * len(published.prior) * published.prior + membership.sum(axis=0)
    given = {q: _edge_table(published, answers, q, membership, strength) for q in published.parents}
    questions: list[AnyLikelihood] = []
    for q, question in enumerate(published.questions):
        silence = _no_answer_shares(question.silence, answers.silent[:, q], answered[:, q], membership, strength)
        questions.append(replace(_fit_table(question, answers, q, membership, strength), silence=silence))
    for q, table in given.items():
        questions[q] = Choice(_marginal_table(published, questions, given, q, table), questions[q].silence)
    return Model(shares / shares.sum(), tuple(questions), published.parents, given)


def _fit_table(question: AnyLikelihood, answers: Answers, q: int, membership: Floats, strength: float) -> AnyLikelihood:
    if isinstance(question, Choice):
        return replace(
            question, table=_shrink(question.table, membership.T @ _one_hot(answers.codes[:, q], question.table.shape[1]), strength)
        )
    if isinstance(question, MultipleChoice) and q in answers.ticks:
        seen = ~np.isnan(answers.ticks[q])
        ticked = membership.T @ np.nan_to_num(answers.ticks[q]) + strength * question.ticked
        return replace(question, ticked=np.clip(ticked / (membership.T @ seen + strength), FLOOR, 1 - FLOOR))
    if isinstance(question, Numeric) and q in answers.numbers:
        return _moments(question, answers.numbers[q], membership, strength)
    return question


def _shrink(published: Floats, counts: Floats, strength: float) -> Floats:
    """Return the (…, A) shares of counts and published rows together, at least `FLOOR` each."""
    table = (counts + strength * published) / (counts.sum(axis=-1, keepdims=True) + strength)
    floored = np.maximum(table, FLOOR)
    rows: Floats = floored / floored.sum(axis=-1, keepdims=True)
    return rows


def _one_hot(codes: Ints, outcomes: int) -> Floats:
    hot: Floats = (codes[:, None] == np.arange(outcomes)).astype(float)
    return hot


def _edge_table(published: Model, answers: Answers, q: int, membership: Floats, strength: float) -> Floats:
    """Return the (K, P, A) table from the respondents who answered both the question and its parent."""
    before = published.given[q]
    above, here = _one_hot(answers.codes[:, published.parents[q]], before.shape[1]), _one_hot(answers.codes[:, q], before.shape[2])
    return _shrink(before, np.einsum("nk,np,na->kpa", membership, above, here, optimize=True), strength)


def _marginal_table(published: Model, questions: Sequence[AnyLikelihood], given: Mapping[int, Floats], q: int, table: Floats) -> Floats:
    """Return the (K, A) table of a question, its parent's answer summed out."""
    parent = published.parents[q]
    above = questions[parent]
    if parent in given:
        share = _marginal_table(published, questions, given, parent, given[parent])
    else:
        share = above.table if isinstance(above, Choice) else np.empty((0, 0))
    alone: Floats = np.einsum("kp,kpa->ka", share, table)
    return alone


def _moments(question: Numeric, numbers: Floats, membership: Floats, strength: float) -> Numeric:
    """Fit mean and standard deviation of the number, or of its logarithm, by persona. Truncation is not corrected for."""
    answered = ~np.isnan(numbers)
    logarithmic = np.broadcast_to(question.logarithmic, question.centre.shape)
    plain = np.where(answered, numbers, 0.0)[:, None]
    usable = answered[:, None] & (~logarithmic | (plain > 0))
    values = np.where(logarithmic, np.log(np.where(plain > 0, plain, 1.0)), plain)
    weights = membership * usable
    size = weights.sum(axis=0) + strength
    centre = ((weights * values).sum(axis=0) + strength * question.centre) / size
    square = ((weights * values**2).sum(axis=0) + strength * (question.centre**2 + question.width**2)) / size
    width = np.sqrt(np.maximum(square - centre**2, (0.01 * question.width) ** 2))
    return replace(question, centre=centre, width=width)


def _no_answer_shares(published: Floats | None, silent: Bools, answered: Bools, membership: Floats, strength: float) -> Floats | None:
    """Return (K,) P(no answer | persona), or None where the bank does not model it."""
    if published is None:
        return None
    asked = membership.T @ (silent | answered) + strength
    share: Floats = np.clip((membership.T @ silent + strength * published) / asked, FLOOR, 1 - FLOOR)
    return share
