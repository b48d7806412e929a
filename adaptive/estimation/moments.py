"""The sums from which figures per persona are estimated. Those of disjoint sets of contacts add up, so a report reads no contact.

A contact is one row: what it did several times, such as visits, is summed within it, because its visits resemble one another.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any, Self

import numpy as np

from adaptive.arrays import Bools, Floats, Ints

MAGIC = b"DMOM1\0"
"""The first bytes of packed moments: their format."""
LARGEST = 1e12
"""Largest outcome, denominator or weight: the cubes of larger ones would leave no digits to add up."""
SUM_TOLERANCE = 1e-6
"""By how much the beliefs of a contact may miss 1."""


@dataclass(frozen=True, eq=False)
class Totals:
    """Sums over contacts without answers: their number, and (2K,) `total` of the numerators p·y and of the denominators p·d.

    `p` is the (K,) belief from attributes, `y` the outcome of a contact and `d` its denominator.
    """

    contacts: float
    total: Floats

    @classmethod
    def none(cls, K: int) -> Self:
        return cls(0.0, np.zeros(2 * K))

    @classmethod
    def of(cls, attributed: Floats, outcome: Floats, denominator: Floats) -> Self:
        """Return the sums over (N, K) beliefs, (N,) outcomes and (N,) denominators, none of them NaN."""
        return cls(float(len(attributed)), np.concatenate([outcome @ attributed, denominator @ attributed]))

    def __add__(self, other: Self) -> Self:
        return type(self)(self.contacts + other.contacts, self.total + other.total)


@dataclass(frozen=True, eq=False)
class LabelledSums:
    """Sums over contacts whose answers say who they are. The (4K,) vector of a contact is v = (r·y, r·d, p·y, p·d).

    `r` is the (K,) belief from its answers, `w` its weight: the inverse of its chance to be among them, 1 where all had the same.

    - `contacts`, `weight`, `weight_squared`: number, Σw and Σw²
    - `total`, (4K,): Σ w·v; `total_squared`, (4K,): Σ w²·v; `products`, (4K, 4K): Σ w²·v·vᵀ
    - `confusion`, (K, K): Σ w·r·rᵀ; `confidence`: Σ max r
    - `top`, (K,): contacts with a denominator whose likeliest persona it is; `top_some` and `top_all` those of them with an outcome that
      is not zero, and with one that is at least the denominator
    - `attributed`, (2K,): Σ of p·y and p·d, without weights
    - `cubes`, (4, K): Σ w³·r³ times y³, y²d, yd² and d³
    """

    contacts: float
    weight: float
    weight_squared: float
    confidence: float
    top: Floats
    top_some: Floats
    top_all: Floats
    attributed: Floats
    total: Floats
    total_squared: Floats
    confusion: Floats
    products: Floats
    cubes: Floats

    @classmethod
    def none(cls, K: int) -> Self:
        people, base, vector, square = np.zeros(K), np.zeros(2 * K), np.zeros(4 * K), np.zeros((4 * K, 4 * K))
        return cls(0.0, 0.0, 0.0, 0.0, people, people, people, base, vector, vector, np.zeros((K, K)), square, np.zeros((4, K)))

    @classmethod
    def of(cls, answered: Floats, attributed: Floats, outcome: Floats, denominator: Floats, weights: Floats) -> Self:
        """Return the sums over n contacts: two (n, K) beliefs, and (n,) outcomes, denominators and weights, none of them NaN."""
        n, K = answered.shape
        y, d = outcome[:, None], denominator[:, None]
        vectors = np.concatenate([answered * y, answered * d, attributed * y, attributed * d], axis=1)
        weighted = weights[:, None] * vectors
        top = np.eye(K)[answered.argmax(axis=1)] if n else np.zeros((0, K))
        has_denominator = denominator > 0
        return cls(
            float(n),
            float(weights.sum()),
            float((weights**2).sum()),
            float(answered.max(axis=1).sum()) if n else 0.0,
            top.T @ has_denominator,
            top.T @ (has_denominator & (outcome != 0)),
            top.T @ (has_denominator & (outcome >= denominator)),
            vectors[:, 2 * K :].sum(axis=0),
            weighted.sum(axis=0),
            (weights[:, None] * weighted).sum(axis=0),
            (weights[:, None] * answered).T @ answered,
            weighted.T @ weighted,
            np.array([outcome**3, outcome**2 * denominator, outcome * denominator**2, denominator**3]) @ (weights[:, None] * answered) ** 3,
        )

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    def rescaled(self) -> Self:
        """Return the sums with weights whose mean is 1."""
        if not self.contacts:
            return self
        scale = self.contacts / self.weight
        powers = {"weight": 1, "weight_squared": 2, "total": 1, "total_squared": 2, "confusion": 1, "products": 2, "cubes": 3}
        return replace(self, **{name: getattr(self, name) * scale**power for name, power in powers.items()})


@dataclass(frozen=True, eq=False)
class Moments:
    """What every estimate of K personas reads of a set of contacts. `a + b` are the moments of two disjoint sets together.

    `respondents` answered of their own accord, `probes` were drawn at random among the silent, and answered. `silent` are the others who
    can be asked, `unreachable` those who cannot; both are known by their attributes only.
    """

    respondents: LabelledSums
    probes: LabelledSums
    silent: Totals
    unreachable: Totals

    @property
    def personas(self) -> int:
        """The number of personas."""
        return len(self.respondents.top)

    @classmethod
    def none(cls, K: int) -> Self:
        """Return the moments of no contact, from which a sum begins."""
        return cls(LabelledSums.none(K), LabelledSums.none(K), Totals.none(K), Totals.none(K))

    @classmethod
    def of(
        cls,
        attributed: Floats,
        answered: Floats,
        who: Ints | Sequence[int],
        outcome: Floats,
        denominator: Floats | None = None,
        *,
        probed: Bools | None = None,
        weights: Floats | None = None,
        reachable: Bools | None = None,
    ) -> Self:
        """Return the moments of N contacts, n of whom answered.

        Parameters
        ----------
        attributed : (N, K) array
            P(persona | attributes) of every contact; of those who taught the model, out of fold.
        answered : (n, K) array
            P(persona | answers), without the answers that define the outcome.
        who : (n,) integers
            The row of each of them among the N contacts.
        outcome : (N,) array
            0 or 1, a count, a score or a value; NaN where it is not known: this contact then counts in no rate and no mean.
        denominator : (N,) array
            What the outcome is counted in, such as visits; 1 where it is left out.
        probed : (n,) booleans
            Whether the contact answered because it was drawn at random among the silent; nobody, where it is left out.
        weights : (n,) array
            Inverse of the chance to be drawn, in any scale; 1 where it is left out.
        reachable : (N,) booleans
            Whether the contact can be asked; everybody, where it is left out.

        Raises ValueError, which begins with the name of the argument that is wrong.
        """
        attributed = check_beliefs("attributed", attributed)
        answered = check_beliefs("answered", answered, attributed.shape[1])
        N, n = len(attributed), len(answered)
        rows = _rows(who, n, N)
        y, d = _outcome_and_denominator(outcome, denominator, N)
        is_probe = _booleans("probed", probed, n, False)
        w = np.ones(n) if weights is None else check_numbers("weights", weights, n)
        if (w <= 0).any():
            raise ValueError("weights: must be above 0")
        can_be_asked = _booleans("reachable", reachable, N, True)
        is_silent = np.ones(N, dtype=bool)
        is_silent[rows] = False
        labelled = [
            LabelledSums.of(answered[part], attributed[rows[part]], y[rows[part]], d[rows[part]], w[part]) for part in (~is_probe, is_probe)
        ]
        others = [Totals.of(attributed[part], y[part], d[part]) for part in (is_silent & can_be_asked, is_silent & ~can_be_asked)]
        return cls(labelled[0], labelled[1], others[0], others[1])

    def __add__(self, other: Self) -> Self:
        if other.personas != self.personas:
            raise ValueError(f"other: has {other.personas} personas instead of {self.personas}")
        return type(self)(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    @property
    def confidence(self) -> float:
        """The mean confidence of those who answered, max r; NaN where nobody did."""
        people = self.respondents.contacts + self.probes.contacts
        return (self.respondents.confidence + self.probes.confidence) / people if people else float("nan")

    def to_bytes(self) -> bytes:
        """Return the moments packed: `MAGIC`, K as two bytes, then little-endian doubles. `from_bytes` restores them exactly."""
        return (
            MAGIC + self.personas.to_bytes(2, "little") + np.concatenate([np.ravel(part) for part in _parts(self)]).astype("<f8").tobytes()
        )

    @classmethod
    def from_bytes(cls, packed: bytes) -> Self:
        """Return the moments of `to_bytes`. Raises ValueError where these are none, or of another format."""
        head = len(MAGIC) + 2
        K = int.from_bytes(packed[len(MAGIC) : head], "little")
        places = _places(K) if packed[: len(MAGIC)] == MAGIC and K else ()
        if not places or len(packed) != head + 8 * places[-1][1]:
            raise ValueError("packed: are no moments of this format")
        values = np.frombuffer(packed, "<f8", offset=head).astype(np.float64)
        parts = iter([values[start:end].reshape(shape) for start, end, shape in places])
        labelled = [LabelledSums(*(_plain(next(parts)) for _ in fields(LabelledSums))) for _ in range(2)]
        others = [Totals(*(_plain(next(parts)) for _ in fields(Totals))) for _ in range(2)]
        return cls(labelled[0], labelled[1], others[0], others[1])


def _parts(moments: Moments) -> list[Any]:
    return [getattr(sums, part.name) for field in fields(moments) for sums in [getattr(moments, field.name)] for part in fields(sums)]


@cache
def _places(K: int) -> tuple[tuple[int, int, tuple[int, ...]], ...]:
    """Return start, end and shape of each part of packed moments."""
    shapes = [np.shape(part) for part in _parts(Moments.none(K))]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes], dtype=np.int64).tolist()
    return tuple(zip([0, *ends], ends, shapes, strict=False))


def _plain(part: Floats) -> Any:
    return float(part) if part.ndim == 0 else part


def check_beliefs(name: str, values: Any, K: int | None = None) -> Floats:
    """Return (n, K) beliefs, checked."""
    beliefs = floats_of(name, values)
    if beliefs.ndim != 2 or beliefs.shape[1] < 1 or (K is not None and beliefs.shape[1] != K):
        raise ValueError(f"{name}: must have one row per contact and {'one column per persona' if K is None else f'{K} columns'}")
    if not ((beliefs >= 0) & (beliefs <= 1 + SUM_TOLERANCE)).all() or (np.abs(beliefs.sum(axis=1) - 1) > SUM_TOLERANCE).any():
        raise ValueError(f"{name}: every row must hold probabilities that add up to 1")
    return beliefs


def _rows(who: Any, n: int, N: int) -> Ints:
    rows = np.asarray(who)
    if rows.shape != (n,) or (n and rows.dtype.kind not in "iu"):
        raise ValueError(f"who: must have one row number for each of {n} contacts who answered")
    rows = rows.astype(np.int64)
    if n and (rows.min() < 0 or rows.max() >= N or len(np.unique(rows)) < n):
        raise ValueError(f"who: must name different rows from 0 to {N - 1}")
    return rows


def _outcome_and_denominator(outcome: Any, denominator: Any, N: int) -> tuple[Floats, Floats]:
    """Return both, zero where the outcome is not known."""
    y = floats_of("outcome", outcome)
    if y.shape != (N,) or (np.abs(y) > LARGEST).any():
        raise ValueError(f"outcome: must have one number up to {LARGEST:g}, or NaN, for each of {N} contacts")
    d = np.ones(N) if denominator is None else check_numbers("denominator", denominator, N)
    if (d < 0).any():
        raise ValueError("denominator: must not be below 0")
    known = ~np.isnan(y)
    if (known & (d == 0) & (y != 0)).any():
        raise ValueError("denominator: is 0 where the outcome is not")
    return np.where(known, y, 0.0), np.where(known, d, 0.0)


def check_numbers(name: str, values: Any, size: int) -> Floats:
    numbers = floats_of(name, values)
    if numbers.shape != (size,) or not (np.abs(numbers) <= LARGEST).all():
        raise ValueError(f"{name}: must have one number up to {LARGEST:g} for each of {size} contacts")
    return numbers


def _booleans(name: str, values: Any, size: int, otherwise: bool) -> Bools:
    if values is None:
        return np.full(size, otherwise)
    known = np.asarray(values)
    if known.shape != (size,) or known.dtype != np.bool_:
        raise ValueError(f"{name}: must have one boolean for each of {size} contacts")
    return known


def floats_of(name: str, values: Any) -> Floats:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: must be numbers") from None
