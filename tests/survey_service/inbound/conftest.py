"""A shop whose bank has signals."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from werkzeug.test import TestResponse

from survey_service.web.api_keys import create_key
from tests.survey_service.contacts.people import SIGNALS
from tests.survey_service.service import BANK, Service, a_service

WITH_SIGNALS = BANK.replace("surveys:", SIGNALS.lstrip() + "surveys:")


@dataclass
class Shop(Service):
    """With a key that may only tell what contacts did."""

    write_key: str = ""

    def send(self, path: str, body: Any, key: str | None = None) -> TestResponse:
        return self.client.post(f"/v1/{path}", json=body, auth=(key or self.write_key, ""))

    def track(self, event: str = "Brochure Downloaded", **more: Any) -> TestResponse:
        return self.send("track", {"userId": "zoe", "event": event, **more})


@pytest.fixture
def shop(database_url: str) -> Iterator[Shop]:
    made = a_service(database_url, WITH_SIGNALS)
    with made.parts.store.writing() as session:
        key = create_key(session, made.parts.keys, "intake", "shop", made.clock())
    yield Shop(made.app, made.clock, made.key, write_key=key)
    made.parts.store.close()
