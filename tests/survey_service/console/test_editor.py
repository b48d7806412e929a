"""The editor: a cell changes its line only, mistakes stand beside their cells, two authors lose nothing, and publishing."""

import difflib
import re

import pytest

from question_bank.files.load import check_bank
from question_bank.text_edits import CannotEdit
from survey_service.console.grid import edited, stored_cells
from tests.survey_service.console.browsers import signed_in
from tests.survey_service.service import BANK, Service

GRID, TEXT = "/console/b/cars/draft/q/reasons", "/console/b/cars/draft/yaml"
CELL = "c.driver.safety"
COMMENTED = "# from the panel\n" + BANK


@pytest.fixture
def authors(service: Service):
    """Two authors, and a bank whose text has comments."""
    service.call("POST", "/api/v1/banks", data=COMMENTED.replace("Happy?", "Are you happy?"))
    return signed_in(service), signed_in(service, "ben@example.com", "write")


def draft_of(service: Service) -> str:
    return service.call("GET", "/api/v1/banks/cars/draft").json["source"]


def test_a_changed_cell_changes_its_line_only(service, authors):
    """Comments and layout stay, the change is marked with what was published, and the figures come from the simulation."""
    claire, _ = authors
    published = service.call("GET", "/api/v1/banks/cars/versions/2").json["source"]
    claire.get(GRID)
    tried = claire.post(f"{GRID}/try", **{CELL: "35"})
    assert "simulated people" in tried.text
    assert service.call("GET", "/api/v1/banks/cars/draft").status_code == 404

    claire.get(GRID)
    assert claire.post(GRID, **{CELL: "35", "c.driver.power": "80"}).status_code == 303

    changed = [line for line in difflib.ndiff(published.splitlines(), draft_of(service).splitlines()) if line[0] in "+-"]
    assert changed == [
        "-     likelihood: {driver: [0.2, 0.8, 0.3], family: [0.7, 0.2, 0.5]}",
        "+     likelihood: {driver: [0.35, 0.8, 0.3], family: [0.7, 0.2, 0.5]}",
    ]
    assert "was 20" in claire.get(GRID).text


@pytest.mark.parametrize(
    ("question", "cell", "value", "sentence"),
    [
        ("reasons", "c.driver.safety", "140", "140 in a hundred is not a probability"),
        ("owns", "c.driver.yes", "80", "adds up to 90, not 100"),
        ("reasons", "c.family.price", "many", "&#34;many&#34; is not"),
        ("reasons", "c.family.price", '"]}: *x', "is not"),
        ("happy", "c.driver.sd", "-1", "is not more than 0"),
    ],
)
def test_the_sentence_of_a_mistake_names_its_cell(service, authors, question, cell, value, sentence):
    """Also without scripts: what is not possible is kept in the draft, named beside its cell, and not published."""
    claire, _ = authors
    address = f"/console/b/cars/draft/q/{question}"
    claire.get(address)
    tried = claire.post(f"{address}/try", **{cell: value}).text
    (named,) = re.findall(r'<li data-cell="([^"]+)">', tried)[:1]
    assert named.split(".")[:2] == cell.split(".")[:2]
    assert sentence in tried

    claire.get(address)
    assert claire.post(address, **{cell: value}).status_code == 303
    assert sentence in claire.get(address).text
    claire.get("/console/b/cars/draft")
    assert claire.post("/console/b/cars/draft/publish").status_code in (403, 422)


def test_two_authors_lose_nothing(service, authors):
    """The page warns the second author, shows their own cells on top of the change of the first, and saves both."""
    claire, ben = authors
    claire.get(GRID)
    ben.get(GRID)
    claire.post(GRID, **{CELL: "35"})

    late = ben.post(GRID, **{"c.family.power": "25"})

    assert late.status_code == 412
    assert "Claire changed this draft" in late.text
    assert re.search(r'name="c.driver.safety" value="35"', late.text)
    assert re.search(r'name="c.family.power" value="25"', late.text)
    assert ben.post(GRID, **{"c.family.power": "25"}).status_code == 303
    assert "driver: [0.35, 0.8, 0.3], family: [0.7, 0.25, 0.5]" in draft_of(service)

    claire.get(TEXT)
    ben.get(TEXT)
    claire.post(TEXT, text=BANK + "# claire\r\n")
    late = ben.post(TEXT, text=BANK + "# ben\n")
    assert (late.status_code, "# ben" in late.text, "# claire" in late.text) == (412, True, True)
    assert draft_of(service) == BANK + "# claire\n"


def test_publishing_says_what_it_changes_and_open_sessions_finish_their_version(service, authors):
    """Meaning and words apart; an author cannot publish, an admin can; the draft is gone, and can be begun from an earlier version."""
    claire, ben = authors
    respondent = service.start()
    ben.get(TEXT)
    ben.post(TEXT, text=COMMENTED.replace("[0.9, 0.1]", "[0.8, 0.2]").replace("Why that one?", "Why this one?"))
    page = ben.get("/console/b/cars/draft").text
    assert page.count(">meaning<") == 2
    assert re.search(r"<del>90</del>\s*<ins>80</ins>", page)
    assert re.search(r"<del>Why that one\?</del>\s*<ins>Why this one\?</ins>", page)
    assert ben.post("/console/b/cars/draft/publish").status_code == 403
    claire.get("/console/b/cars/draft")

    assert claire.post("/console/b/cars/draft/publish").headers["Location"].endswith("/versions?published=3")

    assert respondent.answer("owns", "yes").json["bank_version"] == 2
    assert service.start().view["bank_version"] == 3
    versions = claire.get("/console/b/cars/versions").text
    assert versions.count("Go back to it in a draft") == 2
    assert claire.post("/console/b/cars/versions/1/restore").status_code == 303
    assert claire.get("/console/b/cars/draft").status_code == 200
    assert claire.post("/console/b/cars/draft/discard").status_code == 303
    assert "discard" not in claire.get("/console/b/cars/draft").text


def test_a_version_published_meanwhile_is_not_undone_silently(service, authors):
    """The page says so and offers to go on from it; only then the draft can be published."""
    claire, _ = authors
    claire.get(GRID)
    claire.post(GRID, **{CELL: "35"})
    service.call("POST", "/api/v1/banks", data=BANK.replace("Happy?", "Well?"))
    assert "was published after this draft began" in claire.get("/console/b/cars/draft").text
    assert claire.post("/console/b/cars/draft/publish").status_code == 409

    claire.get("/console/b/cars/draft")
    claire.post("/console/b/cars/draft/rebase")
    claire.get("/console/b/cars/draft")
    assert claire.post("/console/b/cars/draft/publish").status_code == 303


def test_a_part_of_a_page_gets_its_error_as_a_part(service, authors):
    """Who was signed out meanwhile reads so beside the grid, and no whole page inside the page."""
    claire, _ = authors
    claire.client.delete_cookie("discern")

    part = claire.client.post(f"{GRID}/try", data={CELL: "35"}, headers={"HX-Request": "true"})

    assert (part.status_code, "<html" in part.text, "You are signed out" in part.text) == (401, False, True)


def test_a_new_bank_can_be_published_as_it_begins(service):
    """Two personas, a question and a survey; the name must be free and an id."""
    claire = signed_in(service)
    claire.get("/console/b")
    assert claire.post("/console/b", bank="shoes").status_code == 303
    claire.get("/console/b/shoes/draft")
    assert claire.post("/console/b/shoes/draft/publish").status_code == 303
    assert service.start("shoes").view["question"]["id"] == "what_matters"
    claire.get("/console/b")
    assert [claire.post("/console/b", bank=name).status_code for name in ("cars", "No Id!", "")] == [422, 422, 422]


def test_texts_that_cannot_be_read_have_a_page(service, authors):
    """No grid where there is none: broken YAML, a question without a table, one that does not exist."""
    claire, _ = authors
    claire.get(TEXT)
    assert claire.post(TEXT, text="bank: [").status_code == 303
    for path in (GRID, TEXT, "/console/b/cars/draft", "/console/b/cars", "/console/b"):
        assert claire.get(path).status_code in (200, 303), path
    claire.get(TEXT)
    claire.post(TEXT, text=BANK)
    assert "has no grid" in claire.get("/console/b/cars/draft/q/why").text
    assert "has no grid" in claire.get("/console/b/cars/draft/q/nothing").text
    claire.get(TEXT)
    assert claire.post(TEXT, text="").status_code == 422
    assert claire.get("/console/b/nothing").status_code == 404


FORMS = """
bank: forms
personas: [{id: driver}, {id: family}]
questions:
  - id: why
    type: multiple
    text: Why?
    options: [{id: safety, text: Safe}, {id: power, text: Fast}]
    likelihood:
      driver: {safety: 0.2, power: 0.8}  # from the panel
      family:
        safety: 0.7
        power: 0.2
      # the end of the table
  - id: what
    type: single
    text: What?
    options: [{id: car, text: Car}, {id: bike, text: Bike}]
    likelihood: {driver: {counts: [18, 2]}, family: {car: "++", bike: "-"}}
surveys: [{id: ask}]
"""


@pytest.mark.parametrize(
    ("question", "form", "cells", "changed"),
    [
        ("why", "words", {"c.driver.power": "+"}, ['driver: {safety: "-", power: "+"}  # from the panel']),
        ("why", "words", {"c.family.safety": "++"}, ['family: {safety: "++", power: "-"}']),
        ("why", "counts", {"c.family.safety": "30", "c.family.of": "40"}, ["family: {counts: {safety: 30, power: 20}, of: 40}"]),
        ("what", "hundred", {"c.driver.car": "60", "c.driver.bike": "40"}, ["driver: [0.6, 0.4]"]),
        ("what", "counts", {"c.family.car": "9"}, ["family: {counts: {car: 9, bike: 11}}"]),
        ("what", "counts", {"c.driver.car": "17"}, ["driver: {counts: [17, 2]}"]),
        ("what", None, {"c.family.bike": "--"}, ['family: {car: "++", bike: "--"}']),
    ],
)
def test_the_grid_is_shown_and_written_in_three_forms(question, form, cells, changed):
    """A row of which a cell was changed is written in the form of the grid, each other row and comment as it was."""
    after = edited(FORMS, question, cells, form)
    for part in changed:
        assert part in after
    lines = [line for line in difflib.ndiff(FORMS.splitlines(), after.splitlines()) if line[0] in "+-"]
    assert not any("#" in line and "panel" not in line for line in lines)
    assert len(lines) <= 4
    report = check_bank(after, "bank")
    assert report.bank is not None, report.errors
    again = stored_cells(after, question, form)
    assert {name: again[name] for name in cells} == cells
    assert edited(after, question, again, form) == after


def test_a_grid_in_words_is_saved_in_words(service):
    """The switch is in the address; the page that follows shows the same form, and the figures are those of the words."""
    service.call("POST", "/api/v1/banks", data=FORMS)
    browser, grid = signed_in(service), "/console/b/forms/draft/q/why"
    assert re.search(r'<a href="\?as=hundred" aria-current="true">', browser.get(grid).text)
    page = browser.get(f"{grid}?as=words").text
    assert re.search(r'name="c.family.safety" value="\+"', page)
    assert re.search(r'<a href="\?as=words" aria-current="true">', page)
    assert "is not one of" in browser.post(f"{grid}/try", **{"as": "words", "c.family.safety": "yes"}).text
    browser.get(f"{grid}?as=words")
    saved = browser.post(grid, **{"as": "words", "c.family.safety": "++"})
    assert saved.location.endswith("/why?as=words&saved=1")
    source = service.call("GET", "/api/v1/banks/forms/draft").json["source"]
    assert 'family: {safety: "++", power: "-"}' in source
    assert "driver: {safety: 0.2, power: 0.8}  # from the panel" in source
    assert browser.get(f"{grid}?as=nonsense").status_code == 200


def test_a_row_with_comments_inside_is_edited_in_the_text():
    """Its comments would be lost in another form."""
    with pytest.raises(CannotEdit, match="comments inside"):
        edited(FORMS.replace("safety: 0.7", "safety: 0.7  # most of them"), "why", {"c.family.safety": "++"}, "words")
