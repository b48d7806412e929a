"""The hosted page in a browser that runs no script."""

import gzip
import re

from playwright.sync_api import expect

from survey_service.embed.assets import asset


def test_a_survey_can_be_answered_without_javascript(world, new_page):
    """An error, a step back, every way to be silent, and the end; the address carries nothing that was answered."""
    page = new_page(java_script_enabled=False)
    page.goto(f"{world.service}/s/website?lang=en")
    first = page.locator("legend").inner_text()
    expect(page).to_have_title(re.compile("^Question 1 of at most 5: "))

    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Continue").click()
    expect(page).to_have_title(re.compile("^Question 2 of at most 5: "))

    expect(page.get_by_role("radio").first).to_be_visible()
    page.get_by_role("button", name="Continue").click()
    expect(page).to_have_title(re.compile("^Error: Question 2"))
    expect(page.get_by_role("alert")).to_contain_text("Choose an answer, or skip the question.")

    page.get_by_role("button", name="Back").click()
    expect(page.locator("legend")).to_have_text(first)
    expect(page.get_by_role("checkbox").first).to_be_checked()
    page.get_by_role("button", name="Continue").click()
    for name in ("I don't know", "Skip", "Skip", "Skip"):
        page.get_by_role("button", name=name).click()
    expect(page.get_by_role("heading")).to_contain_text("Thank you.")
    assert page.context.cookies() == []
    assert "driver" not in page.url


def test_the_hosted_page_fits_a_small_phone(world, new_page):
    """320 pixels wide, in both languages, nothing scrolls sideways."""
    page = new_page(viewport={"width": 320, "height": 640})
    for survey, language in (("website", "fr"), ("post-purchase", "en"), ("every-type", "en")):
        page.goto(f"{world.service}/s/{survey}?lang={language}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_what_a_page_loads_before_its_first_question_is_small(world, new_page):
    """5,000 bytes for the widget and 3,000 for the hosted page, compressed: a promise of the documentation."""
    page = new_page()
    hosted = page.request.get(f"{world.service}/s/website").body()
    widget = page.request.get(f"{world.service}/embed/v1/widget.js").body()

    assert len(gzip.compress(hosted, 9)) <= 3_000
    assert widget == asset("widget.js", squeeze=True).plain
    assert len(gzip.compress(widget, 9)) <= 5_000
