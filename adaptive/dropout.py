"""Respondents who leave: the hazard of each further question, and what it does to the choice."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit

from adaptive.arrays import Bools, Floats, Ints

RIDGE = 1.0
"""Penalty on the squared slopes: a few hundred leavers must not make a question look deadly."""


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
        """P(the respondent stays), for arrays that broadcast."""
        staying: Floats = expit(-(self.base + self.position * taken + self.seconds * seconds + self.new_topic * new_topic))
        return staying


def fit_hazard(taken: Ints, seconds: Floats, new_topic: Bools, left: Bools) -> Hazard:
    """The hazard most likely given N questions shown, a small penalty on the slopes; all arguments are (N,), `left` where it was the end.

    Raises ValueError where nobody left, or everybody did.
    """
    from scipy.optimize import minimize  # noqa: PLC0415  (half a second that only a fit should pay)

    if not left.any() or left.all():
        raise ValueError("a hazard is learnt from respondents who left and respondents who stayed")
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

    found = minimize(loss, np.array([np.log(left.mean() / (1 - left.mean())), 0.0, 0.0, 0.0]), jac=True, method="L-BFGS-B")
    base, position, effort, topic = (found.x / scale).tolist()
    return Hazard(base, position, effort, topic)
