"""What a question is worth where something will be done with the belief: actions whose value depends on the persona."""

import numpy as np

from adaptive.forest import TINY
from adaptive.likelihood import Bools, Floats
from adaptive.posterior import Standing
from adaptive.tables import Integers, ResponseTables


def value_of_information(tables: ResponseTables, standing: Standing, actions: Floats) -> Floats:
    """(B, Q) expected gain of the best action from hearing each outcome first, in the unit of `actions` (Howard, 1966).

    ``VoI[q] = sum_o P(o) max_a sum_k P(k | o) U[a, k] - max_a sum_k P(k) U[a, k]``: never negative; zero where no single answer can
    change what is done.

    Parameters
    ----------
    actions : (M, K) array
        Value of each action for each persona, or for each class where personas have styles.

    >>> tables, standing = ResponseTables.of([np.eye(2)]), Standing(np.array([[.5, .5]]), None)
    >>> value_of_information(tables, standing, np.array([[10., 0.], [0., 10.]]))
    array([[5.]])
    """
    belief = standing.classes
    now = (belief @ actions.T).max(axis=1, keepdims=True)
    weighted = belief[:, None, :] * actions  # (B, M, K)
    value = tables.layout.sum((weighted @ tables.cells_and_noise[:, : tables.layout.cells]).max(axis=1))
    for q, sample in tables.samples.items():
        value[:, q] = sample.best_action(belief, actions)
    if tables.forest is not None and standing.reading is not None:
        value[:, tables.forest.questions] = tables.forest.best_action(belief, actions, tables.silence, standing.reading)
    gain: Floats = np.maximum(value - now, 0.0)
    return gain


def decided(tables: ResponseTables, standing: Standing, actions: Floats, still_open: Bools, left: Integers) -> Bools:
    """(B,) whether nothing that may still be answered can change the best action.

    Sure, though cautious: every open question gets the outcome that speaks most for another action. Action a stays ahead of b while
    ``sum p(k) max(U[a, k] - U[b, k], 0)`` is at least ``sum p(k) max(U[b, k] - U[a, k], 0)`` times the largest likelihood ratio that so
    many answers can bring about between the personas of the two sums.

    Parameters
    ----------
    still_open : (B, Q) bool
        Questions that may still be asked.
    left : (B,) int
        How many of them, at most.
    """
    ratios = np.broadcast_to(tables.widest_ratios, (len(still_open), *tables.widest_ratios.shape))
    if tables.forest is not None and standing.reading is not None:
        ratios = ratios.copy()
        # What is answered below a question makes its own answers tell more than its table says.
        ratios[:, tables.forest.questions[tables.forest.touched(standing.reading)]] = np.inf
    best = (standing.classes @ actions.T).argmax(axis=1)
    return np.array(
        [
            _stays_ahead(actions[a] - actions, standing.classes[b], ratios[b, still_open[b]], int(left[b]), tables.evidence_weight)
            for b, a in enumerate(best)
        ]
    )


def _stays_ahead(leads: Floats, belief: Floats, ratios: Floats, left: int, weight: float) -> bool:
    """Whether each of (M, K) `leads` over another action stays positive against `left` of (open, K, K) log `ratios`."""
    for lead in leads:
        worth = belief * lead
        against = worth < 0
        if against.any():
            swings = ratios[:, against][:, :, worth > 0].max(axis=(1, 2), initial=0.0)
            swing = weight * np.sort(swings)[len(swings) - left if left < len(swings) else 0 :].sum()
            if np.log(max(worth[~against].sum(), TINY)) < np.log(-worth[against].sum()) + swing:
                return False
    return True
