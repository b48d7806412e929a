"""A barometer asks when its moment comes, and nobody too often, on both databases."""

from datetime import timedelta

import pytest
from sqlmodel import select

from survey_service.store.tables.inbound import PlannedQuestion
from survey_service.store.tables.links import Link
from survey_service.store.tables.webhooks import Delivery
from survey_service.web.api_keys import create_key
from tests.survey_service.inbound.conftest import WITH_SIGNALS, Shop
from tests.survey_service.service import a_service

BAROMETERS = """
barometers:
  - {id: after-order, question: happy, kind: mean, after: {event: Order Completed}, delay_hours: 48}
  - {id: after-support, question: happy, kind: mean, after: {event: Ticket Closed}, delay_hours: 0, every_days: 7}
"""


@pytest.fixture
def shop(database_url):
    """A shop with barometers whose CRM wants links, and a customer that the CRM knows."""
    service = a_service(database_url, WITH_SIGNALS + BAROMETERS)
    with service.parts.store.writing() as session:
        key = create_key(session, service.parts.keys, "intake", "shop", service.clock())
    made = Shop(service.app, service.clock, service.key, write_key=key)
    endpoint = {"url": "https://hooks.example.com/x", "events": ["link.planned"], "include_pii": True}
    assert made.call("POST", "/api/v1/endpoints", endpoint).status_code == 201
    made.call("PUT", "/api/v1/contacts/zoe", {})
    yield made
    service.parts.store.close()


def links(shop):
    with shop.parts.store.reading() as session:
        return session.exec(select(Link)).all()


def planned(shop):
    with shop.parts.store.reading() as session:
        return [(row.barometer, row.problem) for row in session.exec(select(PlannedQuestion).where(PlannedQuestion.done_at != None))]  # noqa: E711


def test_a_link_is_planned_when_the_delay_is_over(shop):
    """The CRM gets the link of the barometer's question, with the moment that it is about."""
    shop.track("Order Completed")
    shop.evaluate()
    assert links(shop) == []
    shop.clock.forward(hours=48)
    shop.evaluate()

    (link,) = links(shop)
    with shop.parts.store.reading() as session:
        (message,) = session.exec(select(Delivery).where(Delivery.event_type == "link.planned"))
    assert (link.question, link.survey) == ("happy", "all")
    assert message.facts["link"]["because"]["barometer"] == "after-order"
    assert planned(shop) == [("after-order", None)]


def test_nobody_is_asked_too_often(shop):
    """A link of any survey counts, and each barometer has its own patience."""
    made = shop.call("POST", "/api/v1/links", {"survey": "all", "contacts": [{"external_id": "zoe"}]})
    assert made.status_code == 201
    shop.track("Order Completed")
    shop.clock.forward(days=3)
    shop.evaluate()
    assert planned(shop) == [("after-order", "asked_lately")]
    shop.clock.forward(days=5)
    shop.track("Ticket Closed")
    shop.evaluate()

    assert sorted(planned(shop)) == [("after-order", "asked_lately"), ("after-support", None)]
    assert len(links(shop)) == 2


def test_a_later_moment_plans_again(shop):
    """The same event sent again does not, and neither does one that is older."""
    for _ in range(2):
        shop.track("Order Completed", messageId="m1")
    shop.clock.forward(days=3)
    shop.evaluate()
    shop.track("Order Completed", messageId="m1")
    shop.track("Order Completed", timestamp=(shop.clock() - timedelta(days=60)).isoformat())
    shop.clock.forward(days=3)
    shop.evaluate()
    assert len(links(shop)) == 1
    shop.clock.forward(days=40)
    shop.track("Order Completed")
    shop.clock.forward(days=3)
    shop.evaluate()

    assert len(links(shop)) == 2


def test_who_is_left_alone(shop):
    """A contact that only a browser knows, one that opted out, one that was erased; a merged one is asked once."""
    shop.send("track", {"anonymousId": "device", "event": "Order Completed"})
    shop.call("PUT", "/api/v1/contacts/quiet", {"consent": {"profiling": True, "asking": False}})
    shop.track("Order Completed", userId="quiet")
    shop.track("Order Completed", userId="gone")
    shop.track("Order Completed", userId="twin")
    shop.track("Order Completed")
    shop.evaluate()
    assert shop.call("DELETE", "/api/v1/contacts/gone").status_code in (200, 204)
    merged = shop.call("POST", "/api/v1/contacts/merge", {"from": {"external_id": "twin"}, "into": {"external_id": "zoe"}})
    assert merged.status_code == 200, merged.text
    shop.clock.forward(days=3)
    shop.evaluate()

    problems = sorted(str(problem) for _, problem in planned(shop))
    assert problems == ["None", "asked_to_be_left_alone", "no_crm_id"]
    assert len(links(shop)) == 1
