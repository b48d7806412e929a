"""Personas: what was measured has its interval, what was written says so, and posters are pages and PDF files."""

import base64
import io
import sys

import pytest
from PIL import Image

from question_bank.files.load import read_bank
from survey_service.banks.publishing import publish
from survey_service.console.survey_view import Filters, survey_page
from survey_service.figures.snapshot import compute
from survey_service.posters.paper import is_drawable
from survey_service.posters.sheets import LARGEST_IMAGE, image_of, sheets_of
from tests.survey_service.console.browsers import signed_in
from tests.survey_service.service import BANK


def sheets(service):
    p = service.parts
    with p.store.reading() as session:
        return sheets_of(session, p.banks, "cars", "en")


def answered(service, people):
    """Let every second of so many people drive far for power, and the others little for safety."""
    for number in range(people):
        drives = number % 2 == 0
        person = service.start()
        person.answer("owns", "yes" if drives or number % 3 else "no")
        says_power = number % 10 > 0 if drives else number % 5 == 0
        person.answer("reasons", ["power"] if says_power else ["safety", "price"])
        person.answer("km", 35_000 if drives else 9_000)
        person.answer("happy", 5 if number % 4 == 0 else 3)
    compute(service.parts.store, service.parts.banks, "cars", service.clock)


def test_nothing_is_measured_before_twenty_people(service):
    """With 9 people no share is shown, and every answer is the table of the bank."""
    answered(service, 9)
    driver = sheets(service).one("driver")

    assert driver.share is None
    assert not any(trait.is_measured for trait in (*driver.traits, *driver.petals))
    assert {trait.outcome: trait.value for trait in driver.petals if trait.question == "reasons"} == pytest.approx(
        {"safety": 0.2, "power": 0.8, "price": 0.3}, abs=1e-3
    )
    browser = signed_in(service)
    assert "too few people" in browser.get("/console/p/cars").text
    assert "people in a hundred" not in browser.get("/console/p/cars/booklet").text
    assert "The bank says 50 in a hundred: its author wrote it." in browser.get("/console/p/cars/driver/poster").text


def test_measured_answers_have_intervals_and_leave_themselves_out(service):
    """Of the drivers about all say power: they are drivers by their other answers. The page shows both ends of each interval."""
    answered(service, 90)
    driver, family = sheets(service).personas
    power = {trait.outcome: trait for trait in driver.petals}["power"]

    assert power.is_measured
    assert power.low < power.value < power.high
    assert power.value > {trait.outcome: trait for trait in family.petals}["power"].value + 0.3
    assert power in driver.traits
    assert power.everybody == pytest.approx(
        sum(sheet.share["value"] * trait.value for sheet in (driver, family) for trait in sheet.petals if trait.outcome == "power")
    )
    happy = next(kpi for kpi in driver.kpis if kpi.kind == "mean")
    assert happy.low < happy.value < happy.high
    report = service.call("GET", "/api/v1/kpi/cars").json
    row = next(row for row in report["answers"] if row["option"] == "power")
    assert next(figure["value"] for figure in row["figures"] if figure["persona"] == "driver") == power.value
    with service.parts.store.reading() as session:
        scale = survey_page(session, service.parts.banks, "all", Filters(), "en")["scale"]
        assert survey_page(session, service.parts.banks, "all", Filters(channel="app"), "en")["scale"] is None
    assert (scale["text"], scale["low"], scale["high"], scale["labels"]) == ("Happy?", 1, 5, {1: "No", 5: "Yes"})
    assert scale["rows"][0]["figure"]["value"] == happy.value
    text = signed_in(service).get("/console/p/cars/driver/poster").text
    assert f"{round(100 * power.low)} to {round(100 * power.high)}; all: {round(100 * power.everybody)}" in text


def test_pdf_files_and_what_is_said_without_weasyprint(service, monkeypatch):
    """A poster is a PDF file; where the extra is missing, the page says how to install it and that the browser prints."""
    browser = signed_in(service)
    made = browser.client.get("/console/p/cars/driver/poster.pdf?size=a4&lang=fr")
    assert made.data.startswith(b"%PDF")
    assert made.headers["Content-Disposition"] == "inline; filename=cars-driver-fr.pdf"

    monkeypatch.setitem(sys.modules, "weasyprint", None)
    missing = browser.get("/console/p/cars/booklet.pdf")
    assert (missing.status_code, "discern-survey[posters]" in missing.text) == (406, True)


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("/console/p/cars/driver/poster?size=a9", 422, "write a3 or a4"),
        ("/console/p/cars/driver/poster.pdf?lang=de", 422, "write en or fr"),
        ("/console/p/cars/nobody/poster", 404, "There is no such page"),
        ("/console/p/none/booklet", 404, "There is no such page"),
        ("/console/p/none", 404, "There is no such page"),
    ],
)
def test_what_is_not_there_is_said(service, address, status, said):
    """Bad input names the field and what to write."""
    response = signed_in(service).get(address)
    assert response.status_code == status
    assert said in response.text


def test_only_a_picture_within_the_bank_is_an_image(service):
    """A data URI of a picture is shown; an address is never fetched, and a picture of very many pixels is not drawn."""
    picture = io.BytesIO()
    Image.new("L", (3, 3)).save(picture, "PNG")
    uri = f"data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()}"
    p = service.parts
    with p.store.writing() as session:
        publish(session, read_bank(BANK.replace("Le conducteur}, prior", f"Le conducteur}}, image: '{uri}', prior")), service.clock())

    assert sheets(service).one("driver").image == uri
    assert f'<img class="face" src="{uri}"' in signed_in(service).get("/console/p/cars/driver/poster").text
    assert [
        image_of(given) for given in (None, "https://example.com/a.png", "data:image/svg+xml;base64,PHN2Zz4=", uri + "A" * LARGEST_IMAGE)
    ] == [None] * 4
    assert (is_drawable(uri), is_drawable("data:image/png;base64,AAAA")) == (True, False)
    huge = picture.getvalue()[:16] + (30_000).to_bytes(4) * 2 + picture.getvalue()[24:]
    assert not is_drawable(f"data:image/png;base64,{base64.b64encode(huge).decode()}")


def test_a_bank_that_was_never_measured_still_has_its_posters(service):
    """No snapshot, no survey, no answers: a poster says so."""
    browser = signed_in(service)
    assert "Nothing is measured yet" in browser.get("/console/p/cars").text
    assert "nothing is measured yet" in browser.get("/console/p/cars/family/poster").text
    assert browser.get("/console/p").location.endswith("/console/p/cars")
