"""The process of a worker that works on runs of attribution and on figures: minutes of arithmetic, which must not hold up other work."""

import os
from contextlib import closing

from survey_service.attribution.runs import RunWork
from survey_service.clock import utc_now
from survey_service.figures.snapshot import compute_due
from survey_service.stages.readiness import fit_due
from survey_service.store.banks import Banks
from survey_service.store.session import Store
from survey_service.worker.child import read_task

NICENESS = 10
"""Web servers and deliveries on this machine come first."""


def main() -> None:
    """Work on runs and on figures until none waits, or the worker has ended."""
    os.nice(NICENESS)
    with read_task() as ((settings,), ended), closing(Store(settings.database_url)) as store:
        banks = Banks()
        work = RunWork(store, banks, utc_now, enough=ended.is_set)
        while not ended.is_set() and (
            work.step_run() or compute_due(store, banks, utc_now, ended.is_set) or fit_due(store, banks, utc_now, ended.is_set)
        ):
            pass


if __name__ == "__main__":
    main()
