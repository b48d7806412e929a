"""Whom to call next: models are refit every day, contacts on a journey get a priority, and the CRM hears who has become ready."""

from datetime import timedelta

import pytest
from sqlmodel import col, select, update

from survey_service.figures.snapshot import compute_due
from survey_service.stages.readiness import fit_due, is_held_out
from survey_service.store.tables.figures import ContactReadiness, ReadinessModel
from survey_service.store.tables.webhooks import Delivery

pytestmark = pytest.mark.slow

AT_GUIDE = range(300, 330)

ON_ONE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Where storage is as in the tests beside it, one database is enough."""


@pytest.fixture
def ready(shop):
    """A shop in which 300 contacts have been through the journey and 30 are at its first stage; the models are fitted."""
    service = shop.base.service
    endpoint = {"url": "https://hooks.example.com/x", "events": ["contact.stage.ready"]}
    assert service.call("POST", "/api/v1/endpoints", endpoint).status_code == 201
    shop.base.answer(170, start=160)
    shop.visit(range(300), service.clock() - timedelta(days=20))
    shop.send(*(shop.page(number, service.clock()) for number in AT_GUIDE))
    fit(shop)
    return shop


def fit(shop):
    parts = shop.base.service.parts
    while compute_due(parts.store, parts.banks, shop.base.service.clock) or fit_due(parts.store, parts.banks, shop.base.service.clock):
        pass
    shop.maintain()


def rows(shop, table):
    with shop.base.service.parts.store.reading() as session:
        return list(session.exec(select(table)))


def pages(shop, query=""):
    """Return all items, page by page."""
    items, after = [], ""
    while True:
        response = shop.base.service.call("GET", f"/api/v1/contacts?order=priority&bank=cars&limit=7{query}{after}")
        assert response.status_code == 200, response.text
        items += response.json["items"]
        if response.json["next"] is None:
            return items
        after = f"&after={response.json['next']}"


def check_cursors(ready):
    """Check that pages stay apart where priorities are equal, and that a cursor that was made up is refused."""
    service = ready.base.service
    with service.parts.store.writing() as session:
        session.execute(update(ContactReadiness).values(priority=0.1 + 0.2).where(col(ContactReadiness.bank) == "cars"))
    in_order = [item["id"] for item in pages(ready)]

    assert in_order == sorted(set(in_order), reverse=True)
    refused = service.call("GET", "/api/v1/contacts?order=priority")
    assert (refused.status_code, refused.json["errors"][0]["path"]) == (422, "bank")
    for wrong in ("x", "bmFuCmEKYg"):  # "nan\na\nb"
        response = service.call("GET", f"/api/v1/contacts?order=priority&bank=cars&after={wrong}")
        assert (response.status_code, response.json["errors"][0]["path"]) == (422, "after")


def test_contacts_on_a_journey_have_a_priority(ready):
    """Those likelier to go on, and worth more, come first; the page says what it is made of, and the report how well it predicts."""
    items = pages(ready)
    priorities = [item["priority"]["priority"] for item in items]
    names = [item["external_ids"][0]["id"] for item in items]

    kept = {f"c{number}" for number in AT_GUIDE if not is_held_out(f"ct_{number:06}", "cars")}
    assert len(names) == len(set(names))
    assert set(names) == kept
    assert priorities == sorted(priorities, reverse=True)
    drivers = [int(name[1:]) % 2 == 0 for name in names]
    assert sum(drivers[: len(drivers) // 2]) > sum(drivers[len(drivers) // 2 :])
    first = items[0]["priority"]
    assert (first["stage"], first["next_stage"], first["currency"]) == ("purchase/guide", "purchase/quote", "EUR")
    assert first["priority"] == pytest.approx(first["probability"] * first["value"])
    assert first["priority_low"] < first["priority"] < first["priority_high"]
    readiness = [stage["readiness"] for stage in ready.report()["journeys"][0]["stages"]]
    assert (readiness[0]["state"], readiness[2]) == ("used", None)
    assert readiness[0]["log_loss"] < readiness[0]["base_log_loss"]
    check_cursors(ready)


@ON_ONE
def test_ready_is_published_once_and_ends_with_the_stage(ready):
    """A second look says nothing; who goes on is at the next stage; after the days of the journey nobody has a priority."""
    service = ready.base.service
    sent = [row.contact_id for row in rows(ready, Delivery)]
    marked = {row.contact_id for row in rows(ready, ContactReadiness) if row.is_ready and not row.is_held_out}
    assert sent
    assert sorted(sent) == sorted(marked)
    with service.parts.store.writing() as session:
        session.execute(update(ReadinessModel).values(day="2000-01-01"))
    service.clock.forward(days=1)
    ready.base.answer(1, start=399)  # so that the figures are due again
    fit(ready)
    assert len({row.contact_id for row in rows(ready, Delivery)}) == len(rows(ready, Delivery))

    ready.send(ready.track(300, service.clock(), "Quote Requested"), ready.track(300, service.clock(), "Order Completed"))
    assert "ct_000300" not in {row.contact_id for row in rows(ready, ContactReadiness)}
    service.call("DELETE", "/api/v1/contacts/c302")
    assert "ct_000302" not in {row.contact_id for row in rows(ready, ContactReadiness)}
    service.call("PUT", "/api/v1/contacts/c304", {"consent": {"profiling": False}})
    ready.maintain()
    assert "ct_000304" not in {row.contact_id for row in rows(ready, ContactReadiness)}
    service.clock.forward(days=11)
    ready.maintain()
    assert rows(ready, ContactReadiness) == []
