"""A shop whose visitors answer a survey, ask for quotes and order: drivers more often than families."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlmodel import insert, select

from survey_service.figures.snapshot import compute
from survey_service.inbound.segment import parse_message
from survey_service.store.tables.core import ApiKey
from survey_service.store.tables.inbound import ContactEvent
from survey_service.web.api_keys import create_key
from survey_service.worker.maintenance import Maintenance
from tests.survey_service.attribution.base import Base, bank

JOURNEYS = """
journeys:
  - id: purchase
    within_days: 10
    stages:
      - {id: guide, match: {page: "/guide/*"}}
      - {id: quote, match: {event: Quote Requested}}
      - {id: order, match: {event: Order Completed}}
plays:
  - {persona: family, stage: purchase/quote, content: {en: Seats for three, fr: Des places pour trois}}
  - {persona: driver, stage: purchase/quote, agent: {en: Offer a test drive, fr: Proposez un essai}}
  - {stage: purchase/guide, channel: web, bot: {en: Any questions?, fr: Des questions ?}}
  - {bot: {en: Hello, fr: Bonjour}}
barometers:
  - {id: after-order, question: happy, kind: mean, after: {event: Order Completed}}
"""

FIELDS = ("message_id", "kind", "name", "path", "channel", "topic", "value", "currency", "subject", "at")


@dataclass
class Shop:
    """The base of the tests of attribution, with a key that may send events."""

    base: Base
    write_key: str = ""
    draws: Random = field(default_factory=lambda: Random(7))
    numbers: int = 0

    def __post_init__(self) -> None:
        parts = self.base.service.parts
        with parts.store.writing() as session:
            self.write_key = create_key(session, parts.keys, "intake", "shop", self.base.service.clock())

    def send(self, *messages: dict[str, Any]) -> None:
        """Send messages in one batch, and let the worker evaluate them."""
        service = self.base.service
        for start in range(0, len(messages), 100):
            part = {"batch": list(messages[start : start + 100])}
            response = service.client.post("/v1/batch", json=part, auth=(self.write_key, ""))
            assert response.status_code == 200, response.text
            service.clock.forward(minutes=2)
        self.maintain()

    def maintain(self) -> None:
        parts = self.base.service.parts
        maintenance = Maintenance(parts.settings, parts.store, self.base.service.clock, parts.banks)
        while maintenance.do():
            pass

    def message(self, number: int | str, at: datetime, kind: str, **more: Any) -> dict[str, Any]:
        """Return a message of a contact, with an id of its own."""
        self.numbers += 1
        user = f"c{number}" if isinstance(number, int) else number
        stamp = {"timestamp": at.isoformat(), "messageId": f"m{self.numbers}"}
        return {"type": kind, "userId": user, **stamp, **more}

    def page(self, number: int | str, at: datetime, path: str = "/guide/a") -> dict[str, Any]:
        return self.message(number, at, "page", properties={"path": path})

    def track(self, number: int | str, at: datetime, event: str, **properties: Any) -> dict[str, Any]:
        return self.message(number, at, "track", event=event, properties=properties)

    def visit(self, people: Sequence[int], at: datetime) -> None:
        """Let contacts read the guide; of the drivers .8 ask for a quote and .6 order, of the families .4 and .1."""
        messages = []
        for number in people:
            messages.append(self.page(number, at))
            driver, lot = number % 2 == 0, self.draws.random()
            if lot < (0.8 if driver else 0.4):
                messages.append(self.track(number, at + timedelta(days=1), "Quote Requested", quote_id=f"q{number}"))
            if lot < (0.6 if driver else 0.1):
                paid = {"order_id": f"o{number}", "quote_id": f"q{number}", "total": 100 if driver else "40.0", "currency": "EUR"}
                messages.append(self.track(number, at + timedelta(days=3), "Order Completed", **paid))
        self._store(messages)

    def _store(self, messages: Sequence[dict[str, Any]]) -> None:
        """Store events as the intake does, in one statement."""
        now, rows = self.base.service.clock(), []
        with self.base.service.parts.store.writing() as session:
            source = session.exec(select(ApiKey.id).where(ApiKey.scope == "intake")).one()
            for raw in messages:
                found = parse_message(raw, None, None, now)
                number = int(str(found.user).removeprefix("c"))
                row = {name: getattr(found, name) for name in FIELDS}
                rows.append({**row, "contact_id": f"ct_{number:06}", "source": source, "received_at": now})
            session.execute(insert(ContactEvent), rows)

    def compute(self) -> None:
        """Compute the figures of now."""
        parts = self.base.service.parts
        compute(parts.store, parts.banks, "cars", self.base.service.clock)

    def report(self, query: str = "") -> dict[str, Any]:
        response = self.base.service.call("GET", f"/api/v1/kpi/cars{query}")
        assert response.status_code == 200, response.text
        return response.json

    def orders(self, query: str = "") -> dict[str, Any]:
        """Return the figures of the last stage from the first, by persona."""
        return {figure["persona"]: figure for figure in self.report(query)["journeys"][0]["stages"][2]["from_first"]}


def bank_with_journeys(consent: str = "objection") -> str:
    return bank(consent) + JOURNEYS
