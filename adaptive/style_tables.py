"""Tables of the styles inside personas: expectation maximisation among the people of each, who stay with their persona."""

from dataclasses import dataclass, replace

import numpy as np

from adaptive.latent_classes import REFIT_TOLERANCE, Anchor, Personas, learn_personas
from adaptive.likelihood import Floats
from adaptive.marginal import Styles

STEPS = 200


@dataclass(frozen=True, eq=False)
class Split:
    """Where the search of the styles begins: (N, C) P(style | persona) of all respondents, and (N - B, C) for each fold."""

    styles: Styles
    start: Floats
    starts: tuple[Floats, ...]


def learn_styles(hot: Floats, levels: list[int], personas: Personas, styles: Styles, start: Floats) -> Personas:
    """The classes of personas that are known: each style shrunk to the table of its persona as that is to the pooled table.

    Parameters
    ----------
    hot : (N, cells) array
        From `one_hot`.
    personas : Personas
        What the respondents taught about the personas; their membership does not change.
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
        taught = learn_personas(hot, levels, own * within, personas.pseudo_counts, settled=True, anchor=anchor)
        taught = replace(taught, prior=styles.within(taught.prior) * personas.prior[styles.persona_of])
        logs = _log_given_persona(taught, styles, hot)
        within = styles.shares(logs)
        score = float((personas.membership * styles.log_marginal(logs)).sum())
        if score - before <= REFIT_TOLERANCE * abs(score):
            break
        before = score
    return replace(taught, membership=own * within)


def attribute_styles(taught: Personas, styles: Styles, hot: Floats, membership: Floats) -> tuple[Floats, Floats]:
    """(B, C) P(class | persona, answers) times (B, K) `membership`, and (B,) expected log P(answers | persona) in nats."""
    logs = _log_given_persona(taught, styles, hot)
    score: Floats = (membership * styles.log_marginal(logs)).sum(axis=1)
    return membership[:, styles.persona_of] * styles.shares(logs), score


def _log_given_persona(taught: Personas, styles: Styles, hot: Floats) -> Floats:
    """(B, C) log P(class, answers | persona)."""
    logs: Floats = hot @ np.log(taught.table).T + np.log(styles.within(taught.prior))
    return logs
