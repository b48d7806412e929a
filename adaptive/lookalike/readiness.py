"""Readiness: P(next stage within the window) of contacts at a stage, by the evidence tables of attribution with a binary outcome.

The model is judged on the latest contacts, which the tables of the earlier ones predict: where it does not clearly beat the base rate of
these it is not used. The model that is used is fitted to all of them, and calibrated on predictions of contacts that were left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaincinv, expit, logit

from adaptive.arrays import Bools, Floats
from adaptive.lookalike.encode import Column, Dictionary, dictionary_of
from adaptive.lookalike.fit import fit_attribution, log_loss
from adaptive.lookalike.model import AttributionModel, score

FEWEST = 100
"""Contacts from which a model is fitted."""
FEWEST_OF_EACH = 20
"""Contacts who went on, and who did not, from which a model is fitted."""
LATEST = 0.25
"""The share of contacts, the latest ones, on whom the model is judged."""
PEOPLE_OF_A_BIN = 50
MOST_BINS = 20
Z = 1.645
"""Standard errors by which the gain on the latest contacts must exceed 0: the one-sided 5 % of chance."""
LEAST, MOST = 1e-4, 1 - 1e-4
STEPS = ("no", "yes")
READY_SHARE, HELD_SHARE = 0.10, 0.15
"""A contact becomes ready among the likeliest tenth, and stays so among the likeliest .15."""


@dataclass(frozen=True, eq=False)
class Readiness:
    """A fitted model of one stage.

    `slope` and `offset` calibrate the log odds of `model`. Contacts that were left out are in bins by their calibrated probability: `edges`
    are the (B - 1,) ends of B bins, `people` and `reached` (B,) counts. A contact is ready from the probability `ready_from` on, and until
    it falls below `held_until`. `log_loss` is that of the latest contacts, in nats, `base_log_loss` that of the base rate.
    """

    model: AttributionModel
    slope: float
    offset: float
    edges: Floats
    people: Floats
    reached: Floats
    ready_from: float
    held_until: float
    log_loss: float
    base_log_loss: float
    is_used: bool

    def probabilities(self, columns: Mapping[str, Column], contacts: int) -> tuple[Floats, Floats, Floats]:
        """Return the (n,) probabilities of `contacts`, n, and the ends of their 95 % intervals.

        The interval is that of the share who went on among the contacts of the same bin, by Jeffreys' prior (Brown, Cai and DasGupta,
        2001), and reaches the probability itself.
        """
        p = self._calibrated(score(self.model, columns, contacts)[:, 1])
        places = np.searchsorted(self.edges, p, side="right")
        k, n = self.reached[places], self.people[places]
        low, high = (betaincinv(k + 0.5, n - k + 0.5, end) for end in (0.025, 0.975))
        return p, np.minimum(low, p), np.maximum(high, p)

    def _calibrated(self, p: Floats) -> Floats:
        found: Floats = expit(self.offset + self.slope * logit(np.clip(p, LEAST, MOST)))
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the model as plain lists and numbers. `from_json` restores it exactly."""
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in vars(self).items() if name != "model"
        } | {"model": self.model.to_json()}

    @classmethod
    def from_json(cls, known: Mapping[str, Any]) -> "Readiness":
        """Return the model of `to_json`. Raises ValueError where it is none."""
        try:
            arrays = {name: np.array(known[name], dtype=np.float64) for name in ("edges", "people", "reached")}
            return cls(**{**known, **arrays, "model": AttributionModel.from_json(known["model"])})
        except (KeyError, TypeError):
            raise ValueError("known: is no model of readiness") from None


def fit_readiness(columns: Mapping[str, Column], kinds: Mapping[str, str], reached: Bools) -> Readiness | None:
    """Fit P(next stage) to N contacts whose window is over, the earliest first. None where they are too few to fit anything.

    `columns` are features as they stood when the stage was entered, with their `kinds` as `fit_attribution` has them; `reached`, (N,), is
    whether the next stage followed within the window.
    """
    n = len(reached)
    earlier = n - round(LATEST * n)
    parts = (reached, reached[:earlier])
    if n < FEWEST or any(min(part.sum(), (~part).sum()) < FEWEST_OF_EACH for part in parts):
        return None
    labels = np.stack([~reached, reached], axis=1).astype(np.float64)
    before = {name: _rows(column, 0, earlier) for name, column in columns.items()}
    after = {name: _rows(column, earlier, n) for name, column in columns.items()}
    judged = _fitted(before, kinds, labels[:earlier]).probabilities(after, n - earlier)[0]
    base = reached[:earlier].mean()
    gain = _log_score(judged, reached[earlier:]) - _log_score(np.full(n - earlier, base), reached[earlier:])
    is_used = gain.mean() > Z * gain.std(ddof=1) / np.sqrt(len(gain))
    found = _fitted(columns, kinds, labels)
    loss, base_loss = (float(-_log_score(p, reached[earlier:]).mean()) for p in (judged, np.full(n - earlier, base)))
    return Readiness(**{**vars(found), "log_loss": loss, "base_log_loss": base_loss, "is_used": bool(is_used)})


def _fitted(columns: Mapping[str, Column], kinds: Mapping[str, str], labels: Floats) -> Readiness:
    """Return the calibrated model of all these contacts, not judged yet."""
    fit = fit_attribution(columns, kinds, labels, STEPS)
    reached = labels[:, 1]
    logits = logit(np.clip(fit.out_of_fold[:, 1], LEAST, MOST))
    slope, offset = _calibration(logits, reached)
    p = expit(offset + slope * logits)
    bins = int(np.clip(len(p) // PEOPLE_OF_A_BIN, 1, MOST_BINS))
    edges = np.unique(np.quantile(p, np.arange(1, bins) / bins))
    places = np.searchsorted(edges, p, side="right")
    people = np.bincount(places, minlength=len(edges) + 1).astype(np.float64)
    hits = np.bincount(places, weights=reached, minlength=len(edges) + 1).astype(np.float64)
    ready, held = (float(np.quantile(p, 1 - share)) for share in (READY_SHARE, HELD_SHARE))
    return Readiness(
        fit.model, slope, offset, edges, people, hits, ready, held, 0.0, log_loss(np.tile(fit.model.prior, (len(p), 1)), labels), False
    )


def _calibration(logits: Floats, reached: Floats) -> tuple[float, float]:
    """Return slope and offset of the log odds, as Platt (1999) fits them; a slope below 0 would turn the order of contacts around."""

    def loss(parameters: Floats) -> tuple[float, Floats]:
        z = parameters[1] + parameters[0] * logits
        wrong = expit(z) - reached
        return float((np.logaddexp(0, z) - reached * z).mean()), np.array([(wrong * logits).mean(), wrong.mean()])

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0.0, 2.0), (None, None)]).x
    return float(found[0]), float(found[1])


def _log_score(p: Floats, reached: Bools) -> Floats:
    scores: Floats = np.log(np.clip(np.where(reached, p, 1 - p), LEAST, None))
    return scores


def _rows(column: Column, start: int, end: int) -> Column:
    known = dictionary_of(column)
    return Dictionary(known.values, known.codes[start:end])


def is_ready(p: float, was: bool, model: Readiness) -> bool:
    """Return whether a contact is ready, which it was or was not before."""
    return p >= (model.held_until if was else model.ready_from)
