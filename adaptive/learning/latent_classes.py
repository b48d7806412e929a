"""Latent class analysis by expectation maximisation, and tables from respondents whose classes are known or nearly known."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from adaptive.arrays import Floats, Ints
from adaptive.learning.responses import items_of, one_hot, split_items, starts_of
from adaptive.response_styles import Styles

PSEUDO_COUNTS = 8.0
"""Answers of the pooled table that are added to every persona's, so that few respondents cannot make a persona look certain."""

REFIT_TOLERANCE = 1e-6
"""Relative gain of the objective at which a fit that starts near its optimum stops."""

SHORT_RUN = 25
"""EM steps after which only the best starts continue."""
STARTS_PER_FULL_RUN = 4
"""One in so many starts continues to convergence."""
MOST_IN_STARTS = 5_000
"""Of more respondents a random sample finds the best start, which then continues with all of them."""
BATCHES = 4
"""Batches of starts that may run in parallel; fixed, so that the result does not depend on the number of processes."""

TINY = float(np.finfo(float).tiny)

ParallelMap = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""`map`, or the map of a pool of processes: results come in the order of the tasks."""


@dataclass(frozen=True, eq=False)
class LatentClasses:
    """K classes found in the answers of N respondents to J items.

    `tables[j]` is (K, A_j), P(answer | class); `prior` is (K,), largest class first; `membership` is (N, K); `log_likelihood` is that
    of the observed answers, in nats, without the shrinkage term; `iterations` is the number of EM steps of the best start.
    """

    prior: Floats
    tables: tuple[Floats, ...]
    membership: Floats
    log_likelihood: float
    iterations: int


def fit_latent_classes(
    codes: Ints,
    levels: Sequence[int],
    classes: int,
    rng: np.random.Generator,
    *,
    starts: int = 20,
    pseudo_counts: float = PSEUDO_COUNTS,
    iterations: int = 2000,
    tolerance: float = 1e-8,
    parallel_map: ParallelMap = map,
) -> LatentClasses:
    """Latent class analysis by expectation maximisation (Goodman, 1974), missing answers kept, several starts.

    Each cell is shrunk to the pooled table: ``(n[k, a] + pseudo_counts * pooled[a]) / (n[k] + pseudo_counts)``. With
    `pseudo_counts` 0 it is the maximum likelihood fit. Missing answers do not enter the likelihood (full information maximum
    likelihood); no respondent is dropped. All starts run a few steps, the best of them to convergence (Biernacki, Celeux and Govaert,
    2003); of more than `MOST_IN_STARTS` respondents a sample finds the best.

    Parameters
    ----------
    codes : (N, J) int array
        Answer of each respondent to each item, 0 .. levels[j] - 1, or -1 where missing.
    levels : sequence of J ints
        Number of possible answers of each item.
    spread : callable
        Runs the batches of starts, such as the map of a pool of processes; the result is the same.

    Raises ValueError for codes outside their levels, and for an item nobody answered.
    """
    hot = one_hot(codes, levels)
    items = items_of(levels)
    asked = hot.sum(axis=0)
    per_item = np.add.reduceat(asked, starts_of(levels))
    if (per_item == 0).any():
        raise ValueError(f"item {int(np.flatnonzero(per_item == 0)[0])} has no answer at all")
    problem = _ShrunkenLikelihood(hot, items, asked / per_item[items], pseudo_counts)
    generators = rng.spawn(starts)
    batches = [batch for batch in (generators[first::BATCHES] for first in range(BATCHES)) if batch]
    sampled = replace(problem, hot=hot[rng.permutation(len(hot))[:MOST_IN_STARTS]]) if len(hot) > MOST_IN_STARTS else problem
    runs = list(parallel_map(partial(_best_start, sampled, classes, iterations, tolerance), batches))
    best = max(runs, key=lambda run: run.objective)
    if sampled is not problem:
        best = _run_em(problem, problem.expected(best.prior, best.table)[0], iterations, tolerance)
    order = np.argsort(-best.prior, kind="stable")
    tables = tuple(split_items(best.table[order], levels))
    return LatentClasses(best.prior[order], tables, best.membership[:, order], best.log_likelihood, best.iterations)


@dataclass(frozen=True, eq=False)
class Anchor:
    """Tables that the fit is shrunk to: (K,) `prior` and (K, cells) `table`, counting as `pseudo_counts` respondents."""

    prior: Floats
    table: Floats


@dataclass(frozen=True, eq=False)
class Personas:
    """Tables of K personas fitted to N respondents, with the tables of all items side by side.

    `prior` is (K,), half a respondent added to each persona; `table` is (K, cells), shrunk by `pseudo_counts`; `membership` is (N, K).
    """

    prior: Floats
    table: Floats
    membership: Floats
    pseudo_counts: float

    def posterior(self, hot: Floats) -> tuple[Floats, Floats]:
        """Return (B, K) P(persona | answers) and (B,) log P(answers) in nats of other respondents, from (B, cells) `hot`."""
        return _class_posterior(hot, np.log(self.prior), np.log(self.table))

    def log_given(self, hot: Floats, membership: Floats) -> Floats:
        """Return the (B,) expected log P(answers | persona) in nats under (B, K) `membership`: the score where personas are known."""
        score: Floats = np.einsum("bk,bk->b", membership, hot @ np.log(self.table).T)
        return score


def fit_personas(
    hot: Floats,
    levels: Sequence[int],
    membership: Floats,
    pseudo_counts: float,
    *,
    settled: bool,
    anchor: Anchor | None = None,
    iterations: int = 200,
) -> Personas:
    """Fit tables to respondents whose personas are known (`settled`: shrunken counts) or nearly known (EM starts there).

    Half an answer is added to each cell of the pooled table and half a respondent to each persona, so that no outcome has probability
    zero; an item without answers is uniform. With an `anchor` the tables and the shares of the personas are shrunk to it instead.

    Parameters
    ----------
    hot : (N, cells) array
        From `one_hot`.
    membership : (N, K) array
        P(persona) of each respondent; with `settled` it is the truth and comes back as it is.
    """
    items = items_of(levels)
    asked = hot.sum(axis=0) + 0.5
    pooled = asked / np.bincount(items, asked)[items] if anchor is None else anchor.table
    problem = _ShrunkenLikelihood(hot, items, pooled, pseudo_counts, None if anchor is None else anchor.prior)
    if not settled:
        membership = _run_em(problem, membership, iterations, REFIT_TOLERANCE).membership
    prior, table = problem.tables(membership)
    if anchor is None:
        halves = membership.sum(axis=0) + 0.5
        prior = halves / halves.sum()
    return Personas(prior, table, membership, pseudo_counts)


@dataclass(frozen=True, eq=False)
class _EmResult:
    prior: Floats
    table: Floats
    membership: Floats
    log_likelihood: float
    objective: float
    iterations: int


@dataclass(frozen=True, eq=False)
class _ShrunkenLikelihood:
    hot: Floats  # (N, cells)
    items: Ints  # (cells,) item of each cell
    pooled: Floats  # (cells,), or (K, cells)
    pseudo_counts: float
    known_prior: Floats | None = None  # (K,)

    def start(self, classes: int, rng: np.random.Generator) -> Floats:
        """Draw (N, K) memberships at random."""
        return rng.dirichlet(np.ones(classes), size=len(self.hot))

    def tables(self, membership: Floats) -> tuple[Floats, Floats]:
        """Run the M step: return (K,) class shares and (K, cells) tables."""
        counts = membership.T @ self.hot + self.pseudo_counts * self.pooled
        begins = np.flatnonzero(np.diff(self.items, prepend=-1))
        totals = np.add.reduceat(counts, begins, axis=1)
        shares = membership.sum(axis=0)
        if self.known_prior is not None:
            shares = shares + self.pseudo_counts * self.known_prior
        return shares / shares.sum(), counts / np.maximum(totals[:, self.items], TINY)

    def expected(self, prior: Floats, table: Floats) -> tuple[Floats, float, float]:
        """Run the E step: return (N, K) memberships, the log-likelihood, and the objective with the shrinkage term."""
        log_table, log_prior = np.log(np.maximum(table, 1e-300)), np.log(np.maximum(prior, 1e-300))
        membership, total = _class_posterior(self.hot, log_prior, log_table)
        likelihood = float(total.sum())
        penalty = float(self.pseudo_counts * (log_table * self.pooled).sum()) if self.pseudo_counts else 0.0
        if self.known_prior is not None:
            penalty += float(self.pseudo_counts * (self.known_prior * log_prior).sum())
        return membership, likelihood, likelihood + penalty


def _class_posterior(hot: Floats, log_prior: Floats, log_table: Floats) -> tuple[Floats, Floats]:
    joint = hot @ log_table.T + log_prior
    top = joint.max(axis=1, keepdims=True)
    shares = np.exp(joint - top)
    total = shares.sum(axis=1, keepdims=True)
    return shares / total, (np.log(total) + top)[:, 0]


def _best_start(
    problem: _ShrunkenLikelihood, classes: int, iterations: int, tolerance: float, generators: Sequence[np.random.Generator]
) -> _EmResult:
    short = [_run_em(problem, problem.start(classes, rng), min(SHORT_RUN, iterations), tolerance) for rng in generators]
    short.sort(key=lambda run: -run.objective)
    climbers = short[: -(-len(short) // STARTS_PER_FULL_RUN)]
    done = [_run_em(problem, run.membership, iterations - run.iterations, tolerance, run) for run in climbers]
    return max(done, key=lambda run: run.objective)


def _run_em(problem: _ShrunkenLikelihood, membership: Floats, iterations: int, tolerance: float, run: _EmResult | None = None) -> _EmResult:
    """Run EM from memberships, or continue from where a `run` ended."""
    before, done = (-np.inf, 0) if run is None else (run.objective, run.iterations)
    for step in range(done + 1, done + iterations + 1):
        prior, table = problem.tables(membership)
        membership, likelihood, objective = problem.expected(prior, table)
        run = _EmResult(prior, table, membership, likelihood, objective, step)
        if objective - before < tolerance * abs(objective):
            break
        before = objective
    if run is None:
        raise ValueError("no step was allowed")
    return run


STEPS = 200


@dataclass(frozen=True, eq=False)
class Split:
    """Where EM starts for the styles: (N, C) P(style | persona) of all respondents, and (N - B, C) for each fold."""

    styles: Styles
    start: Floats
    starts: tuple[Floats, ...]


def fit_styles(hot: Floats, levels: list[int], personas: Personas, styles: Styles, start: Floats) -> Personas:
    """Fit the styles of known personas: each style is shrunk to the table of its persona, as that is to the pooled table.

    Parameters
    ----------
    hot : (N, cells) array
        From `one_hot`.
    personas : Personas
        Tables and memberships of the personas; the memberships do not change.
    start : (N, C) array
        P(style | persona) of each respondent.

    Returns
    -------
    Personas
        With classes in place of personas: `prior` is (C,), `table` (C, cells), `membership` (N, C).
    """
    own, equal = personas.membership[:, styles.persona_of], 1 / np.bincount(styles.persona_of)[styles.persona_of]
    anchor = Anchor(personas.prior[styles.persona_of] * equal, personas.table[styles.persona_of])
    within, before = start, -np.inf
    for _ in range(STEPS):
        fitted = fit_personas(hot, levels, own * within, personas.pseudo_counts, settled=True, anchor=anchor)
        fitted = replace(fitted, prior=styles.within(fitted.prior) * personas.prior[styles.persona_of])
        logs = _log_given_persona(fitted, styles, hot)
        within = styles.shares(logs)
        score = float((personas.membership * styles.log_marginal(logs)).sum())
        if score - before <= REFIT_TOLERANCE * abs(score):
            break
        before = score
    return replace(fitted, membership=own * within)


def style_posterior(fitted: Personas, styles: Styles, hot: Floats, membership: Floats) -> tuple[Floats, Floats]:
    """Return (B, C) P(class | persona, answers) times (B, K) `membership`, and (B,) expected log P(answers | persona) in nats."""
    logs = _log_given_persona(fitted, styles, hot)
    score: Floats = (membership * styles.log_marginal(logs)).sum(axis=1)
    return membership[:, styles.persona_of] * styles.shares(logs), score


def _log_given_persona(fitted: Personas, styles: Styles, hot: Floats) -> Floats:
    """Return (B, C) log P(class, answers | persona)."""
    logs: Floats = hot @ np.log(fitted.table).T + np.log(styles.within(fitted.prior))
    return logs
