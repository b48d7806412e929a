"""Attribution from end to end with nothing replaced: web servers, a worker, a database, and a CRM that verifies signatures.

2,000 contacts with attributes, of whom 200 answer a survey; a run; crossings at the CRM; one contact that explains itself; answers that
start from its attributes; an erasure; and a second run, which sends crossings only.
"""

import json
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from math import log2
from typing import Any

import pytest
from sqlmodel import func, select

from survey_service.store.session import Store
from survey_service.store.tables.core import Contact
from tests.processes import Inbox, Web, discern, process, receiver, until, web_server

CONTACTS, KNOWN, ANSWERED, THREADS = 2000, 300, 200, 4
"""Contacts in all; those that the CRM puts, the others come with the intake; and those who answer."""
CROSSINGS = ("contact.persona.assigned", "contact.persona.unassigned")
BANK = """
bank: shop
personas: [{id: driver, prior: 0.5}, {id: family, prior: 0.3}, {id: saver, prior: 0.2}]
questions:
  - id: wish
    type: single
    text: What do you look for first?
    options: [{id: power, text: Power}, {id: safety, text: Safety}, {id: price, text: Price}]
    likelihood: {driver: [0.96, 0.02, 0.02], family: [0.02, 0.96, 0.02], saver: [0.02, 0.02, 0.96]}
  - id: seats
    type: single
    text: How many seats do you need?
    options: [{id: two, text: Two}, {id: five, text: Five}]
    likelihood: {driver: [0.8, 0.2], family: [0.05, 0.95], saver: [0.4, 0.6]}
surveys: [{id: buyers, title: Buyers, stop: {confidence: 0.999, at_most: 2}}]
attribution:
  attributes: {city: category, children: number, customer_since: date, job: text}
  target: 0.6
  consent: objection
"""
PERSONAS = ("driver", "family", "saver")


def attributes_of(number: int) -> dict[str, Any]:
    """Return attributes of which each tells much about the persona `number % 3`, and none all of it."""
    draw = random.Random(number)
    city, children, job = (number % 3 if draw.random() < 0.85 else draw.randrange(3) for _ in range(3))
    return {
        "city": ("Lyon", "Nantes", "Lille")[city],
        "children": (0, 2, 1)[children],
        "customer_since": f"20{10 + draw.randrange(10)}-05-01",
        "job": ("race engineer", "school teacher", "warehouse clerk")[job],
    }


def put(web: Web, key: str, number: int) -> None:
    body = {"attributes": attributes_of(number), "consent": {"profiling": True}}
    assert web.call("PUT", f"/api/v1/contacts/c{number}", body, key)[0] == 201


def identify(web: Web, write_key: str, numbers: Sequence[int]) -> None:
    """Send contacts as a shop's server does, in one request."""
    batch = [{"type": "identify", "userId": f"c{number}", "traits": attributes_of(number), "messageId": f"i{number}"} for number in numbers]
    assert web.call("POST", "/v1/batch", {"batch": batch, "writeKey": write_key})[0] == 200


def count_contacts(store: Store) -> int:
    with store.reading() as session:
        return session.scalar(select(func.count()).select_from(Contact)) or 0


def answer(web: Web, key: str, number: int) -> None:
    """Answer the survey as the contact's persona would."""
    identity = web.call("POST", f"/api/v1/contacts/c{number}/identity", {}, key)[1]["identity"]
    _, view = web.call("POST", "/api/v1/surveys/buyers/sessions", {"identity": identity})
    path, token = f"/api/v1/sessions/{view['session']}/answers", view["token"]
    wanted = {"wish": ("power", "safety", "price")[number % 3], "seats": ("two", "five", "five")[number % 3]}
    while view["status"] == "open":
        question = view["question"]["id"]
        given = {"answer_id": f"a-{number}-{question}", "question": question, "kind": "answer", "value": wanted[question]}
        status, view = web.call("POST", path, {**given, "token": token})
        assert status == 200


def run(web: Web, key: str) -> dict[str, Any]:
    """Request a run, and return it when a worker has done it."""
    status, started = web.call("POST", "/api/v1/attribution/shop/runs", {}, key)
    assert status == 202

    def ended() -> Any:
        found = web.call("GET", f"/api/v1/attribution/shop/runs/{started['id']}", token=key)[1]
        return found if found["state"] not in ("queued", "running") else None

    found: dict[str, Any] = until(ended, "the run ends", patience=90)
    assert (found["state"], found["problem"]) == ("done", None)
    return found


def crossings(inbox: Inbox) -> list[dict[str, Any]]:
    return [message for event_type in CROSSINGS for message in inbox.of_type(event_type)]


def test_contacts_who_never_answered_get_a_persona(database_url, tmp_path):
    """Every step of the module's docstring, by HTTP alone."""
    (tmp_path / "shop.yaml").write_text(BANK)
    discern("publish", str(tmp_path / "shop.yaml"), database_url=database_url)
    key = json.loads(discern("key", "create", "--scope", "admin", "--json", database_url=database_url).stdout)["key"]
    with receiver() as inbox, web_server(database_url) as (web, _), ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda number: put(web, key, number), range(KNOWN)))
        write_key = json.loads(discern("key", "create", "--scope", "intake", "--json", database_url=database_url).stdout)["key"]
        for start in range(KNOWN, CONTACTS, 100):
            identify(web, write_key, range(start, start + 100))
        list(threads.map(lambda number: answer(web, key, number), range(ANSWERED)))
        wanted = {"url": inbox.url, "events": [*CROSSINGS, "contact.erased", "attribution.completed"]}
        inbox.secret = web.call("POST", "/api/v1/endpoints", wanted, key)[1]["secret"]

        with process("worker", database_url=database_url), closing(Store(database_url)) as store:
            until(lambda: count_contacts(store) == CONTACTS, "every contact has come", patience=60)
            first = run(web, key)
            assert (first["scored"], first["model"]["labels"]) == (CONTACTS, ANSWERED)
            assert first["assigned"] > CONTACTS / 4, first
            until(lambda: len(crossings(inbox)) >= first["assigned"], "every assignment arrives", patience=90)
            assert (
                until(lambda: inbox.of_type("attribution.completed"), "the end of the run arrives")[0]["data"]["run"]["id"] == first["id"]
            )
            assert (len(crossings(inbox)), inbox.refused) == (first["assigned"], [])

            # One contact explains itself: the bits add up, and neighbours are counts of shared levels.
            name = next(number for number in range(ANSWERED, CONTACTS) if number % 3 == 0)
            found = web.call("GET", f"/api/v1/contacts/c{name}", token=key)[1]["attribution"]["shop"]
            prior = {"driver": 0.5, "family": 0.3, "saver": 0.2}
            for persona, p in found["vector"].items():
                gained = log2(p / (1 - p)) - log2(prior[persona] / (1 - prior[persona]))
                assert sum(item["bits"][persona] for item in found["why"]) == pytest.approx(gained, abs=1e-9)
            assert all(item["respondents"] >= 11 and 1 <= item["neighbours"] <= 5 for item in found["neighbours"])

            # Answers start from the attributes, but for one session in ten.
            started = []
            for number in range(name, name + 12):
                identity = web.call("POST", f"/api/v1/contacts/c{number}/identity", {}, key)[1]["identity"]
                view = web.call("POST", "/api/v1/surveys/buyers/sessions", {"identity": identity})[1]
                vector = web.call("GET", f"/api/v1/contacts/c{number}", token=key)[1]["attribution"]["shop"]["vector"]
                given = {"answer_id": f"later-{number}", "question": "wish", "kind": "answer", "value": "power", "token": view["token"]}
                assert web.call("POST", f"/api/v1/sessions/{view['session']}/answers", given)[0] == 200
                belief = web.call("GET", f"/api/v1/sessions/{view['session']}", token=key)[1]["belief"]["probabilities"]
                odds = vector["driver"] / vector["family"] * 0.96 / 0.02
                started.append(belief["driver"] / belief["family"] == pytest.approx(odds, rel=1e-4))
            assert sum(started) >= 5  # of twelve: 3 in a million runs have fewer

            # An erased contact is gone everywhere.
            gone = web.call("GET", f"/api/v1/contacts/c{name + 50}", token=key)[1]["id"]
            assert web.call("DELETE", f"/api/v1/contacts/c{name + 50}", token=key) == (204, None)
            until(lambda: inbox.of_type("contact.erased"), "the erasure arrives")

            # A second run sends what crossed and nothing else.
            before = len(crossings(inbox))
            second = run(web, key)
            until(lambda: len(inbox.of_type("attribution.completed")) == 2, "the end of the second run arrives")
            assert second["scored"] == CONTACTS - 1
            assert len(crossings(inbox)) - before < first["assigned"] / 4
            assert gone not in json.dumps(crossings(inbox)[before:])
            page = web.call("GET", f"/api/v1/attribution/shop/runs/{second['id']}/beliefs?limit=200", token=key)[1]
            assert gone not in {item["id"] for item in page["items"]}
            assert inbox.refused == []
