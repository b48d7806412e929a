"""Events without a signal are stored and counted, and become evidence when a bank maps them."""

import pytest

from question_bank.files.load import read_bank
from survey_service.banks.publishing import publish
from survey_service.contacts.recompute_all import count_contacts, recompute
from tests.survey_service.contacts.people import belief_of, contact, respondent
from tests.survey_service.inbound.conftest import WITH_SIGNALS

WISHLIST = "signals:\n  - {id: wished, match: {event: Wishlist Shared}, likelihood: {driver: 0.1, family: 0.3}}\n"


def publish_new(shop):
    with shop.parts.store.writing() as session:
        publish(session, read_bank(WITH_SIGNALS.replace("signals:\n", WISHLIST)), shop.clock())


def recompute_beliefs(shop):
    steps = []
    changed = recompute(shop.parts.store, shop.parts.banks, "cars", shop.clock, steps.append)
    with shop.parts.store.reading() as session:
        assert count_contacts(session, shop.parts.banks, "cars") == sum(steps)
    return changed


def test_events_are_counted_by_name_with_the_signals_that_match(shop):
    """The catalogue is paginated."""
    for user in ("zoe", "max"):
        shop.track("Wishlist Shared", userId=user)
        shop.track("Brochure Downloaded", userId=user)
    shop.send("page", {"userId": "zoe", "name": "Belts", "properties": {"path": "/Safety/Belts"}})

    first = shop.call("GET", "/api/v1/events?limit=2").json
    rest = shop.call("GET", f"/api/v1/events?limit=2&after={first['next']}").json

    entries = [
        (entry["kind"], entry["label"], entry["events"], entry["contacts"], entry["signals"]) for entry in first["items"] + rest["items"]
    ]
    assert entries == [
        ("page", "/safety/belts", 1, 1, ["cars/safety_pages"]),
        ("track", "Brochure Downloaded", 2, 2, ["cars/brochure"]),
        ("track", "Wishlist Shared", 2, 2, []),
    ]
    assert rest["next"] is None


def test_a_new_signal_counts_stored_events(shop):
    """Recomputing also covers contacts without a belief, and a second run changes nothing."""
    shop.track("Wishlist Shared", userId="zoe")
    respondent(shop, "max", owns="yes")
    assert contact(shop, "zoe")["beliefs"] == {}

    publish_new(shop)
    assert recompute_beliefs(shop) == 1

    assert belief_of(shop, "zoe")["probabilities"] == pytest.approx({"driver": 0.25, "family": 0.75})
    assert recompute_beliefs(shop) == 0


def test_a_belief_returns_to_the_prior_as_its_signals_age(shop):
    """After ten half-lives a signal has almost no weight, and an answer without half-life has all of it."""
    shop.track(userId="zoe")
    person = respondent(shop, "max", owns="yes")
    before = person.belief()
    shop.clock.forward(days=600)

    assert recompute_beliefs(shop) == 1

    assert belief_of(shop, "zoe")["probabilities"]["family"] == pytest.approx(0.5, abs=0.001)
    assert belief_of(shop, "max")["probabilities"] == before


def test_the_timeline_lists_all_entries_in_order(shop):
    """The newest entry comes first, over several pages."""
    shop.track(userId="zoe", messageId="1")
    shop.clock.forward(minutes=1)
    person = respondent(shop, "zoe")
    shop.clock.forward(minutes=1)
    person.answer("owns", "yes")
    shop.clock.forward(minutes=1)
    person.post("finish", {})

    entries, query = [], ""
    while query is not None:
        page = shop.call("GET", f"/api/v1/contacts/zoe/timeline?limit=2{query}").json
        entries += [entry["what"] for entry in page["items"]]
        query = page["next"] and f"&after={page['next'].replace('+', '%2B')}"

    assert entries == ["survey_ended", "answer", "survey_started", "event"]


def test_an_answer_ages_where_the_bank_has_a_half_life(shop):
    """Age counts in whole days; after a half-life the answer has half its weight."""
    with shop.parts.store.writing() as session:
        publish(session, read_bank(WITH_SIGNALS + "half_life_days: 100\n"), shop.clock())
    person = respondent(shop, "max", owns="yes")
    assert person.belief()["driver"] == pytest.approx(9 / 13)
    shop.clock.forward(days=100)

    assert recompute_beliefs(shop) == 1

    assert belief_of(shop, "max")["probabilities"]["driver"] == pytest.approx(3 / 5)
    assert belief_of(shop, "max")["explanation"][0]["weight"] == pytest.approx(0.5)
