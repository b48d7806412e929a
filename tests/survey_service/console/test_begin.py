"""Beginning a bank in the console: an interview in two steps, or a starter, both of which can be published as they are."""

import io
import json
import re

from question_bank.files.load import check_bank
from tests.survey_service.console.browsers import signed_in

PERSONAS = "The driver: long motorway days\nThe <family>\n"
GIVEN = {
    "personas": PERSONAS,
    "question0": "What made you choose it?",
    "options0": "Safety, Power",
    "title": "Your car",
    "bank": "my-cars",
    "language": "en",
}
WORDS = {"w0.0.0": "--", "w0.0.1": "++", "w0.1.0": "+", "w0.1.1": "0"}


def draft(service, bank):
    return service.call("GET", f"/api/v1/banks/{bank}/draft").json


def test_an_interview_becomes_a_draft_without_a_warning(service):
    """The first step leads to the table of signs, and that to the editor; publishing it works at once."""
    browser = signed_in(service)
    browser.get("/console/new")

    signs = browser.post("/console/new", **GIVEN)
    assert signs.status_code == 200
    assert re.findall(r'aria-label="(The [^"]+, [^"]+)"', signs.text) == [
        *("The driver, Safety", "The driver, Power", "The &lt;family&gt;, Safety", "The &lt;family&gt;, Power"),
    ]
    done = browser.post("/console/new", **GIVEN, **WORDS)

    assert (done.status_code, done.headers["Location"]) == (303, "/console/b/my-cars")
    found = draft(service, "my-cars")
    assert (found["errors"], found["warnings"]) == ([], [])
    bank = check_bank(found["source"]).bank
    assert bank is not None
    assert [persona.id for persona in bank.personas] == ["the-driver", "the-family"]
    assert browser.client.get(done.headers["Location"]).status_code == 303
    etag = service.call("GET", "/api/v1/banks/my-cars/draft").headers["ETag"]
    assert service.call("POST", "/api/v1/banks/my-cars/draft/publish", headers={"If-Match": etag}).status_code == 201


def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_lost(service):
    """One persona, a question without answers, a name that is taken: what was written stays in the form."""
    browser = signed_in(service)
    browser.get("/console/new")

    wrong = browser.post("/console/new", **GIVEN | {"personas": "The driver", "options0": "Safety", "bank": "Cars!"})
    taken = browser.post("/console/new", **GIVEN | {"bank": "cars"})
    empty = browser.post("/console/new")

    assert (wrong.status_code, taken.status_code, empty.status_code) == (422, 422, 422)
    assert set(re.findall(r'id="wrong-(\w+)"', wrong.text)) == {"personas", "options0", "bank"}
    assert 'value="What made you choose it?"' in wrong.text
    assert re.findall(r'id="wrong-(\w+)"', taken.text) == ["bank"]
    assert set(re.findall(r'id="wrong-(\w+)"', empty.text)) == {"personas", "question0", "title", "bank", "language"}


def test_personas_that_are_not_told_apart_are_asked_about_again(service):
    """The signs stay as they were; going back shows the first step with what was written."""
    browser = signed_in(service)
    browser.get("/console/new")
    alike = dict.fromkeys(WORDS, "+")

    again = browser.post("/console/new", **GIVEN, **alike)
    assert again.status_code == 422
    assert "not told apart yet" in again.text
    assert again.text.count('<option value="+" selected>') == 4
    back = browser.post("/console/new", **GIVEN, **alike, back="1")
    assert "The &lt;family&gt;" in back.text
    assert 'name="personas"' in back.text


def test_a_starter_becomes_a_draft(service):
    """An unknown starter and a bank that exists are refused."""
    browser = signed_in(service)
    browser.get("/console/new")

    assert browser.post("/console/new/starter", starter="travel", bank="trips").status_code == 303
    found = draft(service, "trips")
    assert (found["errors"], found["warnings"]) == ([], [])
    assert browser.post("/console/new/starter", starter="no", bank="trips").status_code == 422
    assert browser.post("/console/new/starter", starter="travel", bank="cars").status_code == 422
    assert browser.post("/console/new/starter", starter="travel", bank="No!").status_code == 422


def test_a_form_of_another_tool_becomes_a_draft_and_what_is_lost_is_said(service):
    """A file that cannot be read is named with its reason, and so is a missing one."""
    browser = signed_in(service)
    browser.get("/console/new")
    fields = [
        {"title": "Colour?", "type": "multiple_choice", "properties": {"choices": [{"label": "Red"}, {"label": "Blue"}]}},
        {"title": "Your file?", "type": "file_upload"},
    ]
    form = json.dumps({"title": "Colours", "fields": fields}).encode()

    done = browser.post("/console/new/file", bank="colours", file=(io.BytesIO(form), "form.json"))
    assert done.status_code == 200
    assert "Your file?" in done.text
    assert "Colour?" in draft(service, "colours")["source"]
    wrong = browser.post("/console/new/file", bank="other", file=(io.BytesIO(b"\x89PNG"), "form.png"))
    assert wrong.status_code == 422
    assert "is no workbook" in wrong.text
    assert browser.post("/console/new/file", bank="other").status_code == 422
    assert browser.post("/console/new/file", bank="colours", file=(io.BytesIO(form), "form.json")).status_code == 422
