"""Run the processes of a worker that need the numerical libraries: start one when there is work, and end it with the worker."""

import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

from survey_service.settings import Settings

COMMAND = (sys.executable, "-m")
MAINTENANCE, ATTRIBUTION = "survey_service.worker.maintenance", "survey_service.worker.attribution"
"""The modules that such a process runs."""
AWAY = 75
"""The exit code when the database is away (EX_TEMPFAIL of sysexits.h)."""
ENDED_BY_REQUEST = signal.SIGTERM, signal.SIGINT
"""The exit codes of a signal to the whole process group, as systemd and a terminal send it. The rest of the work is done next time."""
LOOK_SECONDS = 0.2


class MaintenanceInterrupted(Exception):
    """The database went away during maintenance."""


class MaintenanceFailed(Exception):
    """The maintenance process ended by itself; its own message is above."""


def run_maintenance(settings: Settings, enough: Callable[[float], bool], *, prunes: bool = False, until: datetime | None = None) -> None:
    """Run the maintenance process, or with `until` only what was due by then. `enough` waits so many seconds and returns whether to end
    earlier.

    Raises MaintenanceInterrupted, MaintenanceFailed.
    """
    _run(MAINTENANCE, (settings, prunes, until), enough)


def run_attribution(settings: Settings, enough: Callable[[float], bool]) -> None:
    """Run the process that works on runs of attribution, until none waits. Raises MaintenanceInterrupted, MaintenanceFailed."""
    _run(ATTRIBUTION, (settings,), enough)


def _run(module: str, given: tuple[Any, ...], enough: Callable[[float], bool]) -> None:
    with subprocess.Popen((*COMMAND, module), stdin=subprocess.PIPE) as running:  # noqa: S603
        if running.stdin is None:
            raise MaintenanceFailed
        try:
            pickle.dump(given, running.stdin)
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
