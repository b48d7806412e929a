"""The console in a browser: axe finds nothing, the CSP is kept, the grid works as a spreadsheet does, and the keyboard alone publishes."""

import gzip
import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from benchmarks.screenshots import pages_of
from tests.browser.console_world import BANK, SURVEY, ConsoleWorld, serve_console

GRID = "/console/b/car-buyers/draft/q/reasons_value"
MOST_BYTES = 10_000
NARROW = 320
CROWDED = (
    "overview",
    "survey",
    "contact",
    "personas",
    "poster",
    "journeys",
    "base",
    "editor",
    "review",
    "deliveries",
    "settings",
    "missing",
)
"""The pages that a small phone shows in the test: the others have the same parts."""
LISTENER = (
    "window.violations = []; document.addEventListener('securitypolicyviolation', (event) => violations.push(event.violatedDirective));"
)


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleWorld]:
    with serve_console(tmp_path_factory.mktemp("console"), 25) as world:
        yield world


def sign_in(console: ConsoleWorld, page: Page, **rights: object) -> list[str]:
    """Sign in with a link, and return the list to which everything that goes wrong is added."""
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith((console.url, "data:")) else wrong.append(request.url))
    page.add_init_script(LISTENER)
    page.goto(console.link(**rights))
    page.locator("main button").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    return wrong


@pytest.mark.parametrize(("scheme", "locale", "width"), [("light", "en-GB", 1280), ("dark", "fr-FR", NARROW)])
def test_every_page_is_accessible_keeps_the_policy_and_fits(console, new_page, scheme, locale, width):
    """axe finds nothing, nothing is refused by the CSP, nothing comes from elsewhere, nothing scrolls sideways; also on error pages."""
    page = new_page(color_scheme=scheme, locale=locale, viewport={"width": width, "height": 900})
    wrong = sign_in(console, page)
    for name, address in pages_of(console).items():
        if width == NARROW and name not in CROWDED:
            continue
        page.goto(console.url + address)
        page.evaluate("document.querySelectorAll('details:not(.menu)').forEach((details) => { details.open = true; })")
        violations = Axe().run(page).response["violations"]
        assert [(item["id"], item["nodes"][0]["html"][:200]) for item in violations] == [], name
        assert page.evaluate("violations") == [], name
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), name
        assert page.locator("html").get_attribute("lang") == locale[:2]
    assert [text for text in wrong if "404" not in text] == []


def test_forced_colours_and_print_keep_the_meaning(console, new_page):
    """What is chosen has an outline, and paper has no forms and every table."""
    page = new_page(forced_colors="active")
    sign_in(console, page)
    page.goto(f"{console.url}{GRID}")
    assert page.locator(".questions a[aria-current]").evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
    page.emulate_media(media="print")
    page.goto(f"{console.url}/console/s/{SURVEY}")
    expect(page.locator(".side")).to_be_hidden()
    expect(page.locator("details table").first).to_be_visible()


def test_a_cell_gives_new_figures_at_once_and_a_mistake_its_sentence(console, new_page):
    """Focus stays in the cell; 140 has the sentence of the check beside it; undo takes it back; the draft is not touched until saved."""
    page = new_page(viewport={"width": 1280, "height": 900})
    wrong = sign_in(console, page)
    page.goto(f"{console.url}{GRID}")
    cell = page.locator('[name="c.driver.running_costs"]')
    figure = page.locator("#live .figures dd").first
    before = page.locator("#live").inner_text()

    cell.fill("95")
    expect(page.locator("#live")).not_to_have_text(before)
    expect(figure).to_be_visible()
    expect(cell).to_be_focused()

    cell.fill("140")
    beside = page.locator('[data-problem="c.driver.running_costs"]')
    expect(beside).to_contain_text("is not a probability")
    expect(cell).to_have_attribute("aria-invalid", "true")
    cell.press("Control+z")
    expect(cell).to_have_value("95")
    cell.press("Control+z")
    expect(cell).to_have_value("31.5")
    expect(beside).to_be_empty()

    cell.press("ArrowDown")
    expect(page.locator('[name="c.driver.fuel"]')).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator('[name="c.keeper.fuel"]')).to_be_focused()
    assert page.evaluate("violations") == []
    assert wrong == []


PASTE = """text => { const data = new DataTransfer(); data.setData("text/plain", text);
    document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })); }"""


def test_six_rows_of_four_are_pasted_from_a_spreadsheet(console, new_page):
    """They fill the grid from the focused cell on, in one step of undo, in each of its three forms; the figures follow."""
    page = new_page(viewport={"width": 1280, "height": 900})
    sign_in(console, page)
    words = ("++", "+", "0", "-", "--")
    for form, value in (
        ("", lambda row, column: str(10 * row + column)),
        ("?as=counts", lambda row, column: str(7 * row + column)),
        ("?as=words", lambda row, column: words[(row + column) % 5]),
    ):
        page.goto(f"{console.url}{GRID}{form}")
        cells = page.locator("table.grid td input:not([type=hidden])")
        wanted = [[value(row, column) for column in range(1, 5)] for row in range(1, 7)]
        before, figures = [cell.input_value() for cell in cells.all()], page.locator("#live").inner_text()
        cells.first.focus()

        page.evaluate(PASTE, "\r\n".join("\t".join(row) for row in wanted) + "\r\n")

        assert [cell.input_value() for cell in cells.all()][:24] == [each for row in wanted for each in row], form
        expect(page.locator("#live")).not_to_have_text(figures)
        cells.first.press("Control+z")
        assert [cell.input_value() for cell in cells.all()] == before, form


def test_without_scripts_a_cell_is_changed_and_published(console, new_page):
    """Every act is a form. The page warns a second author, and publishing counts the version up."""
    page, other = new_page(java_script_enabled=False), new_page()
    for browser in (page, other):
        browser.goto(console.link())
        browser.locator("main button").click()
        browser.goto(f"{console.url}{GRID}")
    page.locator('[name="c.keeper.service"]').fill("30")
    page.get_by_role("button", name="Save the draft").click()
    expect(page.locator('[name="c.keeper.service"]')).to_have_value("30")
    other.locator('[name="c.keeper.resale"]').fill("41")
    other.get_by_role("button", name="Save the draft").click()
    expect(other.get_by_role("alert").first).to_contain_text("changed this draft while you edited")
    expect(other.locator('[name="c.keeper.resale"]')).to_have_value("41")
    expect(other.locator('[name="c.keeper.service"]')).to_have_value("30")

    page.goto(f"{console.url}/console/b/car-buyers/draft")
    page.get_by_role("button", name="Publish version 2").click()
    expect(page.get_by_role("status")).to_contain_text("Version 2 is published.")


def test_the_keyboard_alone_reaches_a_page_and_publishes(console, new_page):
    """Keys lead to the banks; tabs lead on; they are off while typing and can be switched off."""
    page = new_page()
    sign_in(console, page)
    for key in ("g", "b"):
        page.keyboard.press(key)
    expect(page.get_by_role("heading", level=1)).to_have_text("Banks")
    name = page.locator('[name="bank"]')
    name.focus()
    page.keyboard.type("gs-gd")
    expect(name).to_have_value("gs-gd")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("gs-gd")

    page.keyboard.press("Tab")  # the link to the content is the first
    page.keyboard.press("Enter")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent").startswith("Look at what it means"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("What version 1 changes")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Publish version 1":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Version 1 is published.")

    page.keyboard.press("?")
    page.get_by_label("Switch the keys off").check()
    page.keyboard.press("Escape")
    for key in ("g", "d"):
        page.keyboard.press(key)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Versions of")


def test_a_filter_is_in_the_address_and_back_restores(console, new_page):
    """Choosing one changes every number; the question that costs most can be simulated away without leaving the page."""
    page = new_page(viewport={"width": 1280, "height": 900})
    wrong = sign_in(console, page)
    page.goto(f"{console.url}/console/s/{SURVEY}")
    sentence = page.locator(".lead b")
    everybody = sentence.inner_text()
    page.get_by_role("link", name="Simulate it").click()
    expect(page.locator("#what-if")).to_contain_text("Simulated with")

    page.get_by_label("Language").select_option("fr")

    expect(sentence).not_to_have_text(everybody)
    assert page.url.endswith("?lang=fr")
    page.go_back()
    expect(sentence).to_have_text(everybody)
    assert page.evaluate("violations") == []
    assert wrong == []


def test_a_page_and_its_style_are_small(console, new_page):
    """At most 10 kB compressed, without htmx; a page of text has that text on top."""
    page = new_page()
    sign_in(console, page)
    for name, address in pages_of(console).items():
        body = page.request.get(console.url + address).body()
        sheet = re.search(r"/console/static/(?:console|poster).css[^\"]*", body.decode())[0]
        style = len(gzip.compress(page.request.get(console.url + sheet).body()))
        allowed = MOST_BYTES + (len(gzip.compress(BANK.encode())) if name in ("text", "version") else 0)
        assert len(gzip.compress(body)) + style <= allowed, name


def test_the_text_is_edited_with_the_sentences_of_the_check_beside_its_lines(console, new_page):
    """The editor keeps the policy, a mistake is marked on its line, and what is saved is what was written."""
    page = new_page(viewport={"width": 1280, "height": 900})
    wrong = sign_in(console, page)
    page.goto(f"{console.url}/console/b/car-buyers/draft/yaml")
    text = page.get_by_role("textbox", name="The text, with its comments")
    expect(text).to_be_visible()
    assert text.evaluate("node => node.classList.contains('cm-content')")
    page.locator(".cm-line", has_text="languages: [en, fr]").click()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.keyboard.type("colour: red")
    expect(page.locator(".cm-lint-marker-error")).to_be_visible()
    page.locator(".cm-lint-marker-error").hover()
    expect(page.locator(".cm-tooltip-lint")).to_contain_text("is not a field of this")
    assert Axe().run(page).response["violations"] == []
    page.get_by_role("button", name="Save the draft").click()
    expect(page.locator(".problems.errors")).to_contain_text("colour")
    assert "languages: [en, fr]\ncolour: red\n" in page.locator("textarea[name=text]").input_value()
    assert page.evaluate("violations") == []
    assert wrong == []
