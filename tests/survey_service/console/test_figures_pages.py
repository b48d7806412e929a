"""Pages of journeys and of the base: their figures are those of the API, few people have none, filters hold, and a run is started."""

from datetime import timedelta

import pytest

from survey_service.posters.figures_view import Weeks, base_page, journeys_page
from survey_service.worker.maintenance import Maintenance
from tests.survey_service.attribution.base import Base
from tests.survey_service.console.browsers import signed_in
from tests.survey_service.figures.shop import Shop, bank_with_journeys
from tests.survey_service.service import START, a_service


@pytest.fixture(scope="module")
def shop(tmp_path_factory, sqlite_template):
    """A shop of 400 contacts, 160 of whom have answered, and a run of attribution."""
    from tests.survey_service.databases import sqlite_copy

    base = Base(a_service(sqlite_copy(sqlite_template, tmp_path_factory.mktemp("figures")), bank_with_journeys()))
    base.add(400)
    base.answer(160)
    found = Shop(base)
    found.visit(range(400), START - timedelta(days=32))
    found.compute()
    base.run()
    yield found
    base.service.parts.store.close()


def pages(shop, **filters):
    p = shop.base.service.parts
    with p.store.reading() as session:
        return journeys_page(session, p.banks, "cars", Weeks(**filters), "en", contacts=True), base_page(session, p.banks, "cars", "en")


def test_the_page_of_journeys_has_the_figures_of_the_api(shop):
    """Each stage and persona; the heading names the step at which most are lost."""
    view, _ = pages(shop)
    report = shop.report()
    stages = view["journeys"][0]["stages"]
    for own, stage in zip(stages[1:], report["journeys"][0]["stages"][1:], strict=True):
        assert [own["from_first"][figure["persona"]] for figure in stage["from_first"]] == stage["from_first"]
    steps = [(figure["value"], figure["persona"]) for stage in report["journeys"][0]["stages"][1:] for figure in stage["from_previous"]]
    assert (view["journeys"][0]["worst"]["figure"]["value"], view["journeys"][0]["worst"]["figure"]["persona"]) == min(steps)
    text = signed_in(shop.base.service).get("/console/j/cars").text
    assert f"{round(100 * min(steps)[0])}% come to" in text


def test_a_filter_moves_every_figure_or_hides_it(shop):
    """Without a channel that exists the page says which there are; weeks before anything happened have no figure."""
    browser = signed_in(shop.base.service)
    first = shop.report()["weeks"]["first"]
    assert "too few" in browser.get("/console/j/cars?from=2030-01-07").text
    assert f'<option value="{first}" selected>' in browser.get(f"/console/j/cars?from={first}").text
    assert browser.get("/console/j/cars?channel=nowhere").status_code == 422
    assert browser.get("/console/j/cars?from=tomorrow").status_code == 422
    assert browser.get("/console/j/cars?from=2026-01-06").status_code == 422
    assert browser.get("/console/j/none").status_code == 404


def test_the_page_of_the_base_has_the_figures_of_the_run(shop):
    """Forecast, coverage, shares and attributes; those without any data are not shown."""
    _, view = pages(shop)
    runs = shop.base.service.call("GET", "/api/v1/attribution/cars/runs").json["items"]
    model = shop.base.read(runs[0]["id"])["model"]
    assert view["found"] == model
    assert [row["target"] for row in model["forecast"]] == [0.6, 0.7, 0.8, 0.9]
    assert all(row["lower"] <= row["accuracy"] for row in model["risk_coverage"])
    assert sum(row["value"] for row in model["respondents"]) == pytest.approx(1)
    assert all(row["low"] < row["value"] < row["high"] for row in model["respondents"])
    assert [row["name"] for row in view["attributes"]] == sorted(model["gains"], key=lambda name: -model["gains"][name])[
        : len(view["attributes"])
    ]
    assert all(level["people"] >= 11 for row in view["attributes"] for level in row["levels"])
    assert all(row["probes"] is None for row in view["shares"])
    assert "contacts are assigned" in signed_in(shop.base.service).get("/console/a/cars").text


def test_a_run_is_started_from_the_page(service):
    """By who may write, where the bank names attributes; a bank without says what is needed."""
    assert "Contacts who never answer have no persona yet" in signed_in(service).get("/console/a/cars").text
    refused = signed_in(service).post("/console/a/cars/run")
    assert refused.status_code == 409

    base = Base(service)
    service.call("POST", "/api/v1/banks", data=bank_with_journeys(), headers={"Content-Type": "application/yaml"})
    base.add(40)
    base.answer(40)
    browser = signed_in(service)
    browser.get("/console/a/cars")
    assert browser.post("/console/a/cars/run").status_code == 303
    assert "waiting for the worker" in browser.get("/console/a/cars").text
    base.work()
    assert "Learned from 40 respondents" in browser.get("/console/a/cars").text
    assert browser.get("/console/a").location.endswith("/console/a/cars")


def test_a_bank_without_journeys_or_answers_has_pages(service):
    """They say what is missing."""
    browser = signed_in(service)
    assert "No journey yet" in browser.get("/console/j/cars").text
    Maintenance(service.parts.settings, service.parts.store, service.clock, service.parts.banks).do()
    assert browser.get("/console/j/cars").status_code == 200
