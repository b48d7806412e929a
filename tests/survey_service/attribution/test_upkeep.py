"""Between runs: the base moves away from a model, or the bank forbids what the model rests on, on both databases."""

from question_bank.files.load import read_bank
from survey_service.attribution.upkeep import watch_drift
from survey_service.banks.publishing import publish
from tests.survey_service.attribution.base import bank


def drift_of(base, run):
    parts = base.service.parts
    watch_drift(parts.store, parts.banks, "cars", base.service.clock())
    return {moved["attribute"]: moved for moved in base.read(run)["model"]["drift"]}


def test_attributes_that_moved_are_found(base):
    """New contacts from another city move the levels of that attribute, and of no other."""
    run = base.run()["id"]
    before = drift_of(base, run)
    with base.service.parts.store.writing() as session:
        for contact in base.contacts_of(session, 200):
            contact.attributes = {**contact.attributes, "city": "Brest"}
            session.add(contact)
    after = drift_of(base, run)

    assert not any(moved["is_notable"] for moved in before.values())
    assert {name for name, moved in after.items() if moved["is_notable"]} == {"city"}


def test_a_run_is_requested_where_the_bank_forbids_an_attribute(base):
    """Once for the new version; afterwards nothing rests on the attribute."""
    first = base.run()
    service = base.service
    service.clock.forward(hours=1)
    text = bank().replace("city: category, ", "").replace("never: [health]", "never: [health, city]")
    with service.parts.store.writing() as session:
        publish(session, read_bank(text), service.clock())
    base.maintain()
    base.maintain()

    runs = service.call("GET", "/api/v1/attribution/cars/runs").json["items"]
    assert [run["state"] for run in runs] == ["queued", "done"]
    base.work()
    base.maintain()
    newest = service.call("GET", "/api/v1/attribution/cars/runs").json["items"]
    assert [run["state"] for run in newest] == ["done", "done"]
    assert newest[1]["id"] == first["id"]
    why = base.attribution("c3")["why"]
    assert "city" not in {item["attribute"] for item in why}
