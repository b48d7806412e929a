"""Dropout: the hazard that a respondent leaves at the next question, and its estimation."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit

from adaptive.arrays import Bools, Floats, Ints

RIDGE = 1.0
"""Penalty on the squared slopes, so that a few hundred dropouts do not give a question an extreme hazard."""


@dataclass(frozen=True)
class Hazard:
    """Discrete-time hazard (Singer and Willett, 1993): log odds that a respondent leaves at a question instead of answering it.

    ``logit h = base + position * questions before it + seconds * its effort + new_topic * [its topic is untouched]``
    """

    base: float
    position: float = 0.0
    seconds: float = 0.0
    new_topic: float = 0.0

    def survival(self, taken: Ints, seconds: Floats, new_topic: Bools) -> Floats:
        """Return P(the respondent stays), for arrays that broadcast."""
        probability: Floats = expit(-(self.base + self.position * taken + self.seconds * seconds + self.new_topic * new_topic))
        return probability


def fit_hazard(taken: Ints, seconds: Floats, new_topic: Bools, left: Bools) -> Hazard:
    """Fit the hazard to N questions shown, by penalised maximum likelihood.

    All arguments are (N,); `left` is True where the respondent left at the question. Raises ValueError where nobody left, or everybody.
    """
    from scipy.optimize import minimize  # noqa: PLC0415  (half a second that only a fit should pay)

    if not left.any() or left.all():
        raise ValueError("a hazard needs both respondents who left and respondents who stayed")
    features = np.column_stack([np.ones(len(left)), taken, seconds, new_topic]).astype(float)
    scale = np.maximum(features.std(axis=0), 1e-9)
    scale[0] = 1.0
    scaled = features / scale
    sign = np.where(left, 1.0, -1.0)

    def loss(slopes: Floats) -> tuple[float, Floats]:
        margin = sign * (scaled @ slopes)
        penalty = RIDGE * slopes * np.array([0.0, 1.0, 1.0, 1.0])
        slope = -scaled.T @ (sign * expit(-margin)) + penalty
        return float(-log_expit(margin).sum() + (penalty * slopes).sum() / 2), slope

    solution = minimize(loss, np.array([np.log(left.mean() / (1 - left.mean())), 0.0, 0.0, 0.0]), jac=True, method="L-BFGS-B")
    base, position, effort, topic = (solution.x / scale).tolist()
    return Hazard(base, position, effort, topic)
