"""CRMs hear when an assignment begins or ends, and when a run is done; not of every probability that moved."""

import pytest
from sqlmodel import select

from survey_service.store.tables.webhooks import Delivery
from tests.survey_service.attribution.conftest import CONTACTS

pytestmark = pytest.mark.slow


@pytest.fixture
def subscribed(base):
    body = {
        "url": "https://crm.example.com/hook",
        "events": ["contact.persona.assigned", "contact.persona.unassigned", "attribution.completed"],
    }
    assert base.service.call("POST", "/api/v1/endpoints", body).status_code == 201
    return base


def messages(base):
    with base.service.parts.store.reading() as session:
        return list(session.exec(select(Delivery).where(Delivery.state == "pending").order_by(Delivery.id)))


def test_each_assignment_is_one_bulk_message_and_the_run_another(subscribed):
    """A second run with the same result sends only that it is done."""
    run = subscribed.run()
    sent = messages(subscribed)
    assigned = [message for message in sent if message.event_type == "contact.persona.assigned"]

    assert len(assigned) == run["assigned"] < CONTACTS
    assert {message.lane for message in sent} == {"bulk"}
    facts = assigned[0].facts
    assert (facts["attribution"]["run"], facts["attribution"]["was"], facts["schema"]) == (run["id"], None, "contact.persona.assigned/1")
    assert facts["attribution"]["confidence"] == pytest.approx(facts["probabilities"][facts["attribution"]["persona"]], abs=1e-3)
    [completed] = [message for message in sent if message.event_type == "attribution.completed"]
    assert completed.facts["run"] == {
        "id": run["id"],
        "contacts": CONTACTS,
        "scored": CONTACTS,
        "assigned": run["assigned"],
        "beliefs": f"/api/v1/attribution/cars/runs/{run['id']}/beliefs",
    }

    subscribed.service.clock.forward(days=1)
    subscribed.run()
    assert [message.event_type for message in messages(subscribed)[len(sent) :]] == ["attribution.completed"]


def test_an_assignment_that_ends_replaces_its_unsent_beginning(subscribed):
    """A contact that refuses a profile is unassigned, with the reason."""
    subscribed.run()
    name = next(
        item["external_id"] for item in subscribed.beliefs(messages(subscribed)[0].facts["attribution"]["run"]) if item["is_assigned"]
    )
    contact = subscribed.contact(name)["id"]
    subscribed.service.call("PUT", f"/api/v1/contacts/{name}", {"consent": {"profiling": False}})

    [message] = [message for message in messages(subscribed) if message.contact_id == contact]
    assert (message.event_type, message.facts["reason"], message.facts["attribution"]["persona"]) == (
        "contact.persona.unassigned",
        "consent",
        None,
    )
    assert message.facts["attribution"]["was"] in ("driver", "family")


def test_a_contact_that_was_erased_has_no_message_about_its_assignment(subscribed):
    """Its unsent messages are dropped."""
    run = subscribed.run()
    name = next(item["external_id"] for item in subscribed.beliefs(run["id"]) if item["is_assigned"])
    contact = subscribed.contact(name)["id"]
    subscribed.service.call("DELETE", f"/api/v1/contacts/{name}")
    assert not [message for message in messages(subscribed) if message.contact_id == contact]
