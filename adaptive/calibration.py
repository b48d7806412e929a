"""Tables from answers, and whether the stated probabilities are true."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from adaptive.likelihood import Floats

Codes = npt.NDArray[np.int64]

MISSING = -1
PSEUDO_COUNTS = 8.0
"""Answers of the pooled table that are added to every cell, so that few respondents cannot make a persona look certain."""

REFIT_TOLERANCE = 1e-6
"""Relative gain of the objective at which a fit that starts near its end stops."""


@dataclass(frozen=True, eq=False)
class LatentClasses:
    """K classes found in the answers of N respondents to J items.

    `tables[j]` is (K, A_j), P(answer | class); `prior` is (K,), largest class first; `membership` is (N, K); `log_likelihood` is that
    of the observed answers, in nats, without the shrinkage term; `iterations` is what the winning start needed.
    """

    prior: Floats
    tables: tuple[Floats, ...]
    membership: Floats
    log_likelihood: float
    iterations: int


def fit_latent_classes(
    codes: Codes,
    levels: Sequence[int],
    classes: int,
    rng: np.random.Generator,
    *,
    starts: int = 20,
    pseudo_counts: float = PSEUDO_COUNTS,
    iterations: int = 2000,
    tolerance: float = 1e-8,
) -> LatentClasses:
    """Latent class analysis by expectation maximisation (Goodman, 1974), missing answers kept, several starts.

    Each cell is shrunk to the pooled table: ``(n[k, a] + pseudo_counts * pooled[a]) / (n[k] + pseudo_counts)``. With
    `pseudo_counts` 0 it is the maximum likelihood fit. Missing answers add nothing to the likelihood of their respondent and are
    otherwise left out (full information maximum likelihood); nobody is dropped.

    Parameters
    ----------
    codes : (N, J) int array
        Answer of each respondent to each item, 0 .. levels[j] - 1, or -1 where missing.
    levels : sequence of J ints
        Number of possible answers of each item.

    Raises ValueError for codes outside their levels, and for an item nobody answered.
    """
    hot = one_hot(codes, levels)
    items = items_of(levels)
    asked = hot.sum(axis=0)
    per_item = np.add.reduceat(asked, _starts(levels))
    if (per_item == 0).any():
        raise ValueError(f"item {int(np.flatnonzero(per_item == 0)[0])} has no answer at all")
    pooled = asked / per_item[items]
    problem = _Problem(hot, items, pooled, pseudo_counts)
    runs = [_climb(problem, problem.start(classes, rng), iterations, tolerance) for _ in range(starts)]
    best = max(runs, key=lambda run: run.objective)
    order = np.argsort(-best.prior, kind="stable")
    tables = tuple(split_items(best.table[order], levels))
    return LatentClasses(best.prior[order], tables, best.membership[:, order], best.log_likelihood, best.iterations)


@dataclass(frozen=True, eq=False)
class Personas:
    """What N respondents taught about K personas, however these were found, with the tables of all items laid side by side.

    `prior` is (K,), half a respondent added to each persona; `table` is (K, cells), shrunk by `pseudo_counts`; `membership` is (N, K).
    """

    prior: Floats
    table: Floats
    membership: Floats
    pseudo_counts: float

    def attribute(self, hot: Floats) -> tuple[Floats, Floats]:
        """(B, K) P(persona | answers) of other respondents, and (B,) log P(their answers) in nats, from (B, cells) `hot`."""
        joint = hot @ np.log(self.table).T + np.log(self.prior)
        total = logsumexp(joint, axis=1, keepdims=True)
        return np.exp(joint - total), total[:, 0]

    def log_given(self, hot: Floats, membership: Floats) -> Floats:
        """(B,) expected log P(answers | persona) in nats under (B, K) `membership`: the score where personas are known."""
        score: Floats = np.einsum("bk,bk->b", membership, hot @ np.log(self.table).T)
        return score


def learn_personas(
    hot: Floats, levels: Sequence[int], membership: Floats, pseudo_counts: float, *, settled: bool, iterations: int = 200
) -> Personas:
    """Tables from respondents whose personas are known (`settled`: counts, shrunk) or nearly known (EM goes on from there).

    Half an answer is added to each cell of the pooled table and half a respondent to each persona, so that what these respondents never
    gave can still be given by others; an item none of them answered is even.

    Parameters
    ----------
    hot : (N, cells) array
        From `one_hot`.
    membership : (N, K) array
        P(persona) of each respondent; with `settled` it is the truth and comes back as it is.
    """
    items = items_of(levels)
    asked = hot.sum(axis=0) + 0.5
    pooled = asked / np.bincount(items, asked)[items]
    problem = _Problem(hot, items, pooled, pseudo_counts)
    if not settled:
        membership = _climb(problem, membership, iterations, REFIT_TOLERANCE).membership
    _, table = problem.tables(membership)
    prior = membership.sum(axis=0) + 0.5
    return Personas(prior / prior.sum(), table, membership, pseudo_counts)


@dataclass(frozen=True, eq=False)
class _Run:
    prior: Floats
    table: Floats
    membership: Floats
    log_likelihood: float
    objective: float
    iterations: int


@dataclass(frozen=True, eq=False)
class _Problem:
    hot: Floats  # (N, cells)
    items: Codes  # (cells,) item of each cell
    pooled: Floats  # (cells,)
    pseudo_counts: float

    def start(self, classes: int, rng: np.random.Generator) -> Floats:
        """(N, K) memberships drawn at random."""
        return rng.dirichlet(np.ones(classes), size=len(self.hot))

    def tables(self, membership: Floats) -> tuple[Floats, Floats]:
        """The M step: (K,) class shares and (K, cells) tables."""
        counts = membership.T @ self.hot + self.pseudo_counts * self.pooled
        totals = np.zeros((len(counts), self.items[-1] + 1))
        np.add.at(totals.T, self.items, counts.T)
        return membership.mean(axis=0), counts / np.maximum(totals[:, self.items], np.finfo(float).tiny)

    def expected(self, prior: Floats, table: Floats) -> tuple[Floats, float, float]:
        """The E step: (N, K) memberships, the log-likelihood, and the objective with the shrinkage term."""
        log_table = np.log(np.maximum(table, 1e-300))
        joint = self.hot @ log_table.T + np.log(np.maximum(prior, 1e-300))
        total = logsumexp(joint, axis=1, keepdims=True)
        likelihood = float(total.sum())
        penalty = float(self.pseudo_counts * (log_table * self.pooled).sum()) if self.pseudo_counts else 0.0
        return np.exp(joint - total), likelihood, likelihood + penalty


def _climb(problem: _Problem, membership: Floats, iterations: int, tolerance: float) -> _Run:
    before = -np.inf
    for step in range(1, iterations + 1):  # noqa: B007  (the last step is reported)
        prior, table = problem.tables(membership)
        membership, likelihood, objective = problem.expected(prior, table)
        if objective - before < tolerance * abs(objective):
            break
        before = objective
    return _Run(prior, table, membership, likelihood, objective, step)


def one_hot(codes: Codes, levels: Sequence[int]) -> Floats:
    """(N, cells) one at each answer that was given, zero elsewhere; a missing answer is zero in all cells of its item.

    >>> one_hot(np.array([[1, -1], [0, 2]]), [2, 3]).astype(int).tolist()
    [[0, 1, 0, 0, 0], [1, 0, 0, 0, 1]]
    """
    respondents, items = codes.shape
    if items != len(levels) or (codes < MISSING).any() or (codes >= np.asarray(levels)).any():
        raise ValueError("the codes do not fit the levels")
    hot = np.zeros((respondents, sum(levels)))
    row, item = np.nonzero(codes != MISSING)
    hot[row, _starts(levels)[item] + codes[row, item]] = 1.0
    return hot


def items_of(levels: Sequence[int]) -> Codes:
    """(cells,) item of each cell."""
    return np.repeat(np.arange(len(levels)), levels)


def split_items(table: Floats, levels: Sequence[int]) -> list[Floats]:
    """(K, cells) -> one (K, A) table an item."""
    return np.split(table, _starts(levels)[1:], axis=1)


def _starts(levels: Sequence[int]) -> Codes:
    return np.concatenate([[0], np.cumsum(levels)[:-1]]).astype(np.int64)


def calibration_error(stated: Floats, true: Floats, bins: int = 10) -> float:
    """Mean distance between stated confidence and truth over equal bins of confidence, weighted by their size.

    `stated` and `true` are (N,): the confidence in the stated persona, and the probability (or 0/1) that it is right.

    >>> round(calibration_error(np.array([0.9, 0.9]), np.array([1.0, 0.0])), 6)
    0.4
    """
    edges = np.minimum((stated * bins).astype(int), bins - 1)
    sizes = np.bincount(edges, minlength=bins)
    gaps = np.abs(np.bincount(edges, stated, bins) - np.bincount(edges, true, bins))
    return float(gaps.sum() / sizes.sum())
