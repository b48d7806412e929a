"""Everything a bank's figures need, learnt from answers: tables, their shrinkage, dependences, and how far to trust it all.

Whatever is chosen is chosen by what it does on respondents who did not teach it: five folds, the same for every choice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import xlogy

from adaptive.calibration import MISSING, Codes, Personas, fit_latent_classes, items_of, learn_personas, one_hot, split_items
from adaptive.dependence import (
    HeldOut,
    conditional_information,
    count_pairs,
    dependent_tables,
    held_out_gain,
    spanning_forest,
)
from adaptive.likelihood import Floats
from adaptive.posterior import Evidence, believe
from adaptive.tables import ResponseTables

STRENGTHS = (2.0, 4.0, 8.0, 16.0, 32.0)
TREE_STRENGTHS = (20.0, 40.0, 80.0)
EVIDENCE_WEIGHTS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6)
PARTIAL = (3, 5, 8)
"""After how many questions, drawn at random, the belief is scored to find the evidence weight."""
FOLDS = 5

Watch = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Dependences:
    """A forest: the parent of each child, its (K, P, A) table, and the nats that the edge won on held-out respondents."""

    parents: dict[int, int]
    given: dict[int, Floats]
    won: dict[int, float]
    strength: float


@dataclass(frozen=True, eq=False)
class Fit:
    """What N respondents taught about K personas and Q items. `tables[q]` is (K, A), P(answer | persona)."""

    prior: Floats
    tables: tuple[Floats, ...]
    membership: Floats
    pseudo_counts: float
    dependences: Dependences
    evidence_weight: float


@dataclass(frozen=True, eq=False)
class _Fold:
    """Some respondents set aside. `truth` is (B, K): P(persona) of those held out, known or believed; `score` is their log-likelihood."""

    teach: Codes
    taught: Personas
    held: Codes
    truth: Floats
    score: float


@dataclass(frozen=True, eq=False)
class _Answers:
    codes: Codes
    levels: Sequence[int]
    hot: Floats
    membership: Floats
    known: bool
    parts: Codes  # (N,) fold of each respondent

    def folds(self, pseudo_counts: float) -> list[_Fold]:
        return [self._fold(part, pseudo_counts) for part in range(int(self.parts.max()) + 1)]

    def _fold(self, part: int, pseudo_counts: float) -> _Fold:
        teach, held = np.flatnonzero(self.parts != part), np.flatnonzero(self.parts == part)
        taught = learn_personas(self.hot[teach], self.levels, self.membership[teach], pseudo_counts, settled=self.known)
        truth, scores = taught.attribute(self.hot[held])
        if self.known:
            truth = self.membership[held]
            scores = taught.log_given(self.hot[held], truth)
        return _Fold(teach, taught, held, truth, float(scores.sum()))

    def pairs(self, fold: _Fold) -> Floats:
        """Counts behind the fold's tables: made anew each time, because those of all folds together would fill the memory."""
        return count_pairs(self.hot[fold.teach], fold.taught.membership)


def fit_with_classes(codes: Codes, levels: Sequence[int], classes: int, rng: np.random.Generator, watch: Watch = lambda _: None) -> Fit:
    """Personas are found: latent classes (Goodman, 1974), then everything else by cross-validation.

    Parameters
    ----------
    codes : (N, Q) int array
        Answer of each respondent to each item, 0 .. levels[q] - 1, or -1 where missing.
    watch : callable
        Told the name of each step before it begins.

    The folds start from the memberships that all respondents gave, and climb on their own from there: classes keep their order.
    """
    watch("classes")
    found = fit_latent_classes(codes, levels, classes, rng, starts=10)
    return _fit(_Answers(codes, levels, one_hot(codes, levels), found.membership, False, _parts(codes, rng)), rng, watch)


def fit_with_labels(codes: Codes, levels: Sequence[int], labels: Codes, rng: np.random.Generator, watch: Watch = lambda _: None) -> Fit:
    """Personas are known: (N,) `labels` 0 .. K - 1. Folds have the same share of each label, as far as it goes."""
    membership = np.eye(int(labels.max()) + 1)[labels]
    return _fit(_Answers(codes, levels, one_hot(codes, levels), membership, True, _parts(codes, rng, labels)), rng, watch)


def _parts(codes: Codes, rng: np.random.Generator, labels: Codes | None = None) -> Codes:
    """(N,) fold of each respondent, dealt out like cards, label by label."""
    shuffled = rng.permutation(len(codes))
    order = shuffled if labels is None else shuffled[np.argsort(labels[shuffled], kind="stable")]
    parts = np.empty(len(codes), dtype=np.int64)
    parts[order] = np.arange(len(codes)) % min(FOLDS, len(codes))
    return parts


def _fit(answers: _Answers, rng: np.random.Generator, watch: Watch) -> Fit:
    watch("shrinkage")
    tried = {strength: answers.folds(strength) for strength in STRENGTHS}
    best = max(STRENGTHS, key=lambda strength: sum(fold.score for fold in tried[strength]))
    taught = learn_personas(answers.hot, answers.levels, answers.membership, best, settled=answers.known)
    watch("dependences")
    dependences = _dependences(answers, taught, tried[best])
    watch("evidence weight")
    weight = _evidence_weight(answers, dependences, tried[best], rng)
    return Fit(taught.prior, tuple(split_items(taught.table, answers.levels)), taught.membership, best, dependences, weight)


def _dependences(answers: _Answers, taught: Personas, folds: Sequence[_Fold]) -> Dependences:
    """The forest, and its strength, that win most on held-out respondents; none where none wins."""
    items = items_of(answers.levels)
    pairs = count_pairs(answers.hot, taught.membership)
    information = conditional_information(pairs, items)
    gains = dict.fromkeys(TREE_STRENGTHS, HeldOut(np.zeros_like(information), np.zeros_like(information)))
    for fold in folds:
        counts, held = answers.pairs(fold), count_pairs(answers.hot[fold.held], fold.truth)
        for strength in TREE_STRENGTHS:
            gains[strength] += held_out_gain(fold.taught, counts, held, items, strength)
    best, worth = Dependences({}, {}, {}, TREE_STRENGTHS[0]), 0.0
    for strength, found in gains.items():
        parents = spanning_forest(information, found.holds)
        won = {child: float(found.gain[parent, child]) for child, parent in parents.items()}
        if sum(won.values()) > worth:
            best = Dependences(parents, _given(taught, pairs, answers.levels, parents, strength), won, strength)
            worth = sum(won.values())
    return best


def _given(taught: Personas, pairs: Floats, levels: Sequence[int], parents: dict[int, int], strength: float) -> dict[int, Floats]:
    """(K, P, A) table of each child."""
    items = items_of(levels)
    tables = dependent_tables(pairs, taught.table, items, strength)
    return {child: tables[:, items == parent][:, :, items == child] for child, parent in parents.items()}


def _evidence_weight(answers: _Answers, dependences: Dependences, folds: Sequence[_Fold], rng: np.random.Generator) -> float:
    """The exponent under which the belief after a few random questions foretells the persona best on held-out respondents (log score).

    The persona is the label, or what all answers say at full weight. The weight cannot be chosen from fully answered questionnaires:
    there, without labels, the belief would be judge in its own cause.
    """
    sizes = [size for size in PARTIAL if size < len(answers.levels)] or [len(answers.levels)]
    scores = np.zeros(len(EVIDENCE_WEIGHTS))
    for fold in folds:
        given = _given(fold.taught, answers.pairs(fold), answers.levels, dependences.parents, dependences.strength)
        cells = split_items(fold.taught.table, answers.levels)
        tables = ResponseTables.of(cells, fold.taught.prior, parents=dependences.parents, given=given)
        full = evidence_of(answers.codes[fold.held], tables)
        truth = fold.truth if answers.known else believe(tables, full)
        rank = rng.random(full.codes.shape).argsort(axis=1).argsort(axis=1)
        for size in sizes:
            partial = replace(full, answered=full.answered & (rank < size))
            beliefs = (believe(replace(tables, evidence_weight=weight), partial) for weight in EVIDENCE_WEIGHTS)
            scores += [xlogy(truth, np.maximum(belief, np.finfo(float).tiny)).sum() for belief in beliefs]
    return EVIDENCE_WEIGHTS[int(scores.argmax())]


def evidence_of(codes: Codes, tables: ResponseTables) -> Evidence:
    """What (B, Q) answers to choices say, -1 where there is none."""
    nothing = Evidence.none(tables, len(codes))
    rows = nothing.rows
    for q, question in enumerate(tables.questions):
        rows[:, q] = np.log(question.cells[:, codes[:, q]]).T  # where the code is -1 this is read by nobody
    return replace(nothing, answered=codes != MISSING, rows=rows, codes=codes)
