"""When to send a message about a change: a value computed from the endpoint's `when`, without a clock."""

from dataclasses import dataclass
from datetime import datetime, timedelta

DEBOUNCE = timedelta(seconds=10)
LONGEST_DEBOUNCE = timedelta(seconds=60)
IDLE = timedelta(minutes=30)

SEND_WHEN = ("every_answer", "material", "idle", "final")


@dataclass(frozen=True)
class SendWindow:
    """Send at `at`. Waiting for further changes never goes beyond `at_latest`."""

    at: datetime
    at_latest: datetime | None = None


@dataclass(frozen=True)
class PendingUpdate:
    """An earlier message about the same contact that was not sent yet. This change may supersede it."""

    at_latest: datetime | None


def send_window(
    when: str, now: datetime, *, is_material: bool, at_once: bool, ended: bool, waiting: PendingUpdate | None
) -> SendWindow | None:
    """Return when to send a change, or None to send nothing.

    Parameters
    ----------
    when : str
        every_answer: each change, now. material: a material change, ten seconds after the last one, at most a minute after the first.
        idle: half an hour after the last change. final: when the survey has ended, and not before.
    at_once : bool
        A persona has just been decided.
    ended : bool
        No further change will come from this survey.
    waiting : PendingUpdate, optional
        A change that is not material still updates a pending message.
    """
    if when == "every_answer" or ended:
        return SendWindow(now)
    if when == "final":
        return None
    if when == "idle":
        return SendWindow(now + IDLE)
    if at_once:
        return SendWindow(now)
    if not is_material and waiting is None:
        return None
    latest = (waiting.at_latest if waiting else None) or now + LONGEST_DEBOUNCE
    return SendWindow(min(now + DEBOUNCE, latest), latest)
