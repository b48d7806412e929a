"""The hosted page in a browser without JavaScript."""

import gzip
import re
import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from question_bank.files.load import read_bank
from survey_service.banks.publishing import publish
from survey_service.embed import assets
from survey_service.respondent.translations import STRINGS
from survey_service.web.context import utc_now
from tests.browser.conftest import QUIET

SERVED = ("website", "post-purchase", "every-type")


def begin(world, page, survey: str = "every-type", query: str = "lang=en") -> None:
    page.goto(f"{world.service}/s/{survey}?{query}")


def press(page, name: str) -> None:
    go(page, page.get_by_role("button", name=name, exact=True))


def go(page, button) -> None:
    """Click a button and wait for the next page. A second click without waiting would be made on the old page."""
    with page.expect_navigation():
        button.click()


def session_of(world, page) -> str:
    from survey_service.hosted.page_tokens import read_page_token as read

    survey, ticket = page.url.split("/s/")[1].split("?")[0].split("/")[:2]
    session_id = read(world.parts.keys, survey, ticket)
    assert session_id
    return session_id


def test_a_survey_can_be_answered_without_javascript(world, new_page):
    """The test covers an error, going back, every kind of skip, and the end; the address contains no answer."""
    page = new_page(java_script_enabled=False)
    begin(world, page, "website")
    first = page.locator("legend").inner_text()
    expect(page).to_have_title(re.compile("^Question 1 of at most 5: "))

    page.get_by_role("checkbox").first.check()
    press(page, "Continue")
    expect(page).to_have_title(re.compile("^Question 2 of at most 5: "))

    expect(page.get_by_role("radio").first).to_be_visible()
    press(page, "Continue")
    expect(page).to_have_title(re.compile("^Error: Question 2"))
    expect(page.get_by_role("alert")).to_contain_text("Choose an answer, or skip the question.")

    press(page, "Back")
    expect(page.locator("legend")).to_have_text(first)
    expect(page.get_by_role("checkbox").first).to_be_checked()
    press(page, "Continue")
    for name in ("I don't know", "Skip", "Skip", "Skip"):
        press(page, name)
    expect(page.get_by_role("heading")).to_have_text("Thank you")
    assert page.context.cookies() == []
    assert "driver" not in page.url


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_person_who_ticks_nothing_is_asked_whether_none_fits(world, new_page, language):
    """Continue confirms; the page that asks is accessible, and a reader of the screen hears the question first."""
    page = new_page()
    begin(world, page, query=f"lang={language}")
    words = STRINGS[language]
    press(page, words["skip"])
    press(page, words["skip"])
    expect(page.get_by_role("checkbox")).to_have_count(3)
    press(page, words["continue"])
    expect(page.get_by_role("alert")).to_have_text(words["none"])
    expect(page).to_have_title(re.compile("^" + re.escape(words["none"])))
    assert Axe().run(page).response["violations"] == []
    press(page, words["continue"])
    expect(page.get_by_role("checkbox")).to_have_count(0)
    none_ticked = {"ticked": [], "seen": ["roof", "hook", "seat"]}
    assert world.answers(session_of(world, page))[2] == ("extras", "answer", none_ticked)


def test_every_type_can_be_answered_with_the_keyboard_alone(world, new_page):
    """Tab, arrows, Space and Enter, in the order of the page; the trap is not on the way."""
    page = new_page(java_script_enabled=False)
    begin(world, page)
    key = page.keyboard.press
    for asked, keys, typed in (
        ("Which colour?", ["Tab", "Space", "ArrowDown", "Enter"], None),
        ("How is your mood?", ["Tab", "Tab", "Space", "ArrowRight", "Enter"], None),
        ("Which extras?", ["Tab", "Tab", "Tab", "Space", "Enter"], None),
        ("How old are you?", ["Tab", "Tab"], "33"),
        ("Anything else?", ["Tab", "Tab"], "By hand"),
    ):
        expect(page.get_by_role("group", name=asked)).to_be_visible()
        for name in keys:
            key(name)
        if typed:
            page.keyboard.type(typed)
            key("Tab")
            expect(page.get_by_role("button", name="Continue")).to_be_focused()
            key("Enter")
    expect(page.get_by_text("That was everything.")).to_be_visible()
    given = [value for _, _, value in world.answers(session_of(world, page))]
    assert given[:2] == ["blue", 1]
    assert given[2]["ticked"] == ["hook"]
    assert given[3:] == [33, "By hand"]


TREES = (
    ("Which colour?", "Blue", ('- radio "Red"', '- radio "Blue"')),
    ("How is your mood?", "7", ('- radio "0 Terrible"', '- radio "7"', '- radio "10 Wonderful"')),
    ("Which extras?", "Tow bar", ('- checkbox "Roof rack"', '- checkbox "Tow bar"', '- checkbox "Heated seats"')),
    ("How old are you?", None, ('- textbox "How old are you?, years"',)),
    ("Anything else?", None, ('- textbox "Anything else?"',)),
)


@pytest.mark.parametrize(("scheme", "language"), [("light", "en"), ("dark", "ar")])
def test_the_hosted_page_is_accessible_in_every_state(world, new_page, scheme, language):
    """axe-core checks every type of question, an error, the end, and the pages for deleting answers."""
    page = new_page(color_scheme=scheme, viewport={"width": 390, "height": 844})
    begin(world, page, query=f"lang={language}")
    buttons = page.locator("form:last-of-type button")

    def clean() -> None:
        assert [(violation["id"], violation["nodes"][0]["html"]) for violation in Axe().run(page).response["violations"]] == []
        assert page.evaluate("document.documentElement.dir") == ("rtl" if language == "ar" else "")

    for number in range(5):
        clean()
        if number == 0:
            go(page, buttons.nth(0))
            expect(page.get_by_role("alert")).to_be_visible()
            clean()
        go(page, buttons.nth(2))
    clean()
    go(page, page.locator("nav a").last)
    clean()
    go(page, page.get_by_role("button"))
    expect(page.get_by_role("heading")).to_be_visible()
    clean()


def test_every_question_type_has_roles_and_names(world, new_page):
    """Groups, radios, checkboxes and fields are exposed to screen readers; the honeypot field is not."""
    page = new_page()
    begin(world, page)
    for number, (asked, _, tree) in enumerate(TREES):
        form = page.locator("form").last
        expect(form.get_by_role("group", name=asked)).to_be_visible()
        snapshot = form.aria_snapshot()
        assert [line for line in tree if line not in snapshot] == [], snapshot
        buttons = re.findall(r'- button "([^"]+)"', snapshot)
        assert buttons == ["Continue", "I don't know", "Skip"]
        assert "Leave this empty" not in page.locator("body").aria_snapshot()
        assert page.get_by_role("button", name="Back").count() == (number > 0)
        press(page, "Skip")


def test_the_hosted_page_works_in_a_sandboxed_frame_without_storage(world, new_page):
    """Every answer arrives although cookies and storage are refused; other sites cannot frame the page."""
    page = new_page()
    sandbox = 'sandbox="allow-forms allow-scripts"'  # scripts only so that the test can ask whether storage is refused
    page.goto(
        world.put(f'<h1>Shop</h1><iframe title="survey" {sandbox} src="{world.service}/s/every-type?lang=en" width="400" height="700">')
    )
    frame = page.frame_locator("iframe")
    storage = "() => { try { return localStorage && document.cookie } catch (error) { return error.name } }"
    for asked, answer, _ in TREES[:3]:
        expect(frame.get_by_role("group", name=asked)).to_be_visible()
        assert frame.locator("html").evaluate(storage) == "SecurityError"
        frame.get_by_label(answer, exact=True).check()
        frame.get_by_role("button", name="Continue").click()
    expect(frame.get_by_role("group", name="How old are you?")).to_be_visible()
    frame.get_by_role("button", name="Back").click()
    expect(frame.get_by_label("Tow bar")).to_be_checked()
    inside = page.frames[1]
    assert len(world.answers(session_of(world, inside))) == 2
    assert page.context.cookies() == []

    page.goto(world.put(f'<iframe title="survey" src="{world.service}/s/website"></iframe>').replace("127.0.0.1", "localhost"))
    expect(page.frame_locator("iframe").get_by_role("group")).to_have_count(0)


def test_reloads_double_clicks_and_second_tabs_count_nothing_twice(world, new_page):
    """Each question has one answer; an older tab corrects the answer to its own question and then shows where the survey is."""
    page = new_page(java_script_enabled=False)
    begin(world, page)
    page.get_by_label("Red").check()
    page.get_by_role("button", name="Continue").dblclick()
    expect(page.get_by_role("group", name="How is your mood?")).to_be_visible()
    page.reload()
    second = page.context.new_page()
    second.goto(page.url)
    page.get_by_label("7", exact=True).check()
    press(page, "Continue")
    expect(page.get_by_role("group", name="Which extras?")).to_be_visible()
    second.get_by_label("2", exact=True).check()
    press(second, "Continue")
    expect(second.get_by_role("group", name="Which extras?")).to_be_visible()
    assert world.answers(session_of(world, page)) == [("colour", "answer", "red"), ("mood", "answer", 2)]
    page.go_back()
    page.reload()
    expect(page.get_by_label("2", exact=True)).to_be_checked()
    press(page, "Skip")
    assert world.answers(session_of(world, page)) == [("colour", "answer", "red"), ("mood", "skip", None)]


def test_back_and_forward_show_each_question_with_its_own_answer(world, new_page):
    """The browser's Back shows the question before with what was answered there, and never ticks an option of another question."""
    page = new_page()
    begin(world, page)
    page.get_by_label("Blue").check()
    press(page, "Continue")
    page.get_by_label("7", exact=True).check()
    press(page, "Continue")
    expect(page.get_by_role("group", name="Which extras?")).to_be_visible()
    page.get_by_label("Tow bar").check()
    page.go_back()
    expect(page.get_by_role("group", name="How is your mood?")).to_be_visible()
    expect(page.locator("input:checked")).to_have_count(1)
    expect(page.get_by_label("7", exact=True)).to_be_checked()
    page.go_back()
    expect(page.get_by_role("group", name="Which colour?")).to_be_visible()
    page.get_by_label("Red").check()
    press(page, "Continue")
    expect(page.get_by_role("group", name="Which extras?")).to_be_visible()
    expect(page.locator("input:checked")).to_have_count(0)
    assert sorted(world.answers(session_of(world, page))) == [("colour", "answer", "red"), ("mood", "answer", 7)]


def test_pages_that_the_browser_keeps_in_memory_show_what_is_stored(world, browser):
    """Chromium as people run it: Back loads a question again, and clears the first page."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    without = ["--disable-back-forward-cache"]
    with browser.browser_type.launch(executable_path=program, args=list(QUIET), ignore_default_args=without) as usual:
        page = usual.new_context(locale="en-GB").new_page()
        begin(world, page)
        page.get_by_label("Blue").check()
        press(page, "Continue")
        page.get_by_label("7", exact=True).check()
        press(page, "Continue")
        second = page.context.new_page()
        page.evaluate("history.back()")
        expect(page.get_by_role("group", name="How is your mood?")).to_be_visible()
        expect(page.get_by_label("7", exact=True)).to_be_checked()
        second.goto(page.url)
        second.get_by_label("2", exact=True).check()
        press(second, "Continue")
        page.evaluate("history.back()")
        expect(page.get_by_role("group", name="Which colour?")).to_be_visible()
        expect(page.locator("input:checked")).to_have_count(0)
        page.evaluate("history.forward()")
        expect(page.get_by_label("2", exact=True)).to_be_checked()


def test_back_on_an_earlier_question_leads_to_the_one_before_it(world, new_page):
    """The page's own Back is a link there: nothing is withdrawn."""
    page = new_page(java_script_enabled=False)
    begin(world, page)
    press(page, "Skip")
    press(page, "Skip")
    page.go_back()
    page.get_by_role("link", name="Back", exact=True).click()
    expect(page.get_by_role("group", name="Which colour?")).to_be_visible()
    expect(page.get_by_text("You chose Skip.")).to_be_visible()
    assert [answer[:2] for answer in world.answers(session_of(world, page))] == [("colour", "skip"), ("mood", "skip")]


def test_going_back_across_a_branch_changes_the_questions(world, new_page):
    """A question that only the withdrawn answer opens is not asked again, and its answer does not count."""
    page = new_page(java_script_enabled=False)
    begin(world, page, "branching")
    page.get_by_label("Yes").check()
    press(page, "Continue")
    page.get_by_label("Electric").check()
    press(page, "Continue")
    expect(page.get_by_role("group", name="Happy?")).to_be_visible()
    press(page, "Back")
    expect(page.get_by_label("Electric")).to_be_checked()
    press(page, "Back")
    expect(page.get_by_label("Yes")).to_be_checked()
    page.get_by_label("No", exact=True).check()
    press(page, "Continue")
    expect(page.get_by_role("group", name="Happy?")).to_be_visible()
    assert world.answers(session_of(world, page)) == [("owns", "answer", "no")]


def test_the_hosted_page_fits_a_small_phone(world, new_page):
    """At 320 pixels nothing scrolls sideways, in every language direction and type, and targets are 44 pixels high."""
    page = new_page(viewport={"width": 320, "height": 640})
    for survey, language in (("website", "fr"), ("post-purchase", "en"), ("every-type", "en"), ("every-type", "ar")):
        begin(world, page, survey, f"lang={language}")
        for _ in range(5):
            assert page.evaluate("document.documentElement.scrollWidth") <= 320
            small = "[...document.querySelectorAll('label, button, nav a')].filter(node => node.offsetHeight && node.offsetHeight < 44)"
            assert page.evaluate(f"{small}.map(node => node.outerHTML)") == []
            go(page, page.locator("form:last-of-type button").nth(2))


WIDE = """
bank: wide
personas: [{id: a}, {id: b}]
questions:
  - {id: mood, type: scale, pilot: true, min: 0, max: 10, text: How satisfied are you with everything?,
     labels: {0: Completely dissatisfied, 5: Neither dissatisfied nor satisfied, 10: Completely satisfied}}
  - {id: five, type: scale, pilot: true, min: 1, max: 5, text: And with us?, labels: {1: Completely dissatisfied, 5: Completely satisfied}}
  - {id: long, type: single,
     likelihood: {a: [0.9, 0.1], b: [0.1, 0.9]}, text: LONGWORD, options: [{id: x, text: LONGWORD}, {id: y, text: Y}]}
surveys: [{id: wide, title: LONGWORD, first: [mood, five, long]}]
""".replace("LONGWORD", "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerk")


@pytest.fixture(scope="module")
def wide(world):
    """A survey with long words and long labels."""
    with world.parts.store.writing() as session:
        publish(session, read_bank(WIDE), utc_now())
    return "wide"


@pytest.mark.parametrize(("width", "size"), [(320, "100%"), (320, "200%"), (390, "100%"), (390, "200%"), (1100, "100%")])
def test_nothing_scrolls_sideways_with_large_text_and_long_words(world, new_page, wide, width, size):
    """Scales, options and headings reflow, end labels stand below their scale, and only words longer than the line are broken."""
    page = new_page(viewport={"width": width, "height": 800}, bypass_csp=True)
    begin(world, page, wide)
    for number in range(3):
        page.add_style_tag(content=f"html{{font-size:{size}}}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        outside = "[...document.querySelectorAll('main *')].filter(node => node.getBoundingClientRect().right > innerWidth + 1)"
        assert page.evaluate(f"{outside}.map(node => node.outerHTML.slice(0, 90))") == []
        if number < 2:
            row, ends = page.locator(".s").bounding_box(), page.locator(".e").bounding_box()
            assert ends["y"] >= row["y"] + row["height"]
            expect(page.get_by_role("radio", name="Completely dissatisfied")).to_have_count(1)
            if width == 1100:
                first, last = page.locator(".e small").first.bounding_box(), page.locator(".e small").last.bounding_box()
                assert first["x"] < 1100 / 2 < last["x"]
        go(page, page.locator("#f button").nth(2))


def test_the_language_of_the_hosted_page_can_be_switched(world, new_page):
    """The text direction follows the language, and the place in the survey is kept."""
    page = new_page(java_script_enabled=False)
    begin(world, page)
    press(page, "Skip")
    page.get_by_role("button", name="العربية").click()
    expect(page.get_by_role("group", name="كيف حالك؟")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    page.get_by_label("7", exact=True).check()
    page.get_by_role("button", name="Français").click()
    expect(page.get_by_role("group", name="Comment ça va ?")).to_be_visible()
    expect(page.get_by_label("7", exact=True)).to_be_checked()
    press(page, "Passer")
    expect(page.get_by_role("group", name="Quelles options ?")).to_be_visible()


def test_pages_are_small_before_the_first_question(world, new_page):
    """The compressed widget has at most 6,000 bytes and the hosted page 3,500, as documented."""
    page = new_page()
    for survey in SERVED:
        for language in ("en", "fr", "ar"):
            hosted = page.request.get(f"{world.service}/s/{survey}?lang={language}").body()
            assert len(gzip.compress(hosted, 9)) <= 3_500
    widget = page.request.get(f"{world.service}/embed/v1/widget.js").body()
    assert widget == assets.widget().plain
    assert len(assets.widget().gzipped) <= 6_000
