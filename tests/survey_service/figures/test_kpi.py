"""Figures per persona from events over HTTP to the report, on both databases."""

import json
from collections import Counter
from datetime import timedelta

import numpy as np
import pytest
from sqlmodel import select

from adaptive.estimation.answers import estimate_mean_answers
from survey_service.analysis.reports.personas import report_kpi
from survey_service.figures.people import answers_of, belief_from
from survey_service.store.tables.core import Answer, Contact, SurveySession
from survey_service.store.tables.reviews import Review
from tests.processes import discern
from tests.survey_service.analysis.test_reports import Page
from tests.survey_service.figures.conftest import CONTACTS
from tests.survey_service.service import START


@pytest.fixture
def visited(shop):
    """Everybody has visited in the first week of the year, and the entries are over."""
    shop.visit(range(CONTACTS), START - timedelta(days=32))
    shop.compute()
    return shop


def test_before_the_first_snapshot(shop):
    """Nothing is known, and nothing fails."""
    report = shop.report()

    assert (report["snapshot"], report["shares"], report["contacts"]) == (None, [], 0)
    assert all(figure["state"] == "too_few" for stage in report["journeys"][0]["stages"][1:] for figure in stage["from_first"])


def test_rates_values_and_days_per_persona(visited):
    """Intervals cover what drivers and families do; a difference of that size is a finding."""
    report = visited.report()
    guide, quote, order = report["journeys"][0]["stages"]

    for stage, truth in ((quote, {"driver": 0.8, "family": 0.4}), (order, {"driver": 0.6, "family": 0.1})):
        for figure in stage["from_first"]:
            assert figure["low"] <= truth[figure["persona"]] <= figure["high"]
            assert (figure["state"], figure["population"]) == ("shown", "respondents")
    assert guide["from_first"] == []
    assert [(figure["value"], figure["state"]) for figure in order["days"]] == [(2.0, "shown"), (None, "too_few")]  # 8 families ordered
    assert order["value"][0]["value"] == pytest.approx(100, abs=5)
    assert order["currency"] == "EUR"
    assert {finding["persona"] for finding in report["findings"] if finding["measure"] == "rate/0/2"} == {"driver", "family"}
    assert {figure["persona"]: figure["state"] for figure in report["shares"]} == {"driver": "shown", "family": "shown"}
    assert report["rates"]["quote_won"][0]["value"] == pytest.approx(0.75, abs=0.15)
    assert (report["weeks"], report["channels"]) == ({"first": "2025-12-01", "last": "2026-01-05"}, ["web"])


def test_a_late_event_a_duplicate_a_merge_an_erasure_and_a_refund(visited):
    """Each leaves the figures of what is true now, at the next snapshot."""
    service, at = visited.base.service, START - timedelta(days=32)
    before = visited.orders()

    late = visited.track(1, at + timedelta(days=5), "Quote Requested"), visited.track(1, at + timedelta(days=5), "Order Completed")
    visited.send(*late)
    visited.compute()
    with_late = visited.orders()
    visited.send(*late)
    visited.compute()
    again = visited.orders()
    visited.send(visited.page("device", at), visited.track("device", at + timedelta(days=2), "Quote Requested"))
    merged = service.call("POST", "/api/v1/contacts/merge", {"from": {"external_id": "device"}, "into": {"external_id": "c1"}})
    assert merged.status_code == 200, merged.text
    visited.compute()
    after_merge = visited.orders()
    refund = visited.track(0, at + timedelta(days=9), "Order Refunded", order_id="o0")
    visited.send(*(visited.track(n, at + timedelta(days=9), "Order Refunded", order_id=f"o{n}") for n in range(2, 160, 2)), refund)
    visited.compute()
    refunded = visited.orders()
    for number in range(1, 160, 2):
        assert service.call("DELETE", f"/api/v1/contacts/c{number}").status_code in (200, 204)
    visited.compute()
    erased = visited.orders()

    assert with_late["family"]["value"] > before["family"]["value"]
    assert again == with_late
    assert after_merge == with_late
    assert refunded["driver"]["state"] == "too_few"  # no driver has ordered: that would tell of each of them
    assert erased["family"]["people"] < 11 < before["family"]["people"]
    assert erased["family"]["state"] == "too_few"


def test_weeks_and_channels(shop):
    """Filters are whole weeks and listed channels; what does not fit is refused by name."""
    shop.visit(range(80), START - timedelta(days=32))
    shop.visit(range(80, 160), START - timedelta(days=16))
    shop.visit(range(80), START - timedelta(days=16))
    shop.compute()

    def value(query):
        return shop.orders(query)["driver"]["value"]

    assert shop.report()["weeks"]["last"] == "2026-01-05"
    assert value("?to=2025-12-14") is not None
    assert value("?from=2025-12-15") is not None
    assert value("?from=2025-12-15&to=2025-12-21") != value("?to=2025-12-14")
    assert value("?from=2026-02-02") is None
    assert value("?channel=web&journey=purchase") == pytest.approx(value(""), abs=0.02)
    narrow, wide = (shop.orders(query)["driver"] for query in ("", "?from=2025-12-01"))
    assert wide["high"] - wide["low"] >= narrow["high"] - narrow["low"] - 1e-6  # the visits of one contact resemble one another
    for query, path in (
        ("?from=2025-12-03", "from"),
        ("?to=2025-12-13", "to"),
        ("?to=9999-12-31", "to"),
        ("?from=0001-01-01", "from"),
        ("?from=2025-12-22&to=2025-12-21", "to"),
        ("?channel=fax", "channel"),
        ("?week=1", "week"),
    ):
        refused = shop.base.service.call("GET", f"/api/v1/kpi/cars{query}")
        assert (refused.status_code, refused.json["errors"][0]["path"]) == (422, path), refused.text
    assert shop.base.service.call("GET", "/api/v1/kpi/cars?journey=none").status_code == 404
    assert shop.base.service.call("GET", "/api/v1/kpi/none").status_code == 404


def test_values_in_two_currencies_have_no_mean(visited):
    """The report says so, and the rates stay."""
    at = START - timedelta(days=32)
    visited.send(visited.track(3, at + timedelta(days=4), "Order Completed", order_id="x", total=10, currency="usd"))
    visited.send(visited.track(3, at + timedelta(days=2), "Quote Requested"))
    visited.compute()

    order = visited.report()["journeys"][0]["stages"][2]

    assert (order["value"], order["problem"]) == ([], "values are in EUR and USD: send one currency, or convert them before")
    assert order["from_first"][0]["value"] is not None


def test_a_barometer_asks_those_to_whom_it_happened(visited):
    """Only answers after the moment count, and the belief about who answered is without the score itself."""
    by_persona = {figure["persona"]: figure for figure in visited.report()["barometers"][0]["figures"]}

    assert by_persona["driver"]["value"] == pytest.approx(5, abs=0.7)
    assert by_persona["driver"]["people"] < 80
    assert by_persona["family"]["state"] == "too_few"


def test_an_answer_does_not_confirm_itself(shop):
    """What drivers answer is estimated with the belief that each contact's other answers give, and with nothing else."""
    shop.compute()
    parts = shop.base.service.parts
    with parts.store.reading() as session:
        bank, _ = parts.banks.latest(session, "cars")
        given = answers_of(session, bank, list(session.exec(select(Contact.id))))
    rows = [
        (belief_from(bank, answers, frozenset(["happy"])), float(item.value))
        for answers in given.values()
        for _, item in answers
        if item.question == "happy"
    ]
    beliefs, outcomes = np.array([belief for belief, _ in rows]), np.array([outcome for _, outcome in rows])

    row = next(row for row in shop.report()["answers"] if (row["question"], row["option"]) == ("happy", None))

    assert [figure["value"] for figure in row["figures"]] == pytest.approx(
        [figure.value for figure in estimate_mean_answers(beliefs, outcomes, bank.personas)], rel=1e-5
    )
    assert {figure["state"] for figure in row["figures"]} == {"shown"}


def test_words_that_set_a_persona_apart(shop):
    """What at least eleven drivers write and families do not is listed, and nothing else."""
    store = shop.base.service.parts.store
    with store.writing() as session:
        own = select(SurveySession).where(SurveySession.bank == "cars")
        for item in session.exec(own).all():
            number = int(item.contact_id.removeprefix("ct_"))
            said = "The waiting time is endless" if number % 2 == 0 else ("I like the colour" if number % 3 else "A secret of mine")
            given = {"session_id": item.id, "contact_id": item.contact_id, "bank": "cars", "bank_version": 1, "given_at": START}
            session.add(Answer(**given, question="why", kind="answer", value=said, answer_id="why", state="current"))
            wrote = "Late parcel again" if number % 2 == 0 else "Friendly staff"
            mine = {"contact_id": item.contact_id, "digest": item.contact_id, "day": "2026-01-02", "imported_at": START}
            session.add(Review(bank="cars", text=wrote, **mine))
    shop.compute()

    irritants = shop.report()["irritants"]
    found = {(item["persona"], item["term"]) for item in irritants}
    in_reviews = {(item["persona"], item["term"]) for item in irritants if item["question"] == "(reviews)"}

    assert {("driver", "late parcel"), ("family", "friendly staff")} <= in_reviews
    assert {("driver", "waiting time"), ("family", "colour")} <= found
    assert not {persona for persona, term in found if "waiting" in term} - {"driver"}


def test_a_report_prints_quotes_beside_the_words_they_contain(shop, tmp_path):
    """Quotes of another persona, and those without a distinctive word, are left out."""
    with shop.base.service.parts.store.reading() as session:
        bank = shop.base.service.parts.banks.latest(session, "cars")[0].bank
    day = {"day": "2026-01-02", "confidence": 0.91}
    quotes = [
        {"text": "A <late parcel>, again!", "persona": "driver", **day},
        {"text": "Late parcel for my family", "persona": "family", **day},
        {"text": "Nothing to say", "persona": "driver", **day},
        {"text": "Nobody knows", "persona": None, **day, "confidence": None},
    ]
    word = {"persona": "driver", "question": "(reviews)", "people": 12, "log_odds": 1.0, "z": 3.0}
    shop.compute()
    report = shop.report() | {"irritants": [word | {"term": "late parcel"}, word | {"term": "late"}]}
    report_kpi(report, bank, tmp_path / "kpi.html", quotes)

    page = (tmp_path / "kpi.html").read_text(encoding="utf-8")
    assert page.count("<blockquote>") == 1
    assert "A &lt;late parcel&gt;, again!" in page
    assert "(91% sure), 2026-01-02" in page


def test_who_objects_to_a_profile_is_in_no_figure(visited):
    """Nor in the number of contacts."""
    service = visited.base.service
    assert visited.report()["contacts"] == CONTACTS
    service.call("PUT", "/api/v1/contacts/c0", {"consent": {"profiling": False}})
    visited.compute()

    assert visited.report()["contacts"] == CONTACTS - 1


def test_the_command_computes_what_the_report_shows(visited, tmp_path):
    """`discern kpi` reads all contacts and agrees with the stored sums; wrong input ends with 1 and names the field."""
    url = visited.base.service.parts.settings.database_url
    done = discern("kpi", "cars", "--json", "--report", str(tmp_path / "kpi.html"), database_url=url)
    text = discern("kpi", "cars", "--journey", "purchase", database_url=url)
    refused = discern("kpi", "cars", "--from", "2025-12-03", database_url=url)

    computed, stored = json.loads(done.stdout), visited.report()
    assert computed["journeys"] == stored["journeys"]
    assert computed["shares"] == stored["shares"]
    page = Page((tmp_path / "kpi.html").read_text(encoding="utf-8"))
    assert "The driver" in " ".join(page.words)
    pictures = [attributes for tag, attributes in page.attributes if tag == "svg"]
    assert len(pictures) >= 4
    assert all(picture["role"] == "img" and "The driver" in picture["aria-label"] for picture in pictures)
    assert max(Counter(page.of("id")).values()) == 1
    assert "within 10 days" in text.stdout
    assert "too few" in text.stdout
    assert (refused.returncode, refused.stderr.splitlines()[-1]) == (
        1,
        "from: must be a Monday, such as 2025-12-01: figures are of whole weeks",
    )
    assert discern("kpi", "cars", "--journey", "none", database_url=url).returncode == 1
