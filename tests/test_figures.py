"""Figures per persona with real processes: Segment's library sends a shop's events, the worker evaluates them, and the rates move."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import segment.analytics as segment
from sqlmodel import func, select

from survey_service.store.session import Store
from survey_service.store.tables.inbound import ContactEvent
from tests.processes import Web, discern, process, until, web_server

VISITORS = 60
BANK = """
bank: shop
personas: [{id: driver}, {id: family}]
questions:
  - id: wish
    type: single
    text: What do you look for first?
    options: [{id: power, text: Power}, {id: safety, text: Safety}]
    likelihood: {driver: [0.96, 0.04], family: [0.04, 0.96]}
surveys: [{id: buyers, title: Buyers}]
journeys:
  - {id: purchase, within_days: 10, stages: [{id: guide, match: {page: "/guide/*"}}, {id: order, match: {event: Order Completed}}]}
"""


def answer(web: Web, key: str, number: int) -> None:
    """Answer as the visitor's persona would: every second one is a driver."""
    identity = web.call("POST", f"/api/v1/contacts/c{number}/identity", {}, key)[1]["identity"]
    _, view = web.call("POST", "/api/v1/surveys/buyers/sessions", {"identity": identity})
    given = {"answer_id": "a1", "question": "wish", "kind": "answer", "value": ("power", "safety")[number % 2]}
    status, _ = web.call("POST", f"/api/v1/sessions/{view['session']}/answers", {**given, "token": view["token"]})
    assert status == 200


def events(store: Store) -> int:
    with store.reading() as session:
        return session.scalar(select(func.count()).select_from(ContactEvent)) or 0


def rates(url: str) -> dict[str, Any]:
    """Return the rate of the order of each persona, as `discern kpi` computes it."""
    done = discern("kpi", "shop", "--json", database_url=url)
    assert done.returncode == 0, done.stderr
    return {figure["persona"]: figure for figure in json.loads(done.stdout)["journeys"][0]["stages"][1]["from_first"]}


def test_the_events_of_a_shop_move_the_rates(database_url):
    """Of the drivers two thirds order, of the families a third; then the other families order too, late, and each event twice."""
    with web_server(database_url) as (web, _), process("worker", database_url=database_url), closing(Store(database_url)) as store:
        key = json.loads(discern("key", "create", "--scope", "admin", "--json", database_url=database_url).stdout)["key"]
        write_key = json.loads(discern("key", "create", "--scope", "intake", "--json", database_url=database_url).stdout)["key"]
        assert web.call("POST", "/api/v1/banks", BANK.encode(), key)[0] == 201
        for number in range(VISITORS):
            answer(web, key, number)
        visited = datetime.now(UTC) - timedelta(days=20)
        client = segment.Client(write_key, host=web.url, max_retries=10)
        for number in range(VISITORS):
            client.page(f"c{number}", properties={"path": "/guide/a"}, timestamp=visited, message_id=f"p{number}")
            if number % 6 in (0, 1, 2):
                paid = {"order_id": f"o{number}", "total": "99.90", "currency": "EUR"}
                client.track(f"c{number}", "Order Completed", paid, timestamp=visited + timedelta(days=2), message_id=f"t{number}")
        client.flush()
        until(lambda: events(store) == VISITORS + VISITORS // 2, "every event is evaluated", patience=60)
        before = rates(database_url)
        for _ in range(2):
            for number in range(1, VISITORS, 2):
                if number % 6 == 3:
                    late = visited + timedelta(days=9)
                    client.track(f"c{number}", "Order Completed", {"order_id": f"l{number}"}, timestamp=late, message_id=f"late{number}")
            client.flush()
        client.shutdown()
        until(lambda: events(store) == VISITORS + VISITORS // 2 + VISITORS // 6, "the late events are evaluated", patience=60)
        after = rates(database_url)
        funnel = web.call("GET", "/api/v1/surveys/buyers/report", token=key)
    assert before["driver"]["low"] <= 2 / 3 <= before["driver"]["high"]
    assert before["family"]["low"] <= 1 / 3 <= before["family"]["high"] < 2 / 3
    assert after["family"]["value"] > before["family"]["value"]
    assert after["driver"]["people"] == after["family"]["people"] == VISITORS // 2
    assert funnel[0] == 200
