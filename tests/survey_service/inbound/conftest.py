"""A shop whose bank has signals."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlmodel import col, func, select
from werkzeug.test import TestResponse

from survey_service.store.tables.inbound import IntakeBatch
from survey_service.web.api_keys import create_key
from survey_service.worker.maintenance import Maintenance
from tests.survey_service.contacts.people import SIGNALS
from tests.survey_service.service import BANK, Service, a_service

WITH_SIGNALS = BANK.replace("surveys:", SIGNALS.lstrip() + "surveys:")


@dataclass
class Shop(Service):
    """A service with an intake key, which may only send events."""

    write_key: str = ""

    def send(self, path: str, body: Any, key: str | None = None) -> TestResponse:
        return self.client.post(f"/v1/{path}", json=body, auth=(key or self.write_key, ""))

    def track(self, event: str = "Brochure Downloaded", **more: Any) -> TestResponse:
        return self.send("track", {"userId": "zoe", "event": event, **more})

    def evaluate(self) -> None:
        """Let the worker evaluate everything that waits."""
        maintenance = Maintenance(self.parts.settings, self.parts.store, self.clock, self.parts.banks)
        while maintenance.do():
            pass

    def waiting(self) -> int:
        """Return how many messages the worker has not evaluated yet."""
        with self.parts.store.reading() as session:
            return session.scalar(select(func.coalesce(func.sum(col(IntakeBatch.number)), 0))) or 0


@pytest.fixture
def shop(database_url: str) -> Iterator[Shop]:
    service = a_service(database_url, WITH_SIGNALS)
    with service.parts.store.writing() as session:
        key = create_key(session, service.parts.keys, "intake", "shop", service.clock())
    yield Shop(service.app, service.clock, service.key, write_key=key)
    service.parts.store.close()
