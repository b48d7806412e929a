"""Persona profiles: the outcomes that distinguish each persona most from the others."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from adaptive.arrays import Floats
from adaptive.likelihood import AnyLikelihood, Choice, MultipleChoice, Numeric
from adaptive.tables import ResponseTables

Outcome = int | tuple[float, float]
"""An option or point by its number, a ticked option by its number, or an interval of numbers (either end may be infinite)."""


@dataclass(frozen=True)
class Trait:
    """How an outcome of a question distinguishes one persona from the others.

    `share` is P(outcome | persona), `others` the same for the other personas together; `bits` is the weight of evidence that the outcome
    carries for the persona on its own, weights included (Good, 1950). `discrimination` is the mean weight of evidence, in bits,
    that respondents of the persona contribute by giving the outcome; for a tick also by not giving it. Frequent outcomes therefore count
    more than rare ones.
    """

    question: int
    outcome: Outcome
    share: float
    others: float
    bits: float
    discrimination: float


def traits(tables: ResponseTables) -> list[list[Trait]]:
    """Return the traits of each persona, by falling discrimination: the best outcome of each choice or number, and every tick option."""
    found: list[list[Trait]] = [[] for _ in range(tables.personas)]
    for q, question in enumerate(tables.questions):
        outcomes, by_class = _outcomes(tables, question)
        chance = tables.by_persona(by_class)
        for k in range(tables.personas):
            found_here = [_trait(tables, q, outcome, chance[:, a], k) for a, outcome in enumerate(outcomes)]
            if found_here and not isinstance(question, MultipleChoice):
                found_here = [max(found_here, key=lambda trait: trait.discrimination)]
            found[k] += found_here
    return [sorted(some, key=lambda trait: -trait.discrimination) for some in found]


def _trait(tables: ResponseTables, q: int, outcome: Outcome, chance: Floats, k: int) -> Trait:
    rest = np.where(np.arange(tables.personas) == k, 0.0, tables.persona_prior)
    share, others = float(chance[k]), float(chance @ rest / rest.sum())
    bits = tables.weight_of(q) * float(np.log2(share / others))
    discrimination = share * bits
    if isinstance(tables.questions[q], MultipleChoice):
        discrimination += (1 - share) * tables.weight_of(q) * float(np.log2((1 - share) / (1 - others)))
    return Trait(q, outcome, share, others, bits, discrimination)


def _outcomes(tables: ResponseTables, question: AnyLikelihood) -> tuple[list[Outcome], Floats]:
    """Return the outcomes of a question and their (classes, A) probabilities, given that it is answered."""
    if isinstance(question, Choice):
        return list(range(question.table.shape[1])), question.table
    if isinstance(question, MultipleChoice):
        return list(range(question.ticked.shape[1])), question.ticked
    if isinstance(question, Numeric):
        parts = list(_quarters(question, tables.prior))
        return [*parts], np.column_stack([question.chance_between(low, high) for low, high in parts])
    return [], np.empty((tables.classes, 0))


def _quarters(question: Numeric, prior: Floats) -> Iterator[tuple[float, float]]:
    """Yield about four intervals of equal probability under the prior, with limits among the quantiles of the personas."""
    edges = question.edges
    upto = np.array([float(prior @ question.chance_between(question.low, edge)) for edge in edges[1:-1]])
    inner = edges[1:-1][np.unique(np.abs(upto[:, None] - np.array([0.25, 0.5, 0.75])).argmin(axis=0))] if len(upto) else upto
    ends = [question.low, *inner.tolist(), question.high]
    yield from pairwise(ends)
