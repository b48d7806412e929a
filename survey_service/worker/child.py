"""What the processes that a worker starts have in common: the task on the standard input, and an end with the worker's."""

import os
import pickle
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from survey_service.ops import logs
from survey_service.settings import Settings
from survey_service.store.session import DATABASE_AWAY
from survey_service.worker.maintenance_process import AWAY


@contextmanager
def read_task() -> Iterator[tuple[tuple[Any, ...], Event]]:
    """Read what the worker wrote, the settings first, and yield it with an event that is set when the worker has ended, however it did.

    The process ends with the code `AWAY` when the database is away.
    """
    for item in (signal.SIGTERM, signal.SIGINT):
        signal.signal(item, signal.SIG_IGN)  # the worker receives the signal too
    task = pickle.load(sys.stdin.buffer)  # noqa: S301  # from the worker that started it
    settings: Settings = task[0]
    logs.configure(settings.log_level, settings.log_format)
    ended = Event()
    Thread(target=_watch, args=(ended,), daemon=True).start()
    try:
        yield task, ended
    except DATABASE_AWAY:
        sys.exit(AWAY)


def _watch(ended: Event) -> None:
    while os.read(sys.stdin.fileno(), 1):  # not through sys.stdin: a thread must not hold its lock when the process ends
        pass
    ended.set()
