"""Update published tables with new answers: the tables count as so many respondents of each persona.

Expectation maximisation (Dempster, Laird and Rubin, 1977) starts from the published tables, so that personas keep their identity. Which
questions a respondent got depended only on the answers before, so the missing answers are ignorable (Rubin, 1976). The respondents come in
chunks that are read again for each pass; only expected counts are kept, so that the memory does not grow with their number.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from adaptive.arrays import Floats, Ints
from adaptive.learning.expected_counts import Answers, Columns, Counts, Expectation, Model, Prepared
from adaptive.likelihood import FLOOR, AnyLikelihood, Choice, MultipleChoice, Numeric, Unmodelled

PERCENT = np.linspace(0.01, 0.99, 99)

STRENGTHS = (2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)
"""Numbers of respondents of each persona that the published tables may count as."""

FOLDS = 5
STEPS = 200
TOLERANCE = 1e-7

Chunks = Iterable[Answers]
"""Respondents in chunks, the same ones in the same order each time it is iterated. Not an iterator, which can be read only once."""


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


@dataclass(frozen=True)
class HeldOut:
    """Mean log P(answers) of a held-out respondent in nats: under the published tables, and under those fitted to the other folds.

    `gain` is the mean difference and `standard_error` its standard error.
    """

    before: float
    after: float
    gain: float
    standard_error: float


@dataclass(frozen=True, eq=False)
class UpdatedModel:
    """The `model` fitted to all respondents and their expected `counts` under it; `strength` was chosen on held-out respondents.

    `other_persona` is the share of the respondents whose likeliest persona is another one than under the published tables.
    """

    model: Model
    counts: Counts
    strength: float
    held_out: HeldOut
    other_persona: float


@dataclass(frozen=True, eq=False)
class _Run:
    """One run of EM: on the respondents of all folds but `left_out`; -1 leaves out none."""

    strength: float
    left_out: int
    model: Model
    log_likelihood: float = -np.inf
    done: bool = False

    def step(self, published: Model, counts: Counts) -> "_Run":
        """Return the run after an M step; it is done when the log-likelihood of the step before hardly changed."""
        total = counts.log_likelihood
        done = abs(total - self.log_likelihood) <= TOLERANCE * abs(total)
        return replace(self, model=maximise(published, counts, self.strength), log_likelihood=total, done=done)


def update_model(published: Model, chunks: Chunks, rng: np.random.Generator, watch: Callable[[int], None] = lambda _: None) -> UpdatedModel:
    """Return the tables updated with the answers. The weight of the published ones is the strength that predicts held-out answers best.

    The fits to all folds and to all but one, under every strength, run side by side: a pass over the chunks is one EM step of each.
    `watch` is called with 1 when the fits of one of `STRENGTHS` are done. Raises ValueError without respondents, TypeError for an
    iterator.
    """
    key = int(rng.integers(2**63))
    runs = [_Run(strength, fold, published) for strength in STRENGTHS for fold in (-1, *range(FOLDS))]
    runs = _run_em(published, chunks, runs, key, watch)
    scores = {strength: np.zeros(4) for strength in STRENGTHS}
    counts = {run.strength: _no_counts(published) for run in runs}
    others = dict.fromkeys(STRENGTHS, 0)
    respondents = 0
    for prepared, fold_of in _passed(published, chunks, key):
        respondents += len(fold_of)
        before, everybody = prepared.expect(published), np.ones(len(fold_of), dtype=bool)
        for strength in STRENGTHS:
            own = [run for run in runs if run.strength == strength]
            scores[strength] += _score_sums(prepared, fold_of, own[1:], before.score)
            after = prepared.expect(own[0].model)
            counts[strength] += prepared.count_expected(after, everybody)
            others[strength] += int(np.count_nonzero(_likeliest(published, before) != _likeliest(published, after)))
    if not respondents:
        raise ValueError("there are no respondents")
    best = max(STRENGTHS, key=lambda strength: float(scores[strength][1]))
    model = next(run.model for run in runs if run.strength == best)
    return UpdatedModel(model, counts[best], best, _held_out(scores[best], respondents), others[best] / respondents)


def _likeliest(model: Model, expected: Expectation) -> Ints:
    """Return the (N,) likeliest persona of each respondent."""
    personas = expected.membership if model.styles is None else model.styles.marginal(expected.membership)
    likeliest: Ints = personas.argmax(axis=1)
    return likeliest


def fit_model(published: Model, chunks: Chunks, strength: float) -> Model:
    """Return the likeliest model when the published one counts as `strength` respondents per persona."""
    return _run_em(published, chunks, [_Run(strength, -1, published)], 0)[0].model


def _run_em(published: Model, chunks: Chunks, runs: Sequence[_Run], key: int, watch: Callable[[int], None] = lambda _: None) -> list[_Run]:
    """Return the runs at their end, or after `STEPS` steps."""
    runs, running = list(runs), {run.strength for run in runs}
    for _ in range(STEPS):
        counts = {n: _no_counts(published) for n, run in enumerate(runs) if not run.done}
        for prepared, fold_of in _passed(published, chunks, key):
            for n in counts:
                counts[n] += prepared.count(runs[n].model, fold_of != runs[n].left_out)
        for n, counted in counts.items():
            runs[n] = runs[n].step(published, counted)
        still = {run.strength for run in runs if not run.done}
        for _ in running - still:
            watch(1)
        running = still
        if not running:
            break
    return runs


def _no_counts(model: Model) -> Counts:
    columns = Columns.of(model)
    return Counts(columns, np.zeros((columns.width, len(model.prior))))


def _passed(published: Model, chunks: Chunks, key: int) -> Iterator[tuple[Prepared, Ints]]:
    """Yield each chunk with the (N,) folds of its respondents. At most two chunks are in memory: one, and the next while it is made."""
    if iter(chunks) is chunks:
        raise TypeError("the chunks are read once for each step: give a list or an object that can be iterated again, not an iterator")
    columns, before = Columns.of(published), 0
    for answers in chunks:
        keys = before + np.arange(len(answers)) if answers.keys is None else answers.keys
        before += len(answers)
        yield columns.prepare(published, answers), assign_folds(keys, key)


def assign_folds(keys: Ints, seed: int) -> Ints:
    """Return the (N,) fold of each respondent, 0 .. `FOLDS` - 1, by a hash of the respondent's key and the seed (splitmix64).

    It depends on no other respondent, so that chunks need not know one another.

    >>> bool(assign_folds(np.arange(100), seed=1)[40] == assign_folds(np.array([40]), seed=1)[0])
    True
    """
    mixed = keys.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    folds: Ints = (mixed % np.uint64(FOLDS)).astype(np.int64)
    return folds


def _score_sums(prepared: Prepared, fold_of: Ints, runs: Sequence[_Run], before: Floats) -> Floats:
    """Return the sums over a chunk of the scores before and after, of their difference, and of its square."""
    after = np.zeros(len(fold_of))
    for run in runs:
        held_out = fold_of == run.left_out
        after[held_out] = prepared.expect(run.model).score[held_out]
    gain = after - before
    return np.array([before.sum(), after.sum(), gain.sum(), (gain**2).sum()])


def _held_out(sums: Floats, respondents: int) -> HeldOut:
    before, after, gain, square = (float(total) / respondents for total in sums)
    return HeldOut(before, after, gain, float(np.sqrt(max(square - gain**2, 0.0) / respondents)))


def maximise(published: Model, counts: Counts, strength: float) -> Model:
    """Run the M step: return the tables from expected counts, with the published ones as `strength` respondents of each persona.

    A share is ``(n(k, a) + strength * published(a | k)) / (n(k) + strength)``, the posterior mean under a Dirichlet prior; a number has the
    moments of its answers and `strength` published ones together. A signal that nobody showed keeps its table; of the others the share is
    that among respondents with any event. The E step takes only signals that were seen as evidence, so for them the steps end at a fixed
    point, not at the maximum of a likelihood.
    """
    shares = strength * len(published.prior) * published.prior + counts.membership
    given = {q: _edge_table(published.given[q], counts, q, strength) for q in published.parents}
    questions: list[AnyLikelihood] = []
    for q, question in enumerate(published.questions):
        silent, answered = counts.of("silent")[:, q], counts.of("answered")[:, q]
        # The answers to a text are not counted as answers, so that its skips say nothing about its share of skips.
        silence = question.silence if isinstance(question, Unmodelled) else _shares_of_all(question.silence, silent, answered, strength)
        questions.append(replace(_fit_table(question, counts, q, strength), silence=silence))
    for q, table in given.items():
        questions[q] = Choice(_marginal_table(published, questions, given, q, table), questions[q].silence)
    signals = _signal_shares(published.signals, counts, strength)
    return replace(published, prior=shares / shares.sum(), questions=tuple(questions), given=given, signals=signals)


def _fit_table(question: AnyLikelihood, counts: Counts, q: int, strength: float) -> AnyLikelihood:
    if isinstance(question, Choice):
        return replace(question, table=_shrink(question.table, counts.of("cells", q), strength))
    if isinstance(question, MultipleChoice):
        ticked, unticked = np.split(counts.of("ticks", q), 2, axis=1)
        shares = (ticked + strength * question.ticked) / (ticked + unticked + strength)
        return replace(question, ticked=np.clip(shares, FLOOR, 1 - FLOOR))
    if isinstance(question, Numeric):
        return _fit_moments(question, counts.of("moments", q), strength)
    return question


def _shrink(published: Floats, counts: Floats, strength: float) -> Floats:
    """Return the (…, A) shares of counts and published rows together, at least `FLOOR` each."""
    table = (counts + strength * published) / (counts.sum(axis=-1, keepdims=True) + strength)
    floored = np.maximum(table, FLOOR)
    rows: Floats = floored / floored.sum(axis=-1, keepdims=True)
    return rows


def _edge_table(published: Floats, counts: Counts, q: int, strength: float) -> Floats:
    """Return the (K, P, A) table from the respondents who answered both the question and its parent."""
    return _shrink(published, counts.of("pairs", q).reshape(published.shape), strength)


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


def _fit_moments(question: Numeric, moments: Floats, strength: float) -> Numeric:
    """Fit mean and standard deviation of the number, or of its logarithm, by persona. Truncation is not corrected for."""
    logarithmic = np.broadcast_to(question.logarithmic, question.centre.shape)
    seen, total, squares = np.where(logarithmic[:, None], moments[:, 3:], moments[:, :3]).T
    size = seen + strength
    centre = (total + strength * question.centre) / size
    square = (squares + strength * (question.centre**2 + question.width**2)) / size
    width = np.sqrt(np.maximum(square - centre**2, (0.01 * question.width) ** 2))
    return replace(question, centre=centre, width=width)


def _shares_of_all(published: Floats | None, silent: Floats, answered: Floats, strength: float) -> Floats | None:
    """Return (K,) P(no answer | persona), or None where the bank does not model it."""
    if published is None:
        return None
    share: Floats = np.clip((silent + strength * published) / (silent + answered + strength), FLOOR, 1 - FLOOR)
    return share


def _signal_shares(published: Floats | None, counts: Counts, strength: float) -> Floats | None:
    """Return (K, S) P(signal seen | persona) among the respondents with any event."""
    if published is None:
        return None
    seen = counts.of("seen")
    share = np.clip((seen + strength * published) / (counts.of("active") + strength), FLOOR, 1 - FLOOR)
    shares: Floats = np.where(seen.sum(axis=0) > 0, share, published)
    return shares
