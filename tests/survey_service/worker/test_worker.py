"""The worker as a process: many threads, no message twice, and a shutdown without loss."""

import json
import logging
import os
import random
import signal
import subprocess
import sys
from collections import defaultdict
from contextlib import contextmanager
from threading import Event, Lock, Thread

from sqlalchemy.exc import OperationalError

from survey_service.settings import Settings
from survey_service.store.session import Store
from survey_service.worker import process as worker_process
from survey_service.worker.process import Worker, run
from tests.survey_service.egress.hostile_receiver import Receiver, answers, head
from tests.survey_service.webhooks.world import KEY, OK, failure

CONTACTS, CHANGES, THREADS = 4, 12, 4


class Ledger:
    """A receiver that detects two concurrent messages about one contact, and fails now and then."""

    def __init__(self) -> None:
        self.lock, self.random = Lock(), random.Random(7)
        self.present: set[str] = set()
        self.overlaps: list[str] = []
        self.accepted: dict[str, list[int]] = defaultdict(list)
        self.updates: dict[str, int] = defaultdict(int)

    def deliver(self, url, headers, body, policy):
        message = json.loads(body)["data"]
        contact = message["contact"]["id"]
        with self.lock:
            if contact in self.present:
                self.overlaps.append(contact)
            self.present.add(contact)
            delay, fails = self.random.random() / 200, self.random.random() < 0.2
        Event().wait(delay)
        with self.lock:
            self.present.discard(contact)
            if fails:
                return failure()
            self.accepted[contact].append(message["sequence"])
            self.updates[contact] += message["coalesced"]["updates"]
        return OK


def test_threads_never_send_two_messages_about_one_contact_at_once(world):
    """While changes continue, sequences rise, the last state arrives, and every change is counted once."""
    world.endpoint()
    contacts = [world.contact(str(number)) for number in range(CONTACTS)]
    ledger, done = Ledger(), Event()

    def work():
        while world.step(ledger.deliver) or not done.wait(0.001):
            pass

    threads = [Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for number in range(CHANGES):
        for contact in contacts:
            world.store_belief(contact, 0.4 + number / 100)
    done.set()
    for thread in threads:
        thread.join()
    world.forward(days=4)
    while world.step(ledger.deliver):
        world.forward(days=1)

    assert ledger.overlaps == []
    for contact in contacts:
        assert ledger.accepted[contact] == sorted(set(ledger.accepted[contact]))
        assert ledger.accepted[contact][-1] == CHANGES
        assert ledger.updates[contact] == CHANGES
    assert set(world.states) <= {"delivered", "superseded"}


def test_once_sends_what_is_due_and_returns(world):
    """Messages that are due later stay pending."""
    with Receiver(answers()) as receiver:
        world.endpoint(url=receiver.url())
        world.store_belief(world.contact("one"), 0.5)
        world.endpoint(url=receiver.url(), when="idle")
        world.store_belief(world.contact("two"), 0.5)

        run(world.settings, once=True)

    assert len(receiver.requests) == 2
    assert sorted(world.states) == ["delivered", "delivered", "pending"]


def test_a_signal_ends_the_worker_when_what_is_in_flight_has_arrived(world):
    """The outcome is recorded, so the next worker does not send the message again; the backlog stays pending."""
    arrived, release = Event(), Event()

    def slow(wire, closing):
        arrived.set()
        release.wait()
        wire.sendall(head(Content_Length="0"))

    with Receiver(slow) as receiver:
        world.endpoint(url=receiver.url(), events=("contact.persona.decided",))
        contact = world.contact()
        for number in range(10):
            world.store_belief(contact, 0.95 if number % 2 else 0.05)
        process = start_worker(world.settings)
        assert arrived.wait(30)
        process.send_signal(signal.SIGTERM)
        for line in process.stderr:
            if "stopping" in line:
                break
        release.set()
        _, problems = process.communicate(timeout=30)

    assert process.returncode == 0, problems
    assert "pending" in world.states
    assert len(receiver.requests) == world.states.count("delivered") == len(world.attempts)
    assert {attempt.outcome for attempt in world.attempts} == {"delivered"}


def test_a_killed_worker_leaves_its_message_to_the_next(world):
    """SIGKILL during a request: a message with the same id is sent after the lease."""
    arrived = Event()

    def hang(wire, closing):
        arrived.set()
        closing.wait()

    with Receiver(hang) as receiver:
        world.endpoint(url=receiver.url())
        world.store_belief(world.contact(), 0.5)
        process = start_worker(world.settings)
        assert arrived.wait(30)
        process.kill()
        process.communicate(timeout=30)
    world.forward(seconds=120)
    [sent] = world.deliver_due()

    assert sent.headers["webhook-id"].encode() in receiver.requests[0]
    assert [attempt.outcome for attempt in world.attempts] == [None, "delivered"]


def start_worker(settings: Settings) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "DISCERN_DATABASE_URL": settings.database_url,
        "DISCERN_SECRET_KEYS": KEY,
        "DISCERN_ALLOW_PRIVATE_TARGETS": "127.0.0.0/8",
    }
    command = "import os; from survey_service.settings import Settings; from survey_service.worker.process import run; "
    return subprocess.Popen(
        [sys.executable, "-c", command + "run(Settings.from_env(os.environ))"], env=environment, text=True, stderr=subprocess.PIPE
    )


def test_an_idle_worker_takes_no_lock(world):
    """SQLite has a single write lock, which respondents need."""
    world.endpoint(when="idle")
    contact = world.contact()
    world.store_belief(contact, 0.5)

    with world.store.writing():
        assert world.step() is False


class Unsteady(Store):
    """A database that fails on its first uses, or always."""

    def __init__(self, url: str, problem: Exception, times: float) -> None:
        super().__init__(url)
        self.problem, self.times = problem, times
        self.met = Event()

    @contextmanager
    def writing(self):
        self._fail()
        with super().writing() as session:
            yield session

    @contextmanager
    def writing_fast(self):
        self._fail()
        with super().writing_fast() as session:
            yield session

    def _fail(self):
        if self.times > 0:
            self.times -= 1
            self.met.set()
            raise self.problem


def test_a_database_that_is_away_is_waited_for(world, monkeypatch, caplog):
    """The worker continues without a restart and without loss, and logs one line."""
    monkeypatch.setattr(worker_process, "FIRST_RETRY_SECONDS", 0.01)
    with Receiver(answers()) as receiver:
        world.endpoint(url=receiver.url())
        world.store_belief(world.contact(), 0.5)
        store = Unsteady(world.settings.database_url, OperationalError("SELECT secret", {}, Exception("server closed\nDETAIL: x")), 6)
        worker = Worker(world.settings, store)
        with caplog.at_level(logging.INFO):
            worker.start()
            while world.states != ["delivered"]:
                Event().wait(0.01)
            worker.stop()
            worker.join()
        store.close()

    assert "database=away retry_in=0.0s problem='server closed'" in caplog.text
    assert "secret" not in caplog.text


def test_a_bug_ends_no_thread_of_the_worker(world, monkeypatch, caplog):
    """Every thread has met it and goes on; it is logged with its traceback, and what waited is delivered."""
    monkeypatch.setattr(worker_process, "FIRST_RETRY_SECONDS", 0.01)
    with Receiver(answers()) as receiver:
        endpoint, _ = world.endpoint(url=receiver.url())
        world.store_belief(world.contact(), 0.5)
        store = Unsteady(world.settings.database_url, ZeroDivisionError(), 30)
        worker = Worker(world.settings, store)
        worker.start()
        while world.states != ["delivered"]:
            world.change(endpoint, state="active")  # the fault may have let it wait for some minutes
            Event().wait(0.01)
        worker.stop()
        worker.join()
        store.close()

    assert "ZeroDivisionError" in caplog.text
