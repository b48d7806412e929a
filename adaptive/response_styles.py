"""Response styles: a persona whose people answer in several styles is several classes, and its probability is their sum.

Styles only refine the tables: belief, gain, stopping and explanations are about the persona.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from adaptive.arrays import Floats, Ints

NEGLIGIBLE = float(np.finfo(float).tiny)


@dataclass(frozen=True, eq=False)
class Styles:
    """`persona_of` is (C,), the persona of each class; the classes of a persona are adjacent, personas in their order."""

    persona_of: Ints

    @classmethod
    def of(cls, persona_of: Ints, classes: int) -> "Styles | None":
        """Return the styles, or None where every persona is one class. Raises ValueError for classes out of order or of another number."""
        if persona_of.shape != (classes,) or persona_of[0] != 0 or not np.isin(np.diff(persona_of), [0, 1]).all():
            raise ValueError(f"persona_of has to name the persona of each of {classes} classes, 0 first and none left out")
        return None if persona_of[-1] == classes - 1 else cls(persona_of)

    @property
    def personas(self) -> int:
        return int(self.persona_of[-1]) + 1

    @cached_property
    def first(self) -> Ints:
        """(K,) the first class of each persona."""
        return np.flatnonzero(np.diff(self.persona_of, prepend=-1))

    @cached_property
    def styled_personas(self) -> Ints:
        """The personas that have more than one style."""
        return np.flatnonzero(np.bincount(self.persona_of) > 1)

    def marginal(self, classes: Floats) -> Floats:
        """Return the (…, K) probability of each persona from (…, C) probabilities of the classes."""
        total: Floats = np.add.reduceat(classes, self.first, axis=-1)
        return total

    def log_marginal(self, logs: Floats) -> Floats:
        """Return the (…, K) log probability of each persona from (…, C) log probabilities of the classes."""
        total: Floats = np.logaddexp.reduceat(logs, self.first, axis=-1)
        return total

    def shares(self, logs: Floats) -> Floats:
        """Return (…, C) P(class | its persona) from unnormalised log probabilities."""
        shares: Floats = np.exp(logs - self.log_marginal(logs)[..., self.persona_of])
        return shares

    def within(self, classes: Floats) -> Floats:
        """Return (…, C) P(class | its persona); where a persona's probability is negligible, its styles are equally likely.

        >>> Styles(np.array([0, 0, 1])).within(np.array([.1, .3, .6]))
        array([0.25, 0.75, 1.  ])
        """
        total = self.marginal(classes)[..., self.persona_of]
        equal = 1 / np.bincount(self.persona_of)[self.persona_of]
        shares: Floats = np.where(total > NEGLIGIBLE, classes / np.maximum(total, NEGLIGIBLE), equal)
        return shares
