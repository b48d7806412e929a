"""Elements that are removed, cloned, hidden and prerendered, pages that end without notice, and devices that many people use."""

import json

import pytest
from playwright.sync_api import expect

from survey_service.store.tables.core import SurveySession
from tests.browser.world import Visitor

TURN = "document.dispatchEvent(new Event('visibilitychange', {bubbles: true}))"
HIDE = f"Object.defineProperty(document, 'hidden', {{value: true, configurable: true}}); {TURN}"
SHOW = f"delete document.hidden; {TURN}"
ELEMENT = "document.createRange().createContextualFragment('<persona-survey survey=every-type><a href=/>Here</a>').firstChild"
SETTLED = "new Promise((done) => setTimeout(done, 300))"


def begun(visitor: Visitor) -> int:
    return len(visitor.events("surveystart"))


def blank(visitor: Visitor, world, **more) -> None:
    """Open a page that has the script and no element."""
    script = f'<script type="module" src="{world.service}/embed/v1/widget.js"></script>'
    visitor.page.goto(world.put(script, **more))
    visitor.page.evaluate("customElements.whenDefined('persona-survey').then(() => true)")


UNSEEN = {
    "removed": "document.body.append(element); element.remove()",
    "hidden by its attribute": "element.hidden = true; document.body.append(element)",
    "inside what is not displayed": "box.style.display = 'none'; box.append(element); document.body.append(box)",
    "far below": "box.style.height = '9000px'; document.body.append(box, element)",
    "cloned and not inserted": "element.cloneNode(true)",
}
SEEN = {
    "created twice": "document.body.append(element); element.remove(); document.body.append(element.cloneNode(true))",
    "moved": "document.body.append(element); element.remove(); document.body.append(element)",
    "moved into a box": "document.body.append(element, box); box.append(element)",
}


def run(visitor: Visitor, act: str) -> None:
    """Run a script that has an element and a box, neither of them in the page."""
    visitor.page.evaluate(f"(() => {{ const element = {ELEMENT}, box = document.createElement('div'); {act} }})()")


@pytest.mark.parametrize("act", UNSEEN.values(), ids=UNSEEN)
def test_no_session_for_what_nobody_saw(visitor, world, act):
    """Nothing is asked of the service."""
    blank(visitor, world)
    run(visitor, act)
    visitor.page.evaluate(SETTLED)
    assert visitor.events("surveystart") == []


@pytest.mark.parametrize("act", SEEN.values(), ids=SEEN)
def test_one_session_for_what_somebody_saw(visitor, world, act):
    """Development modes of frameworks mount each element twice."""
    blank(visitor, world)
    run(visitor, act)
    visitor.expect_question("Which colour?")
    visitor.page.evaluate(SETTLED)
    assert begun(visitor) == 1


def test_a_page_that_is_hidden_starts_nothing_until_it_is_shown(visitor, world):
    """A tab that was opened in the background has not been seen."""
    visitor.page.goto(world.put(world.element(), head=f"<script>{HIDE}</script>"))
    visitor.page.evaluate(SETTLED)
    assert begun(visitor) == 0
    visitor.page.evaluate(SHOW)
    visitor.expect_question("Which colour?")


def test_a_prerendered_page_starts_nothing_until_somebody_visits_it(visitor, world):
    """Browsers render pages that somebody may visit next."""
    target = world.put(world.element())
    rules = json.dumps({"prerender": [{"urls": [target], "eagerness": "immediate"}]})
    before = world.count(SurveySession)
    with visitor.page.context.expect_event("request", lambda request: request.url == target) as asked:
        visitor.page.goto(world.put(f'<a href="{target}">On</a>', head=f'<script type="speculationrules">{rules}</script>'))
    assert "prerender" in asked.value.headers.get("sec-purpose", "")
    visitor.page.evaluate("new Promise((done) => setTimeout(done, 1500))")
    assert world.count(SurveySession) == before


def test_removing_the_element_keeps_its_ticks(visitor, world):
    """A router that shows another page is like leaving the page."""
    visitor.visit(survey="branch")
    visitor.choose("Yes")
    visitor.button("Continue").click()
    visitor.choose("A small one")
    session = visitor.session
    visitor.page.evaluate("document.querySelector('persona-survey').remove()")
    draft = world.wait_for_count(session, 2)[1]
    assert draft[2]["ticked"] == ["small"]
    assert draft[2]["seen"]


def test_a_page_that_is_hidden_sends_what_waits_in_order(visitor, world):
    """Phones end hidden pages without a word. The answer that opens the next question arrives first, and the ticks arrive too."""
    visitor.visit(survey="branch")
    visitor.expect_question("Do you own a car?")
    visitor.page.context.set_offline(True)
    visitor.choose("Yes")
    visitor.button("Continue").click()
    visitor.expect_question("Which kinds have you had?")
    visitor.choose("A van")
    visitor.page.context.set_offline(False)
    with visitor.page.expect_request("**/answers") as sent:
        visitor.page.evaluate(HIDE)
    given = sent.value.post_data_json["answers"]
    assert [answer["question"] for answer in given] == ["owns", "which"]
    assert given[1]["draft"] is True
    answers = world.wait_for_count(visitor.session, 2)
    assert [question for question, _, _ in answers] == ["owns", "which"]

    visitor.page.evaluate(SHOW)
    visitor.button("Continue").click()
    visitor.expect_question("How satisfied are you?")
    assert [question for question, _, _ in world.answers(visitor.session)] == ["owns", "which"]


def test_a_device_does_not_continue_the_session_of_somebody_else(visitor, world):
    """Anna's session is resumed for Anna, also when her identity is signed anew, and never for Ben or for nobody."""
    anna, ben = world.identity("anna-on-a-till", seconds_ago=60), world.identity("ben-on-a-till")
    visitor.visit(f'remember identity="{anna}"')
    visitor.button("Skip").click()
    visitor.expect_question("How is your mood?")
    sessions = [visitor.session]
    for attribute in (f'identity="{ben}"', ""):
        visitor.visit(f"remember {attribute}")
        visitor.expect_question("Which colour?")
        sessions.append(visitor.session)
    assert len(set(sessions)) == 3

    again = world.identity("anna-on-a-till")
    assert again != anna
    visitor.visit(f'remember identity="{again}"')
    visitor.expect_question("How is your mood?")
    assert visitor.events("surveystart") == []


def test_a_refusal_of_one_person_is_not_that_of_the_next(visitor, world):
    """Anna has not agreed; Ben is asked."""
    anna, ben = (world.identity(name) for name in ("anna-declines", "ben-decides"))
    visitor.visit(f'remember identity="{anna}"', survey="asks")
    visitor.button("No thanks").click()
    visitor.visit(f'remember identity="{anna}"', survey="asks")
    visitor.page.wait_for_load_state("networkidle")
    expect(visitor.survey.get_by_role("button")).to_have_count(0)
    visitor.visit(f'remember identity="{ben}"', survey="asks")
    visitor.expect_question("Before we begin")
