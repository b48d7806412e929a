"""When an endpoint wants to hear of a change: a value, computed from its wish, without a clock."""

from dataclasses import dataclass
from datetime import datetime, timedelta

DEBOUNCE = timedelta(seconds=10)
LONGEST_DEBOUNCE = timedelta(seconds=60)
IDLE = timedelta(minutes=30)

SEND_WHEN = ("every_answer", "material", "idle", "final")


@dataclass(frozen=True)
class SendWindow:
    """`at` is when to send; waiting for more to come never goes beyond `at_latest`."""

    at: datetime
    at_latest: datetime | None = None


@dataclass(frozen=True)
class PendingUpdate:
    """An earlier message about the same contact that has not been sent yet: this change may take its place."""

    at_latest: datetime | None


def send_window(
    wish: str, now: datetime, *, is_material: bool, at_once: bool, ended: bool, waiting: PendingUpdate | None
) -> SendWindow | None:
    """When to tell of a change, or None for never.

    Parameters
    ----------
    wish : str
        every_answer: each change, now. material: what is worth telling, once it has been quiet for ten seconds or after a minute at
        most. idle: half an hour after the last change. final: when the survey has ended, and not before.
    at_once : bool
        A persona has just been decided, which is what most wait for.
    ended : bool
        No more will come.
    waiting : Waiting, optional
        A change that is not worth a message of its own still brings a waiting one up to date.
    """
    if wish == "every_answer" or ended:
        return SendWindow(now)
    if wish == "final":
        return None
    if wish == "idle":
        return SendWindow(now + IDLE)
    if at_once:
        return SendWindow(now)
    if not is_material and waiting is None:
        return None
    latest = (waiting.at_latest if waiting else None) or now + LONGEST_DEBOUNCE
    return SendWindow(min(now + DEBOUNCE, latest), latest)
