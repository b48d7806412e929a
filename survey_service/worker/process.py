"""The worker process: threads that claim and send due messages, and a maintenance process for the rest."""

import ctypes
import logging
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from datetime import datetime
from functools import partial
from itertools import product
from queue import SimpleQueue
from threading import Event, Lock
from typing import Any

from cryptography.fernet import InvalidToken
from sqlmodel import select

from survey_service.clock import Clock, utc_now
from survey_service.crypto import Keyring
from survey_service.egress.addresses import Policy
from survey_service.ops import logs
from survey_service.ops.heartbeat import BEAT_SECONDS, Heartbeat
from survey_service.outbox import messages, pending_work
from survey_service.settings import Settings
from survey_service.store.faults import contained
from survey_service.store.postgresql import analyze_grown_tables
from survey_service.store.session import DATABASE_AWAY, Store
from survey_service.store.tables.webhooks import Endpoint
from survey_service.webhooks import dispatch
from survey_service.webhooks.dispatch import Sender
from survey_service.worker import maintenance_process

LANES_OF_THREADS = ((messages.INTERACTIVE,), (messages.INTERACTIVE,), messages.PRIORITIES, messages.PRIORITIES[::-1])
"""The threads that look only for interactive messages first: bulk messages never take more than half of a worker, nor do they ever stop."""

THREADS = tuple(product(LANES_OF_THREADS, (False, False, True)))
"""One entry a thread: the lanes it looks into, and whether it sends to slow endpoints: half of a worker never waits for them."""

CRM_THREADS = 3

POLL_SECONDS, CRM_POLL_SECONDS = 0.1, 0.2
MAINTENANCE_SECONDS = 1.0
PRUNE_SECONDS = 3600.0
FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.5, 30.0
M_ARENA_MAX = -8  # of malloc.h
SIGNALS = (signal.SIGTERM, signal.SIGINT)

log = logging.getLogger("discern.worker")


def run(settings: Settings, once: bool = False) -> None:
    """Send until SIGTERM or SIGINT and finish what is in flight; or, with `once`, send all that is due now."""
    logs.configure(settings.log_level, settings.log_format)
    _share_one_heap()
    with closing(Store(settings.database_url)) as store:
        worker = Worker(settings, store)
        worker.check_secrets()
        if once:
            with suppress(*DATABASE_AWAY), contained("statistics of the planner"):
                worker.analyze_grown_tables()
            maintenance_process.run_maintenance(settings, Event().wait, until=utc_now())
            worker.start(until=utc_now())
            worker.join()
            return
        with _on_signal(worker.request_stop):
            worker.start()
            worker.wait()
            worker.stop()
            log.info("stopping: what is in flight is finished first")
            worker.join()


class Worker:
    """Threads that share the database, the settings and the request to end."""

    def __init__(self, settings: Settings, store: Store, clock: Clock = utc_now) -> None:
        self._settings, self._store, self._clock = settings, store, clock
        self._stop, self._idle, self._crm_idle = Event(), Lock(), Lock()
        keys, policy = Keyring(settings.secret_keys), Policy(settings.allow_private_targets)
        self._sender = Sender(store, keys, policy, clock, enough=self._stop.is_set)
        self._threads = ThreadPoolExecutor(len(THREADS) + CRM_THREADS + 4, thread_name_prefix="worker")
        self._futures: list[Future[None]] = []
        self._heartbeat = Heartbeat(store, clock)
        self._stop_requests: SimpleQueue[object] = SimpleQueue()  # unlike an Event it may be written to from a signal handler

    def check_secrets(self) -> None:
        """Check that every endpoint's secret can be decrypted. Raises SystemExit when its key is no longer among the settings."""
        try:
            unreadable = [item.id for item in _active(self._store) if not _is_readable(item, self._sender.keys)]
        except DATABASE_AWAY:
            return  # without a database nothing can be sent either; every attempt checks again
        if unreadable:
            raise SystemExit(
                f"DISCERN_SECRET_KEYS: no key reads the secrets of {', '.join(unreadable)}: "
                "put the earlier key back behind the new one, or rotate these endpoints"
            )

    def start(self, until: datetime | None = None) -> None:
        """Start the threads. With `until` they send only what was due by then, and end."""
        threads = THREADS if until is None else [(messages.PRIORITIES, True)] * len(THREADS)
        self._futures = [self._threads.submit(self._deliver, until, *thread) for thread in threads]
        self._futures += [self._threads.submit(self._sync_crm, until) for _ in range(CRM_THREADS)]
        if until is None:
            chores = (self._run_maintenance, self._run_attribution, self._analyze, self._beat)
            self._futures += [self._threads.submit(chore) for chore in chores]
        for future in self._futures:
            future.add_done_callback(self.request_stop)

    def request_stop(self, *_: object) -> None:
        """Ask all threads to end. A thread that has ended by itself calls it too: half a worker must not look like a whole one."""
        self._stop_requests.put(None)

    def wait(self) -> None:
        """Wait until somebody asks to end."""
        self._stop_requests.get()

    def stop(self) -> None:
        """Claim nothing new."""
        self._stop.set()

    def join(self) -> None:
        """Wait for what is in flight and for every thread. Raises the exception that killed one."""
        self._threads.shutdown()
        for future in self._futures:
            future.result()

    def _deliver(self, until: datetime | None, lanes: Sequence[str], slow_too: bool) -> None:
        # Idle threads take turns: together they look as often as a single thread.
        self._repeat(lambda: dispatch.step(self._sender, until, lanes, slow_too=slow_too), POLL_SECONDS, until, self._idle)

    def _sync_crm(self, until: datetime | None) -> None:
        """Send to CRMs, in a thread of its own, because a batch takes its time."""
        self._repeat(partial(self._sync_one_batch, until), CRM_POLL_SECONDS, until, self._crm_idle)

    def _sync_one_batch(self, until: datetime | None) -> bool:
        if not pending_work.is_any_connection(self._store):
            return False
        from survey_service.crm import sync  # noqa: PLC0415  # with marshmallow, which a worker without connections does not need

        sender = self._sender
        return sync.step(sender.store, sender.keys, sender.policy, sender.clock, due_by=until)

    def _beat(self) -> None:
        def beat() -> bool:
            self._heartbeat.beat()
            return False

        self._repeat(beat, BEAT_SECONDS)
        self._heartbeat.stop()

    def analyze_grown_tables(self) -> None:
        """Let PostgreSQL plan its statements anew where tables have grown."""
        if self._store.engine.dialect.name == "postgresql":
            with self._store.fast_connection() as connection:
                analyze_grown_tables(connection)

    def _analyze(self) -> None:
        def work() -> bool:
            self.analyze_grown_tables()
            return False

        self._repeat(work, MAINTENANCE_SECONDS)

    def _run_maintenance(self) -> None:
        pruned = -PRUNE_SECONDS

        def work() -> bool:
            nonlocal pruned
            prunes = self._settings.retention_days is not None and time.monotonic() - pruned >= PRUNE_SECONDS
            if not prunes and not pending_work.is_any(self._store, self._clock()):
                return False
            maintenance_process.run_maintenance(self._settings, self._stop.wait, prunes=prunes)
            pruned = time.monotonic() if prunes else pruned
            return True

        self._repeat(work, MAINTENANCE_SECONDS)

    def _run_attribution(self) -> None:
        def work() -> bool:
            now = self._clock()
            if pending_work.is_any_run(self._store, now) or pending_work.is_any_snapshot(self._store, now):
                maintenance_process.run_attribution(self._settings, self._stop.wait)
            return False

        self._repeat(work, MAINTENANCE_SECONDS)

    def _repeat(
        self, work: Callable[[], bool], pause: float, until: datetime | None = None, line: AbstractContextManager[Any] | None = None
    ) -> None:
        """Do `work` until the worker stops, with a `pause` after each time that found nothing.

        A fault of `work` is logged with its traceback, and the work is done again a little later: the other threads go on, and so does
        this one. With `until` it ends the thread.
        """
        retry_in = FIRST_RETRY_SECONDS
        while not self._stop.is_set():
            try:
                found = work()
                retry_in = FIRST_RETRY_SECONDS
            except (Exception, SystemExit) as problem:
                if until is not None:
                    raise
                _log_problem(problem, retry_in)
                self._stop.wait(retry_in)
                retry_in = min(retry_in * 2, LONGEST_RETRY_SECONDS)
                continue
            if not found and until is not None:
                return
            if not found:
                with line or nullcontext():
                    self._stop.wait(pause)


def _log_problem(problem: BaseException, retry_in: float) -> None:
    """Log why some work failed: in one line when the database is away, else with the whole traceback."""
    if isinstance(problem, (*DATABASE_AWAY, maintenance_process.MaintenanceInterrupted)):
        reason = str(getattr(problem, "orig", problem)).partition("\n")[0]
        log.warning("database=away retry_in=%.1fs problem=%r", retry_in, reason)
    else:
        log.error("fault retry_in=%.1fs", retry_in, exc_info=problem)


def _share_one_heap() -> None:
    """Let all threads share one heap: the C library gives each its own, and what they free stays there."""
    with suppress(AttributeError, OSError):  # C libraries other than GNU's have neither the habit nor the call
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def _active(store: Store) -> list[Endpoint]:
    with store.reading() as session:
        return list(session.exec(select(Endpoint).where(Endpoint.state == "active")))


def _is_readable(endpoint: Endpoint, keys: Keyring) -> bool:
    try:
        keys.decrypt(endpoint.secrets[0]["encrypted"])
    except InvalidToken:
        return False
    except (LookupError, TypeError, AttributeError):  # of no shape that is known: each attempt says so, and nothing else waits for it
        return True
    return True


@contextmanager
def _on_signal(act: Callable[..., None]) -> Iterator[None]:
    before = {number: signal.signal(number, act) for number in SIGNALS}
    try:
        yield
    finally:
        for key, handler in before.items():
            signal.signal(key, handler)
