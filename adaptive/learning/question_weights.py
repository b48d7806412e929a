"""A weight for each question, where labels are given: a conditional logit over the evidence of held-out respondents.

With one exponent per question, ``log P(persona | answers) = log prior + sum_q weight[q] * log P(answer[q] | persona)`` up to normalisation
is a conditional logit (McFadden, 1974), concave in the weights. A ridge draws them towards the one weight that all would have.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_array, vstack
from scipy.special import log_softmax

from adaptive.arrays import Floats, Ints
from adaptive.learning.calibration import (
    CORRELATIONS,
    EVIDENCE_WEIGHTS,
    EvidenceWeights,
    HeldOutFold,
    WeightScores,
    held_out_folds,
    log_scores,
    masks_with_labels,
)
from adaptive.learning.chow_liu import Dependences
from adaptive.learning.cross_validation import Fold, TrainingSet
from adaptive.posterior import repeat_weights, restrict_to
from adaptive.tables import ResponseTables

RIDGES = (3.0, 10.0, 30.0, 100.0)
"""Strengths of the ridge that are tried: a weight is normal around the common one with variance ``1 / (2 ridge)``."""
LEAST, MOST = 0.05, 1.25
"""Range of a question's weight: from a share of the common one to little more than one, at which its answer alone has its own table."""
PLACES = 2


@dataclass(frozen=True, eq=False)
class ConditionalLogit:
    """The evidence of held-out respondents after several sets of answers, one row per respondent and set.

    `evidence` is (R * K, Q), the log-likelihood of each answer under each persona; `prior` is (R, K), its logarithm; `truth` is (R, K).
    `sets` is the number of sets, by which the log-likelihood is divided: they are of the same people.
    """

    evidence: csr_array
    prior: Floats
    truth: Floats
    sets: int

    @classmethod
    def of(cls, folds: Sequence["ScoredFold"]) -> "ConditionalLogit":
        """Return the evidence of several folds together."""
        parts = [fold.logit for fold in folds]
        prior, truth = (np.concatenate([getattr(part, name) for part in parts]) for name in ("prior", "truth"))
        return cls(csr_array(vstack([part.evidence for part in parts])), prior, truth, parts[0].sets)

    def fit(self, common: float, ridge: float) -> Floats:
        """Return the (Q,) weights of the greatest penalised likelihood, drawn towards `common`."""

        def loss(weights: Floats) -> tuple[float, Floats]:
            logs = log_softmax(self.prior + (self.evidence @ weights).reshape(self.prior.shape), axis=1)
            away = weights - common
            residuals = (np.exp(logs) - self.truth).ravel()
            gradient = self.evidence.T @ residuals / self.sets + 2 * ridge * away
            return float(ridge * (away**2).sum() - (self.truth * logs).sum() / self.sets), gradient

        start = np.full(self.evidence.shape[1], common)
        bounds = [(LEAST * common, MOST)] * len(start)
        found: Floats = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
        return found


@dataclass(frozen=True, eq=False)
class ScoredFold:
    """A fold as the rows of a logit, and its log scores with any (Q,) weights by question.

    A row of the scores is that of a correlation and of the common weight to which all weights are raised or lowered together, as of
    `calibration.log_scores`.
    """

    logit: ConditionalLogit
    score: Callable[[Floats], Floats]

    @classmethod
    def of(cls, fold: HeldOutFold, common: EvidenceWeights) -> "ScoredFold":
        """Return the fold, whose questions that repeat each other count as with the `common` weights."""
        engine = replace(fold.engine, repeat_weight=common.repeat)

        def score(own: Floats) -> Floats:
            masks = masks_with_labels(replace(engine, question_weights=own), fold.answers)
            masked = [restrict_to(fold.answers, asked) for asked in masks]
            return log_scores(replace(engine, question_weights=own / common.evidence), masked, fold.scored.truth, CORRELATIONS)

        parts = [_rows(engine, fold, asked) for asked in masks_with_labels(engine, fold.answers)]
        prior = np.tile(engine.log_prior, (len(parts) * len(fold.scored.truth), 1))
        logit = ConditionalLogit(csr_array(vstack(parts)), prior, np.tile(fold.scored.truth, (len(parts), 1)), len(parts))
        return cls(logit, score)


def _rows(engine: ResponseTables, fold: HeldOutFold, asked: np.ndarray) -> csr_array:
    """Return the (B * K, Q) evidence of the `asked` questions, repeats weighted."""
    answered, silent = fold.answers.answered & asked, fold.answers.silent & asked
    evidence = repeat_weights(answered, silent, engine)[:, :, None] * fold.answers.rows  # (B, Q, K)
    return csr_array(evidence.transpose(0, 2, 1).reshape(-1, evidence.shape[1]))


def choose_question_weights(
    training: TrainingSet, folds: Sequence[Fold], topics: Ints, common: EvidenceWeights, rng: np.random.Generator
) -> EvidenceWeights:
    """Return weights by question in place of the `common` one, with their held-out scores.

    `common` was chosen without dependences and without correlation. Each fold is scored under weights that were fitted to the other
    folds; the strength of the ridge is the one of the best score. Little dependence is left after that, so that the correlation is chosen
    again, and with it a factor of all weights. `rng` is in the state in which `common` was chosen, so that the same respondents are scored.
    """
    scored_on, parts = [], []
    for fold in held_out_folds(training, folds, Dependences(), topics, rng):
        scored_on.append(fold.scored)
        parts.append(ScoredFold.of(fold, common))
    grid = list(product([common.repeat], CORRELATIONS, EVIDENCE_WEIGHTS))
    tried = []
    for ridge in RIDGES:
        others = [ConditionalLogit.of([*parts[:n], *parts[n + 1 :]]) for n in range(len(parts))]
        own = [without.fit(common.evidence, ridge) for without in others]
        scores = np.concatenate([part.score(weights) for part, weights in zip(parts, own, strict=True)], axis=1)
        tried.append(WeightScores(grid, scores, tuple(scored_on)).best())
    best, ridge = max(zip(tried, RIDGES, strict=True), key=lambda found: float(found[0].scores.sum()))
    weights = ConditionalLogit.of(parts).fit(common.evidence, ridge) * (best.evidence / common.evidence)
    return replace(best, evidence=1.0, questions=np.minimum(weights, MOST).round(PLACES))
