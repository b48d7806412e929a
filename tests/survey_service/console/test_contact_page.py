"""The page of a contact: bits that add up, a label, the log of looks, erasing."""

import re
from math import log2

import pytest

from survey_service.console.contact_view import explained
from tests.survey_service.console.browsers import signed_in
from tests.survey_service.contacts.people import contact, respondent


def test_bits_add_up_and_each_step_is_the_belief_of_the_engine(service):
    """The steps equal the beliefs that the API reported after each answer."""
    person, reported = respondent(service, "zoe"), []
    for question, value in (("happy", 2), ("owns", "yes"), ("reasons", ["safety"]), ("km", 9000)):
        person.answer(question, value)
        reported.append(person.belief())
    belief = contact(service, "zoe")["beliefs"]["cars"]
    with service.parts.store.reading() as session:
        compiled = service.parts.banks.version(session, "cars", 1)

    view = explained(compiled, belief, "en")

    assert len(view["steps"]) == 1 + len(reported)
    for step, after in zip(view["steps"][1:], reported, strict=True):
        assert step == pytest.approx(after, abs=1e-9)
    top = belief["probabilities"][belief["top"]]
    assert sum(item["for_top"] for item in view["items"]) == pytest.approx(log2(top / (1 - top)) - log2(0.5 / 0.5), abs=1e-9)
    assert [item["said"] for item in view["items"]] == ["2 / 5", "Yes", "Safe", "9000 km"]


def test_a_label_is_signed_and_can_be_taken_back(service):
    """It moves the belief like an answer, goes to the CRM, and the belief is what it was when it is taken back."""
    service.call("POST", "/api/v1/endpoints", {"url": "https://crm.example.com/hook", "when": "every_answer"})
    respondent(service, "zoe", owns="no")
    known = contact(service, "zoe")
    before, address = known["beliefs"]["cars"]["probabilities"], f"/console/c/{known['id']}"
    browser = signed_in(service)

    assert browser.post(f"{address}/label", bank="cars", persona="driver").status_code == 303
    labelled = contact(service, "zoe")
    assert labelled["labels"]["cars"]["by"] == "Claire"
    assert labelled["beliefs"]["cars"]["probabilities"]["driver"] > before["driver"] + 0.2
    assert "Claire said: The driver." in browser.get(address).text
    messages = service.call("GET", "/api/v1/deliveries?contact=zoe").json["items"]
    assert len([row for row in messages if row["event_type"] == "contact.persona.updated"]) >= 2

    browser.post(f"{address}/label", bank="cars")
    assert contact(service, "zoe")["beliefs"]["cars"]["probabilities"] == pytest.approx(before)
    assert browser.post(f"{address}/label", bank="cars", persona="nobody").status_code == 422


def test_looks_are_logged_and_an_erased_contact_is_gone(service):
    """Admins see who looked; after the erasure neither page nor search nor sessions show the contact."""
    service.call("PUT", "/api/v1/contacts/zoe", {"email": "zoe@example.com"})
    respondent(service, "zoe", owns="no")
    address = f"/console/c/{contact(service, 'zoe')['id']}"
    reader, admin = signed_in(service, "ben@example.com", "read"), signed_in(service)
    reader.get("/console/c")
    assert reader.post("/console/c", q="ZOE@example.com").headers["Location"] == address
    assert reader.get(address).status_code == 200
    assert "Who looked" not in reader.text
    assert reader.get(f"{address}/export").status_code == 403
    assert "Ben" in re.split("Who looked", admin.get(address).text)[1]
    assert admin.get(f"{address}/export").headers["Content-Disposition"].startswith("attachment")
    looks = service.call("GET", "/api/v1/contacts/zoe/looks").json["items"]
    assert {("Ben", "contact"), ("Claire", "contact"), ("Claire", "export")} <= {(look["name"], look["what"]) for look in looks}

    admin.get(address)
    assert admin.post(f"{address}/erase").status_code == 422
    assert admin.post(f"{address}/erase", sure="yes").status_code == 303

    assert admin.get(address).status_code == 410
    assert address not in admin.get("/console/c").text
    assert "Nobody has this id" in admin.post("/console/c", q="zoe@example.com").text
