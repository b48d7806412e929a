"""The world of the webhooks tests with a connection to a CRM in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlmodel import select

from survey_service.crm import connections, sync
from survey_service.store.tables.core import ExternalId
from survey_service.store.tables.webhooks import Connection
from tests.survey_service.crm.fake_crm import Crm
from tests.survey_service.egress.hostile_receiver import LOOPBACK
from tests.survey_service.service import Service, a_service
from tests.survey_service.webhooks.world import BANK, World

TOKEN = "pat-eu1-not-for-logs"
HUBSPOT = {"kind": "hubspot", "credentials": {"token": TOKEN}, "identity": ["email"], "when": "every_answer"}


@dataclass
class Connected:
    world: World
    crm: Crm

    def connect(self, *, enabled: bool = True, **given: Any) -> str:
        """Add a connection and turn it on, without its test."""
        whole = {**HUBSPOT, "url": self.crm.url, "bank": BANK.bank.id, **given}
        with self.world.store.writing() as session:
            endpoint, _ = connections.add(session, self.world.settings, self.world.banks, whole, self.world.now)
            if enabled:
                connections.change(session, self.world.settings, self.world.banks, endpoint.id, {"state": "active"}, self.world.now)
            return endpoint.id

    def people(self, count: int, driver: float = 0.7) -> list[str]:
        made = [self.world.contact(f"crm-{number}") for number in range(count)]
        for contact in made:
            self.world.store_belief(contact, driver)
        return made

    def named(self, contact: str, system: str, value: str) -> None:
        with self.world.store.writing() as session:
            session.add(ExternalId(system=system, value=value, contact_id=contact))

    def step(self) -> bool:
        return sync.step(self.world.store, self.world.keys, LOOPBACK, self.world.clock, chance=lambda: 0.0)

    def deliver_due(self) -> None:
        while self.step():
            pass

    @property
    def connection(self) -> Connection:
        with self.world.store.reading() as session:
            return session.exec(select(Connection)).one()

    @property
    def inputs(self) -> list[dict[str, Any]]:
        return [input_ for asked in self.crm.asked for input_ in asked.body["inputs"]]


@contextmanager
def a_local_service(database_url: str) -> Iterator[Service]:
    """A service that may call CRMs on this machine."""
    made = a_service(database_url)
    parts = made.parts
    made.app.extensions["discern"] = replace(parts, settings=replace(parts.settings, allow_private_targets=LOOPBACK.allow_private))
    yield made
    made.parts.store.close()
