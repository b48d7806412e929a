"""The process that does the chores of a worker: started when there are some, and ended with the worker."""

import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime

from survey_service.settings import Settings

COMMAND = (sys.executable, "-m", "survey_service.worker.maintenance")
AWAY = 75
"""Its exit code when the database is away (EX_TEMPFAIL of sysexits.h)."""
ENDED_BY_REQUEST = signal.SIGTERM, signal.SIGINT
"""Whoever ends a whole group of processes, as systemd and a terminal do, ends this one too: what is left to do is done the next time."""
LOOK_SECONDS = 0.2


class MaintenanceInterrupted(Exception):
    """The database went away in the middle of the chores."""


class MaintenanceFailed(Exception):
    """The process that does the chores has ended by itself; what it said is above."""


def run_maintenance(settings: Settings, enough: Callable[[float], bool], *, prunes: bool = False, until: datetime | None = None) -> None:
    """Have them done, or with `until` those that are due then. `enough` waits so many seconds and says whether to end before.

    Raises ChoresInterrupted, ChoresFailed.
    """
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE) as running:  # noqa: S603
        if running.stdin is None:
            raise MaintenanceFailed
        try:
            pickle.dump((settings, prunes, until), running.stdin)
            running.stdin.flush()
            while running.poll() is None and not enough(LOOK_SECONDS):
                pass
        except BrokenPipeError:
            pass  # it has ended already: its exit code says why
        finally:
            _close(running)
    if running.returncode == AWAY:
        raise MaintenanceInterrupted(MaintenanceInterrupted.__doc__)
    if running.returncode and -running.returncode not in ENDED_BY_REQUEST:
        raise MaintenanceFailed(f"exit code {running.returncode}")


def _close(running: "subprocess.Popen[bytes]") -> None:
    try:
        running.communicate()
    except BrokenPipeError:
        running.wait()
