"""Several workers, one of which is killed repeatedly, and a receiver that fails now and then and records every request."""

import os
import random
import signal
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

import numpy as np
from sqlmodel import col, func, select
from standardwebhooks import Webhook

from survey_service.belief.belief import InferredBelief, previous_beliefs
from survey_service.belief.evidence import ContactEvidence
from survey_service.outbox import publish
from survey_service.settings import Settings
from survey_service.store.session import Store
from survey_service.store.tables.core import Contact
from survey_service.store.tables.webhooks import Delivery, DeliveryAttempt, Endpoint
from survey_service.web.context import utc_now
from survey_service.webhooks import endpoints
from tests.processes import environment, process, until
from tests.survey_service.webhooks.world import BANK

UPDATED = "contact.persona.updated"


@dataclass
class Ledger:
    """The requests that a receiver got: id, contact, sequence, and whether it accepted them."""

    errors: float
    secret: str = ""
    lock: Lock = field(default_factory=Lock)
    dice: random.Random = field(default_factory=lambda: random.Random(7))
    requests: list[tuple[str, str, int, bool]] = field(default_factory=list)
    present: Counter[str] = field(default_factory=Counter)
    overlaps: int = 0
    bodies: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))

    def take(self, headers: dict[str, str], body: bytes) -> int:
        message = Webhook(self.secret).verify(body, headers)
        contact, sequence = message["data"]["contact"]["id"], message["data"]["sequence"]
        with self.lock:
            self.present[contact] += 1
            self.overlaps += self.present[contact] > 1
            accepted = self.dice.random() >= self.errors
            pause = self.dice.random() / 100
        time.sleep(pause)  # a slow receiver, so that a kill hits requests in flight
        with self.lock:
            self.present[contact] -= 1
            self.bodies[headers["webhook-id"]].add(body)
            self.requests.append((headers["webhook-id"], contact, sequence, accepted))
        return 204 if accepted else 500

    def accepted(self) -> dict[str, list[int]]:
        """Return the accepted sequences of each contact, in order of arrival."""
        taken = defaultdict(list)
        for _, contact, sequence, accepted in list(self.requests):
            if accepted:
                taken[contact].append(sequence)
        return taken


@contextmanager
def keeping(ledger: Ledger) -> Iterator[str]:
    """Serve the ledger. Yield its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                self.send_response(ledger.take({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_header("Content-Length", "0")
                self.end_headers()
            except OSError:
                pass  # the worker was killed while it waited for the response

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Fleet:
    """One run: its parameters, and its counts."""

    database_url: str
    contacts: int
    updates: int
    seconds: float
    workers: int = 4
    kill_every: float = 2.0
    errors: float = 0.1
    kills: int = 0

    def run(self) -> tuple[Ledger, dict[str, int], Counter[str], int]:
        """Return the ledger, the last sequence of each contact, the number of messages by state, and the number of logged attempts."""
        ledger = Ledger(self.errors)
        settings = Settings.from_env({name: value for name, value in environment(self.database_url).items() if name.startswith("DISCERN_")})
        store = Store(self.database_url)
        with keeping(ledger) as url, ExitStack() as crew:
            with store.writing() as session:
                fields = {"url": url, "events": [UPDATED], "when": "every_answer", "now": utc_now()}
                _, ledger.secret = endpoints.add(session, settings, **fields)
            workers = [crew.enter_context(process("worker", database_url=self.database_url)) for _ in range(self.workers)]
            last = self._change_and_kill(store, workers, crew)
            end_waits(store)
            until(lambda: end_waits(store) == 0, "everything has been delivered", patience=120)
        with store.reading() as session:
            states = Counter(dict(session.exec(select(Delivery.state, func.count()).group_by(Delivery.state)).all()))
            attempts = session.exec(select(func.count()).select_from(DeliveryAttempt)).one()
        store.close()
        return ledger, last, states, attempts

    def _change_and_kill(self, store: Store, workers: list["subprocess.Popen[bytes]"], crew: ExitStack) -> dict[str, int]:
        """Change every belief `updates` times within `seconds`, and replace a killed worker every `kill_every` seconds."""
        last: dict[str, int] = {}
        started, killed = time.monotonic(), 0
        for update in range(self.updates):
            for number in range(self.contacts):
                last[f"ct_{number}"] = self._change(store, f"ct_{number}", update)
                due = (time.monotonic() - started) / self.kill_every
                if due >= killed + 1:
                    killed += 1
                    self.kills += 1
                    os.killpg(workers[0].pid, signal.SIGKILL)
                    workers.append(crew.enter_context(process("worker", database_url=self.database_url)))
                    workers.pop(0).wait()
            left = self.seconds * (update + 1) / self.updates - (time.monotonic() - started)
            time.sleep(max(left, 0))
        return last

    def _change(self, store: Store, contact_id: str, update: int) -> int:
        now = utc_now()
        with store.writing() as session:
            contact = session.exec(select(Contact).where(Contact.id == contact_id).with_for_update()).first()
            if contact is None:
                contact = Contact(id=contact_id, created_at=now, updated_at=now)
                session.add(contact)
                session.flush()
            probabilities = np.array([0.3 + 0.4 * (update % 2), 0.7 - 0.4 * (update % 2)])
            inferred = InferredBelief(
                ContactEvidence(BANK, []), 1, probabilities, previous_beliefs(session, [contact], BANK).get(contact.id), threshold=0.99
            )
            return publish.store_and_publish(session, contact, inferred, "answer", now).belief.sequence


def end_waits(store: Store) -> int:
    """End the leases of killed workers and every back-off, so that the test need not wait. Return the number of pending messages."""
    now = utc_now()
    with store.writing() as session:
        for endpoint in session.exec(select(Endpoint).with_for_update(key_share=True)):
            endpoint.probe_at = endpoint.tripped_at = None
        waiting = session.exec(_waiting().with_for_update(skip_locked=True)).all()
        for row in waiting:
            row.due = min(row.due, now)
            if row.lease_until is not None and row.lease_until - now < timedelta(seconds=40):  # claimed 20 s ago by a killed worker
                row.lease_until = None
            session.add(row)
    time.sleep(0.2)
    with store.reading() as session:
        return session.exec(select(func.count()).select_from(Delivery).where(Delivery.state == "pending")).one()


def _waiting() -> Any:
    return select(Delivery).where(col(Delivery.state) == "pending").order_by(col(Delivery.id))
