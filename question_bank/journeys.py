"""What figures per persona are about: the stages of journeys, the moments at which a barometer asks, and what suits a persona."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Text = Mapping[str, str]
Order = Literal["ordered", "any"]
BarometerKind = Literal["nps", "mean"]

WITHIN_DAYS = 30.0
AFTER_HOURS = 24.0
NPS_POINTS = (0.0, 10.0)
"""The ends of the scale of a Net Promoter Score (Reichheld, 2003)."""

ShippedStage = Literal["abandoned_basket", "abandoned_checkout"]
SHIPPED_STAGES: Mapping[str, Mapping[str, object]] = {
    "abandoned_basket": {"match": {"event": "Product Added"}, "unless": {"event": "Order Completed"}},
    "abandoned_checkout": {"match": {"event": "Checkout Started"}, "unless": {"event": "Order Completed"}},
}
"""Stages that most shops have, with the event names of Segment's spec for e-commerce."""


@dataclass(frozen=True)
class Stage:
    """A step of a journey: an event that `match` describes as that of a signal, an answer, or an attribute that comes to a value.

    With `unless`, the stage is reached `after_hours` after the event, if no event that `unless` describes has followed by then.
    """

    id: str
    title: Text
    match: Mapping[str, str] = field(default_factory=dict)
    answer: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unless: Mapping[str, str] = field(default_factory=dict)
    after_hours: float = AFTER_HOURS
    attribute: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Journey:
    """Stages that a contact passes within some days of the first: one after the other, or in any order."""

    id: str
    title: Text
    stages: tuple[Stage, ...]
    within_days: float = WITHIN_DAYS
    order: Order = "ordered"


@dataclass(frozen=True)
class Barometer:
    """A scale question that is asked at a moment: after an event that `after` describes as that of a signal.

    The contact gets a link `delay_hours` after it, unless any survey has sent it one within `every_days`.
    """

    id: str
    title: Text
    question: str
    kind: BarometerKind
    after: Mapping[str, str]
    delay_hours: float = 24.0
    every_days: float = 30.0


@dataclass(frozen=True)
class Play:
    """What suits a persona at a stage: content for a page or an email, what an agent says, what a bot says.

    Without `persona` it suits everybody, without `stage` at any time, without `channel` everywhere. `stage` is "journey/stage".
    """

    persona: str | None = None
    stage: str | None = None
    channel: str | None = None
    content: Text | None = None
    agent: Text | None = None
    bot: Text | None = None


def plain_value(value: object) -> str:
    """Return the value of an attribute as stages compare it: in lower case, whole numbers without a point, nothing for None.

    >>> plain_value(" Won "), plain_value(3.0), plain_value(True), plain_value(None)
    ('won', '3', 'true', '')
    """
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip().casefold()
