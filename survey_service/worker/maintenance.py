"""The rarer work of a worker: events of sources and of the intake, resyncs, expired sessions, retention.

It needs compiled banks, and with them the numerical libraries. A process of its own does it and ends when nothing is left, so that the
worker stays small. `maintenance_process` starts it and sends it the settings on its standard input.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event
from time import monotonic, perf_counter

from survey_service.attribution.gain import measure_gains
from survey_service.attribution.runs import rescore_changed
from survey_service.attribution.upkeep import request_runs
from survey_service.clock import Clock, utc_now
from survey_service.contacts.retention import prune
from survey_service.crypto import Keyring
from survey_service.figures.survey_days import count_due_days
from survey_service.inbound import barometers, handler, intake_queue
from survey_service.outbox import publish
from survey_service.respondent.expiry import expire_sessions
from survey_service.settings import Settings
from survey_service.stages import checks
from survey_service.store.banks import Banks
from survey_service.store.faults import FaultCounter, contained
from survey_service.store.pauses import pause_after
from survey_service.store.session import Store
from survey_service.worker.child import read_task

LINGER_SECONDS = 10.0
"""It does not end at once, because inbound events seldom come alone."""

PAUSE_SECONDS = 0.2

INTAKE = "events of the intake"
"""The kind of work that pauses by itself, after each slice."""

SHORTEST_SECONDS = 0.01
"""After shorter work there is no pause: it found nothing, or next to nothing."""


@dataclass(frozen=True)
class Maintenance:
    """What the work needs. `enough` waits so many seconds and returns whether to end earlier."""

    settings: Settings
    store: Store
    clock: Clock = utc_now
    banks: Banks = field(default_factory=Banks)
    faults: FaultCounter = field(default_factory=FaultCounter)
    pace: intake_queue.Pace = field(default_factory=intake_queue.Pace)
    enough: Callable[[float], bool] = field(default_factory=lambda: Event().wait)

    def do(self, until: datetime | None = None) -> bool:
        """Do some of each kind of work. Return whether there was any. With `until` only what was due by then.

        A fault of one kind is logged, and the other kinds go on. After each that took some time the process pauses for respondents.
        """
        found = False
        for name, work in self._kinds(until).items():
            if self.enough(0):
                break
            with contained(name):
                began = perf_counter()
                found |= bool(work())
                if name != INTAKE and (seconds := perf_counter() - began) > SHORTEST_SECONDS:
                    self.enough(pause_after(self.store, seconds, self.clock()))
        return found

    def _kinds(self, until: datetime | None) -> Mapping[str, Callable[[], object]]:
        """Return what does each kind of work, by its name in the log. Those that may have more to do return whether they did some."""
        settings, store, banks, clock = self.settings, self.store, self.banks, self.clock
        keys = Keyring(settings.secret_keys)
        return {
            "inbound events": lambda: handler.step(store, keys, banks, settings.base_url, clock, due_by=until),
            INTAKE: lambda: intake_queue.evaluate_some(store, keys, banks, clock, self.pace, until, self.enough),
            "questions of barometers": lambda: barometers.ask_some(store, keys, banks, settings.base_url, clock, due_by=until),
            "stages of journeys": lambda: checks.check_some(store, banks, clock(), due_by=until),
            "resync": lambda: publish.resync_some(store, banks, clock(), self.faults),
            "contacts that changed": lambda: rescore_changed(store, banks, clock()),
            "attributes that are not allowed any more": lambda: request_runs(store, banks, clock()),
            "gains of attribution": lambda: measure_gains(store, banks, clock()),
            "expired sessions": lambda: expire_sessions(store, banks, clock(), self.faults),
            "days of surveys": lambda: count_due_days(store, banks, clock()),
        }

    def prune(self) -> None:
        """Delete what is older than the retention."""
        with contained("retention"):
            self._prune()

    def _prune(self) -> None:
        if self.settings.retention_days is not None:
            prune(self.store, self.banks, self.settings.retention_days, self.clock)


def work(chores: Maintenance, linger: float = LINGER_SECONDS) -> None:
    """Work until nothing was found for a while, or until it is `enough`."""
    idle_since = monotonic()
    while not chores.enough(0):
        if chores.do():
            idle_since = monotonic()
        elif monotonic() - idle_since > linger or chores.enough(PAUSE_SECONDS):
            return


def main() -> None:
    """Run the process that the worker starts. It ends when its standard input does: with the worker, however that ends."""
    with read_task() as ((settings, prunes, until), ended), closing(Store(settings.database_url)) as store:
        chores = Maintenance(settings, store, enough=ended.wait)
        if prunes:
            chores.prune()
        while until is not None and chores.do(until):
            pass
        if until is None:
            work(chores)


if __name__ == "__main__":
    main()
