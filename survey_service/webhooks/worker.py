"""The worker: takes what is due, sends it with no transaction open, writes down how it went; and closes what respondents left open."""

import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from datetime import datetime
from functools import partial
from itertools import product
from queue import SimpleQueue
from threading import Event, Lock
from typing import Any

from cryptography.fernet import InvalidToken
from sqlmodel import select

from survey_service.clock import Clock, utc_now
from survey_service.contacts.pruning import prune
from survey_service.crm import sending as crm
from survey_service.keyring import Keyring
from survey_service.settings import Settings
from survey_service.sources import handling
from survey_service.store.banks import Banks
from survey_service.store.session import Store
from survey_service.store.webhook_records import Endpoint
from survey_service.webhooks import catching_up, queue, sending
from survey_service.webhooks.addresses import Policy
from survey_service.webhooks.sending import DATABASE_AWAY, Hands
from survey_service.webhooks.sweeping import sweep

LANES_OF_THREADS = ((queue.INTERACTIVE,), (queue.INTERACTIVE,), queue.LANES, queue.LANES[::-1])
"""What concerns the whole base never takes more than half of a worker, nor does it ever stand still."""

THREADS = tuple(product(LANES_OF_THREADS, (False, False, True)))
"""One a thread: the lanes it looks into, and whether it goes to slow endpoints too: however many hang, half of a worker is left."""

CRM_THREADS = 3

CATCH_UP_SECONDS = 1.0
POLL_SECONDS, BRING_SECONDS = 0.1, 0.2
SWEEP_SECONDS = 30.0
PRUNE_SECONDS = 3600.0
FIRST_ABSENCE, LONGEST_ABSENCE = 0.5, 30.0
SIGNALS = (signal.SIGTERM, signal.SIGINT)

log = logging.getLogger("discern.worker")


def run(settings: Settings, once: bool = False) -> None:
    """Deliver until SIGTERM or SIGINT, and then finish what is in flight; or, with `once`, all that is due now."""
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    with closing(Store(settings.database_url)) as store:
        worker = Worker(settings, store)
        worker.must_read_every_secret()
        if once:
            sweep(store, Banks(), utc_now())
            while catching_up.tell_some(store, Banks(), utc_now()):
                pass
            worker.start(until=utc_now())
            worker.join()
            return
        with _on_signal(worker.ask_to_end):
            worker.start()
            worker.wait()
            worker.stop()
            log.info("stopping: what is in flight is finished first")
            worker.join()


class Worker:
    """Threads that share nothing but the database, the settings, and the wish to end."""

    def __init__(self, settings: Settings, store: Store, clock: Clock = utc_now) -> None:
        self._store, self._clock, self._banks = store, clock, Banks()
        self._stop, self._idle, self._crm_idle = Event(), Lock(), Lock()
        keys, policy = Keyring(settings.secret_keys), Policy(settings.allow_private_targets)
        self._hands = Hands(store, keys, policy, clock, enough=self._stop.is_set)
        self._base_url = settings.base_url
        self._retention = settings.retention_days
        self._threads = ThreadPoolExecutor(len(THREADS) + CRM_THREADS + 3, thread_name_prefix="worker")
        self._futures: list[Future[None]] = []
        self._asked: SimpleQueue[object] = SimpleQueue()  # unlike an Event it may be written to from a signal handler

    def must_read_every_secret(self) -> None:
        """Raises SystemExit when an endpoint's secret was encrypted with a key that is no longer among the settings."""
        try:
            unreadable = [one.id for one in _active(self._store) if not _is_readable(one, self._hands.keys)]
        except DATABASE_AWAY:
            return  # then nothing can be sent either; every attempt looks again
        if unreadable:
            raise SystemExit(
                f"DISCERN_SECRET_KEYS: no key reads the secrets of {', '.join(unreadable)}: "
                "put the earlier key back behind the new one, or rotate these endpoints"
            )

    def start(self, until: datetime | None = None) -> None:
        """`until`: only what was due by then, and then end."""
        threads = THREADS if until is None else [(queue.LANES, True)] * len(THREADS)
        self._futures = [self._threads.submit(self._deliver, until, *one) for one in threads]
        self._futures += [self._threads.submit(self._bring, until) for _ in range(CRM_THREADS)]
        if until is None:
            care = [self._sweep, self._catch_up] + ([] if self._retention is None else [partial(self._prune, self._retention)])
            self._futures += [self._threads.submit(one) for one in care]
        for future in self._futures:
            future.add_done_callback(self.ask_to_end)

    def ask_to_end(self, *_: object) -> None:
        """May be called from anywhere. A thread that a bug has killed calls it too: half a worker must not pass for a whole one."""
        self._asked.put(None)

    def wait(self) -> None:
        """Until somebody asks to end."""
        self._asked.get()

    def stop(self) -> None:
        """Take nothing new."""
        self._stop.set()

    def join(self) -> None:
        """Wait for what is in flight, and for every thread; what killed one is raised here."""
        self._threads.shutdown()
        for future in self._futures:
            future.result()

    def _deliver(self, until: datetime | None, lanes: Sequence[str], slow_too: bool) -> None:
        # Idle threads wait in line: together they look as often as one.
        self._repeat(lambda: sending.step(self._hands, until, lanes, slow_too=slow_too), POLL_SECONDS, until, self._idle)

    def _bring(self, until: datetime | None) -> None:
        """To CRMs, and from them: apart from the webhooks, since a batch takes its time."""
        banks, hands = Banks(), self._hands

        def work() -> bool:
            batches = crm.step(hands.store, hands.keys, hands.policy, hands.clock, due_by=until)
            came_in = handling.step(hands.store, hands.keys, banks, self._base_url, hands.clock, due_by=until)
            return batches or came_in

        self._repeat(work, BRING_SECONDS, until, self._crm_idle)

    def _catch_up(self) -> None:
        banks = Banks()
        self._repeat(lambda: catching_up.tell_some(self._store, banks, self._clock()), CATCH_UP_SECONDS)

    def _sweep(self) -> None:
        self._repeat(lambda: bool(sweep(self._store, self._banks, self._clock())), SWEEP_SECONDS)

    def _prune(self, days: int) -> None:
        self._repeat(lambda: bool(prune(self._store, self._banks, days, self._clock).total), PRUNE_SECONDS)

    def _repeat(
        self, work: Callable[[], bool], pause: float, until: datetime | None = None, line: AbstractContextManager[Any] | None = None
    ) -> None:
        absence = FIRST_ABSENCE
        while not self._stop.is_set():
            try:
                found = work()
                absence = FIRST_ABSENCE
            except DATABASE_AWAY as problem:
                if until is not None:
                    raise
                log.warning("database=away retry_in=%.1fs problem=%r", absence, str(problem.orig).partition("\n")[0])
                self._stop.wait(absence)
                absence = min(absence * 2, LONGEST_ABSENCE)
                continue
            if not found and until is not None:
                return
            if not found:
                with line or nullcontext():
                    self._stop.wait(pause)


def _active(store: Store) -> list[Endpoint]:
    with store.reading() as session:
        return list(session.exec(select(Endpoint).where(Endpoint.state == "active")))


def _is_readable(endpoint: Endpoint, keys: Keyring) -> bool:
    try:
        keys.decrypt(endpoint.secrets[0]["encrypted"])
    except InvalidToken:
        return False
    return True


@contextmanager
def _on_signal(act: Callable[..., None]) -> Iterator[None]:
    before = {one: signal.signal(one, act) for one in SIGNALS}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
