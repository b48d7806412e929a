"""Expectation maximisation over chunks: against its definition, in one chunk or many, with labels and signals, in flat memory."""

import gc
import math
from dataclasses import replace
from weakref import WeakSet

import numpy as np
import pytest
from scipy.stats import lognorm, norm

from adaptive import Choice, MultipleChoice, Numeric
from adaptive.learning import update
from adaptive.learning.expected_counts import Answers, Columns, Model, posterior
from adaptive.learning.update import FOLDS, assign_folds, fit_model, update_model
from adaptive.response_styles import Styles

pytestmark = pytest.mark.slow

STRENGTH = 5.0


def a_model():
    """Two personas; a choice with a no-answer table, its child, two ticks, a number that is log-normal for the first, and two signals."""
    given = np.array([[[0.7, 0.3], [0.4, 0.6], [0.5, 0.5]], [[0.2, 0.8], [0.6, 0.4], [0.3, 0.7]]])
    parent = np.array([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]])
    return Model(
        np.array([0.6, 0.4]),
        (
            Choice(parent, silence=np.array([0.1, 0.3])),
            Choice(np.einsum("kp,kpa->ka", parent, given)),
            MultipleChoice(np.array([[0.6, 0.2], [0.3, 0.5]])),
            Numeric(np.array([1.0, 4.0]), np.array([0.5, 1.0]), np.array([True, False])),
        ),
        {1: 0},
        {1: given},
        np.array([[0.4, 0.1], [0.2, 0.3]]),
    )


def some_answers(people, seed=1):
    """With missing answers of every kind, skips, and signals of some respondents."""
    rng = np.random.default_rng(seed)
    codes = np.full((people, 4), -1)
    codes[:, 0], codes[:, 1] = rng.integers(-1, 3, people), rng.integers(-1, 2, people)
    silent = np.zeros((people, 4), dtype=bool)
    silent[:, 0] = (codes[:, 0] < 0) & (rng.random(people) < 0.7)
    ticks = rng.integers(0, 2, (people, 2)).astype(float)
    ticks[rng.random((people, 2)) < 0.3] = np.nan
    numbers = rng.uniform(1.5, 5.0, people)
    numbers[rng.random(people) < 0.3] = np.nan
    active = rng.random(people) < 0.7
    signals = np.where(active[:, None] & (rng.random((people, 2)) < 0.4), rng.uniform(0.3, 1, (people, 2)), 0.0)
    return Answers(codes, silent, {2: ticks}, {3: numbers}, signals=signals, active=active)


def split(answers, size):
    """The same respondents in chunks."""

    def some(values, rows):
        return None if values is None else values[rows]

    cut = [slice(start, start + size) for start in range(0, len(answers), size)]
    return [
        Answers(
            *(answers.codes[rows], answers.silent[rows]),
            *({q: values[rows] for q, values in kind.items()} for kind in (answers.ticks, answers.numbers)),
            *(some(values, rows) for values in (answers.labels, answers.signals, answers.active, answers.evidence, answers.keys)),
        )
        for rows in cut
    ]


def log_likelihood(model, answers, n, k):
    """log P(everything known of respondent n, persona k), term by term."""
    total = math.log(model.prior[k])
    first, second = answers.codes[n, 0], answers.codes[n, 1]
    if answers.silent[n, 0]:
        total += math.log(model.questions[0].silence[k])
    if first >= 0:
        total += math.log(1 - model.questions[0].silence[k]) + math.log(model.questions[0].table[k, first])
    if second >= 0:
        total += math.log(model.given[1][k, first, second] if first >= 0 else model.questions[1].table[k, second])
    for option, tick in enumerate(answers.ticks[2][n]):
        if not math.isnan(tick):
            share = model.questions[2].ticked[k, option]
            total += math.log(share if tick else 1 - share)
    number, law = answers.numbers[3][n], model.questions[3]
    if not math.isnan(number) and law.logarithmic[k]:
        total += lognorm.logpdf(number, s=law.width[k], scale=math.exp(law.centre[k]))
    elif not math.isnan(number):
        total += norm.logpdf(number, law.centre[k], law.width[k])
    return total + sum(weight * math.log(model.signals[k, s]) for s, weight in enumerate(answers.signals[n]))


def em_step(published, model, answers):
    """The definition of one step, respondent by respondent."""
    people = range(len(answers))
    joint = np.array([[math.exp(log_likelihood(model, answers, n, k)) for k in range(2)] for n in people])
    share = joint / joint.sum(axis=1, keepdims=True)

    def mean(k, who, event, before):
        """Share of an event among some respondents, and `STRENGTH` published ones."""
        return (sum(share[n, k] for n in who if event(n)) + STRENGTH * before) / (sum(share[n, k] for n in who) + STRENGTH)

    codes = answers.codes
    prior = np.array([share[:, k].sum() + STRENGTH * 2 * published.prior[k] for k in range(2)])
    first = [n for n in people if codes[n, 0] >= 0]
    asked = [n for n in people if codes[n, 0] >= 0 or answers.silent[n, 0]]
    both = [[n for n in first if codes[n, 0] == p and codes[n, 1] >= 0] for p in range(3)]
    old, given = published.questions, published.given[1]
    table = [[mean(k, first, lambda n, a=a: codes[n, 0] == a, old[0].table[k, a]) for a in range(3)] for k in range(2)]
    silence = [mean(k, asked, lambda n: answers.silent[n, 0], old[0].silence[k]) for k in range(2)]
    child = np.array([
        [[mean(k, both[p], lambda n, a=a: codes[n, 1] == a, given[k, p, a]) for a in range(2)] for p in range(3)] for k in range(2)
    ])  # fmt: skip
    seen = [[n for n in people if not math.isnan(answers.ticks[2][n, option])] for option in range(2)]
    ticked = [[mean(k, seen[m], lambda n, m=m: answers.ticks[2][n, m] == 1, old[2].ticked[k, m]) for m in range(2)] for k in range(2)]
    centre, width = np.empty(2), np.empty(2)
    told = [n for n in people if not math.isnan(answers.numbers[3][n])]
    for k, scale in enumerate((math.log, float)):
        x, law = {n: scale(answers.numbers[3][n]) for n in told}, old[3]
        size = sum(share[n, k] for n in told) + STRENGTH
        centre[k] = (sum(share[n, k] * x[n] for n in told) + STRENGTH * law.centre[k]) / size
        square = (sum(share[n, k] * x[n] ** 2 for n in told) + STRENGTH * (law.centre[k] ** 2 + law.width[k] ** 2)) / size
        width[k] = math.sqrt(square - centre[k] ** 2)
    active = [n for n in people if answers.active[n]]
    signals = [[mean(k, active, lambda n, s=s: answers.signals[n, s] > 0, published.signals[k, s]) for s in range(2)] for k in range(2)]
    questions = (
        Choice(np.array(table), silence=np.array(silence)),
        Choice(np.einsum("kp,kpa->ka", np.array(table), child)),
        MultipleChoice(np.array(ticked)),
        replace(old[3], centre=centre, width=width),
    )
    return replace(published, prior=prior / prior.sum(), questions=questions, given={1: child}, signals=np.array(signals))


def numbers_of(model):
    """Every number of a model of `a_model`, in one array."""
    first, child, ticks, law = model.questions
    parts = (model.prior, first.table, first.silence, child.table, model.given[1], ticks.ticked, law.centre, law.width, model.signals)
    return np.concatenate([np.ravel(part) for part in parts])


def test_em_is_its_definition(monkeypatch):
    """Five steps over 40 respondents in chunks give the numbers of five steps computed term by term."""
    monkeypatch.setattr(update, "STEPS", 5)
    monkeypatch.setattr(update, "TOLERANCE", -1.0)
    answers, published = some_answers(40), a_model()
    expected = published
    for _ in range(5):
        expected = em_step(published, expected, answers)

    found = fit_model(published, split(answers, 7), STRENGTH)

    np.testing.assert_allclose(numbers_of(found), numbers_of(expected), rtol=1e-10)
    assert abs(numbers_of(found) - numbers_of(published)).max() > 0.1


@pytest.mark.parametrize("size", [1, 7, 30])
def test_the_size_of_the_chunks_does_not_change_the_result(size, monkeypatch):
    """The same 30 respondents in one chunk or many give the same strength, tables, counts and held-out scores to 1e-9."""
    monkeypatch.setattr(update, "STRENGTHS", (2.0, 20.0))
    monkeypatch.setattr(update, "STEPS", 40)
    answers, published = some_answers(30, seed=2), a_model()
    whole = update_model(published, [answers], np.random.default_rng(3))

    cut = update_model(published, split(answers, size), np.random.default_rng(3))

    assert cut.strength == whole.strength
    np.testing.assert_allclose(numbers_of(cut.model), numbers_of(whole.model), atol=1e-9)
    np.testing.assert_allclose(cut.counts.table, whole.counts.table, atol=1e-9)
    assert cut.held_out.gain == pytest.approx(whole.held_out.gain, abs=1e-9)
    assert cut.held_out.standard_error == pytest.approx(whole.held_out.standard_error, abs=1e-9)
    assert cut.counts.respondents == 30


def test_held_out_scores_are_those_of_models_fitted_without_the_fold():
    """`before` and `after` are the mean log P(answers) given the signals, of each fold under the tables of the other folds."""
    answers, published = some_answers(50, seed=4), a_model()

    updated = update_model(published, [answers], np.random.default_rng(5))

    fold_of = assign_folds(np.arange(50), int(np.random.default_rng(5).integers(2**63)))
    people = split(answers, 1)

    def score(model, n):
        silenced = replace(people[n], codes=np.full((1, 4), -1), silent=np.zeros((1, 4), dtype=bool), ticks={}, numbers={})
        nats = [np.logaddexp(*[log_likelihood(model, some, 0, k) for k in range(2)]) for some in (people[n], _empty(silenced))]
        return nats[0] - nats[1]

    after = []
    for fold in range(FOLDS):
        fitted = fit_model(published, [people[n] for n in range(50) if fold_of[n] != fold], updated.strength)
        after += [score(fitted, n) for n in range(50) if fold_of[n] == fold]
    assert updated.held_out.after == pytest.approx(np.mean(after), abs=1e-9)
    assert updated.held_out.before == pytest.approx(np.mean([score(published, n) for n in range(50)]), abs=1e-9)


def _empty(answers):
    return replace(answers, ticks={2: np.full((1, 2), np.nan)}, numbers={3: np.array([np.nan])})


def test_signals_move_beliefs_and_tables_towards_what_was_seen():
    """A signal that the second persona shows in 8 of 10 cases and the first in 1 of 10 was published as uninformative."""
    rng = np.random.default_rng(6)
    who = rng.integers(0, 2, 1200)
    codes = (rng.random((1200, 6)) < np.where(who == 1, 0.9, 0.1)[:, None]).astype(int)
    active = rng.random(1200) < 0.8
    seen = active & (rng.random(1200) < np.where(who == 1, 0.8, 0.1))
    table = Choice(np.array([[0.8, 0.2], [0.2, 0.8]]))
    published = Model(np.array([0.5, 0.5]), (table,) * 6, signals=np.array([[0.4, 0.3], [0.4, 0.6]]))
    signals = np.column_stack([seen, np.zeros(1200)]).astype(float)
    answers = Answers(codes, np.zeros_like(codes, dtype=bool), {}, {}, signals=signals, active=active)

    updated = update_model(published, split(answers, 500), rng)

    np.testing.assert_allclose(updated.model.signals[:, 0], [0.1, 0.8], atol=0.05)
    np.testing.assert_allclose(updated.model.signals[:, 1], [0.3, 0.6])  # nobody showed it
    quiet = Answers(
        np.full((2, 6), -1), np.zeros((2, 6), dtype=bool), {}, {}, signals=np.array([[1.0, 0], [0, 0]]), active=np.ones(2, bool)
    )
    believed = posterior(updated.model, quiet)[:, 1]
    assert believed[0] == pytest.approx(0.8 / 0.9, abs=0.05)
    assert believed[1] == pytest.approx(updated.model.prior[1])


def test_a_label_replaces_the_inferred_persona_and_its_style_is_inferred():
    """Rows of labels are P(persona), a row of zeros is an unknown persona; within a persona the styles follow Bayes' rule."""
    table = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    model = Model(np.array([0.3, 0.1, 0.6]), (Choice(table),), styles=Styles(np.array([0, 0, 1])))
    labels = np.array([[1.0, 0.0], [0.0, 1.0], [0.25, 0.75], [0.0, 0.0]])
    answers = Answers(np.array([[1], [1], [1], [1]]), np.zeros((4, 1), dtype=bool), {}, {}, labels)

    found = posterior(model, answers)

    within = np.array([0.03, 0.08]) / 0.11
    np.testing.assert_allclose(found[0], [*within, 0])
    np.testing.assert_allclose(found[1], [0, 0, 1])
    np.testing.assert_allclose(found[2], [*(0.25 * within), 0.75])
    np.testing.assert_allclose(found[3], np.array([0.03, 0.08, 0.3]) / 0.41)
    score = Columns.of(model).prepare(model, answers).expect(model).score
    np.testing.assert_allclose(score[:2], np.log([0.11 / 0.4, 0.5]))


class LiveChunks:
    """Chunks that are made anew in each pass, and the largest number of them that were alive at a time."""

    def __init__(self, chunks):
        self.chunks, self.alive, self.most, self.passes = chunks, WeakSet(), 0, 0

    def __iter__(self):
        self.passes += 1
        for seed in range(self.chunks):
            made = some_answers(20, seed)
            self.alive.add(made)
            gc.collect()
            self.most = max(self.most, len(self.alive))
            yield made
            del made


@pytest.mark.parametrize("chunks", [3, 6])
def test_chunks_are_not_kept(chunks, monkeypatch):
    """However many chunks there are, at most two are in memory: one, and the next while it is made."""
    monkeypatch.setattr(update, "STEPS", 3)
    monkeypatch.setattr(update, "STRENGTHS", (2.0, 20.0))
    respondents = LiveChunks(chunks)

    gc.freeze()  # what the other tests have left need not be looked through at every chunk
    updated = update_model(a_model(), respondents, np.random.default_rng(7))
    gc.unfreeze()

    assert updated.counts.respondents == 20 * chunks
    assert respondents.passes == 4  # three steps and the scores, for all folds and strengths together
    assert respondents.most <= 2


def test_chunks_that_can_be_read_once_only_are_refused():
    """An iterator would be empty in the second pass."""
    with pytest.raises(TypeError, match="iterated again"):
        update_model(a_model(), iter([some_answers(5)]), np.random.default_rng(8))
    with pytest.raises(ValueError, match="no respondents"):
        update_model(a_model(), [], np.random.default_rng(8))


def test_folds_are_of_similar_size_and_follow_the_key():
    """A respondent keeps its fold whoever else is there, and another seed gives other folds."""
    keys = np.arange(10_000)
    folds = assign_folds(keys, 1)
    assert abs(np.bincount(folds, minlength=FOLDS) / 10_000 - 1 / FOLDS).max() < 0.015
    np.testing.assert_array_equal(assign_folds(keys[::-3], 1), folds[::-3])
    assert 0.1 < (assign_folds(keys, 2) == folds).mean() < 0.3
