"""Contain the faults of our own code: a task that fails is logged and tried again, and never stops the others.

A fault is any exception that no part of the program expects: a bug of ours, or a row that an older version has written otherwise. An
absence of the database is none, because every task waits for its return.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from survey_service.store.session import DATABASE_AWAY

FAULT: Final = "fault"
"""The problem of a task that has failed by a fault. The log has its traceback."""

WAITS = (timedelta(seconds=5), timedelta(minutes=1))
"""How long a task waits after its first fault, and after its second. With the third it is set aside."""

PAUSE = timedelta(minutes=5)
"""How long everything for one receiver waits when the fault cannot be ascribed to one of its messages."""

log = logging.getLogger("discern.faults")


def wait_after(faults: int) -> timedelta | None:
    """Return how long a task waits after so many faults, counted from 1, or None when it is to be set aside.

    >>> wait_after(1), wait_after(3)
    (datetime.timedelta(seconds=5), None)
    """
    return WAITS[faults - 1] if faults <= len(WAITS) else None


@dataclass
class Outcome:
    """Whether a contained task has failed. It is known when the `with` block has ended."""

    failed: bool = False


@contextmanager
def contained(task: str) -> Iterator[Outcome]:
    """Log a fault of the block with its traceback, and go on behind the block. `task` names it in the log, without anything secret."""
    outcome = Outcome()
    try:
        yield outcome
    except DATABASE_AWAY:
        raise
    except (Exception, SystemExit):  # whatever it is, it is the fault of this task alone
        outcome.failed = True
        log.exception("fault task=%s", task)


class FaultCounter:
    """How often each task has failed in this process. It is for tasks that have no row of their own to count in."""

    def __init__(self) -> None:
        self._faults: Counter[str] = Counter()

    @contextmanager
    def contained(self, task: str) -> Iterator[Outcome]:
        """As `contained`, and count the fault."""
        with contained(task) as outcome:
            yield outcome
        if outcome.failed:
            self._faults[task] += 1
        else:
            del self._faults[task]

    def is_to_be_set_aside(self, task: str) -> bool:
        """Whether the task has failed too often to be tried again."""
        return wait_after(self._faults[task]) is None if self._faults[task] else False
