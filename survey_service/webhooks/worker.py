"""The worker: takes what is due, sends it with no transaction open, writes down how it went; and closes what respondents left open."""

import logging
import os
import random
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from threading import Event
from typing import Any

from cryptography.fernet import InvalidToken
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlmodel import col, select

from survey_service.keyring import Keyring
from survey_service.parts import Clock, utc_now
from survey_service.respondent.state import open_interview
from survey_service.settings import Settings
from survey_service.store.banks import Banks
from survey_service.store.records import SurveySession
from survey_service.store.session import Store
from survey_service.webhooks import endpoints, outbox
from survey_service.webhooks.addresses import Policy
from survey_service.webhooks.delivery import Outcome, Retry, deliver
from survey_service.webhooks.schedule import JITTER
from survey_service.webhooks.signing import sign
from survey_service.webhooks.timing import IDLE

THREADS = 4
POLL_SECONDS = 0.2
SWEEP_SECONDS = 30.0
LONGEST_ABSENCE = 30.0
SESSIONS_PER_SWEEP = 200
SIGNALS = (signal.SIGTERM, signal.SIGINT)

# InternalError: PostgreSQL says so when it has become read-only.
DATABASE_AWAY = (OperationalError, InterfaceError, InternalError)

Deliver = Callable[[str, Any, bytes, Policy], Outcome]

log = logging.getLogger("discern.worker")


def step(
    store: Store,
    keys: Keyring,
    policy: Policy,
    clock: Clock = utc_now,
    deliver: Deliver = deliver,
    chance: Callable[[], float] = random.random,
    due_by: datetime | None = None,
) -> bool:
    """Send one message if one is due: "did I find work?". `chance` draws from 0..1."""
    with store.writing() as session:
        claimed = outbox.claim(session, clock(), due_by=due_by)
    if claimed is None:
        return False
    outcome = _send(claimed, keys, policy, clock, deliver)
    with store.writing() as session:
        in_time = outbox.settle(session, claimed, outcome, clock(), JITTER * chance())
    _tell(claimed, outcome, in_time)
    return True


def sweep(store: Store, banks: Banks, now: datetime) -> int:
    """Tell once of every respondent who left in the middle, and close what has expired. Returns how many sessions were touched."""
    left = col(SurveySession.abandoned_at).is_(None) & (col(SurveySession.last_at) <= now - IDLE)
    over = col(SurveySession.expires_at) <= now
    with store.reading() as session:
        found = select(SurveySession.id).where(SurveySession.status == "open", left | over).order_by(col(SurveySession.last_at))
        ids = list(session.exec(found.limit(SESSIONS_PER_SWEEP)))
    for session_id in ids:
        with store.writing() as session:
            _close(session, banks, session_id, now)
    with store.writing() as session:
        endpoints.forget_expired_secrets(session, now)
    return len(ids)


def run(settings: Settings, once: bool = False) -> None:
    """Deliver until SIGTERM or SIGINT, and then finish what is in flight; or, with `once`, all that is due now."""
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    with closing(Store(settings.database_url)) as store, _signals_kept():
        worker = Worker(settings, store)
        if once:
            sweep(store, Banks(), utc_now())
            worker.start(until=utc_now())
        else:
            worker.start()
            signal.sigwait(SIGNALS)
            log.info("stopping: finishing what is in flight")
            worker.stop.set()
        worker.join()


class Worker:
    """Threads that share nothing but the database, the settings, and the wish to stop."""

    def __init__(self, settings: Settings, store: Store, clock: Clock = utc_now) -> None:
        self._store, self._clock = store, clock
        self._keys, self._policy, self._banks = Keyring(settings.secret_keys), Policy(settings.allow_private_targets), Banks()
        self._threads = ThreadPoolExecutor(THREADS + 1, thread_name_prefix="worker")
        self._futures: list[Future[None]] = []
        self.stop = Event()

    def start(self, until: datetime | None = None) -> None:
        """`until`: only what was due by then, and then stop."""
        self._futures = [self._threads.submit(self._deliver, until) for _ in range(THREADS)]
        if until is None:
            self._futures.append(self._threads.submit(self._sweep))
        for future in self._futures:
            future.add_done_callback(self._end_with)

    def join(self) -> None:
        """Wait for every thread; what killed one is raised here."""
        self._threads.shutdown()
        for future in self._futures:
            future.result()

    def _end_with(self, future: Future[None]) -> None:
        if future.exception() is not None and not self.stop.is_set():
            self.stop.set()
            os.kill(os.getpid(), signal.SIGTERM)  # a worker that lost a thread to a bug must not pass for a healthy one

    def _deliver(self, until: datetime | None) -> None:
        self._repeat(lambda: step(self._store, self._keys, self._policy, self._clock, due_by=until), POLL_SECONDS, until)

    def _sweep(self) -> None:
        self._repeat(lambda: bool(sweep(self._store, self._banks, self._clock())), SWEEP_SECONDS)

    def _repeat(self, work: Callable[[], bool], pause: float, until: datetime | None = None) -> None:
        absence = 1.0
        while not self.stop.is_set():
            try:
                found = work()
                absence = 1.0
            except DATABASE_AWAY as problem:
                if until is not None:
                    raise
                log.warning("database=away problem=%s retry_in=%.0fs", type(problem.orig).__name__, absence)
                self.stop.wait(absence)
                absence = min(absence * 2, LONGEST_ABSENCE)
                continue
            if not found and until is not None:
                return
            if not found:
                self.stop.wait(pause)


def _send(claimed: outbox.Claimed, keys: Keyring, policy: Policy, clock: Clock, deliver: Deliver) -> Outcome:
    try:
        secrets = [keys.decrypt(secret) for secret in claimed.secrets]
    except InvalidToken:
        return Retry("unsigned", None, b"", timedelta(0))
    headers = sign(secrets, claimed.event_id, int(clock().timestamp()), claimed.body)
    return deliver(claimed.url, headers, claimed.body, policy)


def _close(session: Any, banks: Banks, session_id: str, now: datetime) -> None:
    """Under the contact's lock, look again: the respondent may have come back a moment ago."""
    interview = open_interview(session, banks, session_id, None)
    row = interview.row
    if row.status != "open":
        return
    if row.abandoned_at is None and row.last_at <= now - IDLE:
        row.abandoned_at = now
        outbox.tell_of_response(session, row, interview.contact, interview.bank, interview.own, "abandoned", now)
    if row.expires_at <= now:
        row.status, row.question, row.ended_at = "expired", None, now
        outbox.tell_the_last_word(session, interview.contact, interview.bank, "expired", now)
    session.add(row)


def _tell(claimed: outbox.Claimed, outcome: Outcome, in_time: bool) -> None:
    """One line an attempt: never the address, which may hold a token, nor anything that was sent or answered."""
    facts = {
        "event": claimed.event_id,
        "type": claimed.event_type,
        "endpoint": claimed.endpoint_id,
        "attempt": claimed.attempt,
        "outcome": type(outcome).__name__.lower(),
        "problem": getattr(outcome, "problem", None),
        "status": outcome.status,
        "ms": round(outcome.duration / timedelta(milliseconds=1)),
        "in_time": in_time,
    }
    log.info(" ".join(f"{name}={value}" for name, value in facts.items() if value is not None))


@contextmanager
def _signals_kept() -> Iterator[None]:
    """The signals to stop wait until they are asked for, instead of breaking into whatever is being done."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
