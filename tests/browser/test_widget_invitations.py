"""Invitations in the corner and dialogs: their titles, when they appear, how often, and how they end."""

import pytest
from playwright.sync_api import expect

from tests.browser.world import HOOK, Visitor

TALL = "<style>main { height: 4000px }</style>"


def open_corner(visitor: Visitor, attributes: str = "", survey: str = "every-type") -> None:
    page = visitor.world.put(f"<main>A long page</main>{visitor.world.element(f'mode=corner {attributes}', survey)}", head=TALL)
    visitor.page.goto(page)
    visitor.page.evaluate("customElements.whenDefined('persona-survey').then(() => true)")


def asked(visitor: Visitor) -> int:
    visitor.page.evaluate("new Promise((done) => setTimeout(done, 300))")
    return len(visitor.events("surveystart"))


def test_an_invitation_has_the_words_of_the_page(visitor):
    """The content of the element invites; a dialog has the title of the survey, and a cross that keeps the answers."""
    open_corner(visitor)
    expect(visitor.survey.locator("[part=title]")).to_have_text("Answer here")

    visitor.visit('mode="modal"')
    visitor.page.get_by_role("link", name="Answer here").click()
    expect(visitor.survey.locator("[part=title]")).to_have_text("Every type")
    visitor.button("Skip").click()
    visitor.expect_question("How is your mood?")
    visitor.button("Close ×").click()
    expect(visitor.survey.get_by_role("dialog")).to_be_hidden()
    visitor.page.get_by_role("link", name="Answer here").click()
    visitor.expect_question("How is your mood?")
    assert visitor.events("surveycomplete") == []


@pytest.mark.parametrize("language", ["en", "de", "ar"])
@pytest.mark.parametrize("width", [320, 1280])
def test_a_long_title_does_not_run_under_the_button_that_closes(world, new_page, language, width):
    """The button has a line of its own in every direction of writing, so that no length of title or button meets the other."""
    visitor = Visitor(world, new_page(viewport={"width": width, "height": 800}))
    title = "A title that is much longer than a line of the dialog, " * 3
    visitor.visit(f'mode="modal" lang="{language}" label-title="{title}" label-dismiss="Close this survey ×"')
    visitor.page.get_by_role("link", name="Answer here").click()
    expect(visitor.survey.locator("[part=title]")).to_have_text(title.strip())
    button, shown = visitor.button("Close this survey ×").bounding_box(), visitor.survey.locator("[part=title]").bounding_box()
    dialog = visitor.survey.locator("section").bounding_box()
    assert button
    assert shown
    assert dialog
    assert button["y"] >= dialog["y"]
    assert button["y"] + button["height"] <= shown["y"]
    inner = dialog["x"] if language == "ar" else dialog["x"] + dialog["width"] - button["width"]
    assert abs(button["x"] - inner) <= 32


def test_an_invitation_waits_for_its_delay(visitor):
    """The delay is in seconds."""
    visitor.page.clock.install()
    open_corner(visitor, 'delay="30"')
    visitor.page.clock.fast_forward(29_000)
    assert visitor.events("surveystart") == []
    visitor.page.clock.fast_forward(2_000)
    visitor.expect_question("Which colour?")


def test_an_invitation_waits_for_the_depth_of_scrolling(visitor):
    """The depth is in percent of the page."""
    open_corner(visitor, 'scroll="50"')
    visitor.page.mouse.wheel(0, 800)
    assert asked(visitor) == 0
    visitor.page.mouse.wheel(0, 1500)
    visitor.expect_question("Which colour?")


def test_an_invitation_waits_for_the_pointer_to_leave(visitor):
    """Leaving through the top edge is the way to the tabs and the address."""
    open_corner(visitor, "exit")
    assert asked(visitor) == 0
    for height, count in ((300, 0), (-5, 1)):
        visitor.page.evaluate(f"document.documentElement.dispatchEvent(new MouseEvent('mouseleave', {{clientY: {height}}}))")
        assert asked(visitor) == count
    visitor.expect_question("Which colour?")


def test_an_invitation_appears_only_every_so_many_days(visitor):
    """The browser remembers the day, and nothing else."""
    visitor.page.clock.install()
    open_corner(visitor, 'every="7"')
    visitor.expect_question("Which colour?")
    assert visitor.page.evaluate("Object.keys(localStorage).length") == 1
    for days, count in ((1, 0), (5, 0), (2, 1)):
        visitor.page.clock.fast_forward(days * 86_400_000)
        visitor.page.reload()
        visitor.page.clock.fast_forward(1000)
        expect(visitor.survey.get_by_role("group")).to_have_count(count)


def test_continue_with_nothing_ticked_asks_whether_none_fits(visitor, world):
    """The second press says that it is meant; a tick in between is an answer as any other."""
    visitor.visit()
    for question in ("Which colour?", "How is your mood?"):
        visitor.expect_question(question)
        visitor.button("Skip").click()
    visitor.expect_question("Which extras?")
    visitor.button("Continue").click()
    expect(visitor.status).to_have_text("None of these? Then press Continue again.")
    visitor.expect_question("Which extras?")
    visitor.button("Continue").click()
    visitor.expect_question("How old are you?")
    world.wait_for_answers(
        visitor.session, [("colour", "skip", None), ("mood", "skip", None), ("extras", "answer", {**HOOK, "ticked": []})]
    )


@pytest.mark.parametrize("prevented", [False, True])
def test_an_end_without_words_leads_on_at_once(visitor, world, prevented):
    """As on the hosted page; the page may prevent it, and then the link is there."""
    listener = "document.addEventListener('surveycomplete', (event) => event.preventDefault())"
    visitor.page.route("https://shop.example/on", lambda route: route.fulfill(body="<h1>The shop</h1>", content_type="text/html"))
    visitor.visit(survey="leads", head=f"<script>{listener if prevented else ''}</script>")
    visitor.button("Skip").click()
    if prevented:
        expect(visitor.survey.get_by_role("link", name="Continue")).to_have_attribute("href", "https://shop.example/on")
    else:
        visitor.page.wait_for_url("https://shop.example/on")


@pytest.mark.parametrize(
    ("scheme", "page", "attributes", "paper"),
    [
        ("light", "", "", "rgb(255, 255, 255)"),
        ("dark", "", "", "rgb(255, 255, 255)"),
        ("dark", ":root { color-scheme: light dark }", "", "rgb(23, 25, 29)"),
        ("light", ":root { color-scheme: dark }", "", "rgb(23, 25, 29)"),
        ("dark", ":root { color-scheme: light dark }", 'theme="light"', "rgb(255, 255, 255)"),
        ("dark", "persona-survey { color-scheme: dark }", "", "rgb(23, 25, 29)"),
    ],
)
def test_the_widget_follows_the_colour_scheme_of_its_page(world, new_page, scheme, page, attributes, paper):
    """A page without a dark scheme stays light for visitors who prefer dark."""
    visitor = Visitor(world, new_page(color_scheme=scheme))
    visitor.visit(attributes, head=f"<style>{page}</style>")
    visitor.expect_question("Which colour?")
    expect(visitor.survey.locator("section")).to_have_css("background-color", paper)
