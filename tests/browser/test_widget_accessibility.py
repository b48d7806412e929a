"""The widget is accessible in every state: axe-core finds no violation, and each question has the expected accessibility tree."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.world import Visitor

TREES = {
    "colour": """
        - group "Which colour?":
          - radio "Red"
          - radio "Blue"
        """,
    "mood": """
        - group "How is your mood?":
          - radio "0 Terrible"
          - radio "1"
          - radio "10 Wonderful"
        """,
    "extras": """
        - group "Which extras?":
          - checkbox "Roof rack"
          - checkbox "Tow bar"
          - checkbox "Heated seats"
        """,
    "age": """
        - group "How old are you?":
          - textbox "How old are you? years"
        """,
    "story": """
        - group "Anything else?":
          - textbox "Anything else?"
        """,
}


def check(visitor: Visitor, state: str) -> None:
    """Check the whole page by every rule of WCAG 2.2 A and AA, and the best practices."""
    # Colours can be checked only after the browser's animation of the backdrop.
    visitor.page.evaluate("Promise.all(document.getAnimations().map((animation) => animation.finished)).then(() => true)")
    violations = Axe().run(visitor.page).response["violations"]
    assert [(row["id"], [node["html"] for node in row["nodes"]]) for row in violations] == [], state


def visit(visitor: Visitor, attributes: str, survey: str) -> None:
    world = visitor.world
    visitor.page.goto(world.put(f"<main><h1>Thank you for your order</h1>{world.element(attributes, survey)}</main>"))


@pytest.mark.parametrize(("scheme", "language"), [("light", "en"), ("dark", "ar")])
def test_axe_finds_nothing_in_any_question(world, new_page, scheme, language):
    """Each type of question is checked empty, with an answer and with an error, and so is the end."""
    visitor = Visitor(world, new_page(color_scheme=scheme))
    visit(visitor, f'lang="{language}" refuse', "every-type")
    continues, skip = visitor.survey.locator("[value=continue]"), visitor.survey.locator("[value=skip]")
    for number, question in enumerate(TREES, 1):
        expect(visitor.survey.locator("[part=progress]")).to_contain_text(str(number))
        if question in ("age", "colour"):
            continues.click()
            expect(visitor.status).not_to_be_empty()
            check(visitor, f"{question} with an error")
        field = visitor.survey.locator("fieldset input, textarea").first
        field.fill("20") if question in ("age", "story") else field.check()
        check(visitor, f"{question} answered")
        skip.click()
    expect(visitor.survey.get_by_text("That was everything.")).to_be_visible()
    check(visitor, "the end")


def consent(visitor: Visitor, name: str) -> None:
    visit(visitor, "", "asks")
    visitor.expect_question("Before we begin")


def declined(visitor: Visitor, name: str) -> None:
    consent(visitor, name)
    visitor.button("No thanks").click()
    visitor.expect_question("That is fine.")


def corner(visitor: Visitor, name: str) -> None:
    visit(visitor, 'mode="corner"', "tells")
    expect(visitor.survey.get_by_role("region", name="Do you own a car?")).to_be_visible()


def modal(visitor: Visitor, name: str) -> None:
    visit(visitor, 'mode="modal"', "every-type")
    visitor.page.get_by_role("link", name="Answer here").click()
    expect(visitor.survey.get_by_role("dialog", name="Which colour?")).to_be_visible()


def opening(visitor: Visitor, name: str) -> None:
    """A dialog that is still loading its survey."""
    visitor.page.route("**/sessions", lambda route: None)
    visit(visitor, 'mode="modal"', "every-type")
    visitor.page.get_by_role("link", name="Answer here").click()
    expect(visitor.survey.get_by_role("dialog", name="Answer here")).to_have_count(1)


def claimed(visitor: Visitor, name: str) -> None:
    visit(visitor, f'link="{visitor.world.link(name, "branch", "owns", "yes")}"', "branch")
    expect(visitor.button("Change")).to_be_visible()


def to_confirm(visitor: Visitor, name: str) -> None:
    visit(visitor, f'link="{visitor.world.link(name, "one", "owns", "yes")}"', "one")
    expect(visitor.button("That's right")).to_be_visible()


def offline(visitor: Visitor, name: str) -> None:
    visit(visitor, "", "every-type")
    visitor.expect_question("Which colour?")
    visitor.page.route("**/answers", lambda route: route.abort())
    visitor.button("Skip").click()
    expect(visitor.status).to_contain_text("No connection.")


def failed(visitor: Visitor, name: str) -> None:
    visit(visitor, "", "nowhere")
    visitor.page.wait_for_function("recorded.length")


STATES = (consent, declined, corner, modal, opening, claimed, to_confirm, offline, failed)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_axe_finds_nothing_in_any_other_state(visitor, state: Callable[[Visitor, str], None], request):
    """The states before, beside and after the questions are checked."""
    state(visitor, request.node.name)
    check(visitor, state.__name__)


def test_every_question_has_roles_and_names(visitor):
    """The accessibility tree has a group for each question, with its help and errors."""
    visitor.visit()
    for question, tree in TREES.items():
        visitor.expect_question(tree.split('"')[1])
        expect(visitor.survey).to_match_aria_snapshot(tree)
        group = visitor.survey.get_by_role("group")
        if question == "age":
            visitor.button("Continue").click()
            expect(group).to_have_accessible_description("Enter a number, or skip the question.")
            expect(visitor.survey.get_by_role("textbox")).to_have_attribute("aria-invalid", "true")
        visitor.button("Skip").click()
