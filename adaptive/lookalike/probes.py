"""Probes: contacts drawn at random among those who did not answer, and asked again. They correct what attributes say of the silent.

Who answers a survey of their own accord may differ from who does not. Only a random draw can show by how much: no correction is estimated
from the respondents alone.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from adaptive.arrays import Floats
from adaptive.lookalike.model import NATS_PER_BIT, AttributionModel

GATE = 0.75
"""Log score that a correction must gain on the probes, in nats for each of its K - 1 parameters."""
PSEUDO_PEOPLE = 1.0
"""Weight of the uncorrected shares in the fit of the shift, in people."""
FEWEST_PROBES = 20
Z = 1.959964


@dataclass(frozen=True, eq=False)
class ProbeCorrection:
    """What the answers of `probes` people say of the intercepts: a (K,) `shift` in bits, zero where it is not applied.

    It is applied where the log score of the probes gains more than `needed`; both are in nats.
    """

    shift: Floats
    gain: float
    needed: float
    is_applied: bool
    probes: int


@dataclass(frozen=True, eq=False)
class ProbedShares:
    """Shares of K personas among the silent, from the probes who answered: (K,) `shares` with their 95 % interval `low` to `high`.

    `response` is the share of the probes who answered. The others may be of any persona: `least` and `most` bound the shares among all
    of them (Manski, 1989).
    """

    shares: Floats
    low: Floats
    high: Floats
    response: float
    least: Floats
    most: Floats


def fit_correction(vectors: Floats, labels: Floats) -> ProbeCorrection:
    """Return the shift of the intercepts that the answered probes ask for, and whether it passes the gate.

    The shift is shrunk by what chance alone would gain, (K - 1)/2 nats (James and Stein, 1961), so that a gate that opens by chance
    costs little. `vectors` and `labels` are (n, K): what attributes say of each probe, without an earlier shift, and what its answers say.
    """
    n, K = vectors.shape
    needed = GATE * (K - 1)
    if n < FEWEST_PROBES:
        return ProbeCorrection(np.zeros(K), 0.0, needed, False, n)
    logs = np.log(np.maximum(vectors, np.finfo(float).tiny))
    wanted = labels.sum(axis=0) + PSEUDO_PEOPLE * vectors.mean(axis=0)
    pseudo = PSEUDO_PEOPLE / n

    def loss(shift: Floats) -> tuple[float, Floats]:
        shifted = log_softmax(logs + shift, axis=1)
        expected = (1 + pseudo) * np.exp(shifted).sum(axis=0)
        value = -(labels * shifted).sum() - pseudo * (vectors.mean(axis=0) * shifted).sum()
        return float(value), expected - wanted

    shift = minimize(loss, np.zeros(K), jac=True, method="L-BFGS-B").x
    shift = shift - shift.mean()
    gain = float((labels * (log_softmax(logs + shift, axis=1) - log_softmax(logs, axis=1))).sum())
    is_applied = gain > needed
    kept = max(1 - (K - 1) / (2 * gain), 0.0) if is_applied else 0.0
    return ProbeCorrection(kept * shift / NATS_PER_BIT, gain, needed, is_applied, n)


def corrected(model: AttributionModel, correction: ProbeCorrection) -> AttributionModel:
    """Return the model for contacts who did not answer, with the shift of the probes."""
    return model.with_shift(correction.shift) if correction.is_applied else model.with_shift(np.zeros(len(model.personas)))


def probed_shares(vectors: Floats, labels: Floats, silent: Floats, drawn: int) -> ProbedShares:
    """Return the shares of the personas among the silent: what attributes say of all of them, plus the mean error seen on the probes.

    The difference estimator (Särndal, Swensson and Wretman, 1992): unbiased whatever the attributes say. `vectors` and `labels` are
    (n, K) of the probes who answered, `silent` is (K,), the mean vector of all silent contacts, `drawn` the number of probes asked.
    """
    n = len(labels)
    error = labels - vectors
    shares = np.clip(silent + error.mean(axis=0), 0.0, 1.0)
    width = Z * error.std(axis=0, ddof=1) / np.sqrt(n) if n > 1 else np.ones(len(silent))
    response = n / max(drawn, 1)
    return ProbedShares(
        shares,
        np.clip(shares - width, 0.0, 1.0),
        np.clip(shares + width, 0.0, 1.0),
        response,
        response * shares,
        response * shares + 1 - response,
    )
