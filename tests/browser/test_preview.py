"""The preview of a survey on every kind of screen, which stores nothing."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from sqlalchemy import func, select

from survey_service.preview.tokens import preview_token
from survey_service.preview.words import WORDS
from survey_service.store.tables.metadata import metadata
from tests.browser.world import run_world


@pytest.fixture
def preview(world, new_page):
    """The address of the preview of a survey."""

    def address(survey: str, **query: str) -> str:
        more = "".join(f"&{name}={value}" for name, value in query.items())
        return f"{world.service}/preview/{survey}?t={preview_token(world.parts.keys, survey)}{more}"

    return address


def rows(world) -> dict[str, int]:
    """Return the number of rows of each table, without the counters of the limits, which hold for previews too."""
    with world.parts.store.reading() as session:
        counts = {name: select(func.count()).select_from(table) for name, table in metadata.tables.items() if name != "rate_limit"}
        return {name: session.connection().execute(count).scalar() for name, count in counts.items()}


def frame(page, name):
    return page.frame_locator(f'iframe[title="{name}"]')


def test_answering_in_every_frame_of_the_preview_stores_nothing(tmp_path, new_page):
    """The widget and the page answer, go back and stop; no table has another number of rows."""
    with run_world(tmp_path) as world:  # a new world: pages of other tests may still be sending
        before = rows(world)
        page = new_page(viewport={"width": 1400, "height": 900})
        problems = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.goto(f"{world.service}/preview/every-type?t={preview_token(world.parts.keys, 'every-type')}&lang=fr")

        widget = frame(page, "On a phone")
        widget.get_by_label("Bleu").check()
        widget.get_by_role("button", name="Continuer").click()
        expect(widget.get_by_role("group", name="Comment ça va ?")).to_be_visible()
        widget.get_by_role("button", name="Retour").click()
        expect(widget.get_by_role("group", name="Quelle couleur ?")).to_be_visible()
        expect(widget.get_by_label("Bleu")).to_be_checked()

        hosted = frame(page, "Without JavaScript")
        hosted.get_by_role("button", name="Continuer").click()
        expect(hosted.get_by_role("alert")).to_be_visible()
        hosted.get_by_label("Rouge").check()
        hosted.get_by_role("button", name="Continuer").click()
        expect(hosted.get_by_role("group", name="Comment ça va ?")).to_be_visible()
        hosted.get_by_role("button", name="Retour").click()
        expect(hosted.get_by_label("Rouge")).to_be_checked()
        for _ in range(5):
            asked = hosted.locator("legend").inner_text()
            hosted.get_by_role("button", name="Passer").click()
            expect(hosted.get_by_role("group", name=asked)).not_to_be_visible()
        expect(hosted.get_by_text("That was everything.")).to_be_visible()

        expect(frame(page, "In an email").get_by_role("link", name="Bleu")).to_be_visible()
        expect(frame(page, "On a large screen").get_by_role("group", name="Quelle couleur ?")).to_be_visible()
        assert problems == []
        assert rows(world) == before


@pytest.mark.parametrize(("scheme", "language", "width"), [("light", "en", 1400), ("dark", "ar", 1400), ("light", "fr", 320)])
def test_the_preview_is_accessible(world, new_page, preview, scheme, language, width):
    """axe-core finds nothing, frames included, and a small phone does not scroll sideways."""
    page = new_page(color_scheme=scheme, viewport={"width": width, "height": 900})
    page.goto(preview("every-type", lang=language, accent="%23999"))
    expect(frame(page, "On a phone").get_by_role("group").first).to_be_visible()
    assert Axe().run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_preview_suggests_a_legible_colour(world, new_page, preview):
    """Grey on white is too faint and the suggested colour is not; the frames use the colours."""
    page = new_page()
    page.goto(preview("every-type", quiet="%23aaa"))
    row = page.get_by_role("row").filter(has_text="help and progress")
    expect(row).to_contain_text("2.32 of 4.5")
    better = re.search(r"light is too faint: use (#\w{6}) for quiet", row.inner_text())
    assert better
    page.get_by_label("--discern-quiet").fill(f"light-dark({better[1]}, #aab1b9)")
    page.get_by_role("button", name="Try them").click()
    expect(page.get_by_text("too faint")).to_have_count(0)
    quiet = (
        frame(page, "On a phone").locator("persona-survey").evaluate("(node) => getComputedStyle(node).getPropertyValue('--discern-quiet')")
    )
    assert better[1] in quiet
    page.get_by_label("--discern-ink").fill("red;}*{display:none")
    page.get_by_role("button", name="Try them").click()
    expect(page.get_by_text("cannot be checked")).to_be_visible()


def test_the_preview_speaks_the_language_of_its_reader(world, new_page, preview):
    """Its own texts follow the browser; the survey stays in the language that was asked for."""
    page = new_page(locale="fr-FR")
    page.goto(preview("every-type", lang="en", quiet="%23aaa"))
    expect(page.get_by_role("heading", name="Couleurs")).to_be_visible()
    expect(frame(page, "Sur un téléphone").get_by_role("button", name="Continue")).to_be_visible()
    expect(page.get_by_text("trop pâle en clair").first).to_be_visible()
    assert Axe().run(page).response["violations"] == []
    assert WORDS["en"].keys() == WORDS["fr"].keys()
