"""Scripts of the page that own keys, headers, random numbers and prototypes, and old libraries that change what every page has."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.world import HOOK, Visitor

TO_THE_TEXT = ("Which colour?", "How is your mood?", "Which extras?", "How old are you?")


def to_the_text(visitor: Visitor) -> None:
    for question in TO_THE_TEXT:
        visitor.expect_question(question)
        visitor.button("Skip").click()
    visitor.expect_question("Anything else?")


@pytest.mark.parametrize("where", ["document", "window"])
@pytest.mark.parametrize("capture", ["true", "false"])
def test_typed_keys_do_not_reach_shortcuts_of_the_page(visitor, where, capture):
    """Listeners that were added after the widget's, on any ancestor and in either phase, get none of them."""
    visitor.visit()
    to_the_text(visitor)
    shortcuts = "(event) => { pressed.push(event.key); event.preventDefault() }"
    listen = "".join(f"{where}.addEventListener('{kind}', {shortcuts}, {capture});" for kind in ("keydown", "keypress", "keyup"))
    visitor.page.evaluate(f"window.pressed = []; {listen}")
    field = visitor.survey.get_by_role("textbox")
    field.focus()
    visitor.page.keyboard.type("yes and/or no?")
    visitor.page.keyboard.press("Backspace")
    expect(field).to_have_value("yes and/or no")
    assert visitor.page.evaluate("pressed") == []


def test_keys_that_leave_a_field_stay_the_pages(visitor):
    """A dialog of the page keeps its focus trap and its Escape, and its combinations work; so do keys outside of the survey."""
    visitor.visit(head="<script>window.pressed = []; document.addEventListener('keydown', (event) => pressed.push(event.key))</script>")
    to_the_text(visitor)
    visitor.survey.get_by_role("textbox").focus()
    for key in ("Tab", "Escape", "Control+k", "F2"):
        visitor.page.keyboard.press(key)
    visitor.page.evaluate("document.body.tabIndex = 0; document.body.focus()")
    visitor.page.keyboard.press("j")
    assert visitor.page.evaluate("pressed") == ["Tab", "Escape", "Control", "k", "F2", "j"]


def test_a_page_that_adds_its_own_token_to_every_request_is_answered(visitor, world):
    """The token in the body wins, and headers of the page pass the preflight."""
    headers = "{Authorization: 'Bearer the-shop', 'X-CSRF-Token': 'x', 'Content-Type': 'application/json'}"
    wrapper = f"<script>const original = fetch; fetch = (url, options) => original(url, {{...options, headers: {headers}}})</script>"
    visitor.visit("remember", head=wrapper)
    visitor.choose("Red")
    visitor.button("Continue").click()
    visitor.expect_question("How is your mood?")
    world.wait_for_answers(visitor.session, [("colour", "answer", "red")])
    visitor.page.reload()
    visitor.expect_question("How is your mood?")


OLD = {
    "arrays as JSON text": "Array.prototype.toJSON = function () { return '[' + [].map.call(this, JSON.stringify) + ']' }",
    "objects as JSON text": "Object.defineProperty(Object.prototype, 'toJSON', {value() { return 'gone' }, configurable: true})",
    "texts as JSON text": "String.prototype.toJSON = function () { return 'gone' }",
    "random numbers that repeat": "Math.random = () => 0.5",
    "no random ids": "delete Crypto.prototype.randomUUID",
    "more enumerable properties": "Array.prototype.last = function () { return this[0] }; Object.prototype.extend = function () {}",
}


@pytest.mark.parametrize("script", OLD.values(), ids=OLD)
def test_old_libraries_do_not_change_what_is_sent(visitor, world, script):
    """Every type of answer arrives as it was given, and answers of two visits have different ids."""
    sent = []
    visitor.page.on("request", lambda request: sent.append(request.post_data_json) if "/answers" in request.url else None)
    for _ in range(2):
        visitor.visit('hidden-order="A-7"', head=f"<script>{script}</script>")
        visitor.answer_everything()
        answers = [("colour", "answer", "blue"), ("mood", "answer", 7), ("extras", "answer", HOOK), ("age", "answer", 42)]
        world.wait_for_answers(visitor.session, [*answers, ("story", "answer", "No, thank you")])
    ids = [body["answer_id"] for body in sent]
    assert len(ids) == len(set(ids)) == 10


def test_the_language_is_that_of_the_page_around_the_shadow_roots(visitor, world):
    """Design systems put everything into shadow roots; the language stands on the outermost element."""
    visitor.page.goto(world.put(f'<script type="module" src="{world.service}/embed/v1/widget.js"></script><div id="outer"></div>'))
    visitor.page.evaluate(
        "document.documentElement.lang = 'fr';"
        "const inner = document.createElement('div');"
        "outer.attachShadow({mode: 'open'}).append(inner);"
        "inner.attachShadow({mode: 'open'}).innerHTML = '<persona-survey survey=every-type></persona-survey>'"
    )
    visitor.expect_question("Quelle couleur ?")


@pytest.mark.parametrize("attributes", ['identity=""', f'hidden-note="{"x" * 600}"', f'lang="{"x" * 600}"', 'hidden-="x"', 'lang="_"'])
def test_side_data_that_cannot_be_stored_is_named_in_the_console(visitor, attributes):
    """The survey asks, and the developer of the page reads what was left out."""
    visitor.visit(attributes)
    expect(visitor.survey.get_by_role("group")).to_be_visible()
    warned = [line for line in visitor.console if line.startswith("Discern:")]
    assert len(warned) == (0 if attributes == 'lang="_"' else 1)
    assert all(re.match(r"Discern: (identity|hidden\.\S*|language) left out: ", line) for line in warned)


def test_a_page_of_an_unlisted_origin_reads_why(world, new_page):
    """The console has the sentence that says what to do, and no error of CORS."""
    visitor = Visitor(world, new_page())
    visitor.page.goto(world.put(world.element()).replace("127.0.0.1", "localhost"))
    visitor.page.wait_for_function("recorded.length")
    [event] = visitor.events("surveyerror")
    assert (event["status"], event["code"]) == (403, "origin_not_allowed")
    assert "list its origin" in event["detail"]
    assert not any("CORS" in line for line in visitor.console)
    expect(visitor.page.get_by_role("link", name="Answer here")).to_be_visible()
