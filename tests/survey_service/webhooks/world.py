"""The smallest setup that sends messages: one bank, some contacts, a fixed clock, and receivers made of a list of answers."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlmodel import Session, select

from question_bank.compile import compile_bank
from survey_service.banks.publishing import publish
from survey_service.belief.belief import BeliefChange, InferredBelief, previous_beliefs
from survey_service.belief.evidence import ContactEvidence
from survey_service.crypto import Keyring
from survey_service.egress.client import Delivered, Outcome, Rejected, Retry
from survey_service.outbox.publish import store_and_publish
from survey_service.settings import Settings
from survey_service.store.banks import Banks
from survey_service.store.session import Store
from survey_service.store.tables.core import Contact, ExternalId
from survey_service.store.tables.webhooks import Delivery, DeliveryAttempt, Endpoint, MissedContact
from survey_service.web.context import utc_now
from survey_service.webhooks import claim, deliveries, dispatch, due, endpoints, results
from survey_service.webhooks.claim import Batch
from tests.question_bank.a_bank import changed, report_of
from tests.survey_service.egress.hostile_receiver import LOOPBACK

URL = "http://127.0.0.1:9/hook?token=not-for-logs"
KEY = "k" * 32
OK = Delivered(200, b"", timedelta(0))
GONE = Rejected(410, b"", timedelta(0))
BANK = compile_bank(report_of(changed("questions.4.required", False)).bank)  # type: ignore[arg-type]


def failure(status: int = 500, retry_after: timedelta | None = None) -> Retry:
    return Retry("status", status, b"oops, inside \x00", timedelta(0), retry_after)


@dataclass
class Sent:
    """A request as the receiver gets it."""

    url: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def data(self) -> dict[str, Any]:
        return self.message["data"]


@dataclass
class World:
    settings: Settings
    store: Store
    keys: Keyring
    now: datetime = field(default_factory=utc_now)
    sent: list[Sent] = field(default_factory=list)
    answers: list[Outcome] = field(default_factory=list)  # responses of the receivers, in order, then always OK
    banks: Banks = field(default_factory=Banks)

    def clock(self) -> datetime:
        return self.now

    def forward(self, **duration: float) -> None:
        self.now += timedelta(**duration)

    def endpoint(self, when: str = "every_answer", events: tuple[str, ...] = ("contact.persona.updated",), **more: Any) -> tuple[str, str]:
        """Create an endpoint. Return its id and secret."""
        with self.store.writing() as session:
            made, secret = endpoints.add(
                session, self.settings, **{"url": URL, "events": list(events), "when": when, "now": self.now, **more}
            )
            return made.id, secret

    def change(self, endpoint: str, **given: Any) -> None:
        with self.store.writing() as session:
            endpoints.change(session, self.settings, endpoint, given, self.now)

    def remove(self, endpoint: str) -> None:
        with self.store.writing() as session:
            endpoints.remove(session, endpoint, self.now)

    def contact(self, name: str = "crm-42") -> str:
        with self.store.writing() as session:
            contact = Contact(id=f"ct_{name}", created_at=self.now, updated_at=self.now, email=f"{name}@example.com", email_sha256="5a")
            session.add(contact)
            session.flush()
            session.add(ExternalId(system="crm", value=name, contact_id=contact.id))
            return contact.id

    def store_belief(self, contact: str, driver: float, ended: bool = False) -> int:
        """Store a belief as if one answer had caused it. Return the sequence of the change."""
        with self.store.writing() as session:
            return self.store_belief_in(session, contact, driver, ended).belief.sequence

    def store_belief_in(self, session: Session, contact_id: str, driver: float, ended: bool = False) -> BeliefChange:
        contact = session.exec(select(Contact).where(Contact.id == contact_id).with_for_update()).one()
        probabilities = np.array([driver, 1 - driver])
        inferred = InferredBelief(
            ContactEvidence(BANK, []), 1, probabilities, previous_beliefs(session, [contact], BANK).get(contact.id), threshold=0.9
        )
        return store_and_publish(session, contact, inferred, "answer", self.now, ended=ended)

    def publish(self) -> None:
        with self.store.writing() as session:
            publish(session, BANK.bank, self.now)

    def deliver(self, url: str, headers: Any, body: bytes, policy: Any) -> Outcome:
        self.sent.append(Sent(url, dict(headers), body))
        return self.answers.pop(0) if self.answers else OK

    def step(self, deliver: Callable[..., Outcome] | None = None) -> bool:
        return dispatch.step(self.sender(deliver))

    def sender(self, deliver: Callable[..., Outcome] | None = None, **more: Any) -> dispatch.Sender:
        return dispatch.Sender(self.store, self.keys, LOOPBACK, self.clock, deliver or self.deliver, chance=lambda: 0.0, **more)

    def deliver_due(self) -> list[Sent]:
        """Send everything that is due now. Return the sent requests."""
        before = len(self.sent)
        while self.step():
            pass
        return self.sent[before:]

    def claim(self, most: int = 1) -> Batch | None:
        """Claim the next batch."""
        with self.store.writing() as session:
            line = due.next_line(session, self.now, self.now)
            return claim.claim(session, self.now, line, most=most) if line else None

    def record_results(self, batch: Batch, *outcomes: Outcome) -> bool:
        """Record the outcomes. Return whether the whole batch was still claimed by this worker."""
        sent = [results.Sent(message, outcome, self.now, self.now) for message, outcome in zip(batch.messages, outcomes, strict=False)]
        with self.store.writing() as session:
            return len(results.record(session, batch, sent, self.now)) == len(sent)

    def send_again(self, delivery: int) -> None:
        with self.store.writing() as session:
            deliveries.retry(session, delivery, self.now)

    def all(self, table: type[Any]) -> list[Any]:
        with self.store.reading() as session:
            return list(session.exec(select(table).order_by(*table.__table__.primary_key.columns)))

    @property
    def deliveries(self) -> list[Delivery]:
        return self.all(Delivery)

    @property
    def states(self) -> list[str]:
        return [row.state for row in self.deliveries]

    @property
    def attempts(self) -> list[DeliveryAttempt]:
        return self.all(DeliveryAttempt)

    def all_as_text(self) -> str:
        """Return all stored rows of endpoints and messages as text."""
        return repr([vars(row) for table in (Endpoint, Delivery, DeliveryAttempt) for row in self.all(table)])

    def health(self, endpoint: str) -> Endpoint:
        return next(row for row in self.all(Endpoint) if row.id == endpoint)

    def missed(self, endpoint: str) -> list[str]:
        return [row.contact_id for row in self.all(MissedContact) if row.endpoint_id == endpoint]

    def the_endpoint(self) -> Endpoint:
        (only,) = self.all(Endpoint)
        return only


@contextmanager
def a_world(database_url: str) -> Iterator[World]:
    settings = Settings(database_url, (KEY,), allow_private_targets=LOOPBACK.allow_private)  # type: ignore[arg-type]
    store = Store(database_url)
    try:
        yield World(settings, store, Keyring(settings.secret_keys))
    finally:
        store.close()
